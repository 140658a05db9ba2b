"""A person's whole story: why they are, or are not, in our tenant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.nouns.counted import listed
from shared.nouns.person import person_id
from shared.nouns.request import email_address
from shared.nouns.task import Task, TaskState
from shared.steps.invite_guest import INVITE_GUEST
from shared.tables.guests import Guest
from shared.tables.requests import Request
from shared.verbs.world import World
from shared.views.group_names import group_name, group_names, group_of


@dataclass(frozen=True)
class _Chapter:
    request: Request
    tasks: list[Task]


async def why(world: World, address: str) -> dict[str, Any]:
    """`sentence` tells the story in plain words; `requests` has the facts behind it. Raises ValueError for no address."""
    clean = email_address(address)
    person = person_id(world.settings.person_key, clean)
    if await world.tables.people.get(person) is None:
        return {
            "person": person,
            "known": False,
            "sentence": f"{clean} is not known here: no partner request has named this address.",
        }
    chapters = []
    guest: Guest | None = None
    for name, partner in await world.tables.people.requests_of(person):
        request = await world.tables.requests.get(name)
        cohort = await world.tables.tasks.cohort_of_person(name, person)
        guest = await world.tables.guests.get(partner, person) or guest
        if request is not None:
            tasks = [] if cohort is None else await world.tables.tasks.cohort(name, cohort)
            mine = [task for task in tasks if task.subject == person or person in task.members]
            chapters.append(_Chapter(request, mine))
    chapters.sort(key=lambda chapter: chapter.request.received)
    names = group_names(world, sorted(path.stem for path in world.settings.templates.glob("*.toml")))
    return {
        "person": person,
        "known": True,
        "sentence": _sentence(clean, person, guest, chapters, names),
        "requests": [_facts(person, chapter) for chapter in chapters],
    }


def _sentence(address: str, person: str, guest: Guest | None, chapters: list[_Chapter], names: Mapping[str, str]) -> str:
    """Who, since when and on whose wish, where they are in, until when, and who answers for them."""
    told = [
        (chapter, task)
        for chapter in chapters
        for task in chapter.tasks
        if task.subject == person and task.step == INVITE_GUEST.name and chapter.request.mode == "apply"
    ]
    if not told and guest is not None and guest.origin == "adopted":
        return "; ".join((f"{address} was adopted: nobody's request has brought them in (user {guest.user})", *_now(guest))) + "."
    if not told:
        return f"{address} was named in a request, but has no task: see entente parked list."
    last, task = told[-1]
    clauses = [
        f"{address} {_state_words(task)}",
        f"asked for {' and again '.join(_asked(chapter.request) for chapter, _ in told)}",
    ]
    batches = [task for task in last.tasks if person in task.members]
    groups = [group_name(group_of(task), names) for task in batches if task.member_outcomes.get(person) == "member"]
    if groups:
        clauses.append(f"member of {listed(sorted(groups))}")
    clauses += [
        f"not in {group_name(group_of(task), names)}: {task.member_outcomes.get(person) or 'waits for the invitation'}"
        for task in batches
        if task.member_outcomes.get(person) != "member"
    ]
    if guest is not None:
        clauses += _now(guest)
    return "; ".join(clauses) + "."


def _now(guest: Guest) -> list[str]:
    """How they stand, as far as we have heard since."""
    stages = {
        "redeemed": f"accepted on {guest.redeemed:%Y-%m-%d}" if guest.redeemed else "has accepted",
        "warned": "was warned that the access ends",
        "blocked": f"blocked by {'somebody else' if guest.blocked_by == 'other' else guest.blocked_by or 'somebody'}",
        "deleted": "deleted" + (f" on {guest.deleted_at:%Y-%m-%d}, and can be restored for 30 days" if guest.deleted_at else ""),
        "gone": "gone for good",
    }
    said = [stages[guest.stage]] if guest.stage in stages else []
    return [*said, f"until {guest.end:%Y-%m-%d}" if guest.end else "without an end date", _sponsors(guest.sponsors)]


def _asked(request: Request) -> str:
    return f"on {request.received:%Y-%m-%d} by {request.who} in request {request.id} for {request.header.partner.name}"


def _state_words(task: Task) -> str:
    if task.state is TaskState.DONE:
        return f"is a guest in our tenant (user {task.ids.get('user', 'unknown')}; {task.reason})"
    words = {
        TaskState.STOPPED: "is not a guest by this request, and a person has to look",
        TaskState.CANCELLED: "was not invited",
        TaskState.UNDONE: "was a guest and no longer is by this request",
    }.get(task.state, "is being invited")
    return f"{words} ({task.reason})" if task.reason else words


def _sponsors(sponsors: tuple[str, ...]) -> str:
    return f"sponsored by {listed(sponsors)}" if sponsors else "nobody is named as sponsor"


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
