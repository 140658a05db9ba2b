"""Checks that every write of properties shares."""

import re
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import bad_request, conflict, not_simulated
from devstack.tenant.graph.kinds import EXPANSIONS_NOT_SIMULATED, NOT_SIMULATED, Kind, Property
from devstack.tenant.tenant import SimulatedTenant

# Directory extensions and schema extensions, which live beside the documented properties.
_EXTENSION_PREFIXES = ("extension_", "ext")
_BIND = "@odata.bind"
_ADDRESSES = ("mail", "otherMails", "userPrincipalName")
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")


def checked(kind: Kind, body: dict[str, Any], *, creating: bool = False) -> Record:
    """The changes in the body, spelled as Graph spells them. Raises GraphError 400 for an unknown, read-only or ill-typed one.

    What the body binds (`members@odata.bind`) is to be taken out before: a relation that is left is never passed over in silence.
    """
    changes: Record = {}
    for name, value in body.items():
        if name.endswith(_BIND):
            _refuse_relation(kind, name.removesuffix(_BIND))
        if "@odata" in name:
            continue
        actual = kind.names.get(name.lower())
        if actual is None:
            if name.startswith(_EXTENSION_PREFIXES) and "_" in name:
                changes[name] = value
                continue
            if name in NOT_SIMULATED[kind.name]:
                raise not_simulated(f"Property '{name}' of {kind.name}", "devstack/tenant/graph/kinds.py")
            raise bad_request(
                f"One or more property values specified are invalid: '{name}' is no property of resource '{kind.resource}'."
            )
        declared = kind.properties[actual]
        if not declared.writable and not (creating and actual in ("isAssignableToRole", "resourceBehaviorOptions", "uniqueName")):
            raise bad_request(f"Property '{actual}' is read-only and cannot be set.")
        _fits(kind, declared, value)
        changes[actual] = value
    return changes


def _refuse_relation(kind: Kind, relation: str) -> None:
    if relation in (*kind.expandable, *EXPANSIONS_NOT_SIMULATED[kind.name]):
        raise not_simulated(f"Binding '{relation}' of {kind.name} here", "devstack/tenant/graph/writing.py")
    raise bad_request(
        f"One or more property values specified are invalid: '{relation}' is no property of resource '{kind.resource}'."
    )


def _fits(kind: Kind, declared: Property, value: Any) -> None:
    shapes: dict[str, type | tuple[type, ...]] = {"flag": bool, "objects": list, "texts": list, "object": dict}
    right = value is None or isinstance(value, shapes.get(declared.shape, str))
    if declared.shape == "objects" and isinstance(value, list):
        right = all(isinstance(item, dict) for item in value)
    texts = value if declared.shape == "texts" and isinstance(value, list) else [value] if isinstance(value, str) else []
    if declared.name in _ADDRESSES and any(not _ADDRESS.fullmatch(text) for text in texts if isinstance(text, str)):
        right = False
    if not right or any(not isinstance(text, str) or len(text) > (declared.maximum or 10_000) for text in texts):
        raise bad_request(f"Invalid value specified for property '{declared.name}' of resource '{kind.resource}'.")


def proxies_with(record: Record, mail: str) -> list[str]:
    """The proxy addresses once `mail` is the primary one: it alone is written `SMTP:`, earlier ones stay as `smtp:`."""
    others = [address for address in record.get("proxyAddresses") or [] if address[5:].lower() != mail.lower()]
    return [f"SMTP:{mail}", *(f"smtp:{address[5:]}" for address in others)]


def refuse_taken_address(tenant: SimulatedTenant, address: str, *, but: str | None, target: str) -> None:
    """No other object that is not deleted has the address as mail or proxy address; raises 400."""
    for kind in ("user", "group", "contact"):
        for name, value in (("mail", address), ("proxyAddresses", f"smtp:{address}")):
            for entry in tenant.objects.holders(kind, name, value):
                if entry.id != but and not entry.record.get("deletedDateTime"):
                    raise conflict(target)
