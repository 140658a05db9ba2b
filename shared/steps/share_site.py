"""A group is among the visitors or members of a SharePoint site.

Guests get at a site through a group: their own access would be one more thing to take away. Graph cannot put people on a site
(`/sites/{id}/permissions` is about applications), so this goes through the site's REST service, and needs SharePoint's
Sites.FullControl.All. Where the site belongs to that very Microsoft 365 group, being in the group is enough.
https://learn.microsoft.com/sharepoint/dev/sp-add-ins/users-groups-and-roles-rest-api-reference
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.group_there import there
from shared.steps.named import GroupName, SiteUrl, block, blocks
from shared.tenant import Tenant

STEP = "share-site"
ADMIN_ROLE = "Sites.FullControl.All"
READ, EDIT = "read", "edit"
# Others are of a kind whose name in SharePoint cannot be told from here, or that guests are not put in.
_GROUPS = frozenset({"security", "microsoft365", "synced"})


class ShareSite(BaseModel):
    """`group` is a group of the template or of the request; `access` is `read` (a visitor) or `edit` (a member)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    site: SiteUrl
    group: GroupName
    access: Literal["read", "edit"] = "read"


def wanted(ask: Ask) -> Wish | None:
    """The group has that access to the site."""
    asked = block(ShareSite, ask.settings, STEP, ask.name)
    return Wish({"access": asked.access}, {"site": asked.site, "access": asked.access}, group=asked.group)


async def read(tenant: Tenant, subject: Subject) -> State:
    """`access` is what the group may do by the site's own groups, and as asked where the site belongs to it, whose members can edit.

    `site` is there, missing, foreign, unknown (its address is not set) or connected (it belongs to the group); `kind` is the group's.
    """
    url, group = str(subject.details.get("site")), _group(subject)
    nothing: dict[str, Value] = {"access": None, "kind": None}
    if not tenant.sites.reachable:
        return nothing | {"site": "unknown"}
    if not tenant.sites.ours(url):
        return nothing | {"site": "foreign"}
    found = there(subject, await tenant.groups.read(group))
    if found is None or found.kind not in _GROUPS:
        return nothing | {"site": "there", "kind": found.kind if found else None}
    people = await tenant.sites.people(url, _claim(group, found.kind))
    if people is None:
        return nothing | {"site": "missing", "kind": found.kind}
    if people.connected == group:
        return {"access": str(subject.details.get("access", READ)), "site": "connected", "kind": found.kind}
    return {"access": _level(people.access), "site": "there", "kind": found.kind}


def explain(subject: Subject, actual: State) -> str | None:
    """There is no such site or group, or nobody has said where our sites are."""
    site = subject.details.get("site")
    match actual.get("site"):
        case "unknown":
            return "The address of our SharePoint sites is not known: set ENTENTE_SHAREPOINT_URL"
        case "foreign":
            return f"{site} is not a site of our tenant: correct the request, or ENTENTE_SHAREPOINT_URL"
        case "missing":
            return f"There is no site {site}: correct its URL in the request"
    kind = actual.get("kind")
    if kind is None:
        return f"There is no group {_group(subject)}: correct the template"
    return None if kind in _GROUPS else f"Group {_group(subject)} cannot be let into a site: it is of the kind {kind}"


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The group is among those people of the site, and no longer among the others."""
    url, kind, level = str(subject.details.get("site")), str(subject.seen.get("kind")), str(change["access"])
    if (why := explain(subject, subject.seen)) is not None:
        raise WontWork(why)
    claim = _claim(_group(subject), kind)
    await tenant.sites.let_in(url, claim, level)
    people = await tenant.sites.people(url, claim)
    for other, number in people.access.items() if people else ():
        if other != level:
            await tenant.sites.let_out(url, number, other)
    return Applied(created=subject.seen.get("access") is None)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The group has the access of before, if nobody has changed it since."""
    ours, before = entry.after.get("access"), entry.before.get("access")
    now = await read(tenant, subject)
    if now.get("site") == "there" and now.get("kind") is None:
        return await _without_group(tenant, subject)
    if now.get("access") == before or now.get("site") in ("missing", "connected"):
        return Applied(note="The group's access is that of before already")
    if (why := explain(subject, now)) is not None:
        raise WontWork(why)
    if now.get("access") != ours:
        raise WontWork(
            f"The group's access to {subject.details.get('site')} was {ours} and is {now.get('access')}: somebody changed it after us. Set it by hand "
            "in the site's permissions"
        )
    url, claim = str(subject.details.get("site")), _claim(_group(subject), str(now.get("kind")))
    if isinstance(before, str):
        await tenant.sites.let_in(url, claim, before)
    people = await tenant.sites.people(url, claim)
    for level, number in people.access.items() if people else ():
        if level != before:
            await tenant.sites.let_out(url, number, level)
    return Applied(note="The group's access is that of before" if before else "The group is not among the site's people any more")


async def _without_group(tenant: Tenant, subject: Subject) -> Applied:
    """A group that was deleted since is out of the site all the same: it can be restored, and would be in again. Nobody can tell any more
    of which kind it was."""
    url, gone = str(subject.details.get("site")), 0
    for kind in sorted(_GROUPS):
        people = await tenant.sites.people(url, _claim(_group(subject), kind))
        for level, number in people.access.items() if people else ():
            await tenant.sites.let_out(url, number, level)
            gone += 1
    return Applied(note=f"The group is gone; it was taken out of {gone} groups of the site")


def settled(subject: Subject, actual: State) -> str:
    """What the group may do, and why."""
    already = "" if subject.intents else " already"
    if actual.get("site") == "connected":
        return f"the site {subject.details.get('site')} belongs to the group, so its members are in{already}"
    return f"the group may{already} {actual.get('access')} the site {subject.details.get('site')}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Whether our sites can be reached with the permission, and whether the tenant shares with people outside at all."""
    asked = blocks(ShareSite, ahead.settings, STEP)
    if not tenant.sites.reachable:
        why = "The address of our SharePoint sites is not known"
        return (Finding(Weight.REFUSES, "ENTENTE_SHAREPOINT_URL", "not set", "the app's settings", why),)
    found: list[Finding] = []
    if ADMIN_ROLE not in await tenant.sites.roles():
        why = f"The app's identity lacks the application permission {ADMIN_ROLE} on SharePoint (Graph's of that name does not count)"
        found.append(Finding(Weight.REFUSES, ADMIN_ROLE, "not granted", "the managed identity's app roles", why))
    for name, one in sorted(asked.items()):
        if not tenant.sites.ours(one.site):
            found.append(
                Finding(Weight.REFUSES, f"{STEP}.{name}.site", one.site, "the request", "This is not a site of our tenant")
            )
    why = "The site's own limit is not read: where it is narrower than what guests need, they see nothing"
    found.append(Finding(Weight.TELLS, "SharingCapability", "not read", "SharePoint admin center, Active sites", why))
    return tuple(found)


def _claim(group: str, kind: str) -> str:
    from shared.tenant.sites import claim_of

    return claim_of(group, kind)


def _level(access: Mapping[str, int]) -> str | None:
    return EDIT if EDIT in access else READ if READ in access else None


def _group(subject: Subject) -> str:
    if subject.group is None:
        raise ValueError(f"a task of {STEP} has a group")
    return subject.group.lower()


SHARE_SITE = Step(
    name=STEP,
    sentence="A group is among the visitors or members of a SharePoint site.",
    subject="named",
    permissions=("GroupMember.Read.All",),
    power="guests",
    lanes=("sharepoint",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("allow-domain", "create-group", "create-community"),
    session=True,
    common=("site",),
    preflight=preflight,
)
