"""The partner request, version 1: one message that asks to bring one partner in, with its settings, guests and access."""

import hashlib
import json
import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from shared.nouns.checked import reasons
from shared.nouns.errors import Fault, Refusal
from shared.nouns.messages import RequestId

MOST_GUESTS_PER_PART = 2_000
# A header is one property of a row, which holds 32 K characters.
# https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
MOST_HEADER_CHARACTERS = 24_000
GUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
# Entra refuses these in an invited address (facts: "Bad address characters"). The apostrophe is refused too.
_LOCAL_PART = re.compile(r"^[^\s@~!#$%^&*()+=\[\]{}\\/|;:'\"<>?,`]{1,64}\Z")
# What the app calls requests of its own: journals of the month, blocks, clean-up. Whoever sent one under such a name would lose it among them.
_OURS = re.compile(
    r"cleanup\..*|(guests|block)-[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}-.*|(refused|cleanup-decisions|rebuilds)-[0-9]{6}"
)
_LABEL = re.compile(r"^(?!-)[a-z0-9-]{1,63}(?<!-)\Z")


def domain_name(value: str) -> str:
    """The domain in lower case, in its ASCII form. Raises ValueError where it is none."""
    try:
        name = value.strip().lower().rstrip(".").encode("idna").decode() if value.strip() else ""
    except UnicodeError as error:
        raise ValueError("is not a domain name") from error
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise ValueError("is not a domain name such as fabrikam.com")
    return name


def email_address(value: str) -> str:
    """The address as Entra keys it: trimmed, lower case, its domain in ASCII. Raises ValueError where Entra would refuse it.

    https://learn.microsoft.com/entra/external-id/user-properties (characters that an invited address may not have)
    """
    address = value.strip().lower()
    local, at, domain = address.rpartition("@")
    if not at or len(address) > 254:
        raise ValueError("is not an e-mail address")
    if not _LOCAL_PART.match(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError(
            "is not an e-mail address that Entra accepts; these characters are refused: ~!#$%^&*()+=[]{}\\/|;:'\"<>?, and blanks"
        )
    return f"{local}@{domain_name(domain)}"


def _https_url(value: str) -> str:
    if not re.match(r"^https://[A-Za-z0-9.-]+(:\d+)?(/[^\s]*)?(\?[^\s]*)?\Z", value):
        raise ValueError("must be an https URL")
    return value


def _plain_date(value: Any) -> Any:
    # A date is a date: no time of day, no zone, so that nobody leaves a day early somewhere else on earth.
    # A number would be read as seconds since 1970, which nobody means.
    if not isinstance(value, date | None) and not (isinstance(value, str) and re.match(r"^\d{4}-\d{2}-\d{2}\Z", value)):
        raise ValueError("must be a date such as 2027-06-30")
    return value


Address = Annotated[str, BeforeValidator(lambda v: email_address(v) if isinstance(v, str) else v), Field(max_length=254)]
Domain = Annotated[str, BeforeValidator(lambda v: domain_name(v) if isinstance(v, str) else v), Field(max_length=253)]
HttpsUrl = Annotated[str, BeforeValidator(lambda v: _https_url(v) if isinstance(v, str) else v), Field(max_length=2_000)]
PlainDate = Annotated[date, BeforeValidator(_plain_date)]
GroupName = Annotated[str, Field(min_length=1, max_length=120, description="A group's name in the template, or its object id.")]
Sponsor = Annotated[
    str, Field(min_length=3, max_length=254, description="Object id or user principal name of one of our people.")
]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="For example en-US.")]


class _Written(BaseModel):
    # Built at first use: an attempt at a task reads no request, and its cold start should not pay for one.
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True)


class PartnerWish(_Written):
    """The other organization, by its domains; its tenant is looked up."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    domains: Annotated[tuple[Domain, ...], Field(min_length=1, max_length=50)]

    @field_validator("domains")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))


class InvitationWish(_Written):
    """How guests are invited, unless their own entry says otherwise."""

    redirect_url: HttpsUrl | None = None
    send_mail: bool = True
    message: Annotated[str, Field(max_length=2_000)] | None = None
    language: Language | None = None


class GuestWish(_Written):
    """One person to be a guest."""

    email: Address
    name: Annotated[str, Field(max_length=256)] = ""
    groups: Annotated[tuple[GroupName, ...], Field(max_length=20)] | None = None
    until: PlainDate | None = None
    sponsors: Annotated[tuple[Sponsor, ...], Field(max_length=5)] | None = None
    redirect_url: HttpsUrl | None = None
    send_mail: bool | None = None
    message: Annotated[str, Field(max_length=2_000)] | None = None
    language: Language | None = None
    leave: Annotated[
        bool, Field(description="True says that this guest leaves: what requests have given them is taken back.")
    ] = False
    other_domain: Annotated[
        bool, Field(description="True says that this guest's address is not in the partner's domains, on purpose.")
    ] = False


class Header(_Written):
    """Everything of a request but its guests. Each part of a split request carries all of it."""

    version: Literal[1]
    id: RequestId
    action: Annotated[
        Literal["onboard", "change", "offboard"],
        Field(
            description="`onboard` adds to what is there; `change` also takes back what earlier requests of the partner have set up and "
            "this one does not ask for; `offboard` takes the partner out."
        ),
    ] = "onboard"
    mode: Annotated[
        Literal["apply", "plan"], Field(description="`plan` reads and compares, shows what would change, and changes nothing.")
    ] = "apply"
    template: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
    partner: PartnerWish
    groups: Annotated[tuple[GroupName, ...], Field(max_length=20)] = ()
    sponsors: Annotated[tuple[Sponsor, ...], Field(max_length=5)] = ()
    until: PlainDate | None = None
    invitation: InvitationWish = InvitationWish()
    steps: Annotated[dict[str, dict[str, Any]], Field(max_length=50, description="Settings by step name.")] = {}
    part: Annotated[int, Field(ge=1, le=500)] = 1
    parts: Annotated[int, Field(ge=1, le=500)] = 1
    offset: Annotated[int, Field(ge=0, le=1_000_000, description="How many guests the parts before this one hold.")] = 0


class PartnerRequest(Header):
    """A partner request, or one complete part of a split one."""

    guests: Annotated[tuple[GuestWish, ...], Field(max_length=MOST_GUESTS_PER_PART)] = ()


class Read:
    """What was found in a request: its header, the guests that are well formed by their position, and what is wrong."""

    def __init__(
        self, header: Header, guests: dict[int, GuestWish], faults: dict[int, list[Fault]], digests: tuple[str, str]
    ) -> None:
        self.header = header
        self.guests = guests
        self.faults = faults
        self.header_digest, self.part_digest = digests


def canonical(value: Any) -> str:
    """The one JSON text of a value: two requests are the same when these are equal."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_request(raw: Any) -> Read:
    """The request in decoded JSON. Faults of single guests are returned by position; any other raises Refusal with all of them."""
    if not isinstance(raw, dict):
        raise Refusal([Fault("", "a partner request is a JSON object")])
    if raw.get("version") != 1:
        raise Refusal([Fault("version", "must be 1, the only version there is")])
    listed = raw.get("guests", [])
    faults: list[Fault] = []
    header: Header | None = None
    try:
        header = Header.model_validate({key: value for key, value in raw.items() if key != "guests"})
    except ValidationError as error:
        faults += reasons(error, PartnerRequest)
    if not isinstance(listed, list):
        faults.append(Fault("guests", "must be a list"))
    elif len(listed) > MOST_GUESTS_PER_PART:
        faults.append(Fault("guests", f"holds {len(listed)} guests; one part holds {MOST_GUESTS_PER_PART} at most"))
    if header is not None and len(header.model_dump_json(by_alias=True)) > MOST_HEADER_CHARACTERS:
        faults.append(Fault("", f"the request without its guests is longer than {MOST_HEADER_CHARACTERS} characters"))
    if header is not None and _OURS.fullmatch(header.id):
        faults.append(Fault("id", f"{header.id} is the name of a record of the app's own"))
    if header is not None and header.part > header.parts:
        faults.append(Fault("part", f"is {header.part} of {header.parts}"))
    if faults or header is None:
        raise Refusal(faults)
    guests, wrong = _read_guests(listed, header.offset)
    # A request of one part may say so or not: HTTP says it, other senders need not.
    apart = {"guests", "part", "offset"} | ({"parts"} if header.parts == 1 else set())
    written = {key: value for key, value in raw.items() if key not in apart}
    digests = (_digest(written), _digest([header.part, header.offset, listed]))
    return Read(header, guests, wrong, digests)


def _read_guests(listed: list[Any], offset: int) -> tuple[dict[int, GuestWish], dict[int, list[Fault]]]:
    guests: dict[int, GuestWish] = {}
    faults: dict[int, list[Fault]] = {}
    seen: dict[str, int] = {}
    for index, item in enumerate(listed, start=offset):
        try:
            guest = GuestWish.model_validate(item)
        except ValidationError as error:
            faults[index] = reasons(error, GuestWish, ("guests", index))
            continue
        first = seen.setdefault(guest.email, index)
        if first != index:
            faults[index] = [Fault(f"guests[{index}].email", f"stands in the request already, as guests[{first}]")]
            continue
        guests[index] = guest
    return guests, faults


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
