"""The person is a guest in our tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.person import Person
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Intent, Step, Subject, Wish
from shared.steps.preflights.invite_guest import PERMISSIONS, preflight
from shared.tenant import Tenant
from shared.tenant.found import Letter, User

REPLICATION_WAIT = 10.0
# There, but only because of a silent invitation of ours: the mail is still owed.
UNANNOUNCED = "unannounced"
# There, and kept out by us alone, because their time was over: whoever invites them again lets them in.
EXPIRED = "expired"
OUR_BLOCK = "blockedByExpiry"
LEFT = "blockedByLeaving"


@dataclass(frozen=True)
class Found:
    """What the directory has for an address: one user, several, or one that was deleted and can be restored."""

    user: User | None = None
    others: tuple[str, ...] = ()
    deleted: User | None = None


def wanted(ask: Ask) -> Wish | None:
    """Guest, with the sponsors asked for; how to invite is the guest's own word, else the request's, else the template's."""
    if ask.guest is None:
        return None
    here, above = ask.header.invitation, ask.template.invitation
    redirect = ask.guest.redirect_url or here.redirect_url or above.redirect_url
    if (urlsplit(redirect).hostname or "") not in {host.lower() for host in ask.template.redirect_hosts}:
        hosts = ", ".join(ask.template.redirect_hosts)
        raise Refusal(
            [Fault("redirectUrl", f"leads to a host that template {ask.template.name} does not list; it lists {hosts}")]
        )
    said = here.send_mail if "send_mail" in here.model_fields_set else above.send_mail
    details: dict[str, Json] = {
        "redirectUrl": redirect,
        "sendMail": said if ask.guest.send_mail is None else ask.guest.send_mail,
        "message": ask.guest.message or here.message or above.message or "",
        "language": ask.guest.language or here.language or above.language or "",
        "deletedGuest": ask.template.deleted_guests,
    }
    state: dict[str, Value] = {"guest": True}
    return Wish(state | {"sponsors": tuple(sorted(ask.sponsors))} if ask.sponsors else state, details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """The guest as the directory has them, by id where an earlier apply gave one, else by address."""
    return _state(subject, await _find(tenant, subject))


def explain(subject: Subject, actual: State) -> str | None:
    """Several objects with the address, one of our own people, a blocked account, or a deleted guest to ask about."""
    if conflict := actual.get("conflict"):
        return f"{_several(conflict)} have this person's address: decide which one is meant, and take the address from the others"
    user, deleted = actual.get("user"), actual.get("deleted")
    if user and actual.get("user_type") != "Guest" and not actual.get("external"):
        return f"The address is one of our own people's (user {user}): they need no invitation, leave them out"
    if (user or deleted) and actual.get("enabled") is False and not subject.details.get(OUR_BLOCK):
        if subject.details.get(LEFT):
            return (
                f"User {user or deleted} was blocked when the partner left, by its own request (offboard): decide whether they come back, "
                "unblock them, and try again"
            )
        return (
            f"User {user or deleted} was blocked from signing in by somebody: find out who and why, unblock them, and try again"
        )
    if deleted and subject.details.get("deletedGuest") == "ask":
        return f"This person was a guest until user {deleted} was deleted: restore or purge it, and try again"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The person is a guest: restored if deleted, else invited if unknown. At most one mail ever goes to them from here."""
    actual = subject.seen or await read(tenant, subject)
    if why := explain(subject, actual):
        raise WontWork(why)
    user, deleted, sponsors = actual.get("user"), actual.get("deleted"), _elements(change.get("sponsors"))
    if isinstance(deleted, str):
        await tenant.users.restore(deleted)
        return Applied(ids={"user": deleted, "restored": deleted}, note="The deleted guest was restored, with their memberships")
    if not isinstance(user, str) or actual.get("guest") == UNANNOUNCED:
        return await _invite(tenant, subject, sponsors, new=user is None)
    if actual.get("guest") == EXPIRED:
        await tenant.accounts.switch(user, on=True)
    await _add_sponsors(tenant, user, sponsors - _elements(actual.get("sponsors")))
    return Applied(ids={"user": user})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The guest whom we created or restored is deleted again; from a guest who was there, our sponsors are taken."""
    user_id = entry.ids.get("user") or str(entry.after.get("user") or "")
    user = await tenant.users.by_id(user_id, sponsors=True) if user_id else None
    if user is None:
        return Applied(note="The guest is gone already" if user_id else "No guest was recorded, so there is none to remove")
    if entry.created or entry.ids.get("restored") == user.id:
        if changed := _changed(subject, entry, user):
            raise WontWork(f"Guest {user.id} is not deleted, because {changed}: delete it by hand if that is still wanted")
        await tenant.users.delete(user.id)
        return Applied(note="The guest was deleted; it can be restored for 30 days")
    if entry.before.get("guest") == EXPIRED and user.enabled is not False:
        await tenant.accounts.switch(user.id, on=False)
    added = _elements(entry.after.get("sponsors")) - _elements(entry.before.get("sponsors"))
    for sponsor in sorted(added & set(user.sponsors or ())):
        await tenant.users.remove_sponsor(user.id, sponsor)
    return Applied(ids={"user": user.id}, note="The guest was there before and stays; sponsors that we added were removed")


def settled(subject: Subject, actual: State) -> str:
    """How the person is there."""
    if actual.get("user_type") == "Member":
        return "is already a member from another organization (B2B member)"
    if actual.get("redemption") == "PendingAcceptance":
        return "was invited and has not accepted yet" if subject.intents else "was invited before and has not accepted yet"
    if actual.get("redemption") == "Accepted":
        return "is a guest and has accepted" if subject.intents else "is already a guest and has accepted"
    return "is a guest" if subject.intents else "is already a guest"


async def _add_sponsors(tenant: Tenant, user: str, missing: set[str]) -> None:
    for position, sponsor in enumerate(sorted(missing)):
        try:
            await tenant.users.add_sponsor(user, sponsor)
        except NotYet as error:
            # Those before this one are there now, which must not be recorded as nothing done.
            partly = error.effect_unknown or position > 0
            raise NotYet(error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=partly) from None


async def _find(tenant: Tenant, subject: Subject) -> Found:
    person = _person(subject)
    if known := subject.ids.get("user"):
        if user := await tenant.users.by_id(known, sponsors=True):
            return Found(user)
        # Gone, or not on this replica yet: only the deleted items tell the one from the other.
        gone = [user for user in await tenant.users.deleted_by_address(person.address) if user.id == known]
        if not gone:
            raise NotYet(f"Guest {known} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
        return Found(deleted=gone[0])
    match await tenant.users.find_by_address(person.address):
        case ():
            deleted = await tenant.users.deleted_by_address(person.address)
            return Found(deleted=next((user for user in deleted if _is_guest(user)), None))
        case (user,):
            whole = await tenant.users.by_id(user.id, sponsors=True)
            return Found(whole or replace(user, sponsors=()))
        case several:
            return Found(others=tuple(user.id for user in several))


def _state(subject: Subject, found: Found) -> State:
    user, shown = found.user, found.user or found.deleted
    guest: Value = None if user is None or not _is_guest(user) else UNANNOUNCED if mail_is_owed(subject, user.created) else True
    if guest is True and shown is not None and shown.enabled is False and subject.details.get(OUR_BLOCK):
        guest = EXPIRED
    return {
        "guest": guest,
        "user": user.id if user else None,
        "user_type": shown.user_type if shown else None,
        "enabled": shown.enabled if shown else None,
        "redemption": shown.redemption if shown else None,
        "external": shown.external if shown else None,
        "deleted": found.deleted.id if found.deleted else None,
        "conflict": found.others,
        "sponsors": user.sponsors if user else None,
        "ours": bool(user and user.created and _creator(subject, user.created) is not None),
    }


def mail_is_owed(subject: Subject, created: datetime | None) -> bool:
    """The guest was created by an invitation of this task that was silent, and no later one may have sent the mail.

    An invitation is silent when an earlier one was left without an answer: had that one created the guest, it would have
    sent its mail, and nobody gets two.
    """
    creator = _creator(subject, created) if created and subject.details.get("sendMail") else None
    if creator is None or "mailed" in subject.ids:
        return False
    intents = _invitations(subject)
    silent = any(not intent.answered for intent in intents[:creator])
    return silent and all(intent.answered for intent in intents[creator + 1 :])


def _creator(subject: Subject, created: datetime) -> int | None:
    """Which of our invitations created a guest at this instant (the directory's, in whole seconds), by position."""
    begun = [index for index, intent in enumerate(_invitations(subject)) if intent.at.replace(microsecond=0) <= created]
    return begun[-1] if begun else None


def _invitations(subject: Subject) -> tuple[Intent, ...]:
    return tuple(intent for intent in subject.intents if "guest" in intent.change)


async def _invite(tenant: Tenant, subject: Subject, sponsors: set[str], *, new: bool) -> Applied:
    person, details = _person(subject), subject.details
    unsure = new and any(not intent.answered for intent in _invitations(subject))
    letter = Letter(
        redirect_url=str(details.get("redirectUrl") or ""),
        mail=bool(details.get("sendMail")) and not unsure,
        name=person.name,
        message=str(details.get("message") or ""),
        language=str(details.get("language") or ""),
        sponsors=tuple(sorted(sponsors)),
    )
    invited = await tenant.invitations.invite(person.address, letter, subject=subject.id)
    ids = {"user": invited.user} | ({"mailed": invited.invitation or invited.user} if letter.mail else {})
    return Applied(ids=ids, created=new)


def _changed(subject: Subject, entry: Entry, user: User) -> str:
    first = next(iter(_invitations(subject)), None)
    if entry.created and first and user.created and user.created < first.at.replace(microsecond=0):
        return f"it was there before us, since {user.created.isoformat()}"
    ours: State = {"userType": "Guest", "accountEnabled": True}
    now: State = {"userType": user.user_type, "accountEnabled": user.enabled}
    return " and ".join(f"{key} was {ours[key]} and is {now[key]}" for key in ours if now[key] != ours[key])


def _is_guest(user: User) -> bool:
    return user.user_type == "Guest" or user.external


def _person(subject: Subject) -> Person:
    if subject.person is None:
        raise WontWork(f"The address of person {subject.id} was erased: name the person in a new request")
    return subject.person


def _elements(value: Value) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()


def _several(conflict: Value) -> str:
    return f"Users {' and '.join(sorted(_elements(conflict)))}"


INVITE_GUEST = Step(
    name="invite-guest",
    sentence="The person is a guest in our tenant.",
    subject="person",
    permissions=PERMISSIONS,
    power="guests",
    lanes=("invitations", "entra-writes"),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    keeps=("user",),
    asks_exchange=True,
    preflight=preflight,
)
