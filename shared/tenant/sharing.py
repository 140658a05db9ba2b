"""What is shared with a partner's people on given sites, and how much of them was looked at.

There is no such question in Microsoft 365 without extra licences: this is a walk through the document libraries, and it says where
it stopped. https://learn.microsoft.com/graph/api/driveitem-list-permissions
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.nouns.outcomes import WontWork

if TYPE_CHECKING:
    from shared.tenant.drives import Share
    from shared.tenant.tenant import Tenant

ANYBODY = "anonymous"


@dataclass(frozen=True)
class Limits:
    """How far a walk goes: document libraries of a site, items looked at in all, and items whose permissions are read."""

    drives: int = 20
    items: int = 5_000
    permissions: int = 500


@dataclass(frozen=True)
class SharedItem:
    """One permission that lets people of the partner, or anybody, at an item. `people` are object ids where SharePoint gave them.

    `how` is person, group, link (to named people) or anonymous. Nobody's address is kept.
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


@dataclass(frozen=True)
class SiteScope:
    """What was looked at on one site. `complete` is False where a limit or a refusal ended the walk: `stopped` says which."""

    site: str
    drives: int = 0
    items: int = 0
    permissions: int = 0
    stopped: str = ""

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


async def sharing_with(
    tenant: Tenant,
    domains: Sequence[str],
    sites: Sequence[str],
    *,
    people: frozenset[str] = frozenset(),
    groups: frozenset[str] = frozenset(),
    limits: Limits | None = None,
) -> SharingReport:
    """Everything on the sites (their URLs) that is shared with the partner's domains, with the people or groups named by object id,
    or with anybody who has a link. Raises NotYet where Microsoft 365 cannot answer now; a site that is refused is in the scope."""
    found: list[SharedItem] = []
    scope: list[SiteScope] = []
    wanted = _Wanted(tuple(domain.lower() for domain in domains), people, groups)
    for url in sites:
        walk = _Walk(tenant, url, wanted, limits or Limits())
        scope.append(await walk.through())
        found += walk.found
    return SharingReport(tuple(found), tuple(scope))


@dataclass(frozen=True)
class _Wanted:
    domains: tuple[str, ...]
    people: frozenset[str]
    groups: frozenset[str]

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
        domain = domain_in(name)
        return any(domain == one or domain.endswith(f".{one}") for one in self.domains)


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
    wanted: _Wanted
    limits: Limits
    found: list[SharedItem] = field(default_factory=list)
    drives: int = 0
    items: int = 0
    permissions: int = 0
    stopped: str = ""

    async def through(self) -> SiteScope:
        try:
            await self._drives()
        except WontWork as error:
            self.stopped = error.reason
        return SiteScope(self.site, self.drives, self.items, self.permissions, self.stopped)

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
        await self._look(drive, "root", "")
        while waiting and not self.stopped:
            folder = waiting.popleft()
            async for page in self.tenant.drives.children(drive, folder):
                for item in page:
                    if self.items >= self.limits.items:
                        self.stopped = f"{self.limits.items} items were looked at, and there are more"
                        return
                    self.items += 1
                    if item.folder:
                        waiting.append(item.id)
                    # What it inherits was seen above it.
                    if item.shared and not await self._look(drive, item.id, item.url):
                        return

    async def _look(self, drive: str, item: str, url: str) -> bool:
        """Whether there was room to look."""
        if self.permissions >= self.limits.permissions:
            self.stopped = f"The permissions of {self.limits.permissions} items were read, and more items are shared"
            return False
        self.permissions += 1
        for share in await self.tenant.drives.shares(drive, item) or ():
            how = self.wanted.how(share)
            if how is None or share.inherited:
                continue
            counted = max(len(share.users), len(share.logins), 1)
            self.found.append(SharedItem(self.site, drive, item, url, how, share.roles, share.users, counted, share.until))
        return True
