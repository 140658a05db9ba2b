"""What is shared with one guest by name on some sites: looked for within a budget, and told apart by whether it can be taken away.

A permission is theirs alone where they are named on it, or on a link that is for nobody else. A link for several people has no supported way
to take one of them out (revokeGrants is in Graph's beta alone), and one for anybody is nobody's: both are named, and left.
https://learn.microsoft.com/graph/api/permission-delete
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.tenant import Tenant
from shared.tenant.sharing import ANYBODY, Limits, SharedItem, SiteScope, Sought, is_name, sharing_with

if TYPE_CHECKING:
    from shared.tenant.drives import Share

# All of a look has to end well within the time that an attempt holds its task (90 s): batches of 20 permissions, pages of 200 items.
BUDGET = Limits(items=6_000, permissions=600, pages=200)
# So many at once stand in a row with their before-image.
MOST_AT_ONCE = 25
MOST_NAMED = 20


@dataclass(frozen=True)
class Grant:
    """One permission of the guest's own: person or link, its role and end, and where. `tag` tells it from others on the item: Graph's own id
    of it has the guest's address in it."""

    how: str
    role: str
    until: str
    drive: str
    item: str
    tag: str

    def __str__(self) -> str:
        return " ".join((self.how, self.role or "-", self.until or "-", self.drive, self.item, self.tag))


def grant_of(words: str) -> Grant:
    """The grant that was written as these words."""
    how, role, until, drive, item, tag = words.split(" ")
    return Grant(how, role.removeprefix("-"), until.removeprefix("-"), drive, item, tag)


def tag_of(permission: str) -> str:
    """What a permission is called here."""
    return hashlib.sha256(permission.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Look:
    """`grants` can be taken away; `left` says what else there is, a sentence each; `scope` how far was looked, `complete` whether to the end."""

    grants: tuple[Grant, ...]
    left: tuple[str, ...]
    scope: str
    complete: bool


async def look(tenant: Tenant, user: str, names: frozenset[str], sites: Sequence[str]) -> Look:
    """What the user (an object id, with their addresses and user names in `names`) has by name on these sites. Raises NotYet."""
    items: list[SharedItem] = []
    scope: list[SiteScope] = []
    room, sought = BUDGET, Sought(people=frozenset({user}), names=names, inherited=True)
    for site in sites:
        report = await sharing_with(tenant, sought, [site], room)
        items += report.items
        scope += report.scope
        (one,) = report.scope
        room = replace(
            room, items=room.items - one.items, permissions=room.permissions - one.permissions, pages=room.pages - one.pages
        )
    own = [item for item in items if not item.source]
    grants = [_grant(item) for item in own if item.how == "person" or (item.how == "link" and item.count == 1)]
    seen = {(item.drive, item.item) for item in own}
    return Look(
        grants=tuple(sorted(grants, key=str)),
        left=(
            *_some("a link for {count} people", [item for item in own if item.how == "link" and item.count > 1]),
            *_some("a link for anybody", [item for item in own if item.how == ANYBODY]),
            *_some(
                "inherited from an item that was not looked at",
                [item for item in items if item.source and item.how != ANYBODY and (item.drive, item.source) not in seen],
            ),
        ),
        scope=", ".join(_looked(one) for one in scope) or "nowhere, because no site is named",
        complete=all(one.complete for one in scope),
    )


def theirs(share: "Share", user: str, names: frozenset[str]) -> bool:
    """Whether the permission stands on the item itself and is for nobody but this user."""
    named = user in share.users or any(is_name(name, names) for name in (*share.logins, *share.addresses))
    return named and not share.inherited and share.count == 1 and share.scope != ANYBODY


def _grant(item: SharedItem) -> Grant:
    role = next((role for role in ("owner", "write", "read") if role in item.roles), item.roles[0] if item.roles else "")
    return Grant(item.how, role, item.until, item.drive, item.item, tag_of(item.permission))


def _some(what: str, items: Sequence[SharedItem]) -> list[str]:
    named = [f"item {one.item} of drive {one.drive}: {what.format(count=one.count)}" for one in items[:MOST_NAMED]]
    return [*named, f"and {len(items) - MOST_NAMED} more such"] if len(items) > MOST_NAMED else named


def _looked(scope: SiteScope) -> str:
    said = f"{urlsplit(scope.site).path or '/'}: {scope.items} files and folders in {scope.drives} document libraries, no lists and pages"
    return said if scope.complete else f"{said}, not all: {scope.stopped}"
