"""A clean-up run, page by page: first the directory is read, then every guest on record is decided on, then the brake is asked.

Nothing is changed here. Every page is one message: what it found is written first, then the run goes on, so that a run that is killed
anywhere goes on where it was and comes to the same plan.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from shared.bus import Envelope
from shared.evidence import evidence, failed_on
from shared.expiry import Decision, Move, decide
from shared.log import log
from shared.nouns.cleaning import Carry
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.sighting import Sighting, packed, unpacked
from shared.tables.guests import Guest
from shared.tables.runs import WAITING, Candidate, Run, RunState
from shared.tables.store import Changed
from shared.tenant.listed import SignInsOff
from shared.topology import CLEAN_UP
from shared.verbs.cleanup_facts import STALE, PartnerFacts, circumstances, held, partner_facts, seen, sighting
from shared.verbs.cleanup_reported import as_reported
from shared.verbs.cleanup_send import conclude, go_on
from shared.verbs.cleanup_signs import FAILED, LOOKED_BACK, came_back, is_due, look_up, mails_returned
from shared.verbs.owned_elsewhere import owned_elsewhere, owner_of
from shared.verbs.permitted import clean_up_steps, why_only_planned
from shared.verbs.world import World

if TYPE_CHECKING:
    from shared.tenant.policies import DomainList

# Guests decided on by one message: a few seconds of work.
PER_CHUNK = 5_000
MOST_PARTNERS = 200
MOST_RETRIES = 500
OLD_DATA = (
    f"no guest has signed in for {STALE.days} days, so the data counts as stale and the rule not_signed_in is off for this run"
)
# Where everybody has been decided on.
END = "end"


async def begin(world: World, who: str, *, apply: bool) -> Run:
    """A run is under way: a new one, or the one that was. While one is held, or waits for its canary, no other begins."""
    for run in await world.tables.runs.latest():
        if run.goes_on and run.state is not RunState.CANARY:
            # Its message may be what got lost.
            await send(world, run)
            return run
        if run.state in WAITING and apply:
            if run.state is RunState.HELD:
                log.warning("clean-up held", run=run.id, since=run.started.isoformat(), reasons="; ".join(run.held))
            else:
                await send(world, run)
            return run
    now = world.clock()
    only = await why_only_planned(world, clean_up_steps(world)) if apply else ""
    if only and not world.settings.report_only:
        log.warning("permission missing", run=f"{now:%Y%m%dT%H%M%S}", reason=only)
    run = Run(
        id=f"{now:%Y%m%dT%H%M%S}",
        state=RunState.READING,
        started=now,
        who=who,
        apply=apply and not only,
        notes=(only,) if only else (),
    )
    await world.tables.runs.begin(run)
    await send(world, run)
    return run


async def send(world: World, run: Run, at: datetime | None = None, retry: int = 0) -> None:
    """The message that carries the run on is on its way."""
    message = Carry(run=run.id, page=run.page, retry=retry)
    body = message.model_dump_json(exclude_defaults=True)
    await world.bus.send([Envelope(queue=CLEAN_UP, message_id=message.message_id(), body=body, at=at)])


async def carry_on(world: World, message: Carry) -> None:
    """The page is done and the next one on its way. Bears repetition, and copies. What cannot be done now is tried again later."""
    run = await world.tables.runs.get(message.run)
    if run is None or message.page > run.page:
        return
    if message.page < run.page:
        # Whoever did it may have ended before they could send for the next.
        if run.goes_on:
            await send(world, run)
        return
    try:
        await _carried(world, run, message.retry)
    except NotYet as error:
        if message.retry >= MOST_RETRIES:
            raise
        await send(world, run, world.again_at(error.after, message.retry), message.retry + 1)
    except Changed:
        return
    except WontWork as error:
        await world.tables.runs.save(replace(run, state=RunState.FAILED, why=error.reason, finished=world.clock()))
        log.error("clean-up failed", run=run.id, reason=error.reason)


async def _carried(world: World, run: Run, retry: int) -> None:
    match run.state:
        case RunState.READING:
            pause = world.settings.clean_up_page_seconds
            await send(world, await _read_page(world, run), world.clock() + timedelta(seconds=pause))
        case RunState.DECIDING:
            after = await _decide_chunk(world, run)
            if after.goes_on:
                # To look a sign-in up counts to the same limit as a page of the directory.
                pause = world.settings.clean_up_page_seconds if after.cursor.startswith(END) and is_due(after) else 0
                await send(world, after, world.clock() + timedelta(seconds=pause) if pause else None)
        case RunState.CANARY | RunState.SENT:
            if (wake := await go_on(world, run)) is not None:
                await send(world, run, wake, retry + 1)
        case _:
            return


async def _read_page(world: World, run: Run) -> Run:
    """What the page of the directory says is kept, and the run stands before the next one."""
    notes = run.notes
    if run.page == 0:
        lines, unread = await owned_elsewhere(world)
        await world.tables.runs.note_owned(run.id, lines)
        returned, unlooked = await mails_returned(world)
        await world.tables.runs.note_returned(run.id, returned)
        notes = (*notes, *filter(None, (unread, unlooked)))
    try:
        page = await world.tenant.guest_list.page(run.cursor, sign_ins=run.sign_ins)
    except SignInsOff as off:
        # From the first page on, so that no run knows it of some guests and not of others.
        return await world.tables.runs.save(
            replace(run, sign_ins=False, cursor="", page=run.page + 1, notes=(*notes, off.reason))
        )
    lists = await _domain_list(world) if run.page == 0 or "deny list" not in " ".join(notes) else None
    if isinstance(lists, str):
        notes, lists = (*notes, f"the deny list cannot be read, so the rule denied is off: {lists}"), None
    found = [sighting(one, _denied(one.domains, lists)) for one in page.guests]
    await world.tables.runs.note_page(run.id, run.page, map(packed, found))
    read = replace(
        run,
        page=run.page + 1,
        cursor=page.next,
        state=RunState.READING if page.next else RunState.DECIDING,
        counts=_added(run.counts, _counted(found)),
        newest=_newest(run.newest, found),
        strange=run.strange | page.strange,
        notes=notes,
    )
    return await world.tables.runs.save(read)


async def _decide_chunk(world: World, run: Run) -> Run:
    """The next guests are decided on; after the last, the brake has been asked."""
    if run.cursor.startswith(END):
        return await _looked_up(world, run)
    if run.newest is None or run.started - run.newest > STALE:
        run = replace(run, sign_ins=False, notes=_noted(run, OLD_DATA))
    some, cursor = await _some(world, run.cursor)
    directory = await _directory(world, run, {guest.user for chunk in some for guest in chunk.guests if guest.user})
    owners = dict(map(owner_of, await world.tables.runs.owned(run.id)))
    returned = came_back(await world.tables.runs.returned(run.id))
    since = {name: await world.tables.runs.denied_since(name, run.started.date()) for name in _domains_denied(directory)}
    away = frozenset([leaver.sponsor for leaver in await world.tables.index.leavers()])
    for chunk in some:
        run = await _decide_for(world, run, chunk, _Read(directory, since, owners, away, returned))
    return await world.tables.runs.save(replace(run, page=run.page + 1, cursor=cursor or END))


async def _looked_up(world: World, run: Run) -> Run:
    """What the log says of failed sign-ins stands with the next candidates; after the last, the brake has been asked."""
    if not is_due(run):
        return await conclude(world, run)
    run, behind = await look_up(world, run, run.cursor.removeprefix(END))
    if not behind:
        return await conclude(world, run)
    return await world.tables.runs.save(replace(run, page=run.page + 1, cursor=f"{END}{behind}"))


@dataclass(frozen=True)
class _Chunk:
    """Some guests of one partner: those behind a person."""

    facts: PartnerFacts
    behind: str
    guests: list[Guest]


async def _some(world: World, cursor: str) -> tuple[list[_Chunk], str]:
    """The guests that follow, of one partner or several, and where to go on; empty at the end."""
    chunks: list[_Chunk] = []
    room = PER_CHUNK
    partner, _, behind = cursor.partition("|")
    following = partner or await _partner_behind(world, "")
    while following is not None:
        guests = [guest async for guest in world.tables.guests.of_partner(following, behind=behind, most=room)]
        chunks.append(_Chunk(await partner_facts(world, following), behind, guests))
        if len(guests) == room:
            return chunks, f"{following}|{guests[-1].person}"
        room, behind = room - len(guests), ""
        following = await _partner_behind(world, following)
        if following is not None and len(chunks) >= MOST_PARTNERS:
            return chunks, f"{following}|"
    return chunks, ""


@dataclass(frozen=True)
class _Read:
    """What the run has read: of users by object id, since when domains are denied, who else owns a user's account, and which sponsors have
    left, and which mails of ours came back, by mark."""

    directory: Mapping[str, Sighting]
    since: Mapping[str, date]
    owners: Mapping[str, str]
    away: frozenset[str]
    returned: Mapping[str, date]


async def _decide_for(world: World, run: Run, chunk: _Chunk, read: _Read) -> Run:
    """What becomes of these guests is on record; the run with what is to be known of their rules."""
    facts, counts, named = chunk.facts, Counter[str](guests=len(chunk.guests)), list[Candidate]()
    for guest in chunk.guests:
        there = read.directory.get(guest.user)
        denied = read.since.get(there.denied) if there is not None else None
        about = circumstances(facts, run.started, sign_ins=run.sign_ins, denied_since=denied, away=read.away)
        owner = read.owners.get(guest.user, "")
        decision = decide(guest, seen(there, facts, owner), held(world, guest, facts, run.started), about)
        decision = as_reported(decision, facts, mailbox=bool(world.settings.mailbox))
        counts[decision.move.value] += 1
        counts["known"] += there is not None and there.user_type == "Guest"
        if decision.reason is not None or decision.move is not Move.KEEP or (there is not None and there.member):
            named.append(_candidate(guest, there, decision, read.returned.get(guest.sent)))
    recent = [one for one in named if one.failed is not None and one.failed >= (run.started - LOOKED_BACK).date()]
    run = replace(run, counts=_added(run.counts, Counter({FAILED: len(recent)}))) if recent else run
    await world.tables.runs.name(run.id, named)
    await world.tables.runs.note_chunk(run.id, facts.partner.tenant_id, chunk.behind or "0", counts)
    if facts.rules is not None and facts.rules.changed_by is not None:
        run = replace(run, changers=run.changers | {facts.rules.changed_by.lower()})
    if facts.off and chunk.guests:
        run = replace(run, notes=_noted(run, f"partner {facts.partner.tenant_id} has no rules: {facts.off}"))
    return run


async def _partner_behind(world: World, partner: str) -> str | None:
    """The next partner on record, by id."""
    return min((name for name in await world.tables.partners.all() if name > partner), default=None)


async def _directory(world: World, run: Run, users: set[str]) -> dict[str, Sighting]:
    """What the run has read of these users."""
    wanted = {user.replace("-", ""): user for user in users}
    found = {}
    async for line in world.tables.runs.pages(run.id):
        if (user := wanted.get(line[:32])) is not None:
            found[user] = unpacked(line)
    return found


async def _domain_list(world: World) -> "DomainList | str":
    """Our tenant's list, or why it cannot be read."""
    try:
        return await world.tenant.policies.domain_list()
    except WontWork as error:
        return error.reason


def _denied(domains: tuple[str, ...], lists: "DomainList | None") -> str:
    return next((domain for domain in domains if lists is not None and lists.refuses(domain)), "")


def _domains_denied(directory: Mapping[str, Sighting]) -> list[str]:
    return sorted({one.denied for one in directory.values() if one.denied})


def _counted(found: list[Sighting]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in found:
        if one.user_type != "Guest":
            counts["b2bMembers"] += 1
            continue
        counts["directory"] += 1
        if one.redemption != "PendingAcceptance" and one.enabled is not False:
            counts["expected"] += 1
            counts["missing"] += one.interactive is None or one.background is None
    return counts


def _newest(before: datetime | None, found: list[Sighting]) -> datetime | None:
    times = [at for one in found for at in (one.interactive, one.background, one.successful, before) if at is not None]
    return max(times, default=before)


def _noted(run: Run, note: str) -> tuple[str, ...]:
    return run.notes if note in run.notes or len(run.notes) >= 100 else (*run.notes, note)


def _added(before: Mapping[str, int], more: Counter[str]) -> dict[str, int]:
    return dict(Counter(before) + more)


def _candidate(guest: Guest, there: Sighting | None, decision: Decision, bounced: date | None) -> Candidate:
    reason = decision.reason
    return Candidate(
        partner=guest.partner,
        person=guest.person,
        user=guest.user,
        move=decision.move.value,
        rule=str(reason.rule) if reason is not None else "",
        cycle=reason.cycle if reason is not None else "",
        words=decision.words,
        evidence=evidence(guest, there),
        kind="member" if there is not None and there.member else "guest",
        failed=failed_on(there),
        bounced=bounced,
    )
