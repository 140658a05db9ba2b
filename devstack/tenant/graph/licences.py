"""Subscriptions of the tenant. https://learn.microsoft.com/graph/api/resources/subscribedsku"""

from devstack.tenant.directory.objects import Record
from devstack.tenant.graph.operation import PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import SimulatedTenant


def list_skus(call: Call) -> Reply:
    """Every subscription, whatever its state."""
    return Reply(200, {"@odata.context": call.context("subscribedSkus"), "value": call.tenant.skus})


def whole_sku(tenant: SimulatedTenant, given: Record) -> Record:
    """The subscription with all that Graph shows of it; `servicePlans` may be names alone."""
    name = given["skuPartNumber"]
    sku = given.get("skuId") or tenant.chance.identifier("sku", name)
    plans = [
        {
            "servicePlanId": tenant.chance.identifier("plan", plan),
            "servicePlanName": plan,
            "provisioningStatus": "Success",
            "appliesTo": "User",
        }
        if isinstance(plan, str)
        else plan
        for plan in given.get("servicePlans", [])
    ]
    units = {"enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0}
    return {
        "accountId": tenant.tenant_id,
        "accountName": tenant.initial_domain.partition(".")[0],
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": 4,
        "id": f"{tenant.tenant_id}_{sku}",
        "skuId": sku,
        "prepaidUnits": units,
        "subscriptionIds": [tenant.chance.identifier("subscription", name)],
        **given,
        "servicePlans": plans,
    }


_READ = (
    *("LicenseAssignment.Read.All", "Organization.Read.All", "Organization.ReadWrite.All"),
    *("Directory.Read.All", "Directory.ReadWrite.All"),
)
OPERATIONS = (
    Operation(
        "GET",
        "/subscribedSkus",
        list_skus,
        _READ,
        "https://learn.microsoft.com/graph/api/subscribedsku-list",
        units=3,
        deviations=("what is bought is as seeded: assigned licences do not change it",),
        options=PLAIN,
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
