"""An audit pack, or a piece of one, as the rows that it was made from. Nothing of it is believed before its shape is right."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner
from shared.nouns.person import PERSON_ID
from shared.nouns.request import GUID
from shared.nouns.task import Task
from shared.tables.exemptions import Exemption
from shared.tables.guests import Guest, claim_key
from shared.tables.requests import Request, RequestState
from shared.tables.requests import decoded as request_of
from shared.tables.store import Row, instant
from shared.tables.task_rows import decoded, entry

VERSION = 1
INTERRUPTED = "was under way when its journal was exported: submit it again under another id"


@dataclass(frozen=True)
class PackedRequest:
    """A request that has ended, its tasks, and the rows of its journal by key."""

    request: Request
    tasks: tuple[Task, ...]
    entries: Mapping[str, Row]


@dataclass(frozen=True)
class PackedGuest:
    """A guest as they were on record, and until when each request wanted them."""

    guest: Guest
    claims: Mapping[str, date | None]
    exempt: Exemption | None


@dataclass(frozen=True)
class Pack:
    partners: tuple[Partner, ...]
    requests: tuple[PackedRequest, ...]
    guests: tuple[PackedGuest, ...]


def unpacked(raw: Any) -> Pack:
    """The pack in decoded JSON. Raises Refusal where it is none, or one that has no records in it."""
    if not isinstance(raw, dict) or not isinstance(raw.get("records"), dict):
        raise Refusal([Fault("pack", "is no audit pack with records: journal.json of `entente journal PARTNER --export`")])
    records = raw["records"]
    if records.get("version") != VERSION:
        raise Refusal([Fault("pack.records.version", f"must be {VERSION}, the only version there is")])
    try:
        entries: dict[str, dict[str, Row]] = {}
        for item in raw["entries"]:
            entries.setdefault(str(item["request"]), {})[str(item["key"])] = _entry(item)
        requests = tuple(_request(item, entries) for item in records["requests"])
        guests = tuple(_guest(item) for item in records["guests"])
        return Pack(tuple(_partner(item) for item in records["partners"]), requests, guests)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refusal([Fault("pack", f"is damaged: {type(error).__name__} {str(error)[:200]}")]) from error


def _partner(item: Mapping[str, Any]) -> Partner:
    return Partner(_id(item["tenantId"]), str(item["name"]), tuple(str(domain) for domain in item["domains"]))


def _request(item: Mapping[str, Any], entries: Mapping[str, Mapping[str, Row]]) -> PackedRequest:
    request = request_of({**item["row"], "etag": ""})
    _id(request.partner_tenant)
    if request.is_open:
        request = replace(request, state=RequestState.STOPPED, reason=INTERRUPTED, finished=request.received)
    tasks = tuple(decoded({**row, "etag": ""}) for row in item["tasks"])
    if wrong := [task.key for task in tasks if task.request != request.id]:
        raise ValueError(f"task {wrong[0]} is not of request {request.id}")
    return PackedRequest(request, tasks, entries.get(request.id, {}))


def _entry(item: Mapping[str, Any]) -> Row:
    if not str(item["key"]).startswith("j|"):
        raise ValueError(f"{item['key']} is no key of a journal entry")
    row = {
        "kind": str(item["kind"]),
        "attempt": int(item["attempt"]),
        "at": instant(datetime.fromisoformat(str(item["at"]))),
        "who": str(item["who"]),
        "created": bool(item["created"]),
        "note": str(item["note"]),
        **{name: json.dumps(item[name], ensure_ascii=False) for name in ("before", "after", "ids")},
        "calls": json.dumps(item["graphRequestIds"], ensure_ascii=False),
        **({"intended": str(item["begun"])} if item.get("begun") else {}),
    }
    entry(row)
    return row


def _guest(item: Mapping[str, Any]) -> PackedGuest:
    partner, person = _id(item["partner"]), str(item["person"])
    if not PERSON_ID.fullmatch(person):
        raise ValueError(f"{person[:40]!r} is no person's id")
    claims = {str(name): _day(day) for name, day in item["claims"].items()}
    known = Guest(
        partner=partner,
        person=person,
        user=_id(item["user"]) if item["user"] else "",
        stage=str(item["stage"]),
        sponsors=(),
        claims=(),
        origin=str(item["origin"]),
        ends=_day(item["ends"]),
        overrules=frozenset(str(one) for one in item["overrules"]) & {claim_key(name) for name in claims},
        blocked_by=str(item["blockedBy"]),
        why=str(item["why"]),
    )
    held = item.get("exempt")
    exempt = held and Exemption(
        partner,
        person,
        str(held["reason"]),
        str(held["owner"]),
        date.fromisoformat(held["until"]),
        str(held["by"]),
        datetime.fromisoformat(held["at"]),
    )
    return PackedGuest(known, claims, exempt or None)


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _id(value: object) -> str:
    if not GUID.fullmatch(str(value)):
        raise ValueError(f"{str(value)[:40]!r} is no object id")
    return str(value).lower()
