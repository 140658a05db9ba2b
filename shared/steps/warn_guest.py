"""The guest knows that their access ends, why, and what to do; and so do those who answer for them (`shared/verbs/asks.py` asks them)."""

from collections.abc import Mapping
from datetime import date

from shared.mails import Values, day, spoken, write
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.tenant import Tenant

STEP = "warn-guest"
# The paragraph that says why, by rule; each has a day.
PARAGRAPHS = {
    "denied": "closed",
    "offboarded": "closed",
    "ended": "ended",
    "not_redeemed": "asked",
    "no_sponsor": "alone",
    "not_signed_in": "silent",
}


def wanted(ask: Ask) -> Wish | None:
    """Nothing: only a clean-up run asks for it."""
    return None


async def read(tenant: Tenant, subject: Subject) -> State:
    """`warned` once Exchange Online has taken this very warning; `address` tells whether there is one to write to."""
    if "sent" in subject.ids or await tenant.mailbox.was_sent(_mark(subject), about=f"guest {subject.id}"):
        return {"warned": True}
    user = subject.ids.get("user", "")
    roles = await tenant.accounts.directory_roles(user) if user else ()
    found = await tenant.users.by_id(user) if user else None
    people = found.user_type if found is not None else None
    return {"warned": None, "address": bool(await _address(tenant, subject)), "people": people, "roles": roles, "user": user}


def explain(subject: Subject, actual: State) -> str | None:
    """They are no guest any more, administer our tenant, or have no address to write to."""
    if actual.get("warned"):
        return None
    user, roles = actual.get("user"), actual.get("roles")
    if str(actual.get("people")).lower() != "guest":
        return f"User {user} is no guest: clean-up leaves them alone"
    if isinstance(roles, tuple) and roles:
        return f"User {user} holds the directory role {' and '.join(roles)} in our tenant: clean-up leaves them alone"
    if not actual.get("address"):
        return (
            f"Guest {user} has no address to be warned at, so they will not be blocked: end their access by hand if it is to end"
        )
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The mail is with Exchange Online."""
    details, language = subject.details, spoken(str(subject.details.get("language") or "en"))
    since = day(date.fromisoformat(str(details["since"])), language)
    why = dict.fromkeys(PARAGRAPHS.values(), "") | {PARAGRAPHS[str(details["rule"])]: since}
    values: Values = {
        "organization": str(details.get("organization") or tenant.mailbox.domain),
        "name": subject.person.name if subject.person else "",
        "acts": day(date.fromisoformat(str(details["acts"])), language),
        **why,
    }
    mark = _mark(subject)
    await tenant.mailbox.send(
        write(STEP, language, values), [await _address(tenant, subject)], mark=mark, about=f"guest {subject.id}"
    )
    return Applied(ids={"sent": mark})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """Nothing: a mail that was sent stays sent."""
    return Applied(note="A mail that was sent cannot be taken back")


def settled(subject: Subject, actual: State) -> str:
    """Which warning it was."""
    return f"was warned, {subject.details.get('number')} of {subject.details.get('of')} times"


async def _address(tenant: Tenant, subject: Subject) -> str:
    """Their address as it is in the directory now, else the one that they were invited by."""
    user = subject.ids.get("user", "")
    there = await tenant.redemption.guest(user) if user else None
    if there is not None and there.mail:
        return there.mail
    return subject.person.address if subject.person is not None else ""


def _mark(subject: Subject) -> str:
    run = str(subject.details.get("run") or "")
    if not run:
        raise WontWork("A warning belongs to a clean-up run, and this one names none")
    return mark_of(STEP, subject.partner.tenant_id, subject.id, run)


WARN_GUEST = Step(
    name=STEP,
    sentence="The guest knows that their access ends, and why.",
    subject="person",
    power="mail",
    permissions=("User.Read.All", "Mail.ReadBasic.All", "Mail.Send"),
    lanes=("mail",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    reversible=False,
    by_clock=True,
)
