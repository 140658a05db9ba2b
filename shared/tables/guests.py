"""The `guests` table: partition = partner, row = opaque person id; what we know of a guest, and who claims them.

A claim is a row of its own behind the guest's, so that requests add and drop theirs without reading the others'.
"""

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from shared.tables.store import MOST_IN_A_TRANSACTION, Changed, Delete, Exists, Insert, Merge, Replace, Row, Table, instant

# https://learn.microsoft.com/entra/external-id/b2b-sponsors
MOST_SPONSORS = 5
# A property that only reactions read: whether the account is a guest's or a member's.
KIND = "kind"
# When something that others did was last put on record.
REACTED = "reactedAt"
# What is over once the person is a guest again: a clean-up that had begun, and why somebody had to look.
_OVER = {"warnings": 0, "warnedFor": "", "blockedBy": "", "deletedAt": "", "leftAlone": "", "leftAt": ""}


@dataclass(frozen=True)
class Claim:
    """A request's wish for a guest, until a day (the last one included) or without end."""

    request: str
    until: date | None


@dataclass(frozen=True)
class Guest:
    """A person of a partner, as far as we know. `user` is their object id, empty until it is known.

    `stage` is invited, redeemed, warned, blocked, deleted or gone. `origin` is `invited` (by a request) or `adopted`. `ends` is the last
    day that a person has decided on, over the claims named in `overrules`; a claim that came after counts again. `blocked_by` is
    expiry, emergency, offboard or other, and `why` the reason in words. `warnings` were sent about the reason `warned_for`. `orphaned_since` is since when
    nobody answers for them. `left_alone` says why they were not touched, and `left_at` when that was. `answered` names
    the clean-up run that somebody has answered for them, and `answered_by` who. `sent` is the mark of our last mail to them.
    """

    partner: str
    person: str
    user: str
    stage: str
    sponsors: tuple[str, ...]
    claims: tuple[Claim, ...]
    origin: str = ""
    invited: datetime | None = None
    redeemed: datetime | None = None
    ends: date | None = None
    overrules: frozenset[str] = frozenset()
    warnings: int = 0
    warned_at: datetime | None = None
    warned_for: str = ""
    blocked_by: str = ""
    blocked_at: datetime | None = None
    why: str = ""
    deleted_at: datetime | None = None
    orphaned_since: date | None = None
    left_alone: str = ""
    left_at: datetime | None = None
    answered: str = ""
    answered_by: str = ""
    sent: str = ""
    etag: str = ""
    # Properties of the row that this module does not read; they are kept.
    others: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def end(self) -> date | None:
        """Their last day, or None for no end: what a person has decided, unless a later request wants them for longer."""
        later = [claim.until for claim in self.claims if claim_key(claim.request) not in self.overrules]
        days = later if self.ends is None else [*later, self.ends]
        return None if any(day is None for day in days) else max((day for day in days if day), default=None)

    @property
    def decided(self) -> bool:
        """Their last day is one that a person has decided on."""
        return self.ends is not None and self.end == self.ends


def claim_key(request: str) -> str:
    """What stands for a request in the keys of its claims."""
    return hashlib.sha256(request.encode()).hexdigest()[:16]


class Guests:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def claim(self, partner: str, request: str, until: Mapping[str, date | None]) -> None:
        """The request claims these persons. Bears repetition."""
        key = claim_key(request)
        await self._merge(
            {
                "PartitionKey": partner,
                "RowKey": f"{person}|{key}",
                "request": request,
                "until": day.isoformat() if day else "",
            }
            for person, day in until.items()
        )

    async def note(
        self,
        partner: str,
        guests: Mapping[str, tuple[str, str, tuple[str, ...]]],
        *,
        invited: Collection[str] = (),
        alone: Mapping[str, date] = MappingProxyType({}),
        since: Mapping[str, datetime] = MappingProxyType({}),
    ) -> None:
        """User id, stage and sponsors of persons who are guests now, by person id; a clean-up of theirs is over. Who was `invited` by us has
        an account of a guest; who is `alone` has had nobody to answer for them since that day. Whoever comes with no sponsor keeps those on
        record. Of whom something was heard after their moment in `since`, that stands. Bears repetition."""
        rows = {
            person: {
                "PartitionKey": partner,
                "RowKey": person,
                "user": user,
                "stage": stage,
                **({"sponsors": " ".join(sponsors), "orphanedSince": ""} if sponsors else {}),
                **_OVER,
                **({KIND: "guest"} if person in invited else {}),
                **({"orphanedSince": alone[person].isoformat()} if person in alone else {}),
            }
            for person, (user, stage, sponsors) in guests.items()
        }
        new = list(rows.values())
        try:
            for start in range(0, len(new), MOST_IN_A_TRANSACTION):
                await self._table.write(*map(Insert, new[start : start + MOST_IN_A_TRANSACTION]))
        except Exists:
            # Most guests are new, and cost no reading.
            for person, row in rows.items():
                await self._note(row, since.get(person))

    async def _note(self, row: Row, since: datetime | None) -> None:
        while True:
            there = await self._table.get(row["PartitionKey"], row["RowKey"])
            heard = _moment((there or {}).get(REACTED))
            if since is not None and heard is not None and heard > since:
                return
            others = {name: value for name, value in (there or {}).items() if name != "etag"}
            try:
                await self._table.write(Replace({**others, **row}, str(there["etag"])) if there else Insert(row))
            except (Changed, Exists):
                continue
            return

    async def mark(self, partner: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Each person's row has these properties, by the names of `Guest`; all others stay. Bears repetition."""
        await self._merge(
            {"PartitionKey": partner, "RowKey": person, **_properties(values)} for person, values in changes.items()
        )

    async def save(self, guest: Guest, **values: Any) -> Guest:
        """The guest with these values, by the names of `Guest`. Raises Changed where the row is not as it was read, or new."""
        changed = replace(guest, **values)
        row = {"PartitionKey": guest.partner, "RowKey": guest.person, **_row(changed)}
        try:
            tags = await self._table.write(Replace(row, guest.etag) if guest.etag else Insert(row))
        except Exists as error:
            raise Changed(guest.person) from error
        return replace(changed, etag=tags[0])

    async def unclaim(self, partner: str, person: str, request: str) -> None:
        """The request does not claim the guest. Bears repetition."""
        await self._table.write(Delete(partner, f"{person}|{claim_key(request)}"))

    async def users(self, partner: str) -> tuple[str, ...]:
        """The object ids of all guests whom requests of the partner have brought in, whatever their address."""
        rows = self._table.rows(partner, select=("RowKey", "user"))
        return tuple([str(row["user"]) async for row in rows if "|" not in str(row["RowKey"]) and row.get("user")])

    async def get(self, partner: str, person: str) -> Guest | None:
        rows = [row async for row in self._table.rows(partner, person)]
        return _guest(partner, person, rows) if rows else None

    async def of_partner(self, partner: str, *, behind: str = "", most: int | None = None) -> AsyncIterator[Guest]:
        """The partner's guests in the order of their ids: all, or `most` of those behind a person; a page is held at a time."""
        rows: list[dict[str, Any]] = []
        seen = 0
        async for row in self._table.rows(partner, behind=f"{behind}}}" if behind else ""):
            person = str(row["RowKey"]).partition("|")[0]
            if rows and person != str(rows[0]["RowKey"]).partition("|")[0]:
                yield _guest(partner, str(rows[0]["RowKey"]).partition("|")[0], rows)
                seen, rows = seen + 1, []
                if seen == most:
                    return
            rows.append(row)
        if rows:
            yield _guest(partner, str(rows[0]["RowKey"]).partition("|")[0], rows)

    async def lasting(self, partner: str) -> AsyncIterator[tuple[str, date | None]]:
        """(stage, last day) of each guest of the partner, without reading the rest of them."""
        rows: list[dict[str, Any]] = []
        async for row in self._table.rows(partner, select=("RowKey", "stage", "ends", "overrules", "request", "until")):
            person = str(row["RowKey"]).partition("|")[0]
            if rows and person != str(rows[0]["RowKey"]).partition("|")[0]:
                yield _lasting(partner, rows)
                rows = []
            rows.append(row)
        if rows:
            yield _lasting(partner, rows)

    async def _merge(self, rows: Iterable[Mapping[str, Any]]) -> None:
        writes = [Merge(row) for row in rows]
        for start in range(0, len(writes), MOST_IN_A_TRANSACTION):
            await self._table.write(*writes[start : start + MOST_IN_A_TRANSACTION])


_MOMENTS = {
    "invited": "invited",
    "redeemed": "redeemed",
    "warned_at": "warnedAt",
    "blocked_at": "blockedAt",
    "deleted_at": "deletedAt",
    "left_at": "leftAt",
}
_DAYS = {"ends": "ends", "orphaned_since": "orphanedSince"}
_WORDS = {
    "user": "user",
    "stage": "stage",
    "origin": "origin",
    "warned_for": "warnedFor",
    "blocked_by": "blockedBy",
    "why": "why",
    "left_alone": "leftAlone",
    "answered": "answered",
    "answered_by": "answeredBy",
    "sent": "sent",
}
_LISTS = {"sponsors": "sponsors", "overrules": "overrules"}
_KNOWN = frozenset(
    {*_MOMENTS.values(), *_DAYS.values(), *_WORDS.values(), *_LISTS.values(), "warnings", "etag", "PartitionKey", "RowKey"}
)


def _properties(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in _MOMENTS:
            found[_MOMENTS[name]] = instant(value) if value else ""
        elif name in _DAYS:
            found[_DAYS[name]] = value.isoformat() if value else ""
        elif name in _LISTS:
            found[_LISTS[name]] = " ".join(sorted(value) if name == "overrules" else value)
        elif name == "warnings":
            found[name] = value
        else:
            found[_WORDS[name]] = value
    return found


def _row(guest: Guest) -> dict[str, Any]:
    names = (*_MOMENTS, *_DAYS, *_WORDS, *_LISTS, "warnings")
    known = _properties({name: getattr(guest, name) for name in names})
    return {**guest.others, **{key: value for key, value in known.items() if value != ""}}


def _lasting(partner: str, rows: list[dict[str, Any]]) -> tuple[str, date | None]:
    guest = _guest(partner, str(rows[0]["RowKey"]).partition("|")[0], rows)
    return guest.stage, guest.end


def _guest(partner: str, person: str, rows: list[dict[str, Any]]) -> Guest:
    noted: Row = next((row for row in rows if row["RowKey"] == person), {})
    claims = (row for row in rows if row["RowKey"] != person)
    values: dict[str, Any] = {name: str(noted.get(key) or "") for name, key in _WORDS.items()}
    values |= {name: _moment(noted.get(key)) for name, key in _MOMENTS.items()}
    values |= {name: _day(noted.get(key)) for name, key in _DAYS.items()}
    return Guest(
        partner=partner,
        person=person,
        claims=tuple(
            Claim(str(row["request"]), date.fromisoformat(str(row["until"])) if row["until"] else None) for row in claims
        ),
        sponsors=tuple(str(noted.get("sponsors", "")).split()),
        overrules=frozenset(str(noted.get("overrules", "")).split()),
        warnings=int(noted.get("warnings") or 0),
        etag=str(noted.get("etag", "")),
        others={key: value for key, value in noted.items() if key not in _KNOWN},
        **values,
    )


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None
