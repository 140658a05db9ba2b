"""SharePoint's and OneDrive's settings of the whole tenant. Facts section 5.1."""

from typing import Any

from devstack.tenant.errors import GraphError, bad_request
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply
from devstack.tenant.services.workloads import SHARING

_KEY = "sharepoint-settings"
_CHOICES = {
    "sharingCapability": (
        "disabled",
        "externalUserSharingOnly",
        "externalUserAndGuestSharing",
        "existingExternalUserSharingOnly",
    ),
    "sharingDomainRestrictionMode": ("none", "allowList", "blockList"),
    "imageTaggingOption": ("disabled", "basic", "enhanced"),
}
_LISTS = ("sharingAllowedDomainList", "sharingBlockedDomainList")
_MOST_DOMAINS = 5_000
_READ_ONLY = frozenset({"availableManagedPathsForSiteCreation"})


def get_settings(call: Call) -> Reply:
    """The settings as they are."""
    return _answer(call, call.tenant.lag.view(_KEY, call.tenant.workloads.sharing))


def update_settings(call: Call) -> Reply:
    """The settings have the values in the body; lists are replaced whole."""
    changes = {name: value for name, value in call.json().items() if "@odata" not in name}
    before = call.tenant.workloads.sharing
    for name, value in changes.items():
        if name not in SHARING or name in _READ_ONLY or not _fits(name, value):
            raise bad_request(
                f"Invalid value specified for property '{name}' of resource 'sharepointSettings'.", code="invalidRequest"
            )
    after = {**before, **changes}
    for name in _LISTS:
        domains = [str(domain).lower() for domain in after[name] or []]
        if len(domains) > _MOST_DOMAINS or len(set(domains)) < len(domains):
            raise GraphError(400, "invalidRequest", f"{name} holds at most {_MOST_DOMAINS} domains, each once.")
        after[name] = domains
    call.tenant.lag.note(_KEY, before)
    call.tenant.workloads.sharing = after
    return _answer(call, after)


def _answer(call: Call, settings: dict[str, Any]) -> Reply:
    return Reply(
        200,
        {
            "@odata.context": call.context("admin/sharepoint/settings/$entity"),
            "@odata.type": "#microsoft.graph.sharepointSettings",
            **settings,
        },
    )


def _fits(name: str, value: Any) -> bool:
    if name in _CHOICES:
        return value in _CHOICES[name]
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(item, str) and "." in item and "*" not in item for item in value)
    return isinstance(value, type(SHARING[name])) and not (isinstance(value, bool) and not isinstance(SHARING[name], bool))


_API = "https://learn.microsoft.com/graph/api/sharepointsettings-"
OPERATIONS = (
    Operation(
        "GET",
        "/admin/sharepoint/settings",
        get_settings,
        ("SharePointTenantSettings.Read.All", "SharePointTenantSettings.ReadWrite.All"),
        f"{_API}get",
        options=PLAIN,
    ),
    Operation(
        "PATCH",
        "/admin/sharepoint/settings",
        update_settings,
        ("SharePointTenantSettings.ReadWrite.All",),
        f"{_API}update",
        kind="write",
        unverified=(
            "that a list longer than 5,000 domains or with one twice is refused with 400",
            "replication delay of these settings",
        ),
        deviations=("the mode may be set without its list",),
    ),
)
NOT_SIMULATED = ()
