"""Guests for people: who they are by opaque id, whose, until when, at what stage, and what clean-up has said of them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.nouns.person import person_id
from shared.nouns.request import GUID, email_address
from shared.tables.exemptions import Exemption
from shared.tables.guests import Guest
from shared.verbs.world import World
from shared.views.partners import on_record

MOST = 1_000
STAGES = ("invited", "redeemed", "warned", "blocked", "deleted", "gone")


class UnknownGuest(Refusal):
    """Nobody on record is meant."""


@dataclass(frozen=True)
class Wanted:
    """Which guests: of one partner (tenant id, domain or name), at one stage, whose last day is before a day, of one sponsor."""

    partner: str = ""
    stage: str = ""
    ends_before: date | None = None
    sponsor: str = ""

    def has(self, guest: Guest) -> bool:
        """The guest is among them, their partner apart."""
        late = self.ends_before is not None and (guest.end is None or guest.end >= self.ends_before)
        return not late and self.stage in {"", guest.stage} and (not self.sponsor or self.sponsor.lower() in guest.sponsors)


async def guests_view(world: World, wanted: Wanted, *, behind: str = "", most: int = MOST) -> dict[str, Any]:
    """A page of guests by partner and id; `next` says where the following begins, null at the end."""
    if wanted.stage and wanted.stage not in STAGES:
        raise Refusal([Fault("stage", f"must be one of {', '.join(STAGES)}")])
    found: list[dict[str, Any]] = []
    last = ""
    async for guest, exemption in _guests(world, wanted, behind):
        if len(found) == most:
            return {"guests": found, "next": last}
        if wanted.has(guest):
            found.append(shown(guest, exemption))
            last = f"{guest.partner}|{guest.person}"
    return {"guests": found, "next": None}


async def find(world: World, said: str, partner: str = "") -> Guest:
    """The guest with this address, opaque id or object id. Raises Refusal where nobody is, or they are a guest of several partners."""
    words = said.strip().lower()
    if GUID.match(words):
        place = await world.tables.index.place(words)
        guest = await world.tables.guests.get(place.partner, place.person) if place is not None else None
        if guest is None:
            raise UnknownGuest([Fault("guest", f"{words} is the account of no guest on record")])
        return guest
    person = words
    if "@" in words:
        try:
            person = person_id(world.settings.person_key, email_address(words))
        except ValueError as error:
            raise Refusal([Fault("guest", str(error))]) from None
    of = dict.fromkeys(name for _, name in await world.tables.people.requests_of(person))
    if partner:
        of = {(await on_record(world, partner)).partner.tenant_id: None}
    found = [guest for name in of if (guest := await world.tables.guests.get(name, person)) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refusal([Fault("partner", "is needed, because this person is a guest of several: name one of them")])
    raise UnknownGuest([Fault("guest", "is nobody's guest on record: give their address, opaque id or object id")])


def shown(guest: Guest, exemption: Exemption | None) -> dict[str, Any]:
    """The guest as JSON; no name and no address."""
    return {
        "partner": guest.partner,
        "person": guest.person,
        "user": guest.user,
        "stage": guest.stage or "named",
        "origin": guest.origin or "invited",
        "lastDay": guest.end.isoformat() if guest.end else None,
        "decided": guest.decided,
        "sponsors": list(guest.sponsors),
        "requests": [claim.request for claim in guest.claims],
        "warnings": guest.warnings,
        "warnedAt": guest.warned_at.isoformat() if guest.warned_at else None,
        "why": guest.why,
        "blockedBy": guest.blocked_by,
        "blockedAt": guest.blocked_at.isoformat() if guest.blocked_at else None,
        "deletedAt": guest.deleted_at.isoformat() if guest.deleted_at else None,
        "leftAlone": guest.left_alone,
        "exempt": exemption_view(exemption) if exemption else None,
    }


def exemption_view(exemption: Exemption) -> dict[str, Any]:
    """The exemption as JSON."""
    return {
        "partner": exemption.partner,
        "person": exemption.person,
        "reason": exemption.reason,
        "owner": exemption.owner,
        "until": exemption.until.isoformat(),
        "by": exemption.by,
        "at": exemption.at.isoformat(),
    }


async def _guests(world: World, wanted: Wanted, behind: str) -> AsyncIterator[tuple[Guest, Exemption | None]]:
    start, _, person = behind.partition("|")
    partners = (
        [(await on_record(world, wanted.partner)).partner.tenant_id]
        if wanted.partner
        else sorted(await world.tables.partners.all())
    )
    for partner in partners:
        if partner < start:
            continue
        exemptions: Mapping[str, Exemption] = await world.tables.exemptions.of_partner(partner)
        async for guest in world.tables.guests.of_partner(partner, behind=person if partner == start else ""):
            yield guest, exemptions.get(guest.person)
