"""Random requests on random tenants with random faults: each ends, ends right, and leaves the tenant as it was when it goes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstack.tenant.control.act import act
from devstack.tenant.seed import plant
from tests.app.conftest import Stage
from tests.app.whole import FULL, differences, picture, refusals, rows, sights, templates, unfinished

FABRIKAM = "22222222-2222-2222-2222-222222222222"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
# Always there, for others refer to it.
NEEDED = "create-group"
OPTIONS = sorted(set(FULL["steps"]) - {NEEDED})
GUESTS: list[dict[str, Any]] = [
    {"email": "ana@fabrikam.com", "name": "Ana", "groups": ["partner-readers", "project-apollo"]},
    {"email": "bo@fabrikam.co.uk", "name": "Bo"},
    {"email": "cy@fabrikam.com", "groups": []},
]
UNTRUSTED = {"isMfaAccepted": False, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
# What may have been in the tenant before, by others.
PRIOR: dict[str, dict[str, Any]] = {
    "guest": {"users": [{"mail": "ana@fabrikam.com", "userType": "Guest", "companyName": "before"}]},
    "accepted": {
        "users": [{"mail": "bo@fabrikam.co.uk", "userType": "Guest", "externalUserState": "Accepted", "department": "x"}]
    },
    "allow list": {
        "sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["northwind.com"]}}
    },
    "allowed already": {
        "sharepoint": {
            "settings": {
                "sharingDomainRestrictionMode": "allowList",
                "sharingAllowedDomainList": ["fabrikam.com", "northwind.com"],
            }
        }
    },
    "block list": {
        "sharepoint": {"settings": {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["northwind.com"]}}
    },
    "federation list": {"teamsFederation": {"AllowedDomains": {"AllowedDomain": [{"Domain": "northwind.com"}]}}},
    "partner": {"crossTenantPartners": [{"tenantId": FABRIKAM, "inboundTrust": UNTRUSTED}]},
    "relationship": {
        "organizationRelationships": [{"Name": "Fabrikam", "DomainNames": ["fabrikam.com"], "FreeBusyAccessLevel": "None"}]
    },
    "sharing policy": {
        "sharingPolicies": [
            {"Name": "Default Sharing Policy", "Default": True, "Domains": ["fabrikam.com:CalendarSharingFreeBusySimple"]}
        ]
    },
    "remote domain": {"remoteDomains": [{"Name": "fabrikam.com", "DomainName": "fabrikam.com", "AutoForwardEnabled": True}]},
    "group settings": {"groupSettings": {"AllowToAddGuests": "true"}},
}
EFFECTS: list[dict[str, Any]] = [
    {"effect": "status", "status": 503, "code": "serviceUnavailable"},
    {"effect": "status", "status": 429, "code": "tooManyRequests", "headers": {"Retry-After": "3"}},
    {"effect": "effect-then-status", "status": 504, "code": "gatewayTimeout"},
    {"effect": "lost"},
    {"effect": "effect-then-lost"},
    {"effect": "stale"},
]
faults = st.lists(
    st.builds(
        lambda effect, after, times, method: {
            **effect,
            "after": after,
            "times": times,
            "match": {"method": method} if method else {},
        },
        st.sampled_from(EFFECTS),
        st.integers(0, 60),
        st.integers(1, 3),
        st.sampled_from(["", "", "GET", "POST", "PATCH", "DELETE"]),
    ),
    max_size=3,
)
asked = st.sets(st.sampled_from(OPTIONS), max_size=8)


def request(name: str, options: set[str], guests: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The example with these options and guests."""
    steps = {option: block for option, block in FULL["steps"].items() if option in options | {NEEDED}}
    if "set-guest-details" in options:
        # A person's name of before is kept nowhere, so that one stays.
        steps["set-guest-details"] = {"companyName": "Fabrikam", "department": "Apollo"}
    if "set-capabilities" in options:
        # What does not work without the other asks for it.
        steps["set-partner-configuration"] = FULL["steps"]["set-partner-configuration"]
    return {**FULL, "id": name, "template": "freely", "steps": steps, "guests": guests, **changes}


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    prior=st.sets(st.sampled_from(sorted(PRIOR)), max_size=4),
    first=asked,
    second=st.none() | asked,
    guests=st.lists(st.sampled_from(GUESTS), unique_by=lambda guest: str(guest["email"])),
    wrong=faults,
)
async def test_any_request_ends_right_and_goes_without_a_trace(
    stage: Stage,
    tmp_path_factory: pytest.TempPathFactory,
    prior: set[str],
    first: set[str],
    second: set[str] | None,
    guests: list[dict[str, Any]],
    wrong: list[dict[str, Any]],
) -> None:
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(tmp_path_factory.mktemp("templates"))))
    tenant = stage.running.services.tenant
    for name in sorted(prior):
        plant(tenant, PRIOR[name])
    before = picture(stage.running)
    tenant.faults.add(wrong)
    wished = [request("first", first, guests)]
    if second is not None:
        wished.append(request("second", second, [{**guest, "leave": True} for guest in guests[:1]], action="change"))
    for one in wished:
        await rig.settle(one)
        assert refusals(rig) == []
        assert unfinished(rig, one["id"]) == []
    if second is None:
        tenant.faults.clear()
        await rig.settle({**wished[-1], "id": "look", "mode": "plan"})
        assert set(sights(rig, "look")) <= {"nothing"}, [
            row["RowKey"] for row in rows(rig, "look") if "nothing" not in row["seen"]
        ]
        tenant.faults.add(wrong)
    # What others do meanwhile stays.
    act(tenant, {"do": "update", "target": READERS, "set": {"description": "theirs"}})
    await rig.settle(request("off", set(), [], action="offboard"))
    assert unfinished(rig, "off") == []
    assert not rig.bus.dead
    after = picture(stage.running)
    (readers,) = [group for group in after["groups"] if group["id"] == READERS]
    assert readers.pop("description") == "theirs"
    assert "\n".join(differences(before, after)) == ""
    # The test of a connector's mail flow may be sent again; no person is written to twice.
    mails = [str(mail["to"]) for mail in tenant.outbox if "postmaster" not in str(mail["to"])]
    assert len(set(mails)) == len(mails)
