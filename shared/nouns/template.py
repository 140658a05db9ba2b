"""A partner template: what a class of partner gets, and what a request may use."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.nouns.expiry import Expiry
from shared.nouns.request import HttpsUrl, Language
from shared.nouns.watching import Adoption, Drift, Redemption, Succession

ObjectId = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class TemplateInvitation(BaseModel):
    """How guests of this template are invited where the request does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    redirect_url: HttpsUrl = "https://myapps.microsoft.com"
    send_mail: bool = True
    message: str | None = None
    language: Language | None = None


class Approval(BaseModel):
    """When a request of this template needs somebody else than the requester to agree."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    steps: Annotated[
        tuple[str, ...] | None,
        Field(description="Steps that need it. Left out: those that change trust, mail flow or lists of the whole tenant."),
    ] = None
    guests: Annotated[int, Field(ge=0, le=100_000, description="More guests than these need it.")] = 500
    days: Annotated[int, Field(ge=1, le=365, description="A request that nobody has decided on for so long is cancelled.")] = 14


class Synchronization(BaseModel):
    """When cross-tenant synchronization, which Microsoft Entra does by itself, is the better way to bring people in."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    above: Annotated[
        int,
        Field(ge=0, le=100_000, description="A request for more guests than these is refused, with where to set it up instead."),
    ]


class Template(BaseModel):
    """A template file. `groups` maps the names that requests use to object ids in our tenant; no other group can be asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
    version: Annotated[int, Field(ge=1)]
    description: Annotated[str, Field(min_length=1)]
    steps: Annotated[tuple[str, ...], Field(description="What every request of this template gets.")]
    optional: Annotated[tuple[str, ...], Field(description="What a request may ask for, by a block of its own in `steps`.")] = ()
    redirect_hosts: Annotated[tuple[str, ...], Field(description="Hosts that an invitation may lead to.")] = (
        "myapps.microsoft.com",
    )
    groups: dict[str, ObjectId] = {}
    most_guests: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    other_domains: Annotated[bool, Field(description="Guests outside the partner's domains may be asked for.")] = False
    deleted_guests: Annotated[
        Literal["restore", "ask"], Field(description="What to do when the guest is among the deleted users.")
    ] = "restore"
    approval: Approval = Approval()
    offboard: Annotated[
        Literal["closed", "restore-before"],
        Field(
            description="How the partner ends: explicitly blocked, or with everything as it was before, which may let more in than a block."
        ),
    ] = "closed"
    invitation: TemplateInvitation = TemplateInvitation()
    defaults: Annotated[
        dict[str, dict[str, Any]], Field(description="Settings by step; a request adds to or replaces them.")
    ] = {}
    locked: Annotated[
        dict[str, tuple[str, ...]],
        Field(description="By step, the settings that a request may not give: what `defaults` say stands, or the step's own."),
    ] = {}
    synchronization: Synchronization | None = None
    adoption: Adoption = Adoption()
    drift: Drift = Drift()
    succession: Succession = Succession()
    redemption: Redemption = Redemption()
    expiry: Annotated[Expiry | None, Field(description="When guests go by the clock, and how. Left out: never.")] = None

    @model_validator(mode="after")
    def _allows_its_own_link(self) -> Self:
        if (host := urlsplit(self.invitation.redirect_url).hostname) not in self.redirect_hosts:
            raise ValueError(
                f"invitation.redirect_url leads to {host}, which is not among redirect_hosts: {', '.join(self.redirect_hosts)}"
            )
        return self

    def group_id(self, name: str) -> str | None:
        """The object id that a request means by `name` (a name of the template, or one of its ids), or None."""
        if name in self.groups:
            return self.groups[name].lower()
        return name.lower() if name.lower() in {value.lower() for value in self.groups.values()} else None
