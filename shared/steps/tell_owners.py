"""The owners of the group know that guests of the partner are in it."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.mails import Values, day, spoken, write
from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import Applied, NotYet
from shared.nouns.request import GUID, GroupName, HttpsUrl, Language
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.tenant import Tenant

STEP = "tell-owners"
REPLICATION_WAIT = 15.0


class OwnersSettings(BaseModel):
    """Which group, what it is called in the mail (its name in the request unless `title` says otherwise), and where it opens."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    group: GroupName
    title: Annotated[str, Field(max_length=120)] = ""
    link: HttpsUrl | None = None
    language: Language | None = None
    resend: bool = False


def wanted(ask: Ask) -> Wish | None:
    """Told once for this partner and group, or once more where the request says `resend`."""
    asked = checked(OwnersSettings, dict(ask.settings), ("steps", STEP, ask.name))
    language = asked.language or ask.header.invitation.language or ask.template.invitation.language or ""
    details: dict[str, Json] = {
        "title": asked.title or ("" if GUID.match(asked.group) else asked.group),
        "link": asked.link or "",
        "language": spoken(language),
        "until": ask.header.until.isoformat() if ask.header.until else "",
        "again": ask.header.id if asked.resend else "",
    }
    return Wish({"told": True}, details, group=asked.group)


async def read(tenant: Tenant, subject: Subject) -> State:
    """`told` once Exchange Online has taken the mail; until then `owners` is how many can be written to."""
    if "sent" in subject.ids or await tenant.mailbox.was_sent(_mark(subject), about=f"the owners of group {_group(subject)}"):
        return {"told": True}
    return {"told": None, "owners": len(await _addresses(tenant, subject))}


def explain(subject: Subject, actual: State) -> str | None:
    """Nobody answers for the group."""
    if actual.get("owners") == 0:
        return f"Group {_group(subject)} has no owner with a mailbox: give it one, who then answers for its guests, and try again"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """One mail to all owners is with Exchange Online."""
    language, until = str(subject.details.get("language") or "en"), str(subject.details.get("until") or "")
    values: Values = {
        "partner": subject.partner.name,
        "group": str(subject.details.get("title") or _group(subject)),
        "link": str(subject.details.get("link") or ""),
        "until": day(date.fromisoformat(until), language) if until else "",
    }
    written, mark = write(STEP, language, values), _mark(subject)
    about = f"the owners of group {_group(subject)}"
    await tenant.mailbox.send(written, await _addresses(tenant, subject), mark=mark, about=about)
    return Applied(ids={"sent": mark})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """Nothing: a mail that was sent stays sent."""
    return Applied(note="A mail that was sent cannot be taken back")


def settled(subject: Subject, actual: State) -> str:
    """Whether they were told now or before."""
    return "the owners were told" if subject.intents or "sent" in subject.ids else "the owners were told before"


async def _addresses(tenant: Tenant, subject: Subject) -> list[str]:
    owners = await tenant.owners.of(_group(subject))
    if owners is None:
        raise NotYet(f"Group {_group(subject)} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
    return [owner.mail for owner in owners if owner.mail]


def _mark(subject: Subject) -> str:
    return mark_of(STEP, subject.partner.tenant_id, _group(subject), str(subject.details.get("again") or ""))


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group.lower()


TELL_OWNERS = Step(
    name=STEP,
    sentence="The owners of the group know that guests of the partner are in it.",
    subject="named",
    permissions=("GroupMember.Read.All", "User.Read.All", "Mail.ReadBasic.All", "Mail.Send"),
    power="mail",
    lanes=("mail",),
    reversible=False,
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("create-group", "create-community"),
)
