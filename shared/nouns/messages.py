"""What travels on the queues between our own functions: ids only, never what to do and never a person's data."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.nouns.errors import Refusal, reasons

RequestId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Names the request; 1 to 64 characters.")
]


class Attempt(BaseModel):
    """One run at a task. `task` is the row key in the `tasks` table, whose row says what to do.

    `retry` counts deliveries of the same attempt that found the task claimed or the tables out of reach; it only keeps
    their message ids apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    request: RequestId
    task: Annotated[str, Field(pattern=r"^t\|[A-Za-z0-9|._-]{1,250}$", description="Row key of the task.")]
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

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    request: RequestId


def attempt_from(body: bytes) -> Attempt:
    """The attempt in a message body. Raises Refusal naming field and reason."""
    return _read(Attempt, body)


def finish_from(body: bytes) -> Finish:
    """The finish message in a body. Raises Refusal naming field and reason."""
    return _read(Finish, body)


def _read[Message: BaseModel](kind: type[Message], body: bytes) -> Message:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Refusal(reasons(error)) from error
