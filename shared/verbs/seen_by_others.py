"""What others did, where people find it: in the journal, among what waits for a person, and once a day and partner in a mail."""

from collections.abc import Mapping

from shared.log import log
from shared.notify import notify
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.state import Value
from shared.tables.parked import SEEN, ParkedItem
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import Once, on_record
from shared.verbs.world import World

WHO = "tenant change"
TASK = "tenant-change"
NO_SPONSOR = "no-sponsor"
NAME_ONE = "name one in the directory (Entra admin center, Users, Sponsors); it is heard of from there"


async def journal(  # noqa: PLR0913 -- the columns of an entry
    world: World,
    partner: str,
    subject: str,
    *,
    seen: str,
    before: Mapping[str, Value],
    after: Mapping[str, Value],
    note: str,
    person: bool = True,
) -> None:
    """The change stands in the journal of the partner and of the person (if `subject` is one), once.

    `seen` names the version of our record that it was compared with, so that a repetition after a crash is told from the same change
    made again.
    """
    entry = JournalEntry("outcome", 1, world.clock(), WHO, before, after, {}, note=note)
    await on_record(world, partner, subject, TASK, entry, linked=person, once=Once(seen) if seen else None)
    log.info("change by others", partner=partner, subject=subject, what=note)


async def tell(world: World, partner: str, event: str, reason: str, *, subject: str = "") -> None:
    """It waits for a person under `event` (one item a partner and day, or one a subject), and the first of them is mailed. Bears repetition."""
    now = world.clock()
    name = f"{SEEN}:{event}:{partner}:{subject or f'{now:%Y-%m-%d}'}"
    if await world.tables.parked.get(name) is not None:
        return
    await _mail(world, partner, reason, name)
    await world.tables.parked.add(ParkedItem(name, SEEN, "", subject, event, reason, now))
    log.warning("told", partner=partner, what=event, reason=reason)


async def settle(world: World, partner: str, event: str, subject: str) -> None:
    """What was told of the subject is over."""
    await world.tables.parked.remove(f"{SEEN}:{event}:{partner}:{subject}")


async def partner_name(world: World, partner: str) -> str:
    """What people call the partner."""
    known = await world.tables.partners.get(partner)
    return known.partner.name if known is not None else partner


async def _mail(world: World, partner: str, reason: str, name: str) -> None:
    """Those who may approve are written to, where a mailbox and their addresses are set; a mail that cannot go is logged."""
    if not world.settings.mailbox or not world.settings.approvers:
        return
    values = {"partner": await partner_name(world, partner), "reason": reason, "command": f"entente journal {partner}"}
    mark = mark_of("changed-by-others", name)
    try:
        to = world.settings.approvers
        await notify(world.tenant, "changed-by-others", world.settings.language, values, to=to, mark=mark, about=partner)
    except (NotYet, WontWork) as error:
        log.warning("mail not sent", partner=partner, mail="changed-by-others", reason=error.reason)
