"""The journal of a partner or a person, across requests in the order of time, and whether its seals hold."""

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.nouns.person import PERSON_ID, person_id
from shared.nouns.request import email_address
from shared.seal import Flaw, Head, Seal, Verified, cuts_in, flaws_of_chain, flaws_of_requests, verify
from shared.tables.journal import ENTRY
from shared.tables.requests import Request
from shared.verbs.own_record import OWN
from shared.verbs.world import World
from shared.views.exported_seals import against_exported
from shared.views.records import records


@dataclass(frozen=True)
class _Check:
    """What the seals are held against: a head that was kept, and the ids of all requests on record."""

    head: Head | None
    on_record: Set[str]


async def partner_journal(
    world: World, partner: str, *, verified: bool = False, head: Head | None = None, rebuilding: bool = False
) -> dict[str, Any]:
    """Every entry about the partner, named by tenant id, domain or name; of `nobody` what was refused and names nobody, of `clean-up`
    what people decided about its runs, of `rebuilds` what they put on record from packs. With `rebuilding` also what a partner's tables
    are rebuilt from besides.

    Raises Refusal where no request was about it.
    """
    wanted = partner.strip().casefold()
    everything = await _requests(world)
    # A partner may be called so too: its journal is found by tenant id or domain, and never mixed with ours.
    requests = [
        request for request in everything if (request.partner_tenant == wanted if wanted in OWN else wanted in _names(request))
    ]
    if not requests and wanted not in OWN:
        raise Refusal([Fault("partner", "is the tenant id, a domain or the name of no partner that a request was about")])
    last = requests[-1] if wanted not in OWN else None
    about = {"partner": last.header.partner.name, "tenantId": last.partner_tenant} if last is not None else {"about": wanted}
    told = await _told(world, about, requests, None, _Check(head, {request.id for request in everything}) if verified else None)
    return told | ({"records": await records(world, requests)} if rebuilding and last is not None else {})


async def person_journal(world: World, person: str, *, verified: bool = False, head: Head | None = None) -> dict[str, Any]:
    """Every entry about the person, named by address or opaque id; by id also after they were erased."""
    wanted = person.strip().lower()
    if not PERSON_ID.fullmatch(wanted):
        try:
            wanted = person_id(world.settings.person_key, email_address(person))
        except ValueError as error:
            raise Refusal([Fault("person", f"{error}, nor a person's opaque id")]) from None
    named = {request for request, _ in await world.tables.people.requests_of(wanted)}
    everything = await _requests(world)
    # An erased person has left no list of requests behind.
    requests = [request for request in everything if not named or request.id in named]
    check = _Check(head, {request.id for request in everything}) if verified else None
    return await _told(world, {"person": wanted}, requests, wanted, check)


async def _requests(world: World) -> list[Request]:
    found = {request.id: request for request in await world.tables.requests.latest(1_000_000)}
    return sorted(found.values(), key=lambda request: (request.received, request.id))


def _names(request: Request) -> set[str]:
    partner = request.header.partner
    return {request.partner_tenant.casefold(), partner.name.casefold(), *partner.domains}


async def _told(
    world: World, about: Mapping[str, str], requests: list[Request], person: str | None, check: _Check | None
) -> dict[str, Any]:
    seals = [seal async for seal in world.tables.seals.chain()]
    cuts = cuts_in(seals)
    by_request: dict[str, list[Seal]] = {}
    for seal in seals:
        by_request.setdefault(seal.request, []).append(seal)
    entries: list[dict[str, Any]] = []
    shown: list[Request] = []
    checked: list[Verified] = []
    now = world.clock()
    for request in requests:
        rows = await world.tables.journal.rows(request.id)
        mine = by_request.get(request.id, [])
        numbers = {key: seal.number for seal in reversed(mine) for key, _ in seal.entries}
        told = [
            _entry(request, key, row, numbers.get(key)) for key, row in rows.items() if person is None or _about(person, key, row)
        ]
        entries += told
        if told or person is None:
            shown.append(request)
        if check is not None:
            checked.append(verify(request.id, mine, rows, now, cuts.get(request.id)))
    answer: dict[str, Any] = {
        "about": dict(about),
        "made": now.isoformat(),
        "requests": [_request(request) for request in shown],
        "entries": sorted(entries, key=lambda entry: (entry["at"], entry["request"], entry["key"])),
    }
    if check is not None:
        # One that is closed or taken up again while they are read may be missed there.
        missed = {seal.request for seal in seals if seal.request} - check.on_record - cuts.keys()
        found = {name for name in missed if await world.tables.requests.get(name) is not None}
        check = _Check(check.head, check.on_record | found)
        exported, flaws = await against_exported(world, seals)
        answer["verification"] = _verification(seals, cuts, checked, check, flaws) | {"exported": exported}
    return answer


def _verification(
    seals: list[Seal], cuts: Mapping[str, Seal], checked: Iterable[Verified], check: _Check, exported: list[Flaw]
) -> dict[str, Any]:
    listed = list(checked)
    flaws = [
        *flaws_of_chain(seals, check.head),
        *flaws_of_requests(seals, check.on_record, cuts),
        *exported,
        *(flaw for found in listed for flaw in found.flaws),
    ]
    return {
        "holds": not flaws,
        "head": f"{seals[-1].number}:{seals[-1].digest}" if seals else None,
        "seals": len(seals),
        "entries": sum(found.entries for found in listed),
        "notSealedYet": sum(found.unsealed for found in listed),
        "cut": [{"request": name, "at": seal.at.isoformat(), "seal": seal.number} for name, seal in cuts.items()],
        "sealedLate": [key for found in listed for key in found.late],
        "flaws": [{"kind": flaw.kind, "where": flaw.where, "why": flaw.why} for flaw in flaws],
    }


def _about(person: str, key: str, row: Mapping[str, Any]) -> bool:
    """Their own task, or a batch that changed something for them."""
    return f"|{person}|" in key or f'"{person}"' in str(row.get("before")) or f'"{person}"' in str(row.get("after"))


def _entry(request: Request, key: str, row: Mapping[str, Any], seal: int | None) -> dict[str, Any]:
    _cohort, step, subject, *_ = key.removeprefix(ENTRY).split("|")
    return {
        "at": str(row["at"]),
        "begun": row.get("intended"),
        "request": request.id,
        "partner": request.header.partner.name,
        "step": step,
        "subject": subject,
        "kind": str(row["kind"]),
        "attempt": int(row["attempt"]),
        "who": str(row["who"]),
        "before": json.loads(row["before"]),
        "after": json.loads(row["after"]),
        "ids": json.loads(row["ids"]),
        "created": bool(row["created"]),
        "graphRequestIds": json.loads(row["calls"]),
        "note": str(row["note"]),
        "key": key,
        "seal": seal,
    }


def _request(request: Request) -> dict[str, Any]:
    return {
        "id": request.id,
        "partner": request.header.partner.name,
        "state": request.state.value,
        "template": f"{request.header.template} version {request.template_version}",
        "requestedBy": request.who,
        "received": request.received.isoformat(),
        "finished": request.finished.isoformat() if request.finished else None,
    }
