"""What became of guests by clean-up tasks stands in their rows, once the tasks of a cohort are settled."""

from collections.abc import Callable, Iterable
from typing import Any

from shared.nouns.task import Task, TaskState
from shared.steps.block_guest import US
from shared.verbs.world import World

WELCOME = "welcome-guest"


async def note_outcomes(world: World, partner: str, tasks: Iterable[Task]) -> None:
    """Each guest's stage is what their task has made of them; who was left alone is so for a while. Bears repetition."""
    changes = {task.subject: change for task in tasks if (change := _change(task))}
    if changes:
        await world.tables.guests.mark(partner, changes)


def _change(task: Task) -> dict[str, Any]:
    made = _MADE.get(task.step)
    if task.step == WELCOME:
        # A mail, and nothing of clean-up.
        return {"sent": task.ids["sent"]} if task.ids.get("sent") and not task.reverses else {}
    if made is None or task.reverses or (task.step == "block-guest" and task.state is not TaskState.DONE):
        return {}
    if task.state is TaskState.STOPPED:
        return {"left_alone": task.reason[:1_000], "left_at": task.settled_at}
    return made(task) if task.state is TaskState.DONE else {}


def _warned(task: Task) -> dict[str, Any]:
    cycle = str(task.details.get("cycle") or "")
    number = task.details.get("number")
    sent = {"sent": task.ids["sent"]} if task.ids.get("sent") else {}
    return {"stage": "warned", "warnings": number, "warned_at": task.settled_at, "warned_for": cycle, "why": cycle, **sent}


def _expired(task: Task) -> dict[str, Any]:
    if task.ids.get("blockedBy") != US:
        return {"left_alone": task.reason[:1_000], "left_at": task.settled_at}
    why = str(task.details.get("cycle") or "")
    return {"stage": "blocked", "blocked_by": "expiry", "blocked_at": task.settled_at, "why": why}


def _offboarded(task: Task) -> dict[str, Any]:
    if task.ids.get("blockedBy") != US:
        return {}
    return {"stage": "blocked", "blocked_by": "offboard", "blocked_at": task.settled_at, "why": "offboarded"}


def _restored(_: Task) -> dict[str, Any]:
    over = {
        "blocked_by": "",
        "blocked_at": None,
        "deleted_at": None,
        "warnings": 0,
        "warned_for": "",
        "left_alone": "",
        "left_at": None,
    }
    return {"stage": "redeemed", **over}


_MADE: dict[str, Callable[[Task], dict[str, Any]]] = {
    "warn-guest": _warned,
    "expire-guest": _expired,
    # Taken away is no stage of a guest; where it stopped they are not deleted, and a person has to look.
    "unshare-with-guest": lambda _: {},
    "delete-guest": lambda task: {"stage": "deleted", "deleted_at": task.settled_at},
    "restore-guest": _restored,
    "block-guest": _offboarded,
}
