"""Users: found, read, changed, deleted.

https://learn.microsoft.com/graph/api/resources/user; facts sections 1.2, 1.3, 1.5 and 1.6.
"""

from devstack.tenant.audit import AuditedChange
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import bad_request, conflict, denied
from devstack.tenant.graph.kinds import USER
from devstack.tenant.graph.look_up import find
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.graph.permissions import USER_DELETE, USER_READ, USER_WRITE
from devstack.tenant.graph.show import collection, counting, one
from devstack.tenant.graph.writing import checked, proxies_with, refuse_taken_address

# "Sensitive actions" on a user with an administrator's role need a directory role besides the permission.
# https://learn.microsoft.com/graph/api/resources/users#who-can-perform-sensitive-actions
_SENSITIVE = frozenset(
    {
        "accountEnabled",
        "businessPhones",
        "mobilePhone",
        "onPremisesImmutableId",
        "otherMails",
        "passwordProfile",
        "userPrincipalName",
    }
)
_ADMINISTRATORS = frozenset({"Global Administrator", "Privileged Authentication Administrator"})


def list_users(call: Call) -> Reply:
    """The users that the filter and search match, a page at a time."""
    return collection(call, USER, find(call, USER), "users")


def get_user(call: Call) -> Reply:
    """The user, with the default properties or the selected ones."""
    return one(call, *call.user())


def update_user(call: Call) -> Reply:
    """The user has the values in the body; every other property stays."""
    entry = call.for_writing(call.user())
    changes = checked(USER, call.json())
    _refuse_unless_permitted(call, entry, changes)
    if entry.record.get("onPremisesSyncEnabled") and changes.keys() - {"usageLocation"}:
        raise bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."
        )
    if "displayName" in changes and not changes["displayName"]:
        raise bad_request("Invalid value specified for property 'displayName' of resource 'User'.")
    if changes.get("userType") not in (None, "Guest", "Member"):
        raise bad_request("Invalid value specified for property 'userType' of resource 'User'.")
    _rename(call, entry, changes)
    if changes.get("mail"):
        refuse_taken_address(call.tenant, changes["mail"], but=entry.id, target="proxyAddresses")
        changes["proxyAddresses"] = proxies_with(entry.record, changes["mail"])
    before = entry.record
    call.tenant.objects.change(entry, **changes)
    for activity in user_activities(before, entry.record):
        call.tenant.audit(activity, "UserManagement", entry, call.token.application, change=AuditedChange(before=before))
    return Reply(NO_CONTENT)


def user_activities(before: Record, after: Record) -> list[str]:
    """What the audit log calls the change."""
    enabled = after.get("accountEnabled")
    return [
        "Update user",
        *([f"{'Enable' if enabled else 'Disable'} account"] if enabled != before.get("accountEnabled") else []),
    ]


def _rename(call: Call, entry: Entry, changes: Record) -> None:
    name = changes.get("userPrincipalName")
    if name is None:
        return
    if name.rpartition("@")[2].lower() not in call.tenant.domains:
        raise bad_request(
            "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization."
        )
    if any(other.id != entry.id for other in call.tenant.objects.holders("user", "userPrincipalName", name)):
        raise conflict("userPrincipalName")


def _refuse_unless_permitted(call: Call, entry: Entry, changes: Record) -> None:
    """User.EnableDisableAccount.All is enough for `accountEnabled` alone, together with User.Read.All (facts 1.6)."""
    if changes.keys() <= {"accountEnabled"} and call.may("User.EnableDisableAccount.All"):
        call.require(*USER_READ)
    else:
        call.require(*USER_WRITE)
    if not _SENSITIVE.isdisjoint(changes):
        refuse_for_administrators(call, entry)


def refuse_for_administrators(call: Call, entry: Entry) -> None:
    """The user holds no administrator's role, or the application holds a stronger one; raises 403."""
    if entry.record.get("directoryRoles") and call.token.directory_roles.isdisjoint(_ADMINISTRATORS):
        raise denied()


def delete_user(call: Call) -> Reply:
    """The user is among the deleted items for 30 days."""
    entry = call.for_writing(call.user())
    refuse_for_administrators(call, entry)
    call.tenant.soft_delete(entry)
    call.tenant.audit("Delete user", "UserManagement", entry, call.token.application)
    return Reply(NO_CONTENT)


def revoke_sign_in_sessions(call: Call) -> Reply:
    """Tokens that this tenant issued before now are not refreshed. A guest's session in the home tenant goes on (facts 1.6)."""
    entry = call.for_writing(call.user())
    call.tenant.objects.change(entry, signInSessionsValidFromDateTime=call.tenant.moment())
    return Reply(200, {"@odata.context": call.context("Edm.Boolean"), "value": True})


_API = "https://learn.microsoft.com/graph/api/user-"
OPERATIONS = (
    Operation(
        "GET",
        "/users",
        list_users,
        USER_READ,
        f"{_API}list",
        units=2,
        deviations=("$expand works for sponsors and memberOf; other relations answer 501",),
    ),
    Operation("GET", "/users/$count", counting(list_users), USER_READ, f"{_API}list", units=2),
    Operation("GET", "/users/{id}", get_user, USER_READ, f"{_API}get"),
    Operation(
        "PATCH",
        "/users/{id}",
        update_user,
        (*USER_WRITE, "User.EnableDisableAccount.All"),
        f"{_API}update",
        kind="write",
        unverified=("texts of refusals other than the published ones",),
        deviations=("per-property permissions (User-Phone.ReadWrite.All ...) are not told apart",),
    ),
    Operation("DELETE", "/users/{id}", delete_user, USER_DELETE, f"{_API}delete", kind="write"),
    Operation(
        "POST",
        "/users/{id}/revokeSignInSessions",
        revoke_sign_in_sessions,
        ("User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
        f"{_API}revokesigninsessions",
        kind="write",
        deviations=("tokens are not simulated for people, so nothing ends",),
    ),
)
NOT_SIMULATED = ("POST /users",)
