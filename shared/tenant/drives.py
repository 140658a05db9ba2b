"""Files and folders of SharePoint and OneDrive, and who has access to them.

https://learn.microsoft.com/graph/api/driveitem-invite, https://learn.microsoft.com/graph/api/driveitem-list-permissions
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from urllib.parse import quote

from kiota_abstractions.method import Method

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.fields import entry, objects, text, texts
from shared.tenant.graph import MOST_PER_BATCH, BatchItem, Graph
from shared.tenant.odata import guid
from shared.tenant.plain import request

READ_AGAIN_WAIT = 15.0
_ITEM = "/drives/{drive}/items/{item}"
_PERMISSIONS = f"{_ITEM}/permissions"
_ONE = f"{_PERMISSIONS}/{{permission}}"


@dataclass(frozen=True)
class Share:
    """One permission on an item. `users` and `group` are object ids in our directory, `logins` SharePoint's names of people.

    `scope` is the link's (anonymous, organization, users) or empty where it is no link. `until` is as Graph writes it. `source` is the
    item that it is inherited from, where Graph says so.
    """

    id: str
    roles: tuple[str, ...]
    inherited: bool
    users: tuple[str, ...] = ()
    group: str = ""
    logins: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    scope: str = ""
    until: str = ""
    source: str = ""

    @property
    def count(self) -> int:
        """How many people it is for, a group being one."""
        return max(len(self.users), len(self.logins), len(self.addresses), 1)

    @property
    def role(self) -> str:
        """The strongest of its roles."""
        return next((role for role in ("owner", "write", "read") if role in self.roles), self.roles[0] if self.roles else "")


@dataclass(frozen=True)
class Item:
    """A file or folder. `shared` says that it has permissions of its own beside those it inherits."""

    id: str
    folder: bool
    shared: bool
    url: str


class Drives:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_site(self, site: str) -> tuple[tuple[str, str], ...]:
        """Id and name of every document library of the site. Raises WontWork where there is no such site."""
        found: list[tuple[str, str]] = []
        build = request(Method.GET, "/sites/{site}/drives", site=site)
        async for page in self._graph.pages(operations.LIST_DRIVES, build, about=f"site {site}"):
            found += [(text(drive, "id"), text(drive, "name")) for drive in objects(page.content(), "value")]
        return tuple(found)

    async def children(self, drive: str, item: str = "root") -> AsyncIterator[tuple[Item, ...]]:
        """What is directly in the folder, page by page."""
        build = request(Method.GET, f"{_ITEM}/children", drive=drive, item=item)
        async for page in self._graph.pages(operations.LIST_ITEMS, build, about=_about(drive, item)):
            yield tuple(_item(found) for found in objects(page.content(), "value"))

    async def shares(self, drive: str, item: str) -> tuple[Share, ...] | None:
        """Every permission on the item, inherited ones too; None where there is no such item."""
        found: list[Share] = []
        build = request(Method.GET, _PERMISSIONS, drive=drive, item=item)
        async for page in self._graph.pages(operations.READ_SHARES, build, about=_about(drive, item), allow=(404,)):
            if page.status == 404:
                return None
            found += [_share(permission) for permission in objects(page.content(), "value")]
        return tuple(found)

    async def shares_of(self, drive: str, items: Sequence[str]) -> dict[str, tuple[Share, ...] | None]:
        """The same of several items, 20 to a call."""
        found: dict[str, tuple[Share, ...] | None] = {}
        for some in batched(items, MOST_PER_BATCH, strict=False):
            asked = {
                str(place): BatchItem("GET", f"/drives/{quote(drive)}/items/{quote(item)}/permissions", _about(drive, item))
                for place, item in enumerate(some)
            }
            answers = await self._graph.batch(operations.READ_SHARES, asked, about=f"drive {drive}")
            for place, item in enumerate(some):
                answer = answers[str(place)]
                if answer.status == 404:
                    found[item] = None
                elif not answer.good:
                    raise answer.error()
                elif text(answer.body, "@odata.nextLink"):
                    found[item] = await self.shares(drive, item)
                else:
                    found[item] = tuple(_share(permission) for permission in objects(answer.content(), "value"))
        return found

    async def share(self, drive: str, item: str, grantee: str, role: str, until: str = "") -> str:
        """The user or group of our directory has the role on the item; the permission's id. Nobody is written to.

        Raises NotYet where SharePoint does not know the grantee (yet), WontWork where it refuses to share.
        """
        body: dict[str, Json] = {
            "recipients": [{"objectId": guid(grantee, "grantee")}],
            "roles": [role],
            "requireSignIn": True,
            "sendInvitation": False,
        }
        if until:
            body["expirationDateTime"] = until
        about = _about(drive, item)
        build = request(Method.POST, f"{_ITEM}/invite", body, drive=drive, item=item)
        answer = await self._graph.ask(operations.SHARE_ITEM, build, about=about, allow=(400,))
        if not answer.good:
            raise _refused(answer)
        permissions = objects(answer.content(), "value")
        failed = next((permission for permission in permissions if entry(permission, "error")), None)
        if failed is not None or not permissions:
            raise NotYet(
                f"SharePoint shared {about} with nobody ({text(entry(failed, 'error'), 'code') or 'no permission in the answer'}): "
                "it may not know the group yet",
                after=READ_AGAIN_WAIT,
            )
        return text(permissions[0], "id")

    async def change(self, drive: str, item: str, permission: str, role: str) -> None:
        """The permission has the role instead of its own. Its end cannot be changed (permission: update takes roles only)."""
        build = request(Method.PATCH, _ONE, {"roles": [role]}, drive=drive, item=item, permission=permission)
        await self._graph.ask(operations.CHANGE_SHARE, build, about=_about(drive, item))

    async def unshare(self, drive: str, item: str, permission: str) -> bool:
        """The permission is gone; one that was gone before counts as well. False where SharePoint says that it is not the item's own: what
        is inherited is taken away where it was given."""
        build = request(Method.DELETE, _ONE, drive=drive, item=item, permission=permission)
        answer = await self._graph.ask(operations.REMOVE_SHARE, build, about=_about(drive, item), allow=(400, 404))
        return answer.status != 400


def _refused(answer: Answer) -> NotYet | WontWork:
    inner = text(entry(entry(answer.body, "error"), "innerError"), "code")
    if inner != "secureSharingInvalidRequest" and not answer.says("cannot be invited securely"):
        return answer.error()
    return WontWork(
        f"SharePoint does not share {answer.about} with this group or person: sharing with people outside is switched off for the tenant "
        "or the site, their domain is not allowed, or they are not in the directory. Look at Sharing in the SharePoint admin center"
    )


def _about(drive: str, item: str) -> str:
    return f"item {item} of drive {drive}"


def _item(found: Json) -> Item:
    return Item(
        id=text(found, "id"),
        folder=entry(found, "folder") is not None,
        shared=entry(found, "shared") is not None,
        url=text(found, "webUrl"),
    )


def _share(found: Json) -> Share:
    several = objects(found, "grantedToIdentitiesV2")
    one = entry(found, "grantedToV2")
    identities: list[Json] = [one, *several]
    users = [entry(identity, "user") for identity in identities]
    addresses = [text(user, "email") for user in users] + [text(entry(found, "invitation"), "email")]
    return Share(
        id=text(found, "id"),
        roles=texts(found, "roles"),
        inherited=bool(entry(found, "inheritedFrom")),
        source=text(entry(found, "inheritedFrom"), "id"),
        users=_said(text(user, "id").lower() for user in users),
        group=text(entry(one, "group"), "id").lower(),
        logins=_said(text(entry(identity, "siteUser"), "loginName").lower() for identity in identities),
        addresses=_said(address.lower() for address in addresses),
        scope=text(entry(found, "link"), "scope"),
        until=text(found, "expirationDateTime"),
    )


def _said(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
