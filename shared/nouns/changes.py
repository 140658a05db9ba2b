"""A hint that something of the tenant has changed: which object, never what it is like now. Who reacts reads it again.

It travels on queue `tenant-changes`, whoever told: a notification of Microsoft Graph, a delta query, or one of ours.
"""

import hashlib
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.nouns.checked import checked_text

# A longer list of members is told in several messages.
MOST_MEMBERS = 200
GUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
ObjectId = Annotated[str, Field(pattern=GUID)]
Members = Annotated[tuple[ObjectId, ...], Field(max_length=MOST_MEMBERS)]

type Kind = Literal["user", "group", "relationship", "partner"]
type What = Literal["created", "updated", "deleted", "unknown"]
type Source = Literal["webhook", "event-grid", "event-hub", "delta", "canary", "timer"]
# What Microsoft Graph has told by itself.
TOLD: frozenset[Source] = frozenset({"webhook", "event-grid", "event-hub"})


# With what the marks of our own later looks begin.
LOOK = "look"


class Change(BaseModel):
    """One object of the directory has changed, or may have.

    A creation, a soft deletion and a restoration all come as `updated` from notifications; `deleted` there is for good. From delta
    queries `updated` is an object that is there, `unknown` one that is soft-deleted or out of sight, `deleted` one that is gone for
    good. Every one of these is a hint.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: Literal[1] = 1
    kind: Kind
    id: Annotated[str, Field(pattern=GUID, description="Object id, in lower case.")]
    what: What = "unknown"
    seen: Annotated[AwareDatetime, Field(description="When we heard of it, by our clock.")]
    source: Source
    happened: Annotated[
        AwareDatetime | None, Field(description="When it changed, by Microsoft's clock, where that was told.")
    ] = None
    came: Annotated[Members, Field(description="Of a group: members who may have come.")] = ()
    went: Annotated[Members, Field(description="Of a group: members who may have gone.")] = ()
    whole: Annotated[bool, Field(description="Of a group: anybody may have come or gone, and nobody knows who.")] = False
    mark: Annotated[str, Field(max_length=64, description="What tells this telling from every other; a replay has the same.")] = (
        ""
    )
    retry: Annotated[int, Field(ge=0, le=100_000)] = 0

    def message_id(self) -> str:
        """SHA-256 over what was told, so that the broker drops a copy; the next change of the same object has another `mark`."""
        # Whichever way Graph has told it.
        source = "graph" if self.source in TOLD else self.source
        words = (self.kind, self.id, self.what, source, self.mark, *self.came, "-", *self.went, str(self.retry))
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    @property
    def is_look(self) -> bool:
        """It is a later look of ours, which nobody has told."""
        return self.mark.startswith(LOOK)

    def again(self) -> "Change":
        """The same hint, to be delivered once more."""
        return self.model_copy(update={"retry": self.retry + 1})


def change_from(body: bytes) -> Change:
    """The change in a message body. Raises Refusal naming field and reason."""
    return checked_text(Change, body)


class Upkeep(BaseModel):
    """Something is to be done so that changes go on being heard: `catch-up` (a round of the delta query of `resource`, or the rest of
    one), `recall` (all guests and sponsors are read again, or
    all groups of guests), `renew` (all subscriptions are looked after), `reauthorize` (the one of this id)."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: Literal[1] = 1
    do: Literal["catch-up", "recall", "renew", "reauthorize"]
    resource: Literal["users", "groups", "subscriptions"]
    why: Annotated[str, Field(pattern=r"^[a-z0-9 -]{1,60}$", description="For the log.")]
    subscription: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{1,64})?$")] = ""
    page: Annotated[int, Field(ge=0, description="The rest of a round goes on behind so many pages.")] = 0
    retry: Annotated[int, Field(ge=0, le=100_000)] = 0


def upkeep_from(body: bytes) -> Upkeep:
    """The order in a message body. Raises Refusal naming field and reason."""
    return checked_text(Upkeep, body)
