"""What the tenant is told and what it answers, as plain values."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.nouns.state import Value


@dataclass(frozen=True)
class User:
    """A user of our directory. `external` says that the account belongs to another organization.

    `redemption` is `PendingAcceptance`, `Accepted`, or None for users who were never invited. `sponsors` is None where it
    was not asked for.
    """

    id: str
    user_type: str
    enabled: bool | None
    external: bool
    redemption: str | None
    created: datetime | None
    deleted: datetime | None = None
    sponsors: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Letter:
    """What an invitation says. With `mail` False nobody is written to, and the guest signs in by `redirect_url`.

    `language` is ignored by Microsoft where there is a `message`. Sponsors are object ids of users of ours.
    """

    redirect_url: str
    mail: bool
    name: str = ""
    message: str = ""
    language: str = ""
    sponsors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Invited:
    """A guest whom an invitation has led to, new or not. `invitation` is the invitation's id."""

    user: str
    invitation: str


@dataclass(frozen=True)
class Group:
    """`kind` is `security`, `microsoft365`, or what keeps us from changing its members: `dynamic`, `synced`,
    `role-assignable`, `mail-enabled-security`, `distribution`."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True)
class Membership:
    """Who of those asked about is in a group, and whom the directory does not know (gone, or not replicated yet)."""

    members: frozenset[str]
    unknown: frozenset[str]


@dataclass(frozen=True)
class Relationship:
    """An organization relationship of Exchange Online. `identity` is what Set- and Remove- take for this very one.

    `values` has the cmdlet's parameters by their names, domains in lower case.
    """

    identity: str
    name: str
    domains: tuple[str, ...]
    values: dict[str, Value]


@dataclass(frozen=True)
class GuestAddress:
    """What a guest is reached by (lower case), and since when their redemption is in the state it is in."""

    user: str
    mail: str = field(repr=False)
    other_mails: tuple[str, ...] = field(repr=False)
    user_type: str
    enabled: bool | None
    invited: bool
    redemption: str | None
    changed: datetime | None
    synced: bool


@dataclass(frozen=True)
class Outsider:
    """A guest, or a member whose account belongs to another organization. `address` (lower case) is theirs in the domains asked for."""

    id: str
    address: str = field(repr=False)
    user_type: str
    enabled: bool | None
