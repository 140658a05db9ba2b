"""What a template says about changes that others make."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, defer_build=True)
type Reaction = Literal["report", "put-back", "accept"]


class Adoption(BaseModel):
    """What becomes of guests of the partner whom no request has named."""

    model_config = _STRICT

    guests: Annotated[
        Literal["adopt", "list", "ignore"],
        Field(
            description="adopt: on record like those whom a request brought in, with a sponsor where one is found. list: a person decides. "
            "ignore: nothing is done. Nobody is ever removed for being unknown."
        ),
    ] = "adopt"
    days: Annotated[
        int | None,
        Field(ge=1, le=3_650, description="The last day of an adopted guest, counted from the adoption. Left out: none."),
    ] = None
    sponsor: Annotated[
        Literal["record", "set"],
        Field(description="A sponsor that was found is kept on record here, or also set in the directory where there is none."),
    ] = "record"
    leave_alone: Annotated[
        tuple[Literal["synchronization", "entitlement"], ...],
        Field(
            description="Guests whom these have brought in belong to them: cross-tenant synchronization, entitlement management."
        ),
    ] = ("synchronization", "entitlement")


class Drift(BaseModel):
    """What follows where others have changed what a task had made true."""

    model_config = _STRICT

    reaction: Annotated[
        Reaction,
        Field(
            description="report: on record and listed. put-back: made as before, by itself only where that narrows access; else it waits for a "
            "person. accept: what is there now is the new wish."
        ),
    ] = "report"
    steps: Annotated[dict[str, Reaction], Field(description="The same for single steps.")] = {}

    def of(self, step: str) -> Reaction:
        """What follows for a task of this step."""
        return self.steps.get(step, self.reaction)


class Succession(BaseModel):
    """Who is asked to stand for guests whose sponsor is away."""

    model_config = _STRICT

    grace_days: Annotated[
        int, Field(ge=0, le=365, description="A sponsor may be away for so long (on leave, say) before anybody else is asked.")
    ] = 14
    to: Annotated[
        tuple[Literal["manager", "owners"], ...],
        Field(description="Who is asked, in this order: the manager they last had, owners of the guests' groups."),
    ] = ("manager", "owners")
    most: Annotated[int, Field(ge=1, le=500, description="Nobody is asked to take more guests than these by one leaving.")] = 25


class Redemption(BaseModel):
    """What follows when a guest accepts."""

    model_config = _STRICT

    welcome: Annotated[
        bool,
        Field(description="The guest gets a mail of ours that says that they are in, and where to go. It needs ENTENTE_MAILBOX."),
    ] = False
