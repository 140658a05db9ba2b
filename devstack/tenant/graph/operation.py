"""One operation of Graph: what it is called with, what it answers, and what its documentation says about it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import bad_request, denied, not_found
from devstack.tenant.graph.kinds import KINDS, Kind
from devstack.tenant.odata.options import Options
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import Token

METADATA = "https://graph.microsoft.com/{version}/$metadata#"
GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_REFERENCE = re.compile(
    r"https?://[^/]+/(?:v1\.0|beta)/(?:(?P<collection>directoryObjects|users|groups|contacts)(?:/(?P<id>[^/()']+)|\('(?P<key>[^']+)'\)))/?",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Reply:
    """The answer. `body` None means no body; `text` replaces it by plain text."""

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None


NO_CONTENT = 204
PLAIN = ("select",)
PAGED = ("select", "top", "skiptoken")


@dataclass(slots=True)
class Call:
    """One request to one operation, authenticated and permitted, as the family's function sees it."""

    tenant: SimulatedTenant
    version: str
    base: str
    path: str
    options: Options
    token: Token
    headers: Mapping[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    body: Any = None
    fault: str | None = None

    def context(self, fragment: str) -> str:
        """The `@odata.context` for the fragment."""
        return METADATA.format(version=self.version) + fragment

    def may(self, *permissions: str) -> bool:
        """Whether the token carries at least one of the permissions."""
        return not self.token.roles.isdisjoint(permissions)

    def require(self, *permissions: str) -> None:
        """At least one of the permissions is in the token; raises 403."""
        if not self.may(*permissions):
            raise denied()

    def json(self) -> dict[str, Any]:
        """The body; raises 400 where Graph would not read one."""
        if self.body is None:
            raise bad_request("Empty Payload. JSON content expected.", code="BadRequest")
        if not isinstance(self.body, dict):
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
                code="BadRequest",
            )
        return self.body

    def user(self) -> tuple[Entry, Record]:
        """The user that the path names by id or user name, as this reader's replica has it; raises 404."""
        name = self.parameters["id"]
        if GUID.fullmatch(name):
            return self.seen(name, "user")
        for identifier in self.tenant.objects.candidates("user", "userPrincipalName", name):
            found = self.tenant.objects.read(identifier)
            if found and not found[1].get("deletedDateTime") and found[1]["userPrincipalName"].lower() == name.lower():
                return found
        raise not_found(name)

    def group(self) -> tuple[Entry, Record]:
        """The group that the path names by id, as this reader's replica has it; raises 404, or 400 for no id at all."""
        return self.seen(self.identifier("id"), "group")

    def identifier(self, parameter: str) -> str:
        """The parameter, which must be an object id; raises 400."""
        name = self.parameters[parameter]
        if not GUID.fullmatch(name):
            raise bad_request(f"Invalid object identifier '{name}'.")
        return name

    def seen(self, identifier: str, kind: str | None = None) -> tuple[Entry, Record]:
        """The object that is not deleted, as this reader's replica has it; raises 404."""
        found = self.tenant.objects.read(identifier)
        if found is None or (kind and found[0].kind != kind) or found[1].get("deletedDateTime"):
            raise not_found(identifier)
        return found

    def for_writing(self, found: tuple[Entry, Record]) -> Entry:
        """The object as the primary has it, where writes go; raises 404 if it is deleted there."""
        entry = found[0]
        if self.tenant.live(entry.id) is None:
            raise not_found(entry.id)
        return entry

    def reference(self, link: Any, *, kinds: tuple[str, ...]) -> Entry:
        """The object that an `@odata.id` names. A replica that does not have it yet answers 404, like Graph."""
        match = _REFERENCE.fullmatch(link) if isinstance(link, str) else None
        if match is None:
            raise bad_request(f"Invalid URL format specified in @odata.bind or @odata.id: '{link}'.")
        identifier = match["id"] or match["key"]
        if not GUID.fullmatch(identifier):
            raise bad_request(f"Invalid object identifier '{identifier}'.")
        kind = {"users": "user", "groups": "group", "contacts": "contact"}.get(match["collection"].lower())
        entry = self.for_writing(self.seen(identifier, kind))
        if entry.kind not in kinds:
            raise bad_request(f"The reference '{link}' is to an object of a type that is not allowed here.")
        return entry


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path. `permissions` are the application permissions of which one is enough.

    `units` is the read cost before $select and $top change it; `kind` decides which limits it counts against.
    `unverified` and `deviations` are sentences for coverage.md. `beta`: it is there under /beta alone.
    `before` is awaited before `run` by operations that ask somebody else first; it raises what they refuse.
    `limits` are those of its own service (`throttle.PUBLISHED`), besides the directory's.
    `options` are the query options that are followed where these are not all; `$select` needs nothing done by `run`.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    run: Callable[[Call], Reply]
    permissions: tuple[str, ...]
    documentation: str
    kind: Literal["read", "write", "invitation", "report"] = "read"
    units: int = 1
    unverified: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    beta: bool = False
    before: Callable[[Call], Awaitable[None]] | None = None
    options: tuple[str, ...] | None = None
    limits: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Where it is written."""
        return f"{self.run.__module__.replace('.', '/')}.py"

    @property
    def name(self) -> str:
        """`METHOD path`."""
        return f"{self.method} {self.path}"

    def costs(self, options: Options) -> dict[str, int]:
        """Units per limit: `$select` -1, `$expand` +1, `$top` below 20 -1, never less than 1 (facts section 10)."""
        units = self.units
        given = options.given
        units -= "select" in given
        units += "expand" in given
        units -= given.get("top", "").isdecimal() and int(given["top"]) < 20
        costs = {"reads": max(1, units), "applicationReads": max(1, units), "global": 1}
        if self.kind in ("write", "invitation"):
            costs |= {"writes": 1, "applicationWrites": 1, "tenantWrites": 1}
        if self.kind == "invitation":
            costs["invitations"] = 1
        if self.kind == "report":
            costs["reports"] = 1
        return costs | dict.fromkeys(self.limits, 1)


def kind_of(entry: Entry) -> Kind:
    """How Graph shows the entry."""
    return KINDS[entry.kind]
