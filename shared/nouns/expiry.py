"""When a guest of a template goes, and how: the rules under `[expiry]`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.nouns.request import GUID

type Days = Annotated[int, Field(ge=0, le=3_650)]


class Expiry(BaseModel):
    """Each rule has its own days, and one that is left out is off. Left out altogether, no guest of the template ever goes by the clock."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, strict=True)

    changed_by: Annotated[
        str | None,
        Field(
            pattern=GUID.pattern.removesuffix(r"\Z") + "$",
            description="Object id of who changed these rules last: they cannot release what a clean-up run holds back. "
            "Needed once `report_only` is false.",
        ),
    ] = None
    report_only: Annotated[bool, Field(description="True: a run shows who would be touched, and touches nobody.")] = True
    ended: Annotated[Days | None, Field(description="Days after the last day of the guest or the partner.")] = None
    not_redeemed: Annotated[int | None, Field(ge=7, le=3_650, description="Days an invitation may wait to be accepted.")] = None
    not_signed_in: Annotated[
        int | None,
        Field(
            ge=30,
            le=3_650,
            description="Days without any sign-in, of whichever kind. Without Entra ID P1 the tenant has no such data, and the rule is off.",
        ),
    ] = None
    no_sponsor: Annotated[Days | None, Field(description="Days without anybody of ours who answers for the guest.")] = None
    offboarded: Annotated[Days | None, Field(description="Days after the partner was offboarded.")] = None
    denied: Annotated[
        Days | None, Field(description="Days after it was first seen that the guest's domain may not be invited.")
    ] = None
    warnings: Annotated[
        int, Field(ge=1, le=10, description="How often guest and sponsor are warned before the guest is blocked.")
    ] = 3
    every: Annotated[int, Field(ge=1, le=90, description="Days between warnings, and from the last one to the block.")] = 7
    unshare: Annotated[
        Literal["no", "found", "all"],
        Field(
            description="Whether what is shared with a guest by name in SharePoint is taken away before they are deleted: what is `found` "
            "within the look's bounds, or only so that nobody is deleted before `all` of the sites was looked at."
        ),
    ] = "no"
    sites: Annotated[
        tuple[Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(/[^\s?#]*)?$", max_length=400)], ...],
        Field(
            strict=False,
            max_length=20,
            description="Sites to look at for that, besides those that the partner's requests have named.",
        ),
    ] = ()
    delete: Annotated[bool, Field(description="False: guests are blocked and never deleted.")] = True
    grace: Annotated[int, Field(ge=1, le=3_650, description="Days from the block until the guest is deleted.")] = 30

    @model_validator(mode="after")
    def _names_who_changed_it(self) -> Self:
        if not self.report_only and self.changed_by is None:
            raise ValueError(
                "changed_by is needed with report_only = false: the object id of who changed these rules, "
                "because somebody else has to release a run that is held"
            )
        return self
