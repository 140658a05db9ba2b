"""Whether a message that names a task may run an attempt now, and for how long attempts go on: pure."""

from datetime import datetime, timedelta
from enum import Enum, auto

from shared.nouns.messages import Attempt
from shared.nouns.outcomes import Ending, Later, Stopped
from shared.nouns.task import Task, TaskState


class Turn(Enum):
    """What a delivered attempt message leads to."""

    RUN = auto()
    GATE = auto()  # the batch's guests have to be looked at before it can run
    FOLLOW_UP = auto()  # the task is settled; only what follows from it may still be missing
    STALE = auto()  # a later attempt has taken over
    HELD = auto()  # another delivery holds the task
    CANCEL = auto()
    PAUSED = auto()


def turn(task: Task, message: Attempt, now: datetime, *, cancelled: bool, paused: bool) -> Turn:
    """The turn of this message. A task that has begun is brought to its end even where its request was cancelled."""
    if task.settled:
        return Turn.FOLLOW_UP
    waiting = task.state is TaskState.WAITING
    # Only who waits with others is looked at while waiting; a batch that is taken back waits for nobody's invitation.
    gated = bool(task.members) and not task.reverses
    if message.attempt < task.attempt or (waiting and message.gate and not gated):
        return Turn.STALE
    if task.claimed_until is not None and task.claimed_until > now:
        return Turn.HELD
    if cancelled and not task.intents:
        return Turn.CANCEL
    if paused:
        return Turn.PAUSED
    return Turn.GATE if waiting and gated else Turn.RUN


def in_time(task: Task, ending: Ending, deadline: float, now: datetime) -> Ending:
    """A task that has been attempted for longer than its step's deadline (seconds) stops, with the reason it was waiting for."""
    if isinstance(ending, Later) and task.begun is not None and now - task.begun > timedelta(seconds=deadline):
        return Stopped(f"not finished within {deadline / 3600:g} hours; the last reason: {ending.reason}")
    return ending
