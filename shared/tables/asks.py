"""The `asks` table: what sponsors are asked about their guests, what they said, and who stands in for whom.

A guest has one question at a time, in a row that all of their sponsors share (partition = partner, row = person): whoever answers first
changes that row, and everybody after sees it changed. Behind partition `s|sponsor` stand pointers to the questions of one sponsor, with what they
have been told; partition `sponsors` names the sponsors who have any, or a deputy, so that the mails can be sent without looking through all guests.
"""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from shared.tables.store import Changed, Delete, Exists, Insert, Merge, Replace, Row, Table, instant

SPONSORS, DEPUTY = "sponsors", "deputy"
_KEY = re.compile(r"[A-Za-z0-9._|-]{1,200}")


class Role(StrEnum):
    """Why a question is somebody's: they answer for the guest, or somebody proposes that they do, or their proposal was declined."""

    SPONSOR = "sponsor"
    PROPOSED = "proposed"
    DECLINED = "declined"


@dataclass(frozen=True)
class Asked:
    """A guest about whom a run asks: `ends` is their last day where one is known, `acts` the day when they are blocked if nobody
    answers, `why` the name of the rule that found them. `failed` is the day of their last attempt to sign in, where it failed, `bounced`
    that when our last mail to them came back: hints, and no reasons."""

    partner: str
    person: str
    sponsors: tuple[str, ...]
    ends: date | None
    acts: date | None
    why: str
    failed: date | None = None
    bounced: date | None = None


@dataclass(frozen=True)
class Answer:
    """What somebody said: `kind` is keep, end or hand-over; `until` the new last day; `to` the object id of the new sponsor."""

    kind: str
    by: str
    at: datetime
    until: date | None = None
    to: str = ""


@dataclass(frozen=True)
class Question:
    """`answer` is the first that was given; `carried_out` says that the guest's row has it too. `proposed` is who was proposed as the new
    sponsor, `instead_of` whose place they would take, `proposed_by` who proposed them."""

    partner: str
    person: str
    run: str
    sponsors: tuple[str, ...]
    ends: date | None
    acts: date | None
    why: str
    asked: datetime
    answer: Answer | None = None
    carried_out: bool = False
    proposed: str = ""
    proposed_by: str = ""
    proposed_at: datetime | None = None
    instead_of: str = ""
    proposal: str = ""
    told: datetime | None = None
    failed: date | None = None
    bounced: date | None = None
    etag: str = field(default="", compare=False)

    @property
    def open(self) -> bool:
        return self.answer is None


@dataclass(frozen=True)
class Pointer:
    """One sponsor's part in a question. `told` is for which run (and role) they were last written to, `told_at` when."""

    sponsor: str
    partner: str
    person: str
    role: Role
    run: str
    since: datetime
    told: str = ""
    told_at: datetime | None = None


@dataclass(frozen=True)
class Deputy:
    """`deputy` may answer in place of `sponsor` up to and including `until`."""

    sponsor: str
    deputy: str
    until: date


class Asks:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def get(self, partner: str, person: str) -> Question | None:
        """The question about the guest, answered or not; None for ids that nobody can have."""
        if not _KEY.fullmatch(partner) or not _KEY.fullmatch(person):
            return None
        row = await self._table.get(partner, person)
        return None if row is None else _decoded(row)

    async def insert(self, question: Question) -> bool:
        """The question is on record; False where one about this guest was."""
        try:
            await self._table.write(Insert(_encoded(question)))
        except Exists:
            return False
        return True

    async def save(self, question: Question) -> Question:
        """The question as given. Raises Changed where somebody else was quicker."""
        tags = await self._table.write(Replace(_encoded(question), question.etag))
        return replace(question, etag=tags[0])

    async def note_told(self, question: Question, at: datetime) -> None:
        """When a sponsor was written to about the question; one that has changed meanwhile is left alone."""
        try:
            await self.save(replace(question, told=at))
        except Changed:
            return

    async def remove(self, partner: str, person: str) -> None:
        """There is no question about the guest. Bears repetition."""
        await self._table.write(Delete(partner, person))

    async def point(self, sponsor: str, question: Question, role: Role, since: datetime) -> None:
        """The question is among the sponsor's. Bears repetition; what they were told stays."""
        await self._table.write(Merge({"PartitionKey": SPONSORS, "RowKey": sponsor}))
        row = {
            "PartitionKey": _shelf(sponsor),
            "RowKey": _pointer_key(question.partner, question.person),
            "role": role.value,
            "run": question.run,
            "since": instant(since),
        }
        await self._table.write(Merge(row))

    async def pointers(self, sponsor: str) -> list[Pointer]:
        """The sponsor's part in every question that is theirs."""
        if not _KEY.fullmatch(sponsor):
            return []
        return [_pointer(row) async for row in self._table.rows(_shelf(sponsor), "q|")]

    async def mark_told(self, pointers: Iterable[Pointer], at: datetime) -> None:
        """The sponsor was written to about these."""
        for pointer in pointers:
            key = _pointer_key(pointer.partner, pointer.person)
            said = {"told": told_mark(pointer), "toldAt": instant(at)}
            await self._table.write(Merge({"PartitionKey": _shelf(pointer.sponsor), "RowKey": key, **said}))

    async def drop(self, sponsor: str, partner: str, person: str) -> None:
        """The question is no longer the sponsor's. Bears repetition."""
        await self._table.write(Delete(_shelf(sponsor), _pointer_key(partner, person)))

    async def sponsors(self, behind: str = "") -> AsyncIterator[str]:
        """Everybody who may have a question, in order, page by page."""
        async for row in self._table.rows(SPONSORS, behind=behind, select=("RowKey",)):
            yield str(row["RowKey"])

    async def has_none(self, sponsor: str) -> None:
        """The sponsor is no longer among those who may have a question. Who gets one at the same moment is named again with it."""
        await self._table.write(Delete(SPONSORS, sponsor))

    async def set_deputy(self, sponsor: str, deputy: str, until: date) -> None:
        """`deputy` stands in for the sponsor, in place of whoever did before. Bears repetition."""
        await self.remove_deputy(sponsor)
        await self._table.write(Merge({"PartitionKey": SPONSORS, "RowKey": sponsor}))
        # The pointer first: it shows nothing that the sponsor's own row does not say.
        await self._table.write(Merge({"PartitionKey": _shelf(deputy), "RowKey": f"for|{sponsor}"}))
        row = {"PartitionKey": _shelf(sponsor), "RowKey": DEPUTY, "deputy": deputy, "until": until.isoformat()}
        await self._table.write(Merge(row))

    async def remove_deputy(self, sponsor: str) -> None:
        """Nobody stands in for the sponsor. Bears repetition."""
        row = await self._table.get(_shelf(sponsor), DEPUTY)
        if row is not None:
            await self._table.write(Delete(_shelf(sponsor), DEPUTY))
            await self._table.write(Delete(_shelf(str(row["deputy"])), f"for|{sponsor}"))

    async def end_deputy(self, sponsor: str, today: date) -> bool:
        """A deputy whose last day is past is named no more; whether one still is."""
        row = await self._table.get(_shelf(sponsor), DEPUTY)
        if row is not None and date.fromisoformat(str(row["until"])) < today:
            await self.remove_deputy(sponsor)
            return False
        return row is not None

    async def deputy_of(self, sponsor: str, today: date) -> Deputy | None:
        """Who stands in for the sponsor today."""
        if not _KEY.fullmatch(sponsor):
            return None
        row = await self._table.get(_shelf(sponsor), DEPUTY)
        if row is None or date.fromisoformat(str(row["until"])) < today:
            return None
        return Deputy(sponsor, str(row["deputy"]), date.fromisoformat(str(row["until"])))

    async def stands_in_for(self, deputy: str, today: date) -> list[str]:
        """The sponsors for whom they may answer today, as those sponsors' own rows say it."""
        if not _KEY.fullmatch(deputy):
            return []
        named = [str(row["RowKey"]).removeprefix("for|") async for row in self._table.rows(_shelf(deputy), "for|")]
        found = [await self.deputy_of(sponsor, today) for sponsor in named]
        return [each.sponsor for each in found if each is not None and each.deputy == deputy]

    async def of_partner(self, partner: str) -> AsyncIterator[Question]:
        """Every question about the partner's guests, page by page."""
        async for row in self._table.rows(partner):
            yield _decoded(row)


def told_mark(pointer: Pointer) -> str:
    """What a sponsor was written to about, in one word: the same run in another role is news."""
    return f"{pointer.run}|{pointer.role.value}"


def _shelf(sponsor: str) -> str:
    return f"s|{sponsor}"


def _pointer_key(partner: str, person: str) -> str:
    return f"q|{partner}|{person}"


def _pointer(row: Row) -> Pointer:
    _, partner, person = str(row["RowKey"]).split("|")
    return Pointer(
        sponsor=str(row["PartitionKey"]).removeprefix("s|"),
        partner=partner,
        person=person,
        role=Role(str(row.get("role", Role.SPONSOR))),
        run=str(row.get("run", "")),
        since=datetime.fromisoformat(str(row["since"])),
        told=str(row.get("told", "")),
        told_at=datetime.fromisoformat(str(row["toldAt"])) if row.get("toldAt") else None,
    )


def _encoded(question: Question) -> dict[str, Any]:
    answer = question.answer
    return {
        "PartitionKey": question.partner,
        "RowKey": question.person,
        "run": question.run,
        "sponsors": " ".join(question.sponsors),
        "ends": question.ends.isoformat() if question.ends else "",
        "acts": question.acts.isoformat() if question.acts else "",
        "why": question.why[:1_000],
        "asked": instant(question.asked),
        "answer": answer.kind if answer else "",
        "answeredBy": answer.by if answer else "",
        "answeredAt": instant(answer.at) if answer else "",
        "until": answer.until.isoformat() if answer and answer.until else "",
        "to": answer.to if answer else "",
        "carriedOut": question.carried_out,
        "proposed": question.proposed,
        "proposedBy": question.proposed_by,
        "proposedAt": instant(question.proposed_at) if question.proposed_at else "",
        "insteadOf": question.instead_of,
        "proposal": question.proposal,
        "told": instant(question.told) if question.told else "",
        "failed": question.failed.isoformat() if question.failed else "",
        "bounced": question.bounced.isoformat() if question.bounced else "",
    }


def _decoded(row: Row) -> Question:
    def when(name: str) -> datetime | None:
        return datetime.fromisoformat(str(row[name])) if row.get(name) else None

    def day(name: str) -> date | None:
        return date.fromisoformat(str(row[name])) if row.get(name) else None

    answered = when("answeredAt")
    return Question(
        partner=str(row["PartitionKey"]),
        person=str(row["RowKey"]),
        run=str(row["run"]),
        sponsors=tuple(str(row["sponsors"]).split()),
        ends=day("ends"),
        acts=day("acts"),
        why=str(row["why"]),
        asked=datetime.fromisoformat(str(row["asked"])),
        answer=Answer(str(row["answer"]), str(row["answeredBy"]), answered, day("until"), str(row["to"])) if answered else None,
        carried_out=bool(row["carriedOut"]),
        proposed=str(row["proposed"]),
        proposed_by=str(row["proposedBy"]),
        proposed_at=when("proposedAt"),
        instead_of=str(row["insteadOf"]),
        proposal=str(row["proposal"]),
        told=when("told"),
        failed=day("failed"),
        bounced=day("bounced"),
        etag=str(row["etag"]),
    )
