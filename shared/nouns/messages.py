"""What travels on the queues between our own functions: ids only, never what to do and never a person's data."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.nouns.checked import checked_text
from shared.nouns.errors import Fault, Refusal

REQUEST_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
RequestId = Annotated[str, Field(pattern=REQUEST_ID, description="Names the request; 1 to 64 characters.")]


class Attempt(BaseModel):
    """One run at a task. `task` is the row key in the `tasks` table, whose row says what to do.

    `retry` counts deliveries of the same attempt that found the task claimed or the tables out of reach; it only keeps
    their message ids apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: Literal[1] = 1
    request: RequestId
    task: Annotated[
        str,
        Field(pattern=r"^t\|[A-Za-z0-9._-]+\|[a-z0-9-]+\|[A-Za-z0-9._-]+$", max_length=252, description="Row key of the task."),
    ]
    attempt: Annotated[int, Field(ge=1, le=10_000)]
    retry: Annotated[int, Field(ge=0, le=100_000)] = 0
    gate: Annotated[bool, Field(description="A look at whether a batch should still wait for its slowest guests.")] = False

    def message_id(self) -> str:
        """SHA-256 over request, task and attempt, so that the broker drops a copy but not the next attempt."""
        words = (self.request, self.task, str(self.attempt), str(self.retry), str(self.gate))
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def again(self) -> "Attempt":
        """The same attempt, to be delivered once more."""
        return self.model_copy(update={"retry": self.retry + 1})


class Finish(BaseModel):
    """All tasks of a request may be settled: look, and end it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: Literal[1] = 1
    request: RequestId


def attempt_from(body: bytes, queue: str | None = None) -> Attempt:
    """The attempt in a message body. Raises Refusal naming field and reason, also where `queue` is another step's.

    A step's queue has the session that keeps two attempts from writing the same thing at once; no other may go around it.
    """
    read = _read(Attempt, body)
    step = read.task.split("|")[2]
    if queue is not None and step != queue:
        raise Refusal([Fault("task", f"is of step {step}, whose attempts come by the queue of that name, not by {queue}")])
    return read


def finish_from(body: bytes) -> Finish:
    """The finish message in a body. Raises Refusal naming field and reason."""
    return _read(Finish, body)


def _read[Message: BaseModel](kind: type[Message], body: bytes) -> Message:
    return checked_text(kind, body)
