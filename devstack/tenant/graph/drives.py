"""Files and folders, and who has access to them. Facts section 5.3."""

from datetime import datetime
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.graph.show import next_link
from devstack.tenant.graph.sites import FILES_READ, item_not_found

_ROLES = ("read", "write", "owner")
_PAGE = 200
_MOST_MESSAGE = 2_000


def _item(call: Call) -> Record:
    name, drive = call.parameters["item"], call.parameters["id"]
    items = call.tenant.workloads.items
    found = items.get(f"{drive}-root" if name == "root" else name)
    if found is None or found["drive"] != drive:
        raise item_not_found()
    return found


def get_item(call: Call) -> Reply:
    """The file or folder."""
    return Reply(200, {"@odata.context": call.context("drives('x')/items/$entity"), **_shown(call, _item(call))})


def list_children(call: Call) -> Reply:
    """What is directly in the folder, in pages of 200."""
    parent = _item(call)["id"]
    found = [item for item in call.tenant.workloads.items.values() if item["parent"] == parent]
    token = call.options.given.get("skiptoken", "0")
    start = int(token) if token.isdecimal() else 0
    body: dict[str, Any] = {
        "@odata.context": call.context("drives('x')/items('x')/children"),
        "value": [_shown(call, item) for item in found[start : start + _PAGE]],
    }
    if start + _PAGE < len(found):
        body["@odata.nextLink"] = next_link(call, str(start + _PAGE))
    return Reply(200, body)


def _shown(call: Call, item: Record) -> dict[str, Any]:
    facet: dict[str, Any] = (
        {"folder": {"childCount": 0}} if item["folder"] else {"file": {"mimeType": "application/octet-stream"}}
    )
    shown = {"id": item["id"], "name": item["name"], "webUrl": item["webUrl"], **facet}
    if item["parent"] is None:
        shown["root"] = {}
    if call.tenant.workloads.permissions.get(item["id"]):
        shown["shared"] = {"scope": "users"}
    return shown


def list_permissions(call: Call) -> Reply:
    """Every permission on the item, those of the folders above as inherited."""
    value = [_public(one) for one in _seen(call, _item(call))]
    return Reply(200, {"@odata.context": call.context("drives('x')/items('x')/permissions"), "value": value})


def _seen(call: Call, item: Record) -> list[Record]:
    workloads, lag = call.tenant.workloads, call.tenant.lag
    found = list(lag.view(_key(item), workloads.permissions.get(item["id"], ()), query=True))
    above = item["parent"]
    while above is not None:
        reference = {"driveId": item["drive"], "id": above}
        found += [{**one, "inheritedFrom": reference} for one in workloads.permissions.get(above, ())]
        above = workloads.items[above]["parent"]
    return found


def _key(item: Record) -> str:
    return f"permissions:{item['id']}"


def _public(one: Record) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "grantee" and value is not None}


def _keep(call: Call, item: Record, permissions: tuple[Record, ...]) -> None:
    workloads = call.tenant.workloads
    call.tenant.lag.note(_key(item), workloads.permissions.get(item["id"], ()))
    workloads.permissions[item["id"]] = permissions


def invite(call: Call) -> Reply:
    """The recipients have the roles. Who has a permission already keeps it, with the new role if it is stronger."""
    item, body = _item(call), call.json()
    recipients, roles = body.get("recipients"), body.get("roles")
    if not isinstance(recipients, list) or not recipients or not isinstance(roles, list) or not roles:
        raise _invalid("One of the provided arguments is not acceptable.")
    if not all(isinstance(role, str) and role in _ROLES for role in roles):
        raise _invalid("One of the provided arguments is not acceptable.")
    if len(str(body.get("message") or "")) > _MOST_MESSAGE or not (body.get("requireSignIn") or body.get("sendInvitation")):
        raise _invalid(
            "At least one of requireSignIn and sendInvitation must be true, and a message has at most 2000 characters."
        )
    end = _end(call, body.get("expirationDateTime"))
    granted = [_grant(call, item, _recipient(call, recipient), list(roles), end) for recipient in recipients]
    return Reply(200, {"@odata.context": call.context("Collection(permission)"), "value": [_public(one) for one in granted]})


def _invalid(message: str, inner: str = "") -> GraphError:
    return GraphError(400, "invalidRequest", message, inner={"code": inner} if inner else None)


def _end(call: Call, given: Any) -> str | None:
    if given is None:
        return None
    try:
        until = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise _invalid("expirationDateTime is not a valid date and time.") from error
    if until.tzinfo is None or until <= call.tenant.clock.now():
        raise _invalid("expirationDateTime must be in the future.")
    return str(given)


def _recipient(call: Call, given: Any) -> Entry:
    """The user or group in the directory. Strangers cannot be invited by an application (facts 5.3)."""
    given = given if isinstance(given, dict) else {}
    entry = call.tenant.live(str(given["objectId"])) if given.get("objectId") else None
    if entry is None and given.get("email"):
        entry = next(
            (one for one in call.tenant.objects.holders("user", "mail", str(given["email"])) if call.tenant.live(one.id)), None
        )
    external = entry is not None and entry.record.get("userType") == "Guest"
    closed = call.tenant.workloads.sharing["sharingCapability"] == "disabled"
    domain = str((entry.record.get("mail") if entry else given.get("email")) or "").rpartition("@")[2].lower()
    if entry is None or entry.kind not in ("user", "group") or (external and (closed or not _listed(call, domain))):
        raise _invalid("Some users in the request cannot be invited securely.", "secureSharingInvalidRequest")
    return entry


def _listed(call: Call, domain: str) -> bool:
    settings = call.tenant.workloads.sharing
    if settings["sharingDomainRestrictionMode"] == "allowList":
        return domain in settings["sharingAllowedDomainList"]
    return settings["sharingDomainRestrictionMode"] == "none" or domain not in settings["sharingBlockedDomainList"]


def _grant(call: Call, item: Record, grantee: Entry, roles: list[str], end: str | None) -> Record:
    there = call.tenant.workloads.permissions.get(item["id"], ())
    old = next((one for one in there if one.get("grantee") == grantee.id), None)
    strongest = max([*roles, *(old["roles"] if old else ())], key=_ROLES.index)
    identity = {"id": grantee.id, "displayName": grantee.record.get("displayName")}
    made = {
        "id": old["id"] if old else call.tenant.new_id("permission"),
        "roles": [strongest],
        "grantedToV2": {grantee.kind: identity},
        "expirationDateTime": end or (old or {}).get("expirationDateTime"),
        "grantee": grantee.id,
    }
    _keep(call, item, (*(one for one in there if one is not old), made))
    return made


def _permission(call: Call) -> tuple[Record, Record]:
    item = _item(call)
    found = next(
        (one for one in call.tenant.workloads.permissions.get(item["id"], ()) if one["id"] == call.parameters["permission"]), None
    )
    if found is None:
        if any(one["id"] == call.parameters["permission"] for one in _seen(call, item)):
            raise bad_request("An inherited permission is changed where it was given.", code="invalidRequest")
        raise item_not_found()
    return item, found


def get_permission(call: Call) -> Reply:
    """The permission."""
    return Reply(200, {"@odata.context": call.context("permission"), **_public(_permission(call)[1])})


def update_permission(call: Call) -> Reply:
    """The permission has the roles; nothing else can be changed so."""
    item, old = _permission(call)
    roles = call.json().get("roles")
    if not isinstance(roles, list) or len(roles) != 1 or roles[0] not in _ROLES or "link" in old:
        raise _invalid("Only the roles of a permission can be changed, to one of read, write and owner.")
    made = {**old, "roles": roles}
    _keep(call, item, tuple(made if one is old else one for one in call.tenant.workloads.permissions[item["id"]]))
    return Reply(200, {"@odata.context": call.context("permission"), **_public(made)})


def delete_permission(call: Call) -> Reply:
    """The permission is gone."""
    item, old = _permission(call)
    _keep(call, item, tuple(one for one in call.tenant.workloads.permissions[item["id"]] if one is not old))
    return Reply(NO_CONTENT)


_API = "https://learn.microsoft.com/graph/api/"
_WRITE = ("Files.ReadWrite.All", "Sites.ReadWrite.All")
_ITEM = "/drives/{id}/items/{item}"
OPERATIONS = (
    Operation("GET", _ITEM, get_item, FILES_READ, f"{_API}driveitem-get", options=PLAIN),
    Operation(
        "GET", f"{_ITEM}/children", list_children, FILES_READ, f"{_API}driveitem-list-children", options=("select", "skiptoken")
    ),
    Operation(
        "POST",
        f"{_ITEM}/invite",
        invite,
        _WRITE,
        f"{_API}driveitem-invite",
        kind="write",
        unverified=(
            "that a second invitation with a weaker role leaves the stronger one",
            "that a group is invited by its object id",
        ),
        deviations=("nobody is written to", "people who are not in the directory are refused, as for applications"),
    ),
    Operation("GET", f"{_ITEM}/permissions", list_permissions, FILES_READ, f"{_API}driveitem-list-permissions", options=PLAIN),
    Operation("GET", f"{_ITEM}/permissions/{{permission}}", get_permission, FILES_READ, f"{_API}permission-get", options=PLAIN),
    Operation(
        "PATCH", f"{_ITEM}/permissions/{{permission}}", update_permission, _WRITE, f"{_API}permission-update", kind="write"
    ),
    Operation(
        "DELETE", f"{_ITEM}/permissions/{{permission}}", delete_permission, _WRITE, f"{_API}permission-delete", kind="write"
    ),
)
NOT_SIMULATED = (f"PATCH {_ITEM}", f"DELETE {_ITEM}", f"POST {_ITEM}/children")
