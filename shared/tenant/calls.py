"""Which calls were made to Microsoft 365, for the journal and for support cases; and how urgent those are that are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One call. `status` is None where no answer came. `request_id` is Microsoft's; without an answer it is empty, and
    `client_request_id`, which we had sent along, is what Microsoft's support can search for."""

    operation: str
    status: int | None
    request_id: str
    write: bool
    client_request_id: str = ""


_RECORDINGS: ContextVar[tuple[list[Call], ...]] = ContextVar("calls_to_the_tenant", default=())


@contextmanager
def recording() -> Iterator[list[Call]]:
    """All calls that are made inside the `with`, in this task and those it starts, oldest first."""
    calls: list[Call] = []
    mark = _RECORDINGS.set((*_RECORDINGS.get(), calls))
    try:
        yield calls
    finally:
        _RECORDINGS.reset(mark)


def record(call: Call) -> None:
    """The call is in every recording that is open around it."""
    for calls in _RECORDINGS.get():
        calls.append(call)


_PRIORITY: ContextVar[str] = ContextVar("priority_of_calls_to_the_tenant", default="")


@contextmanager
def low_priority() -> Iterator[None]:
    """All calls to Microsoft Graph inside the `with` say that they can wait: where it throttles, it is these first.

    https://learn.microsoft.com/graph/throttling
    """
    mark = _PRIORITY.set("Low")
    try:
        yield
    finally:
        _PRIORITY.reset(mark)


def apart() -> bool:
    """Whether calls that are made here are recorded, or are of an urgency of their own."""
    return bool(_RECORDINGS.get() or _PRIORITY.get())


def priority(usual: str) -> str:
    """What a call says about its urgency."""
    return _PRIORITY.get() or usual
