"""The guest whom clean-up has blocked or deleted is back, can sign in, and is in everything they were in."""

from collections.abc import Mapping

from shared.nouns.outcomes import Applied, NotYet
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.delete_guest import account
from shared.tenant import Tenant

STEP = "restore-guest"
BLOCKED, DELETED = "blocked", "deleted"


def wanted(ask: Ask) -> Wish | None:
    """Nothing: a person asks for it, or decides that the guest stays."""
    return None


async def read(tenant: Tenant, subject: Subject) -> State:
    """`back` once they can sign in; until then whether they are blocked or deleted, or None where nothing can be had back."""
    user = await tenant.users.by_id(account(subject))
    if user is not None:
        back: Value = True if user.enabled is not False else BLOCKED
        return {"back": back, "user": user.id, "people": user.user_type}
    deleted = await tenant.users.deleted_by_id(account(subject))
    return {"back": DELETED if deleted is not None else None, "user": account(subject)}


def explain(subject: Subject, actual: State) -> str | None:
    """The 30 days are over."""
    if actual.get("back") is None:
        return (
            f"User {actual.get('user')} was deleted more than 30 days ago, or for good, and cannot be restored: invite them again"
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """Restored where deleted, and let in."""
    user, was = account(subject), subject.seen.get("back")
    if was == DELETED:
        await tenant.users.restore(user)
    try:
        await tenant.accounts.switch(user, on=True)
    except NotYet as error:
        # Restored they may be by now, which must not be recorded as nothing done.
        raise NotYet(
            error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=error.effect_unknown or was == DELETED
        ) from None
    return Applied(ids={"user": user}, note="The guest is back, with their memberships")


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """They are blocked, or deleted, as they were before."""
    user, before = entry.ids.get("user") or account(subject), entry.before.get("back")
    if before == DELETED:
        await tenant.users.delete(user)
    elif before == BLOCKED and await tenant.users.by_id(user) is not None:
        await tenant.accounts.switch(user, on=False)
    return Applied(ids={"user": user}, note=f"The guest is {before or 'as they were'} again")


def settled(subject: Subject, actual: State) -> str:
    """Whether it was us."""
    return "is back and can sign in" if subject.intents else "could sign in already"


RESTORE_GUEST = Step(
    name=STEP,
    sentence="The guest whom clean-up has blocked or deleted is back and can sign in.",
    subject="person",
    power="guests",
    permissions=("User.Read.All", "User.DeleteRestore.All", "User.EnableDisableAccount.All"),
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    reversible=False,
)
