"""What hearing of changes is told, as plain values: who uses them pays nothing for the clients that ask."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

# Who brings people in instead of a person, by the names that the directory's log gives them. Not verified on a live tenant.
# https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
SYNCHRONIZATION = ("microsoft.azure.syncfabric", "azure ad cloud sync", "cross-tenant synchronization")
# https://learn.microsoft.com/entra/id-governance/entitlement-management-overview
ENTITLEMENT = ("azure ad identity governance", "azure elm", "entitlement management", "microsoft entra entitlement management")


@dataclass(frozen=True)
class Changed:
    """One object of a page. `removed` is empty, `changed` (soft-deleted, or out of our sight) or `deleted` (gone for good).

    `guest` says that the user was invited or is of type guest, `enabled` whether they may sign in (None where it was not told).
    """

    id: str
    removed: Literal["", "changed", "deleted"] = ""
    guest: bool = False
    enabled: bool | None = None
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """`link` leads to the next page, or, where this is the `last` one, to what will have changed later."""

    changed: tuple[Changed, ...]
    link: str
    last: bool


@dataclass(frozen=True)
class Sighting:
    """A user as the directory shows them. `external` says that the account belongs to another organization; `domain` is that of their
    address, "" where none is known; `deleted` says that they are among the deleted users."""

    id: str
    member: bool
    enabled: bool
    external: bool
    redemption: str | None
    changed: datetime | None
    created: datetime | None
    creation: str
    sponsors: tuple[str, ...]
    address: str = field(repr=False)
    name: str = field(repr=False)
    deleted: bool = False

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True)
class Inviter:
    """Who brought a guest in, by the directory's log: one of our people, or an application by its name."""

    user: str = ""
    app: str = ""

    @property
    def owner(self) -> str:
        """The product that the guest belongs to: `synchronization`, `entitlement`, or "" for neither."""
        name = self.app.strip().lower()
        return "synchronization" if name in SYNCHRONIZATION else "entitlement" if name in ENTITLEMENT else ""


@dataclass(frozen=True)
class Subscribed:
    """A subscription of ours as Graph shows it. `resource` is `users` or `groups`, or what else somebody subscribed to, lower case."""

    id: str
    resource: str
    url: str
    expires: datetime | None


@dataclass(frozen=True)
class Wanted:
    """A subscription to be made; `state` is what every notification of it has to carry."""

    resource: str
    url: str
    lifecycle_url: str
    expires: datetime
    state: str = field(repr=False)
