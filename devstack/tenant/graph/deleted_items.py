"""Deleted users and groups: listed, restored, purged. https://learn.microsoft.com/graph/api/resources/directory; facts 1.6."""

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import bad_request, conflict, not_found, not_simulated
from devstack.tenant.graph.kinds import GROUP, USER
from devstack.tenant.graph.look_up import find
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply, kind_of
from devstack.tenant.graph.permissions import GROUP_READ, USER_DELETE, USER_READ
from devstack.tenant.graph.show import chosen, collection, shown, tagged
from devstack.tenant.graph.writing import refuse_taken_address

_READ = {"user": USER_READ, "group": GROUP_READ}
_CHANGE = {"user": USER_DELETE, "group": ("Group.ReadWrite.All",)}


def list_deleted_users(call: Call) -> Reply:
    """The users deleted within the last 30 days that the filter and search match."""
    return collection(call, USER, find(call, USER, deleted=True), "users")


def list_deleted_groups(call: Call) -> Reply:
    """The groups deleted within the last 30 days that the filter and search match."""
    return collection(call, GROUP, find(call, GROUP, deleted=True), "groups")


def _deleted(call: Call, permissions: dict[str, tuple[str, ...]]) -> tuple[Entry, Record]:
    identifier = call.identifier("id")
    found = call.tenant.objects.read(identifier)
    if found is None or not found[1].get("deletedDateTime"):
        raise not_found(identifier)
    call.require(*permissions[found[0].kind])
    return found


def _still_deleted(call: Call) -> Entry:
    """The item as the primary has it: what a stale reader still sees there cannot be restored or purged again."""
    entry, _ = _deleted(call, _CHANGE)
    current = call.tenant.objects.entry(entry.id)
    if current is None or not current.record.get("deletedDateTime"):
        raise not_found(entry.id)
    return current


def get_deleted(call: Call) -> Reply:
    """The deleted object."""
    entry, record = _deleted(call, _READ)
    kind = kind_of(entry)
    answer = tagged(entry, record, call.options.select)
    if not call.options.select and kind is USER:
        answer = {**answer, "deletedDateTime": record["deletedDateTime"]}
    return Reply(200, {"@odata.context": call.context("directoryObjects/$entity"), **answer})


def restore(call: Call) -> Reply:
    """The object is back with its references, unless its user name or address has been taken meanwhile."""
    if isinstance(call.body, dict) and call.body:
        raise not_simulated("restore with a body (autoReconcileProxyConflict)", "devstack/tenant/graph/deleted_items.py")
    entry = _still_deleted(call)
    _refuse_if_taken(call, entry)
    call.tenant.restore(entry)
    call.tenant.audit(f"Restore {entry.kind}", f"{entry.kind.capitalize()}Management", entry, call.token.application)
    kind = kind_of(entry)
    answer = {"@odata.type": kind.odata_type, **shown(kind, entry.record, chosen(kind, ()))}
    return Reply(200, {"@odata.context": call.context("directoryObjects/$entity"), **answer})


def _refuse_if_taken(call: Call, entry: Entry) -> None:
    if entry.kind == "user":
        name = entry.record["userPrincipalName"].removeprefix(entry.id.replace("-", ""))
        if call.tenant.objects.identifiers("user", "userPrincipalName", name):
            raise conflict("userPrincipalName")
    elif not entry.record.get("securityEnabled") and "Unified" not in entry.record["groupTypes"]:
        raise bad_request("This group type cannot be restored.")
    for address in entry.record.get("proxyAddresses") or []:
        refuse_taken_address(call.tenant, address[5:], but=entry.id, target="proxyAddresses")


def purge(call: Call) -> Reply:
    """The object is gone for good."""
    entry = _still_deleted(call)
    call.tenant.purge(entry)
    call.tenant.audit(f"Hard delete {entry.kind}", f"{entry.kind.capitalize()}Management", entry, call.token.application)
    return Reply(NO_CONTENT)


_API = "https://learn.microsoft.com/graph/api/directory-deleteditems-"
_ANY_CHANGE = (*USER_DELETE, "Group.ReadWrite.All")
OPERATIONS = (
    Operation("GET", "/directory/deletedItems/graph.user", list_deleted_users, USER_READ, f"{_API}list"),
    Operation("GET", "/directory/deletedItems/graph.group", list_deleted_groups, GROUP_READ, f"{_API}list"),
    Operation("GET", "/directory/deletedItems/{id}", get_deleted, (*USER_READ, *GROUP_READ), f"{_API}get", options=PLAIN),
    Operation(
        "POST",
        "/directory/deletedItems/{id}/restore",
        restore,
        _ANY_CHANGE,
        f"{_API}restore",
        kind="write",
        unverified=("a taken user name or address is refused with 400", "restoring security groups app-only"),
        deviations=("autoReconcileProxyConflict answers 501",),
    ),
    Operation("DELETE", "/directory/deletedItems/{id}", purge, _ANY_CHANGE, f"{_API}delete", kind="write"),
)
NOT_SIMULATED = ("GET /directory/deletedItems",)
