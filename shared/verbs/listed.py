"""Guests of no partner on record who wait for a person: whom this process has just listed is not looked into at every change.

What put them on the list is only asked again where it may be otherwise: where their address is another, a partner has come on record,
any request was about their organization, and after five minutes. It leaves a guest where they are, and decides nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.tables.partners import Partners
    from shared.tenant.noticed import Sighting

KEPT = timedelta(minutes=5)
# How soon every process knows of a new partner. Microsoft Graph takes longer to tell of a guest.
PARTNERS_SEEN = timedelta(seconds=10)
MOST_GUESTS = 10_000


@dataclass
class Listed:
    """By object id: the address under which they were listed, the tenant that it led to ("" for none), and when."""

    guests: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    partners: frozenset[str] = frozenset()
    looked: datetime | None = None

    def add(self, seen: Sighting, home: str, now: datetime) -> None:
        """The guest stands on the list, for no partner on record at `now` is theirs, whose organization is the tenant `home`."""
        self.guests.pop(seen.id, None)
        self.guests[seen.id] = seen.address, home, now
        while len(self.guests) > MOST_GUESTS:
            del self.guests[next(iter(self.guests))]

    async def has(self, table: Partners, seen: Sighting, now: datetime) -> bool:
        """Nothing has changed that could take the guest off the list, as far as was known ten seconds ago."""
        if seen.id not in self.guests:
            return False
        if self.looked is None or now - self.looked >= PARTNERS_SEEN:
            self.looked = now
            partners = frozenset(await table.all())
            if partners != self.partners:
                self.partners = partners
                self.guests.clear()
        if seen.id not in self.guests:
            return False
        address, home, listed = self.guests[seen.id]
        # Who is among the partners may be on record a moment later.
        return address == seen.address and home not in self.partners and now - listed < KEPT
