"""What in our tenant groups, teams and communities will meet: settings of groups, labels, licences. Read before anything is written."""

from collections.abc import Awaitable, Callable, Mapping

from shared.nouns.json_text import Json
from shared.nouns.outcomes import WontWork
from shared.nouns.step import Finding, Preflight, Weight
from shared.tenant import Tenant

ENTRA = "Microsoft Entra admin center > Groups > Settings > General, or /groupSettings (template Group.Unified)"
M365 = "Microsoft 365 admin center > Settings > Org settings > Microsoft 365 Groups"
BILLING = "Microsoft 365 admin center > Billing > Your products"
PURVIEW = "Microsoft Purview portal > Information protection > Sensitivity labels"
TEAMS = "Teams admin center > Users > Guest access"
# Any of them is enough to read, by Microsoft's tables (https://learn.microsoft.com/graph/permissions-reference).
_SETTINGS_READERS = frozenset(
    {"GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All"}
)
_LICENCE_READERS = frozenset({"LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"})


async def about_settings(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """What the tenant's settings of groups (template Group.Unified) mean for groups with guests."""

    async def look() -> tuple[Finding, ...]:
        return _of_settings(await tenant.group_settings.of_tenant(), ahead.guests > 0)

    return await _looked("Group.Unified", ENTRA, _SETTINGS_READERS, ahead, look)


async def about_labels(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """Whether the labels that the request asks for can be used, and let guests in."""
    labels = {name: str(block["sensitivityLabel"]).lower() for name, block in _blocks(ahead) if block.get("sensitivityLabel")}
    if not labels:
        return ()

    async def look() -> tuple[Finding, ...]:
        value = (await tenant.group_settings.of_tenant()).get("EnableMIPLabels", "")
        why = "sensitivity labels are not switched on for groups, so none can be set"
        return () if _on(value) else (Finding(Weight.REFUSES, "EnableMIPLabels", value, ENTRA, why),)

    refused = tuple(
        Finding(Weight.REFUSES, "sensitivityLabel", label, PURVIEW, f"the label asked for on group {name} keeps guests out")
        for name, label in labels.items()
        if label in tenant.labels_without_guests
    )
    return refused + await _looked("EnableMIPLabels", ENTRA, _SETTINGS_READERS, ahead, look)


async def about_licences(tenant: Tenant, ahead: Preflight, plans: Mapping[str, str]) -> tuple[Finding, ...]:
    """Whether one of the service plans is in a subscription of ours. `plans` maps their names to what they are for."""

    async def look() -> tuple[Finding, ...]:
        if not (await tenant.licences.service_plans()).isdisjoint(plans):
            return ()
        purpose = next(iter(plans.values()))
        why = f"no subscription of ours has a service plan for {purpose} that we know of"
        return (Finding(Weight.WARNS, "subscribedSkus", "none of " + ", ".join(plans), BILLING, why),)

    return await _looked("subscribedSkus", BILLING, _LICENCE_READERS, ahead, look)


async def _looked(
    setting: str, where: str, readers: frozenset[str], ahead: Preflight, look: Callable[[], Awaitable[tuple[Finding, ...]]]
) -> tuple[Finding, ...]:
    """What was found; where it cannot be read, that it was not."""
    missing = f"it was not looked at: grant the app one of {', '.join(sorted(readers))} to have it looked at"
    if ahead.roles.isdisjoint(readers):
        return (Finding(Weight.TELLS, setting, "unknown", where, missing),)
    try:
        return await look()
    except WontWork as error:
        return (Finding(Weight.TELLS, setting, "unknown", where, f"it could not be read: {error.reason}"),)


def _of_settings(values: Mapping[str, str], guests: bool) -> tuple[Finding, ...]:
    found = []
    for name, means in (
        ("AllowToAddGuests", "nobody may add guests to any group"),
        ("AllowGuestsToAccessGroups", "guests reach nothing in any group, whether they are members or not"),
    ):
        if name in values and not _on(values[name]):
            weight = Weight.REFUSES if guests else Weight.WARNS
            found.append(Finding(weight, name, values[name], M365, f"as it is, {means}"))
    if not _on(values.get("EnableGroupCreation", "true")):
        why = "people may not create groups; that apps with the permission still may is not verified. A refusal names this setting's policy"
        found.append(Finding(Weight.WARNS, "EnableGroupCreation", values["EnableGroupCreation"], ENTRA, why))
    if naming := values.get("PrefixSuffixNamingRequirement"):
        why = "the directory may add this to the names of groups that we make"
        found.append(Finding(Weight.TELLS, "PrefixSuffixNamingRequirement", naming, ENTRA, why))
    if blocked := values.get("CustomBlockedWordsList"):
        count = f"{len(blocked.split(','))} words"
        why = "a group whose name has one of them may be refused"
        found.append(Finding(Weight.TELLS, "CustomBlockedWordsList", count, ENTRA, why))
    return tuple(found)


def _blocks(ahead: Preflight) -> list[tuple[str, Mapping[str, Json]]]:
    return [(name, block) for name, block in ahead.settings.items() if isinstance(block, dict)]


def _on(value: str) -> bool:
    return value.strip().lower() == "true"
