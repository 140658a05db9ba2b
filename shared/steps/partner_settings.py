"""How a request writes the blocks of a partner's cross-tenant access configuration."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.tenant.blocks import EVERYBODY, EVERYTHING

_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)
# A policy holds about 25 KB with all partners in it (facts 3.1).
_MOST_TARGETS = 100


class Who(BaseModel):
    """One user, group or everybody; the ids of inbound blocks are the partner's own objects."""

    model_config = _STRICT

    target: Annotated[str, Field(pattern=rf"^(AllUsers|{_GUID})$")]
    targetType: Literal["user", "group"]  # noqa: N815  # Graph's own name


class Application(BaseModel):
    """One application (its appId), Office 365 as a whole, or all of them."""

    model_config = _STRICT

    target: Annotated[str, Field(pattern=rf"^(AllApplications|Office365|{_GUID})$")]
    targetType: Literal["application"] = "application"  # noqa: N815  # Graph's own name


class People(BaseModel):
    """Users and groups who are allowed, or blocked."""

    model_config = _STRICT

    accessType: Literal["allowed", "blocked"]  # noqa: N815  # Graph's own name
    targets: Annotated[list[Who], Field(min_length=1, max_length=_MOST_TARGETS)]


class Applications(BaseModel):
    """Applications that are allowed, or blocked."""

    model_config = _STRICT

    accessType: Literal["allowed", "blocked"]  # noqa: N815  # Graph's own name
    targets: Annotated[list[Application], Field(min_length=1, max_length=_MOST_TARGETS)]


class B2B(BaseModel):
    """Who may use what. Graph takes a block as a whole, so both are asked for."""

    model_config = _STRICT

    usersAndGroups: People  # noqa: N815  # Graph's own name
    applications: Applications

    @model_validator(mode="after")
    def _both_shut(self) -> "B2B":
        # https://learn.microsoft.com/entra/external-id/cross-tenant-access-settings-b2b-collaboration
        users, applications = (
            _all(part.accessType, [one.target for one in part.targets]) for part in (self.usersAndGroups, self.applications)
        )
        if users and not applications:
            raise ValueError("blocks all users and not all applications: block both, or say just blocked")
        return self


class Inbound(BaseModel):
    """Who of the partner's may collaborate in Microsoft 365."""

    model_config = _STRICT

    users: People


class Outbound(BaseModel):
    """Who of ours may collaborate in the partner's Microsoft 365."""

    model_config = _STRICT

    usersAndGroups: People  # noqa: N815  # Graph's own name


class Trust(BaseModel):
    """What of the partner's sign-ins we trust. A block is a whole: what is left out is not trusted."""

    model_config = _STRICT

    isMfaAccepted: bool = False  # noqa: N815  # Graph's own name
    isCompliantDeviceAccepted: bool = False  # noqa: N815  # Graph's own name
    isHybridAzureADJoinedDeviceAccepted: bool = False  # noqa: N815  # Graph's own name


class Consent(BaseModel):
    """Whose invitations are redeemed without a consent prompt; both tenants have to say so. What is left out is off."""

    model_config = _STRICT

    inboundAllowed: bool = False  # noqa: N815  # Graph's own name
    outboundAllowed: bool = False  # noqa: N815  # Graph's own name


def _not_for_all(value: Any) -> Any:
    for part in value.__dict__.values() if isinstance(value, BaseModel) else ():
        names = [one.target for one in getattr(part, "targets", ())]
        if len(names) > 1 and {EVERYBODY, EVERYTHING} & set(names):
            raise ValueError("names all of them and single ones besides: leave the others out")
    return value


type Whole = Literal["allowed", "blocked"]
B2BBlock = Annotated[Whole | B2B | None, AfterValidator(_not_for_all)]


class PartnerConfigurationSettings(BaseModel):
    """The blocks by Graph's names, each as a whole; `allowed` and `blocked` stand for everybody and everything. Blocks that are
    left out are not touched. `reopen` lets the step open what somebody has closed for this partner.

    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
    """

    model_config = _STRICT

    b2bCollaborationInbound: B2BBlock = None  # noqa: N815  # Graph's own name
    b2bCollaborationOutbound: B2BBlock = None  # noqa: N815  # Graph's own name
    b2bDirectConnectInbound: B2BBlock = None  # noqa: N815  # Graph's own name
    b2bDirectConnectOutbound: B2BBlock = None  # noqa: N815  # Graph's own name
    m365CollaborationInbound: Annotated[Whole | Inbound | None, AfterValidator(_not_for_all)] = None  # noqa: N815  # Graph's own name
    m365CollaborationOutbound: Annotated[Whole | Outbound | None, AfterValidator(_not_for_all)] = None  # noqa: N815  # Graph's own name
    inboundTrust: Trust | None = None  # noqa: N815  # Graph's own name
    automaticUserConsentSettings: Consent | None = None  # noqa: N815  # Graph's own name
    reopen: bool = False


def _all(access: str, targets: list[str]) -> bool:
    return access == "blocked" and bool({EVERYBODY, EVERYTHING} & set(targets))
