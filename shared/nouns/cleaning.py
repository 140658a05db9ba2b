"""What carries a clean-up run on: its next page, and nothing about any guest."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.nouns.checked import checked_text
from shared.nouns.messages import RequestId


class Carry(BaseModel):
    """Page `page` of the run is to be done. `retry` counts how often it could not be yet; it only keeps message ids apart."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: Literal[1] = 1
    run: RequestId
    page: Annotated[int, Field(ge=0, le=1_000_000)]
    retry: Annotated[int, Field(ge=0, le=100_000)] = 0

    def message_id(self) -> str:
        """The same for a copy, another for every page and retry."""
        return hashlib.sha256(f"clean-up\n{self.run}\n{self.page}\n{self.retry}".encode()).hexdigest()


def carry_from(body: bytes) -> Carry:
    """The message in a body. Raises Refusal naming field and reason."""
    return checked_text(Carry, body)
