"""An emergency: one authorized person shuts a partner out now. No brake, no approval; nothing is deleted; every part goes on if another fails."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from shared.log import log
from shared.nouns.counted import counted
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import GUID, domain_name
from shared.nouns.task import TaskState
from shared.spans import span
from shared.steps.closings import PARTS
from shared.steps.closings.part import CLOSED, NOT_READ, Part
from shared.steps.prove_closed import outsiders
from shared.tables.blocks import Block
from shared.tables.requests import RequestState
from shared.tables.store import Changed
from shared.tenant.found import Outsider
from shared.verbs.block_record import Record, in_pieces, request_id
from shared.verbs.blocked import Outcome, PartOutcome, PeopleOutcome
from shared.verbs.people_off import Tell, Wait, people_off
from shared.verbs.world import World

EVIDENCE = timedelta(days=30)
TOKENS = "people who are signed in: no new tokens, but those issued before live about an hour longer, and nothing we do ends them"
UNREACHED = "anonymous links and what was already copied are not reached by a block"


async def block(
    world: World,
    said: str,
    who: str,
    reason: str,
    *,
    tell: Tell | None = None,
    wait: Wait = asyncio.sleep,
    unrecorded: str = "",
) -> Outcome:
    """The partner (a domain or tenant id) is shut out, as far as each part could be; what remains open, and for how long, is in the outcome.

    Its open requests are paused and new ones refused, then: cross-tenant access by one write, Teams, people, capabilities and
    relationship, trust in mail; then its applications are listed and the logs' evidence kept. Bears repetition, and then goes on where
    it was. `unrecorded` says why the tables are not even asked. Raises Refusal where nobody is meant, NotYet where Microsoft 365 cannot even tell who is.
    """
    if not reason.strip():
        raise Refusal([Fault("reason", "is needed: it stands in the journal")])
    begun = world.clock()
    partner = await named(world, said)
    out = Outcome(partner, state="blocked")
    record = Record(world, who, partner, lost=unrecorded)
    with span("block partner", partner=partner.tenant_id):
        telling = _telling(out, tell)
        out.partner = partner = await _freeze(world, record, out, partner, reason, telling)
        await _close(world, record, out, PARTS[0], telling)
        rest = asyncio.gather(*(_close(world, record, out, part, telling) for part in PARTS[1:]))
        people, _ = await asyncio.gather(_people(world, record, out, telling, wait), rest)
        await _keep_evidence(world, record, out, people, telling)
        out.parts.sort(key=lambda one: [part.key for part in PARTS].index(one.key))
        _conclude(out)
        out.seconds = (world.clock() - begun).total_seconds()
        state = RequestState.STOPPED if out.remains else RequestState.DONE
        await record.told(state, f"blocked by {who}: {reason}. " + (_remaining(out) or "Everything that could be read is closed"))
        out.unrecorded = record.lost
        telling(f"{counted(len(out.remains), 'thing remains', 'things remain')} open" if out.remains else "everything is closed")
    log.warning("partner blocked", partner=partner.tenant_id, who=who, remains=len(out.remains), recorded=not record.lost)
    return out


async def named(world: World, said: str) -> Partner:
    """The partner with this tenant id or domain. Raises Refusal where there is none, or it is ourselves."""
    words = said.strip().lower()
    try:
        found = await (
            world.tenant.organizations.of_tenant(words)
            if GUID.match(words)
            else world.tenant.organizations.of_domain(domain_name(words))
        )
    except ValueError as error:
        raise Refusal([Fault("partner", f"{error}, nor a tenant id")]) from None
    except WontWork as error:
        if not GUID.match(words):
            raise Refusal([Fault("partner", error.reason)]) from None
        found = None
    if found is None and not GUID.match(words):
        raise Refusal([Fault("partner", f"{words} belongs to no Microsoft Entra tenant; give a domain or a tenant id")])
    tenant_id = found.tenant_id if found is not None else words
    if tenant_id == world.settings.tenant_id.lower():
        raise Refusal([Fault("partner", f"{words} is our own tenant")])
    domains = () if GUID.match(words) else (words,)
    return Partner(tenant_id, found.name if found is not None else words, (*domains, *((found.default_domain,) if found else ())))


async def _freeze(world: World, record: Record, out: Outcome, partner: Partner, reason: str, tell: Tell) -> Partner:
    """The partner counts as blocked and its open requests are paused; the partner with all domains that are on record."""
    known = await record.kept(world.tables.partners.get(partner.tenant_id))
    if known is not None:
        domains = tuple(dict.fromkeys((*known.partner.domains, *partner.domains)))
        partner = record.partner = replace(partner, name=known.partner.name, domains=domains)
    record.partner = partner = replace(partner, domains=tuple(dict.fromkeys(partner.domains)))
    now = world.clock()
    wanted = Block(partner.tenant_id, request_id(partner.tenant_id, now), record.who, reason, now)
    record.block = await record.kept(world.tables.blocks.begin(wanted))
    if record.block is None:
        tell(f"it could not be recorded ({record.lost}), and goes on: keep this report, and run the block again later")
        return partner
    out.request = record.block.request
    await record.kept(world.tables.partners.note_request(partner.tenant_id, out.request, record.block.at))
    await record.told(RequestState.STOPPED, f"blocked by {record.who}: {reason}. It is under way")
    paused = await record.kept(_pause_all(world, partner.tenant_id, out.request))
    out.paused = paused or ()
    if out.paused:
        await record.kept(world.tables.blocks.add_paused(record.block, out.paused))
        out.lasting.append(
            "attempts that were under way may have written after this: run the block once more in two minutes, which it bears"
        )
    tell(f"{counted(len(out.paused), 'open request is', 'open requests are')} paused, and new ones are refused")
    return partner


async def _pause_all(world: World, tenant_id: str, name: str) -> tuple[str, ...]:
    paused: list[str] = []
    async for request in world.tables.requests.all_open():
        while request.partner_tenant == tenant_id and request.is_open and not request.paused:
            try:
                await world.tables.requests.save(replace(request, paused=True, reason=f"paused by the emergency {name}"))
            except Changed:
                again = await world.tables.requests.get(request.id)
                if again is None:
                    break
                request = again  # noqa: PLW2901 -- the same request, as it is now
                continue
            paused.append(request.id)
            break
    return tuple(paused)


async def _close(world: World, record: Record, out: Outcome, part: Part, tell: Tell) -> None:
    """The part is closed, and what was open before is on record before and after; or why not stands in the outcome."""
    subject = f"{record.partner.tenant_id}.{part.key}"
    try:
        found = await part.read(world.tenant, record.partner)
    except (NotYet, WontWork):
        # Closing does not wait for what is only needed to open again.
        found = NOT_READ
    if found == CLOSED:
        out.parts.append(PartOutcome(part.key, part.title, done=True, said="was closed already"))
        tell(f"{part.title}: was closed already")
        return
    task = await record.opened("close-partner", subject, before={part.key: found}, after={part.key: CLOSED})
    try:
        before = await part.close(world.tenant, record.partner)
    except (NotYet, WontWork) as error:
        entry = record.entry(task, "outcome", {part.key: found}, {part.key: found}, f"not closed: {error.reason}")
        await record.closed(task, TaskState.STOPPED, error.reason, entry)
        seen = found if isinstance(found, tuple) else ()
        out.parts.append(PartOutcome(part.key, part.title, done=False, said=error.reason, before=seen))
        tell(f"{part.title}: not closed: {error.reason}")
        return
    was = before or found
    entry = record.entry(task, "outcome", {part.key: was}, {part.key: CLOSED}, "closed in an emergency")
    await record.closed(task, TaskState.DONE, f"closed; {part.lasts}", entry)
    out.parts.append(PartOutcome(part.key, part.title, done=True, said="closed", before=before, lasts=part.lasts))
    tell(f"{part.title}: closed")


async def _people(world: World, record: Record, out: Outcome, tell: Tell, wait: Wait) -> tuple[Outsider, ...]:
    """Those found, blocked now as far as that could be."""
    if not record.partner.domains:
        out.people = PeopleOutcome(said="nobody was looked for, because no domain of the partner is known: give a domain")
        out.remains.append(out.people.said)
        return ()
    try:
        people = await outsiders(world.tenant, record.partner.domains)
    except (NotYet, WontWork) as error:
        out.people = PeopleOutcome(said=f"nobody was blocked: {error.reason}")
        out.remains.append(f"all of the partner's people: {error.reason}")
        tell(out.people.said)
        return ()
    # Guests with an address elsewhere (`otherDomain`) are the partner's too, and only our own record tells.
    found = {one.id for one in people}
    named = await record.kept(world.tables.guests.users(record.partner.tenant_id)) or ()
    people = (*people, *(Outsider(user, "", "Guest", None) for user in sorted(set(named) - found)))
    out.people = await people_off(world, record, people, tell, wait)
    tell(out.people.said)
    return people


async def _keep_evidence(world: World, record: Record, out: Outcome, people: tuple[Outsider, ...], tell: Tell) -> None:
    """The partner's applications, and what the logs say of its people, are on record: ids and times."""
    try:
        apps = await world.tenant.evidence.apps(record.partner.tenant_id)
        out.apps = tuple(f"{app.id} app {app.app} {app.name}{'' if app.enabled else ' (disabled)'}" for app in apps)
        await _keep(record, "list-apps", "apps", out.apps, "applications of the partner in our directory; they are not changed")
        out.remains += [
            f"application {said}: not changed by a block, look at it" for said in out.apps if "(disabled)" not in said
        ]
    except (NotYet, WontWork) as error:
        out.evidence = (*out.evidence, f"applications: {error.reason}")
    ids, since = [one.id for one in people], world.clock() - EVIDENCE
    for key, look in (("signIns", world.tenant.evidence.sign_ins), ("audits", world.tenant.evidence.audits)):
        try:
            events = await look(ids, since)
        except (NotYet, WontWork) as error:
            out.evidence = (*out.evidence, f"{key}: {error.reason}")
            continue
        whole = "complete" if events.complete else "the latest alone, there are more"
        scope = f"{len(events.found)} since {since:%Y-%m-%d}, {whole}"
        await _keep(record, "save-evidence", key, events.found, scope)
        out.evidence = (*out.evidence, f"{key}: {scope}")
    tell(f"evidence: {'; '.join(out.evidence)}")


async def _keep(record: Record, step: str, key: str, words: tuple[str, ...], note: str) -> None:
    subject = f"{record.partner.tenant_id}.{key}"
    task = await record.opened(step, subject, before={}, after={key: len(words)})
    entries = [record.entry(task, "outcome", {}, {key: some}, note) for some in in_pieces(words)]
    await record.closed(task, TaskState.DONE, note, *entries[:90])


def _conclude(out: Outcome) -> None:
    out.remains[:0] = [f"{one.title}: {one.said}" for one in out.parts if not one.done]
    out.remains += [f"account {user}: {why}" for user, why in out.people.failed.items()]
    out.lasting += [f"{one.title}: {one.lasts}" for one in out.parts if one.done and one.lasts]
    out.lasting += [TOKENS, UNREACHED]


def _remaining(out: Outcome) -> str:
    return f"{counted(len(out.remains), 'thing remains', 'things remain')} open: {'; '.join(out.remains)}" if out.remains else ""


def _telling(out: Outcome, tell: Callable[[str], None] | None) -> Tell:
    def telling(line: str) -> None:
        out.lines.append(line)
        if tell is not None:
            tell(line)

    return telling
