"""The person cannot sign in to our tenant any more; their account, and everything it is in, stays.

Continuous access evaluation and the revocation of sessions do not reach people whose tokens come from their home tenant: nobody gets
a new token, and those that were issued live about an hour. https://learn.microsoft.com/entra/identity/conditional-access/concept-continuous-access-evaluation
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.tenant import Tenant
from shared.tenant.found import User

STEP = "block-guest"
US, OTHERS = "this request", "somebody before"
REPLICATION_WAIT = 10.0


class BlockGuest(BaseModel):
    """There is nothing to choose."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def wanted(ask: Ask) -> Wish | None:
    """The account is disabled; why, and by which request, is kept with the task."""
    checked(BlockGuest, dict(ask.settings), ("steps", STEP))
    return Wish({"enabled": False}, {"why": ask.header.action, "request": ask.header.id})


async def read(tenant: Tenant, subject: Subject) -> State:
    """Whether they can sign in, and who they are; somebody whom the directory does not have cannot. `blockedBy` says whether it was
    this request that disabled the account, or somebody before it."""
    people = await _people(tenant, subject)
    if len(people) > 1:
        return {"enabled": None, "user": None, "conflict": tuple(user.id for user in people)}
    if not people:
        return {"enabled": False, "user": None, "conflict": ()}
    user = people[0]
    state: dict[str, Value] = {"enabled": user.enabled is not False, "user": user.id, "conflict": ()}
    state |= {"people": user.user_type, "external": _external(user), "roles": ()}
    if user.enabled is False:
        return state | {"blockedBy": US if subject.intents or subject.ids.get("blockedBy") == US else OTHERS}
    return state | {"roles": await tenant.accounts.directory_roles(user.id), "blockedBy": None}


def explain(subject: Subject, actual: State) -> str | None:
    """Several accounts have the address, they are one of our own people, or they administer our tenant."""
    conflict, roles = actual.get("conflict"), actual.get("roles")
    if isinstance(conflict, tuple) and conflict:
        return f"The accounts {' and '.join(conflict)} all have this person's address: block by hand those that are theirs"
    if actual.get("enabled") is not True:
        return None
    if actual.get("external") is not True:
        return f"User {actual.get('user')} is one of our own people, who are not blocked with a partner: look at who they are"
    if isinstance(roles, tuple) and roles:
        return (
            f"User {actual.get('user')} holds the directory role {' and '.join(roles)} in our tenant: find out why, and take it away or "
            "block them by hand (Entra admin center > Users); an app must not do it to an administrator"
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The account is disabled."""
    user = subject.seen.get("user")
    if not isinstance(user, str):
        raise NotYet("The person to be blocked is read again first", after=REPLICATION_WAIT)
    await tenant.accounts.switch(user, on=False)
    return Applied(ids={"user": user, "blockedBy": US})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The account that we disabled, and nobody else before us, is enabled again."""
    user = entry.ids.get("user") or subject.ids.get("user")
    if entry.before.get("enabled") is not True or not user:
        return Applied(note="The account was not blocked by us")
    found = await tenant.users.by_id(user)
    if found is None:
        return Applied(note="The account is gone")
    if found.enabled is not False:
        return Applied(ids={"user": user}, note="The account is enabled already")
    if not _external(found):
        raise WontWork(f"User {user} is one of our own people now: enable them by hand if that is right")
    await tenant.accounts.switch(user, on=True)
    return Applied(ids={"user": user}, note="The account is enabled again")


def settled(subject: Subject, actual: State) -> str:
    """Since when, by whom, and what goes on for a while."""
    if actual.get("user") is None:
        return "nobody in our directory has this person's address, so there was nobody to block"
    if actual.get("blockedBy") == OTHERS:
        return "they were blocked already by somebody before, which stays so whatever becomes of this request"
    return "blocked: no new tokens; those issued before live about an hour longer, because they come from the home tenant"


async def _people(tenant: Tenant, subject: Subject) -> tuple[User, ...]:
    """By the id that earlier steps have found, else by address."""
    if (known := subject.ids.get("user")) and (user := await tenant.users.by_id(known)) is not None:
        return (user,)
    if subject.person is None:
        if known:
            return ()
        raise WontWork(
            "The address of this person is no longer kept, and no id of theirs is known: block them by hand if they are there"
        )
    return await tenant.users.find_by_address(subject.person.address)


def _external(user: User) -> bool:
    return user.external or user.user_type.lower() == "guest"


BLOCK_GUEST = Step(
    name=STEP,
    sentence="The person cannot sign in to our tenant any more.",
    subject="person",
    permissions=("User.EnableDisableAccount.All", "User.Read.All"),
    power="guests",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    keeps=("user", "blockedBy"),
)
