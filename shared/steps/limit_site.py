"""A SharePoint site is shared no more widely than asked.

Only the SharePoint admin endpoint knows a site's limit, and nobody is known to have used it with a managed identity [U]: without
ENTENTE_SHAREPOINT_ADMIN_URL this step says what to set by hand. https://learn.microsoft.com/sharepoint/change-external-sharing-site
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.nouns.outcomes import Applied, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Finding, Preflight, Step, Subject, Weight, Wish
from shared.steps.named import SiteUrl, block, blocks
from shared.tenant import Tenant

STEP = "limit-site"
# Least first: https://learn.microsoft.com/graph/api/resources/sharepointsettings (sharingCapability)
BY_WIDTH = ("disabled", "existingExternalUserSharingOnly", "externalUserSharingOnly", "externalUserAndGuestSharing")
Capability = Literal["disabled", "existingExternalUserSharingOnly", "externalUserSharingOnly", "externalUserAndGuestSharing"]
ADMIN_ROLE = "Sites.FullControl.All"
WHERE = "SharePoint admin center, Active sites, the site, Settings, External file sharing"


class LimitSite(BaseModel):
    """`site` is its URL; `sharingCapability` is the most that is allowed there, by Graph's names."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    site: SiteUrl
    sharingCapability: Capability  # noqa: N815  # spelled as Microsoft Graph spells it


def wanted(ask: Ask) -> Wish | None:
    """The site's limit is the one asked for, or narrower."""
    asked = block(LimitSite, ask.settings, STEP, ask.name)
    return Wish({"limit": asked.sharingCapability}, {"site": asked.site})


async def read(tenant: Tenant, subject: Subject) -> State:
    """`limit` is how widely the site may be shared (None where there is no such site); `known` says that it could be asked."""
    if not tenant.sites.limits_known:
        return {"limit": None, "known": False, "site": None}
    url = str(subject.details.get("site"))
    site = subject.ids.get("site") or (await tenant.sites.find(url) if tenant.sites.ours(url) else None)
    if site is None:
        return {"limit": None, "known": True, "site": None}
    return {"limit": await tenant.sites.limit(site), "known": True, "site": site}


def explain(subject: Subject, actual: State) -> str | None:
    """The admin endpoint is switched off, the site does not exist, or somebody has made it narrower."""
    site = subject.details.get("site")
    if not actual.get("known"):
        return (
            f"The limit of {site} is not set by the app, because ENTENTE_SHAREPOINT_ADMIN_URL is not set. Set it there, or by hand ({WHERE}) and "
            f"leave {STEP} out of the request"
        )
    if actual.get("site") is None:
        return f"There is no site {site} in our tenant: correct its URL in the request"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The site may be shared as widely as asked, where it was wider. Narrower is left: somebody has decided that."""
    site, limit = str(subject.seen.get("site") or subject.ids.get("site")), str(change["limit"])
    now = await tenant.sites.limit(site)
    if BY_WIDTH.index(now) > BY_WIDTH.index(limit):
        await tenant.sites.set_limit(site, limit)
    elif now != limit:
        raise WontWork(
            f"The site {subject.details.get('site')} is limited to {now}, which is narrower than {limit}: somebody decided that. Ask for {now}, or "
            f"widen it by hand ({WHERE})"
        )
    return Applied(ids={"site": site})


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The site may be shared as before, if nobody has changed its limit since."""
    ours, before, site = entry.after.get("limit"), entry.before.get("limit"), entry.ids.get("site") or subject.ids.get("site")
    if site is None and tenant.sites.limits_known:
        site = await tenant.sites.find(str(subject.details.get("site")))
    if site is None or before is None or ours == before:
        return Applied(note="There is no limit of ours on the site")
    now = await tenant.sites.limit(site)
    if now == before:
        return Applied(note="The site's limit is that of before already")
    if now != ours:
        raise WontWork(
            f"The site's limit was {ours} and is {now}: somebody changed it after us. Set it by hand as it should be ({WHERE})"
        )
    await tenant.sites.set_limit(site, str(before))
    return Applied(ids={"site": site}, note=f"The site may be shared as before: {before}")


def settled(subject: Subject, actual: State) -> str:
    """How widely the site may be shared."""
    already = "" if subject.intents else " already"
    return f"the site {subject.details.get('site')} may{already} be shared no more widely than {actual.get('limit')}"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Whether the admin endpoint may be used, and whether the tenant's own limit is narrower."""
    asked = blocks(LimitSite, ahead.settings, STEP)
    if not tenant.sites.limits_known:
        why = "How widely a site may be shared is not set by the app: set the address, or set the limit by hand and leave the step out"
        return (Finding(Weight.REFUSES, "ENTENTE_SHAREPOINT_ADMIN_URL", "not set", "the app's settings", why),)
    found: list[Finding] = []
    if ADMIN_ROLE not in await tenant.sites.roles():
        why = f"The app's identity lacks the application permission {ADMIN_ROLE} on SharePoint (Graph's of that name does not count)"
        found.append(Finding(Weight.REFUSES, ADMIN_ROLE, "not granted", "the managed identity's app roles", why))
    for name, one in sorted(asked.items()):
        site = await tenant.sites.find(one.site) if tenant.sites.ours(one.site) else None
        if site is None:
            found.append(
                Finding(Weight.REFUSES, f"{STEP}.{name}.site", one.site, "the request", "There is no such site in our tenant")
            )
    return tuple(found)


LIMIT_SITE = Step(
    name=STEP,
    sentence="A SharePoint site is shared no more widely than asked.",
    subject="named",
    permissions=("Sites.Read.All",),
    power="settings",
    lanes=("sharepoint",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    session=True,
    common=("site",),
    sensitive=True,
    keeps=("site",),
    preflight=preflight,
)
