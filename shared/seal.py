"""Seals over the journal: a chain of hashes by which a changed, removed or added entry is found. Pure.

An entry is hashed as the whole row that holds it; a seal hashes its entries and the seal before. Entries name people by opaque
ids alone, so erasing a person breaks no seal. Whoever can write the tables can make a new chain: keep the head elsewhere
(it is logged with every seal) and give it to `flaws_of_chain`, which then also sees a chain that was cut short or made anew.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

FIRST = "0" * 64
# How the one entry of a seal begins that says: the entries of this request were removed when their time was over. A seal of no request.
CUT = "cut|"
# The sealing timer runs every few minutes; an attempt's intent may wait hours for its outcome before it is written.
USUAL_DELAY = timedelta(hours=24)


@dataclass(frozen=True)
class Seal:
    """`entries` are (row key, digest) of entries of one request; none, and no request, for the daily sign of life."""

    number: int
    at: datetime
    request: str
    entries: tuple[tuple[str, str], ...]
    previous: str
    digest: str


@dataclass(frozen=True)
class Head:
    """The last seal that somebody has kept elsewhere, as `number:digest`."""

    number: int
    digest: str


@dataclass(frozen=True)
class Flaw:
    """`kind` is changed, removed, added or chain."""

    kind: str
    where: str
    why: str


@dataclass
class Verified:
    """What was found for the entries of some requests. `unsealed` are too new to be sealed; `late` were written long after they say."""

    entries: int = 0
    unsealed: int = 0
    late: list[str] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def digest_of(row: Mapping[str, Any]) -> str:
    """The hash of a journal entry: all that its row says, in one spelling."""
    said = {name: value for name, value in row.items() if name != "etag" and not name.startswith("odata.")}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def sealed(before: Seal | None, at: datetime, request: str, entries: Iterable[tuple[str, str]]) -> Seal:
    """The next seal of the chain."""
    number, previous = (before.number + 1, before.digest) if before else (1, FIRST)
    listed = tuple(sorted(entries))
    return Seal(number, at, request, listed, previous, _digest(number, at, request, listed, previous))


def cut_entry(request: str, entries: int) -> tuple[str, str]:
    """What is sealed when a request's entries are removed because their time is over: nobody else can have removed them unseen."""
    return f"{CUT}{request}", digest_of({"request": request, "entries": entries})


def cuts_in(seals: Iterable[Seal]) -> dict[str, Seal]:
    """By request, the seal that says that its entries were removed when their time was over."""
    return {key.removeprefix(CUT): seal for seal in seals if not seal.request for key, _ in seal.entries if key.startswith(CUT)}


def flaws_of_requests(seals: Iterable[Seal], on_record: Collection[str], cut: Collection[str]) -> list[Flaw]:
    """Requests whose entries were sealed, which are on record no more, and no cut says so."""
    gone = dict.fromkeys(seal.request for seal in seals if seal.request and seal.request not in on_record)
    return [
        Flaw("removed", name, "stands in seals, is on record no more, and no cut says so") for name in gone if name not in cut
    ]


def flaws_of_chain(seals: Iterable[Seal], kept: Head | None = None) -> list[Flaw]:
    """What is wrong with the chain itself. `seals` are all of them, in order."""
    flaws: list[Flaw] = []
    expected, previous, met = 1, FIRST, kept is None
    for seal in seals:
        where = f"seal {seal.number}"
        if seal.number != expected:
            flaws.append(Flaw("chain", f"seal {expected}", f"is missing: the next one is {seal.number}"))
        elif seal.previous != previous:
            flaws.append(Flaw("chain", where, "does not follow from the seal before"))
        if seal.digest != _digest(seal.number, seal.at, seal.request, seal.entries, seal.previous):
            flaws.append(Flaw("chain", where, "was changed: what it says does not have its hash"))
        if kept and seal.number == kept.number:
            met = seal.digest == kept.digest
        expected, previous = seal.number + 1, seal.digest
    if not met and kept:
        flaws.append(Flaw("chain", f"seal {kept.number}", "is not the one whose hash was kept: the chain was cut or made anew"))
    return flaws


def verify(
    request: str, seals: Iterable[Seal], rows: Mapping[str, Mapping[str, Any]], now: datetime, cut: Seal | None = None
) -> Verified:
    """The request's journal rows (by key) against its seals. What was sealed before a `cut` may be gone."""
    found = Verified(entries=len(rows))
    known: dict[str, Seal] = {}
    for seal in seals:
        for key, digest in seal.entries:
            row = rows.get(key)
            if row is None and cut is not None and seal.number < cut.number:
                continue
            if row is None:
                found.flaws.append(Flaw("removed", f"{request} {key}", f"stands in seal {seal.number} and is not there"))
            elif digest_of(row) != digest:
                found.flaws.append(Flaw("changed", f"{request} {key}", f"is not what seal {seal.number} has sealed"))
            known.setdefault(key, seal)
    for key, row in rows.items():
        written = _instant(row.get("at"))
        if key not in known:
            if written is None or now - written > USUAL_DELAY:
                found.flaws.append(
                    Flaw("added", f"{request} {key}", "is in no seal, though it says that it is more than a day old")
                )
            else:
                found.unsealed += 1
        elif written is None or known[key].at - written > USUAL_DELAY:
            found.late.append(f"{request} {key}")
    return found


def head_from(text: str) -> Head:
    """The head in `number:digest`. Raises ValueError where it is none."""
    number, colon, digest = text.strip().partition(":")
    if not colon or not number.isdecimal() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ValueError("must be a seal's number and hash, such as 17:9f86d0... (as the log and the command show it)")
    return Head(int(number), digest)


def _digest(number: int, at: datetime, request: str, entries: tuple[tuple[str, str], ...], previous: str) -> str:
    said = [number, at.astimezone(UTC).isoformat(timespec="microseconds"), request, [list(entry) for entry in entries], previous]
    return hashlib.sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
