"""The guest has a mail of ours with the link by which they accept, and what they can open.

An app cannot put its own words into Microsoft's invitation, and anybody may read its link. So the invitation is silent
(`sendMail` false in the request's or template's `invitation`), and this mail is sent where guests can reply to. A guest whose
invitation Microsoft mails gets no mail of ours, nor does one with `sendMail` false in their own entry: somebody else tells them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.mails import Values, day, spoken, write
from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.person import Person
from shared.nouns.request import GUID, HttpsUrl, Language
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.tenant import Tenant
from shared.tenant.found import User

STEP = "welcome-guest"
REPLICATION_WAIT = 15.0
Name = Annotated[str, Field(min_length=1, max_length=120)]


class WelcomeSettings(BaseModel):
    """What the mail says. `open` maps what guests can open to its https address ("" for none); where a name is that of one of the
    request's groups, only the guests of that group are told. `resend` sends it again to guests who had it in an earlier request.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    organization: Annotated[str, Field(max_length=100)] = ""
    language: Language | None = None
    open: Annotated[dict[Name, HttpsUrl | Annotated[str, Field(max_length=0)]], Field(max_length=30)] = {}
    resend: bool = False


def wanted(ask: Ask) -> Wish | None:
    """Welcomed, unless Microsoft mails the invitation or the guest's own entry says that nobody does."""
    if ask.guest is None:
        return None
    asked = checked(WelcomeSettings, dict(ask.settings), ("steps", STEP))
    here, above = ask.header.invitation, ask.template.invitation
    mailed = here.send_mail if "send_mail" in here.model_fields_set else above.send_mail
    if mailed or ask.guest.send_mail is not None:
        return None
    until = ask.guest.until or ask.header.until
    groups = ask.header.groups if ask.guest.groups is None else ask.guest.groups
    details: dict[str, Json] = {
        "organization": asked.organization,
        "language": spoken(ask.guest.language or asked.language or here.language or above.language or ""),
        "redirectUrl": ask.guest.redirect_url or here.redirect_url or above.redirect_url,
        "message": ask.guest.message or here.message or above.message or "",
        "until": until.isoformat() if until else "",
        "open": [[name, url] for name, url in _opened(asked, ask, groups).items()],
        "again": ask.header.id if asked.resend else "",
    }
    return Wish({"welcomed": True}, details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """`welcomed` once Exchange Online has taken the mail, or where none is needed; `user`, `redemption` and `enabled` besides."""
    if "sent" in subject.ids:
        return {"welcomed": True}
    person = _person(subject)
    found = await tenant.users.find_by_address(person.address)
    if len(found) > 1:
        return {"welcomed": None, "conflict": tuple(user.id for user in found)}
    if not found:
        raise NotYet(f"Person {subject.id} is not known in the directory yet", after=REPLICATION_WAIT)
    user = found[0]
    state: dict[str, Value] = {
        "user": user.id,
        "ours": user.user_type != "Guest" and not user.external,
        "enabled": user.enabled,
        "redemption": user.redemption,
    }
    at_home = _at_home(user) and not subject.intents and not subject.details.get("again")
    if at_home or await tenant.mailbox.was_sent(_mark(subject), about=f"person {subject.id}"):
        return state | {"welcomed": True}
    return state | {"welcomed": None}


def explain(subject: Subject, actual: State) -> str | None:
    """Several objects with the address, one of our own people, or a blocked account."""
    conflict = actual.get("conflict")
    if isinstance(conflict, tuple) and conflict:
        return f"Users {' and '.join(conflict)} have this person's address: decide which one is meant"
    if actual.get("ours"):
        return f"The address is one of our own people's (user {actual.get('user')}): they need no welcome as a guest"
    if actual.get("enabled") is False:
        return f"User {actual.get('user')} was blocked from signing in by somebody: find out why before they are welcomed"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The mail is with Exchange Online. The redeem link is made for it, goes into it, and is kept nowhere else."""
    actual, person = subject.seen, _person(subject)
    link = str(subject.details.get("redirectUrl") or "")
    if actual.get("redemption") is not None:
        made = await tenant.redemption.link(person.address, link, subject=subject.id)
        if made.user != actual.get("user"):
            raise WontWork(f"The invitation of person {subject.id} leads to user {made.user}, not to {actual.get('user')}")
        link = made.url
    language, until = str(subject.details.get("language") or "en"), str(subject.details.get("until") or "")
    values: Values = {
        "organization": str(subject.details.get("organization") or tenant.mailbox.domain),
        "name": person.name,
        "link": link,
        "open": _pairs(subject.details.get("open")),
        "message": str(subject.details.get("message") or ""),
        "until": day(date.fromisoformat(until), language) if until else "",
    }
    written, mark = write(STEP, language, values), _mark(subject)
    await tenant.mailbox.send(written, [person.address], mark=mark, about=f"person {subject.id}")
    return Applied(ids={"sent": mark})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """Nothing: a mail that was sent stays sent."""
    return Applied(note="A mail that was sent cannot be taken back")


def settled(subject: Subject, actual: State) -> str:
    """Whether they were written to now, before, or not at all."""
    if subject.intents or "sent" in subject.ids:
        return "was welcomed by mail"
    if actual.get("redemption") == "PendingAcceptance" or subject.details.get("again"):
        return "was welcomed by mail before"
    return "has an account here already and needs no mail"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """No mailbox is set, or it is not ours to use."""
    if not ahead.guests:
        return ()
    try:
        await tenant.mailbox.was_sent(mark_of(STEP), about="the mailbox")
    except WontWork as error:
        where = "the app's settings, and the roles of its identity in Exchange Online"
        return (Finding(Weight.REFUSES, "ENTENTE_MAILBOX", "cannot be used", where, error.reason),)
    return ()


def _opened(asked: WelcomeSettings, ask: Ask, groups: tuple[str, ...]) -> dict[str, str]:
    """What this guest can open: the guest's own groups by name, and what is open to all of them."""
    mine = {name: asked.open.get(name, "") for name in groups if not GUID.match(name)}
    others = {*ask.template.groups, *ask.header.groups} - mine.keys()
    return mine | {name: url for name, url in asked.open.items() if name not in others}


def _at_home(user: User) -> bool:
    """They have accepted, or were never invited (from cross-tenant sync)."""
    return user.redemption != "PendingAcceptance"


def _mark(subject: Subject) -> str:
    return mark_of(STEP, subject.partner.tenant_id, subject.id, str(subject.details.get("again") or ""))


def _person(subject: Subject) -> Person:
    if subject.person is None:
        raise WontWork(f"The address of person {subject.id} was erased: name the person in a new request")
    return subject.person


def _pairs(value: Json) -> list[tuple[str, str]]:
    items = value if isinstance(value, list) else []
    return [(str(item[0]), str(item[1])) for item in items if isinstance(item, list) and len(item) == 2]


WELCOME_GUEST = Step(
    name=STEP,
    sentence="The guest has a mail of ours with the link by which they accept.",
    subject="person",
    permissions=("User.Read.All", "Mail.ReadBasic.All", "User.Invite.All", "Mail.Send"),
    power="mail",
    lanes=("invitations", "mail"),
    reversible=False,
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("invite-guest", "add-to-group"),
    preflight=preflight,
)
