"""What the tenant answers about Microsoft 365 groups, teams, communities and profiles, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Label:
    """A sensitivity label on a group. `name` is empty where the directory does not give it."""

    id: str
    name: str


@dataclass(frozen=True)
class UnifiedGroup:
    """A group that has an address. `kind` is as in `found.Group`; `label` is the first of its sensitivity labels."""

    id: str
    name: str
    nickname: str
    description: str
    kind: str
    visibility: str
    label: Label | None
    created: datetime | None


@dataclass(frozen=True)
class Customized:
    """An object of group settings: what differs from the template it was made of. Values are texts, as the platform keeps them."""

    id: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Team:
    """The team of a group. `settings` has its switches by path, such as `guestSettings.allowDeleteChannels`."""

    id: str
    archived: bool
    settings: Mapping[str, bool | str]


@dataclass(frozen=True)
class Community:
    """A Viva Engage community. `group` is the object id of the group that keeps its members, None while there is none yet."""

    id: str
    name: str
    description: str
    privacy: str
    group: str | None


@dataclass(frozen=True)
class Creation:
    """How far the creation of a community is: `community` is its id once it succeeded, `failed` what the platform said if not."""

    community: str | None = None
    failed: str = ""
