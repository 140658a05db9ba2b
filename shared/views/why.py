"""A person's whole story: why they are, or are not, in our tenant."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.nouns.person import person_id
from shared.nouns.request import email_address
from shared.nouns.task import Task, TaskState
from shared.tables.guests import Guest
from shared.tables.requests import Request
from shared.verbs.world import World


@dataclass(frozen=True)
class _Chapter:
    request: Request
    tasks: list[Task]


async def why(world: World, address: str) -> dict[str, Any]:
    """`sentence` tells the story in plain words; `requests` has the facts behind it. Raises ValueError for no address."""
    clean = email_address(address)
    person = person_id(world.settings.person_key, clean)
    known = await world.tables.people.get(person)
    if known is None:
        return {
            "person": person,
            "known": False,
            "sentence": f"{clean} is not known here: no partner request has named this address.",
        }
    chapters = []
    guest: Guest | None = None
    for name, partner in known.requests:
        request = await world.tables.requests.get(name)
        cohort = await world.tables.tasks.cohort_of_person(name, person)
        guest = await world.tables.guests.get(partner, person) or guest
        if request is not None:
            tasks = [] if cohort is None else await world.tables.tasks.cohort(name, cohort)
            mine = [task for task in tasks if task.subject == person or person in task.members]
            chapters.append(_Chapter(request, mine))
    return {
        "person": person,
        "known": True,
        "sentence": " ".join(_sentences(clean, person, guest, chapters)),
        "requests": [_facts(person, chapter) for chapter in chapters],
    }


def _sentences(address: str, person: str, guest: Guest | None, chapters: list[_Chapter]) -> list[str]:
    told = []
    for chapter in sorted(chapters, key=lambda item: item.request.received):
        request = chapter.request
        asked = (
            f"Request {request.id} for {request.header.partner.name}, asked for by {request.who} on {request.received:%Y-%m-%d}"
        )
        invited = next((task for task in chapter.tasks if task.subject == person), None)
        if invited is None:
            told.append(f"{asked}, named {address}, but has no task for this person.")
            continue
        told.append(f"{asked}: {address} {_state_words(invited)}.")
        told += [f"{_membership(person, task)}." for task in chapter.tasks if person in task.members]
    if guest is not None and guest.claims:
        ends = [claim.until for claim in guest.claims]
        told.append(f"{_until(ends)} {_sponsors(guest.sponsors)}")
    return told


def _state_words(task: Task) -> str:
    words = {
        TaskState.DONE: "is a guest in our tenant",
        TaskState.STOPPED: "is not a guest by this request, and a person has to look",
        TaskState.CANCELLED: "was not invited",
        TaskState.UNDONE: "was a guest and no longer is by this request",
    }.get(task.state, "is being invited")
    return f"{words} ({task.reason})" if task.reason else words


def _membership(person: str, task: Task) -> str:
    outcome = task.member_outcomes.get(person) or task.reason or "waits for the invitation"
    return f"In group {task.group}: {outcome}"


def _until(ends: list[date | None]) -> str:
    if any(day is None for day in ends):
        return "No end date was asked for."
    return f"May stay until {max(day for day in ends if day):%Y-%m-%d}."


def _sponsors(sponsors: tuple[str, ...]) -> str:
    return f"Sponsored by {', '.join(sponsors)}." if sponsors else "Nobody is named as sponsor."


def _facts(person: str, chapter: _Chapter) -> dict[str, Any]:
    return {
        "request": chapter.request.id,
        "partner": chapter.request.header.partner.name,
        "requestedBy": chapter.request.who,
        "tasks": [
            {
                "step": task.step,
                "state": task.state.value,
                "reason": task.member_outcomes.get(person) or task.reason,
                "group": task.group,
                "ids": task.ids,
            }
            for task in chapter.tasks
        ],
    }
