"""Nothing is shared with the guest by name any more on the sites that were looked at, which are said.

Document libraries alone are looked at: not who is in a site's own groups, nor lists and pages. What the guest has by a group they have
no more once their account is gone. The before-image of each permission is in the journal, so that whoever comes back gets it back, unless
somebody has given them something there since. https://learn.microsoft.com/graph/api/permission-delete
"""

from collections.abc import Mapping

from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.delete_guest import account
from shared.steps.named_shares import MOST_AT_ONCE, Grant, grant_of, look, tag_of, theirs
from shared.tenant import Tenant

STEP = "unshare-with-guest"
# Under the task's detail `unshare`: only where all was read may the guest be deleted after.
ALL = "all"
BACK_WAIT = 30.0


def wanted(ask: Ask) -> Wish | None:
    """Nothing: a clean-up run or a person asks for it."""
    return None


async def read(tenant: Tenant, subject: Subject) -> State:
    """`shared` is what can be taken away (some of it, where it is much) or None; `left` what cannot, `scope` how far was looked,
    `complete` whether to the end. `people` is the account's type, empty once it is gone: then there is nobody to look for."""
    user = await tenant.users.by_id(account(subject))
    if user is None:
        return {"shared": None, "complete": True, "left": (), "scope": "nowhere, because the account is gone", "people": ""}
    found = await look(tenant, user.id, await _names(tenant, subject), _sites(subject))
    stuck = _stuck(subject)
    grants = [grant for grant in found.grants if grant.tag not in stuck]
    refused = [f"item {one.item} of drive {one.drive}: refused" for one in found.grants if one.tag in stuck]
    return {
        "shared": tuple(str(grant) for grant in grants[:MOST_AT_ONCE]) or None,
        "complete": found.complete,
        "left": (*refused, *found.left),
        "scope": found.scope,
        "people": user.user_type,
    }


def explain(subject: Subject, actual: State) -> str | None:
    """They are no guest; or all of it had to be looked at, and was not."""
    if actual.get("people") and str(actual.get("people")).lower() != "guest":
        return f"User {account(subject)} is no guest (userType {actual.get('people')}): what is shared with them is left"
    if actual.get("shared") is None and actual.get("complete") is not True and subject.details.get("unshare") == ALL:
        return (
            f"Not everything could be looked at ({actual.get('scope')}), and the template wants that before a guest is deleted "
            '(unshare = "all"): look at the rest by hand, or say unshare = "found"'
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The permissions that were found are gone. Those that SharePoint refuses to take away are remembered, and named."""
    found = [grant_of(words) for words in _texts(subject.seen.get("shared"))]
    refused: dict[Grant, str] = {}
    gone = 0
    for grant in found:
        try:
            taken = await _take(tenant, grant)
        except NotYet as error:
            # Some may be gone by now, which must not be recorded as nothing done.
            raise NotYet(
                error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=error.effect_unknown or gone > 0
            ) from None
        except WontWork as error:
            if not gone:
                raise
            refused[grant] = error.reason
            continue
        if taken:
            gone += 1
        else:
            refused[grant] = "it is not the item's own"
    stuck = " ".join(sorted(_stuck(subject) | {grant.tag for grant in refused}))
    note = f"{gone} permissions were taken away" + (f"; refused: {next(iter(refused.values()))}" if refused else "")
    return Applied(ids={"stuck": stuck} if stuck else {}, note=note)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The guest has what we took from them, each where nobody has given them anything since. A link comes back as a permission of their own.

    Raises NotYet while their account is not back.
    """
    name = account(subject)
    kept = set(_texts(entry.after.get("shared")))
    taken = [grant_of(words) for words in _texts(entry.before.get("shared")) if words not in kept]
    if await tenant.users.by_id(name) is None:
        # Not even where the deleted users do not have it: it may be on its way from there.
        raise NotYet("the account is not back yet", after=BACK_WAIT)
    names = await _names(tenant, subject)
    said: dict[str, int] = {}
    failed: list[str] = []
    for grant in taken:
        try:
            word = await _give(tenant, grant, name, names)
        except WontWork as error:
            if not grant.until:
                failed.append(error.reason)
                continue
            word = "not given again, perhaps because they would be over by now"
        said[word] = said.get(word, 0) + 1
    note = "; ".join(f"{number} {word}" for word, number in said.items())
    if failed:
        raise WontWork(
            f"{len(failed)} of {len(taken)} permissions could not be given again: {failed[0]}" + (f" ({note})" if note else "")
        )
    return Applied(note=f"Of what was shared with the guest: {note}" if note else "")


def settled(subject: Subject, actual: State) -> str:
    """What is true now, how far was looked, and what was left."""
    begun = "nothing is shared with them by name any more" if subject.intents else "nothing was shared with them by name"
    left = _texts(actual.get("left"))
    return f"{begun}, as far as was looked: {actual.get('scope')}" + (f"; left: {'; '.join(left)}" if left else "")


async def _take(tenant: Tenant, grant: Grant) -> bool:
    """The permission is gone; one that was gone before counts as well. False where SharePoint does not take it away there."""
    shares = await tenant.drives.shares(grant.drive, grant.item) or ()
    same = [share for share in shares if tag_of(share.id) == grant.tag]
    return all([await tenant.drives.unshare(grant.drive, grant.item, share.id) for share in same])


async def _give(tenant: Tenant, grant: Grant, user: str, names: frozenset[str]) -> str:
    """What became of it, in words that follow on a number. Raises NotYet and WontWork."""
    shares = await tenant.drives.shares(grant.drive, grant.item)
    if shares is None:
        return "are of items that are gone"
    if any(theirs(share, user, names) for share in shares):
        return "stand as they are, because there is a permission by now"
    await tenant.drives.share(grant.drive, grant.item, user, grant.role, grant.until)
    return "given again" if grant.how == "person" else "given again, as a permission instead of a link"


async def _names(tenant: Tenant, subject: Subject) -> frozenset[str]:
    """By what SharePoint may name the guest instead of their object id: their address now, and the one they were invited by."""
    there = await tenant.redemption.guest(account(subject))
    known = [there.mail if there is not None else "", subject.person.address if subject.person else ""]
    return frozenset(name.lower() for name in known if name)


def _sites(subject: Subject) -> tuple[str, ...]:
    named = subject.details.get("sites")
    return tuple(str(site) for site in named) if isinstance(named, list) else ()


def _stuck(subject: Subject) -> frozenset[str]:
    return frozenset(subject.ids.get("stuck", "").split())


def _texts(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


UNSHARE_WITH_GUEST = Step(
    name=STEP,
    sentence="Nothing is shared with the guest by name any more, as far as was looked.",
    subject="person",
    power="guests",
    permissions=("Files.ReadWrite.All", "Sites.Read.All", "User.Read.All", "AuditLog.Read.All"),
    lanes=("sharepoint",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    reversible=False,
    by_clock=True,
)
