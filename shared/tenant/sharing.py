"""What is shared with a partner's people on given sites, and how much of them was looked at.

There is no such question in Microsoft 365 without extra licences: this is a walk through the document libraries, and it says where
it stopped. https://learn.microsoft.com/graph/api/driveitem-list-permissions
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.nouns.outcomes import WontWork

if TYPE_CHECKING:
    from shared.tenant.drives import Share
    from shared.tenant.tenant import Tenant

ANYBODY = "anonymous"


@dataclass(frozen=True)
class Limits:
    """How far a walk goes on each site: document libraries, items looked at, items whose permissions are read, and pages of folders."""

    drives: int = 20
    items: int = 5_000
    permissions: int = 500
    pages: int = 2_000


@dataclass(frozen=True)
class SharedItem:
    """One permission that lets people of the partner, or anybody, at an item. `people` are object ids where SharePoint gave them.

    `how` is person, group, link (to named people) or anonymous. Nobody's address is kept. `permission` is Graph's id of it, which has the
    address of a person in it: it must go nowhere. `source` is the item that it is inherited from; those are told only where they are asked for.
    """

    site: str
    drive: str
    item: str
    url: str
    how: str
    roles: tuple[str, ...]
    people: tuple[str, ...] = ()
    count: int = 1
    until: str = ""
    permission: str = field(default="", repr=False)
    source: str = ""


@dataclass(frozen=True)
class SiteScope:
    """What was looked at on one site. `complete` is False where a limit or a refusal ended the walk: `stopped` says which."""

    site: str
    drives: int = 0
    items: int = 0
    permissions: int = 0
    stopped: str = ""
    pages: int = 0

    @property
    def complete(self) -> bool:
        return not self.stopped


@dataclass(frozen=True)
class SharingReport:
    """What was found, and the scope in which it was looked for. Beside it nothing is said: neither that nothing is shared elsewhere, nor
    about access by groups, whose members are told by the directory."""

    items: tuple[SharedItem, ...]
    scope: tuple[SiteScope, ...]

    @property
    def complete(self) -> bool:
        return all(one.complete for one in self.scope)


@dataclass(frozen=True)
class Sought:
    """Who is looked for: people of the domains, and people or groups by object id. `names` are addresses (lower case) of people, for where
    SharePoint gives no object id. `inherited` permissions are told once more at each item below only where they are asked for."""

    domains: Sequence[str] = ()
    people: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    inherited: bool = False

    def how(self, share: Share) -> str | None:
        """In which way the permission lets in whom we look for, or None."""
        if share.scope == ANYBODY:
            return ANYBODY
        if share.group and share.group in self.groups:
            return "group"
        if self.people & set(share.users) or any(self._theirs(name) for name in (*share.logins, *share.addresses)):
            return "link" if share.scope else "person"
        return None

    def _theirs(self, name: str) -> bool:
        if is_name(name, self.names):
            return True
        domain = domain_in(name)
        return any(domain == one or domain.endswith(f".{one}") for one in map(str.lower, self.domains))


async def sharing_with(tenant: Tenant, sought: Sought, sites: Sequence[str], limits: Limits | None = None) -> SharingReport:
    """Everything on the sites (their URLs) that is shared with whom is sought, or with anybody who has a link.

    Raises NotYet where Microsoft 365 cannot answer now; a site that is refused is in the scope.
    """
    found: list[SharedItem] = []
    scope: list[SiteScope] = []
    for url in sites:
        walk = _Walk(tenant, url, sought, limits or Limits())
        scope.append(await walk.through())
        found += walk.found
    return SharingReport(tuple(found), tuple(scope))


def is_name(said: str, addresses: Collection[str]) -> bool:
    """Whether a login or address of SharePoint's is of somebody with one of these addresses (lower case). A guest's user name is their
    address with `_` for the `@`, before `#ext#`, unless somebody has renamed them."""
    account = said.lower().rpartition("|")[2]
    guest, mark, _ = account.partition("#ext#")
    return account in addresses or (bool(mark) and guest in {address.replace("@", "_") for address in addresses})


def domain_in(name: str) -> str:
    """The domain that a login or address is of, in lower case: a guest's user name carries it before `#ext#`.

    `i:0#.f|membership|ana_fabrikam.com#ext#@contoso.onmicrosoft.com` and `ana@fabrikam.com` are both of fabrikam.com. An address
    with `_` in its local part is told apart because a domain has none.
    """
    account = name.lower().rpartition("|")[2]
    guest, mark, _ = account.partition("#ext#")
    return guest.rpartition("_")[2] if mark else account.rpartition("@")[2]


@dataclass
class _Walk:
    """One site, folder by folder, until it ends or a limit does."""

    tenant: Tenant
    site: str
    wanted: Sought
    limits: Limits
    found: list[SharedItem] = field(default_factory=list)
    drives: int = 0
    items: int = 0
    permissions: int = 0
    pages: int = 0
    stopped: str = ""

    async def through(self) -> SiteScope:
        try:
            await self._drives()
        except WontWork as error:
            self.stopped = error.reason
        return SiteScope(self.site, self.drives, self.items, self.permissions, self.stopped, self.pages)

    async def _drives(self) -> None:
        site = await self.tenant.sites.find(self.site)
        if site is None:
            self.stopped = "There is no such site"
            return
        for number, (drive, _) in enumerate(await self.tenant.drives.of_site(site)):
            if number >= self.limits.drives:
                self.stopped = f"The site has more than {self.limits.drives} document libraries"
            if self.stopped:
                return
            self.drives += 1
            await self._folders(drive)

    async def _folders(self, drive: str) -> None:
        waiting = deque(["root"])
        await self._look(drive, {"root": ""})
        while waiting and not self.stopped:
            folder = waiting.popleft()
            async for page in self.tenant.drives.children(drive, folder):
                room = max(self.limits.items - self.items, 0)
                self.pages += 1
                self.items += min(len(page), room)
                waiting.extend(item.id for item in page[:room] if item.folder)
                # What it inherits was seen above it.
                await self._look(drive, {item.id: item.url for item in page[:room] if item.shared})
                if len(page) > room:
                    self.stopped = f"{self.limits.items} items were looked at, and there are more"
                elif self.pages >= self.limits.pages and not self.stopped:
                    self.stopped = f"{self.limits.pages} pages of folders were read, and there may be more"
                if self.stopped:
                    return

    async def _look(self, drive: str, items: Mapping[str, str]) -> None:
        """The items (with their URLs) have been looked at, as far as there was room."""
        room = max(self.limits.permissions - self.permissions, 0)
        some = dict(list(items.items())[:room])
        self.permissions += len(some)
        for item, shares in (await self.tenant.drives.shares_of(drive, list(some))).items():
            for share in shares or ():
                how = self.wanted.how(share)
                if how is None or (share.inherited and not self.wanted.inherited):
                    continue
                self.found.append(
                    SharedItem(
                        self.site,
                        drive,
                        item,
                        some[item],
                        how,
                        share.roles,
                        share.users,
                        share.count,
                        share.until,
                        share.id,
                        share.source or ("above" if share.inherited else ""),
                    )
                )
        if len(some) < len(items):
            self.stopped = f"The permissions of {self.limits.permissions} items were read, and more items are shared"
