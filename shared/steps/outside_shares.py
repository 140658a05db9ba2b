"""What is shared with given people outside the process, on named sites. Always told with the scope that was read: SharePoint has no list of
all that is shared (facts 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.nouns.outcomes import WontWork

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.tenant import Tenant
    from shared.tenant.drives import Share
    from shared.tenant.found import Outsider

# A look is for a proof, not an audit: so many files and folders of one site are looked at.
MOST_ITEMS = 500


async def look_at_sites(tenant: Tenant, sites: Collection[str], people: Collection[Outsider]) -> tuple[tuple[str, ...], str]:
    """What is shared with these people on the sites, item by item (ids only), and where that was looked for."""
    if not sites:
        return (), "nowhere, because no site was named"
    found: list[str] = []
    scope: list[str] = []
    for url in sites:
        site = await tenant.sites.find(url)
        if site is None:
            scope.append(f"{url} is not there")
            continue
        seen = 0
        for drive, _ in await tenant.drives.of_site(site):
            looked, said = await _look_at_drive(tenant, drive, people, MOST_ITEMS - seen)
            seen, found = seen + looked, found + said
        whole = "all" if seen < MOST_ITEMS else "the first"
        scope.append(f"{url} ({whole} {seen} files and folders)")
    return tuple(found), ", ".join(scope)


async def _look_at_drive(tenant: Tenant, drive: str, people: Collection[Outsider], most: int) -> tuple[int, list[str]]:
    seen = 0
    found: list[str] = []
    folders = ["root"]
    while folders:
        async for items in tenant.drives.children(drive, folders.pop(0)):
            for item in items:
                if seen >= most:
                    return seen, found
                seen += 1
                if item.folder:
                    folders.append(item.id)
                if item.shared:
                    found += await _shares(tenant, drive, item.id, people)
    return seen, found


async def _shares(tenant: Tenant, drive: str, item: str, people: Collection[Outsider]) -> list[str]:
    ids, addresses = {person.id for person in people}, {person.address for person in people if person.address}
    try:
        shares = await tenant.drives.shares(drive, item) or ()
    except WontWork as error:
        return [f"item {item} of drive {drive} could not be looked at ({error.reason})"]
    return [f"item {item} of drive {drive}: {share.role}" for share in shares if _is_theirs(share, ids, addresses)]


def _is_theirs(share: Share, ids: set[str], addresses: set[str]) -> bool:
    if share.inherited:
        return False
    anonymous = share.scope == "anonymous"
    return anonymous or bool(ids & set(share.users)) or bool(addresses & set(share.addresses))
