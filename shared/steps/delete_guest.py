"""The guest who was blocked, and whose grace is over, is among the deleted users, from where they can be restored for 30 days.

Memberships come back with the account. What was shared with them in SharePoint is out of reach while the account is gone; where the template asks
for it, `unshare-with-guest` takes it away before.
https://learn.microsoft.com/graph/api/user-delete
"""

from collections.abc import Mapping

from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.tenant import Tenant

STEP = "delete-guest"


def wanted(ask: Ask) -> Wish | None:
    """Nothing: only a clean-up run asks for it."""
    return None


async def read(tenant: Tenant, subject: Subject) -> State:
    """`gone` once the account is not among the users; until then what keeps it from being deleted."""
    user = await tenant.users.by_id(account(subject))
    if user is None:
        return {"gone": True, "user": account(subject)}
    roles = await tenant.accounts.directory_roles(user.id)
    return {"gone": None, "user": user.id, "people": user.user_type, "enabled": user.enabled, "roles": roles}


def explain(subject: Subject, actual: State) -> str | None:
    """They are no guest, can sign in again by somebody's decision, or administer our tenant."""
    user, roles = actual.get("user"), actual.get("roles")
    if actual.get("gone"):
        return None
    if str(actual.get("people")).lower() != "guest":
        return f"User {user} is no guest (userType {actual.get('people')}): clean-up leaves them alone"
    if actual.get("enabled") is not False:
        return f"User {user} was let in again by somebody after they had been blocked, and is not deleted"
    if isinstance(roles, tuple) and roles:
        return f"User {user} holds the directory role {' and '.join(roles)} in our tenant: clean-up leaves them alone"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The account is among the deleted users."""
    await tenant.users.delete(account(subject))
    return Applied(ids={"user": account(subject)}, note="The guest was deleted; they can be restored for 30 days")


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The account is back, and as blocked as it was."""
    user = entry.ids.get("user") or account(subject)
    if entry.before.get("gone") or await tenant.users.by_id(user) is not None:
        return Applied(ids={"user": user}, note="The account was not deleted by us, or is back")
    await tenant.users.restore(user)
    return Applied(ids={"user": user}, note="The account is back, and cannot sign in as before")


def settled(subject: Subject, actual: State) -> str:
    """Whether it was us, and how long they can be had back."""
    return "deleted; can be restored for 30 days" if subject.intents else "was deleted before by somebody"


def account(subject: Subject) -> str:
    """The object id that the task was planned with: an address may be somebody else's by now."""
    if not (user := subject.ids.get("user", "")):
        raise WontWork("No account of this guest is known: look whether they are in the directory")
    return user


DELETE_GUEST = Step(
    name=STEP,
    sentence="The guest whose grace is over is among the deleted users.",
    subject="person",
    power="guests",
    permissions=("User.Read.All", "AuditLog.Read.All", "User.DeleteRestore.All"),
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    # Where the template asks for it.
    after=("unshare-with-guest",),
    reversible=False,
    by_clock=True,
)
