"""One person's data: all of it told, or erased. The sealed journal stays whole: it names people by opaque ids alone."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.log import log
from shared.nouns.errors import Fault, Refusal
from shared.nouns.holdings import Fate
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.person import person_id
from shared.nouns.redaction import without_addresses
from shared.nouns.request import email_address
from shared.nouns.state import State
from shared.tables.store import Changed
from shared.tables.subjects import Held
from shared.tables.task_rows import JournalEntry
from shared.verbs.guest_record import on_record
from shared.verbs.world import World

# What this app cannot see or change, and whoever answers the person has to look at as well.
ELSEWHERE = (
    "the directory: the account itself, and for 30 days after it was deleted the deleted account (entente guests end, then delete)",
    "the mailbox of ENTENTE_MAILBOX: mails that were sent to them stand among its Sent Items; search it for their address",
    "Microsoft 365: what they wrote, shared and signed in to, in Microsoft's own products and audit logs",
    "the logs of this app: opaque ids and object ids, for as many days as the workspace keeps them",
    "the journal: opaque ids, kept so that its seals hold, until retention cuts it",
)


@dataclass(frozen=True)
class Found:
    """Who is meant. `address` and `name` are empty where they are not on record; `address` is what was given, where one was."""

    person: str
    address: str
    name: str
    known: bool


async def export_subject(world: World, said: str, who: str) -> dict[str, Any]:
    """Everything on record about the person, row by row. That it was read is on record too. Raises Refusal for no person."""
    found = await whom(world, said)
    rows = [held async for held in _held(world, found)]
    await _on_record(world, found, rows, "export-subject", who, {"read": len(rows)}, "everything about the person was read")
    return {
        "person": found.person,
        "address": found.address or None,
        "name": found.name or None,
        "known": found.known or bool(rows),
        "made": world.clock().isoformat(),
        "rows": [_told(held) for held in rows],
        "account": [await _account(world, user) for user in _users(rows)],
        "elsewhere": list(ELSEWHERE),
    }


async def forget(world: World, said: str, who: str, *, reason: str, force: bool = False) -> dict[str, Any]:
    """Nothing in the tables says any more who the person is. What was done, and what still holds data. Bears repetition.

    Raises Refusal where a request that names them is open, or, without `force`, where their account is still in the directory.
    """
    why = without_addresses(reason).strip()
    if not why:
        raise Refusal([Fault("reason", "is needed: it stands in the journal")])
    found = await whom(world, said)
    rows = [held async for held in _held(world, found)]
    accounts = [await _account(world, user) for user in _users(rows)]
    await _refuse_open(world, rows)
    if (there := [each for each in accounts if each["state"] != "gone"]) and not force:
        states = "; ".join(f"user {each['user']} is {each['state']}" for each in there)
        raise Refusal(
            [
                Fault(
                    "person",
                    f"is still in the directory ({states}): whoever forgets them now leaves an account that nobody here answers for. End "
                    "and delete it first, or say --force with the reason",
                )
            ]
        )
    # First, so that nobody is erased without a trace.
    await _on_record(world, found, rows, "forget-person", who, {"forgotten": "begun"}, why)
    erased = await _erase(world, found, rows)
    await _on_record(world, found, rows, "forget-person", who, {"forgotten": "done"}, why)
    log.info("person forgotten", person=found.person, who=who, rows=sum(erased.values()))
    return {
        "person": found.person,
        "erased": {key: number for key, number in erased.items() if number},
        "kept": _kept(rows),
        "account": accounts,
        "elsewhere": list(ELSEWHERE),
    }


async def whom(world: World, said: str) -> Found:
    """The person named by address or opaque id. Raises Refusal for what is neither."""
    wanted = said.strip().lower()
    address = ""
    if len(wanted) != 32 or set(wanted) - set("0123456789abcdef"):
        try:
            address = email_address(said)
        except ValueError as error:
            raise Refusal([Fault("person", f"{error}, nor a person's opaque id")]) from None
        wanted = person_id(world.settings.person_key, address)
    known = await world.tables.people.get(wanted)
    if known is None:
        return Found(wanted, address, "", known=False)
    return Found(wanted, known.address, known.name, known=True)


async def _held(world: World, found: Found) -> AsyncIterator[Held]:
    partners = await world.tables.partners.all()
    # An erased person has left no list of requests behind; then only what people decided about single guests is looked at again.
    async for held in world.tables.subjects.of(found.person, found.address, partners, ()):
        yield held


async def _erase(world: World, found: Found, rows: list[Held]) -> dict[str, int]:
    erased: dict[str, int] = {}
    for held in rows:
        try:
            await world.tables.subjects.erase(held)
        except Changed:
            raise NotYet(f"a row of table {held.table} about person {found.person} has just been changed", after=5.0) from None
        if held.fate is not Fate.KEPT:
            erased[held.table] = erased.get(held.table, 0) + 1
    return erased


async def _refuse_open(world: World, rows: list[Held]) -> None:
    names = sorted({held.partition for held in rows if held.table == "tasks"})
    requests = [request for name in names if (request := await world.tables.requests.get(name)) is not None and request.is_open]
    if requests:
        listed = ", ".join(request.id for request in requests)
        raise Refusal([Fault("person", f"is named by what is still under way ({listed}): cancel it or let it end first")])


async def _account(world: World, user: str) -> dict[str, str]:
    """What the directory says of the account: there, disabled, deleted (and restorable), gone, or not to be seen now."""
    try:
        there = await world.tenant.users.by_id(user)
        if there is not None:
            return {"user": user, "state": "there" if there.enabled else "there, disabled"}
        return {"user": user, "state": "deleted" if await world.tenant.users.deleted_by_id(user) else "gone"}
    except (NotYet, WontWork) as error:
        return {"user": user, "state": f"not to be seen ({error.reason})"}


async def _on_record(world: World, found: Found, rows: list[Held], what: str, who: str, after: State, note: str) -> None:
    """In the journal of each of their partners, and in the log."""
    log.info("personal data", what=what, person=found.person, who=who)
    said = JournalEntry("outcome", 1, world.clock(), who, {}, after, {}, note=note)
    for partner in sorted({held.partition for held in rows if held.table == "guests" and held.partition != "index"}):
        await on_record(world, partner, found.person, what, said, linked=False)


def _users(rows: list[Held]) -> list[str]:
    return sorted({str(held.row["user"]).lower() for held in rows if held.table == "guests" and held.row.get("user")})


def _told(held: Held) -> dict[str, Any]:
    """The row for the person it is about: what of a shared row is about others is left out."""
    whole = {key: value for key, value in held.row.items() if key not in {"etag", "PartitionKey", "RowKey"}}
    content = whole if held.part is None else held.part
    return {"table": held.table, "partition": held.partition, "key": held.key, "content": content, "onErasure": held.fate.value}


def _kept(rows: list[Held]) -> Mapping[str, int]:
    kept: dict[str, int] = {}
    for held in rows:
        if held.fate is Fate.KEPT:
            kind = "journal entries" if held.key.startswith("j|") else held.table
            kept[kind] = kept.get(kind, 0) + 1
    return kept
