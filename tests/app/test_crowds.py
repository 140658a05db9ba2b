"""Many partners on the same list, and many requests of the same partner, at once: nothing is lost, nothing is written twice."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.seed import plant
from tests.app.conftest import Stage
from tests.app.whole import differences, picture, templates, unfinished
from tests.rig import Rig

PARTNERS = 20
LISTS = {
    "sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["northwind.com"]}},
    "teamsFederation": {"AllowedDomains": {"AllowedDomain": [{"Domain": "northwind.com"}]}},
}
ON_THE_LISTS: dict[str, dict[str, Any]] = {"allow-domain": {}, "set-sharing-policy": {}, "allow-federation": {}}
NO_PACE: dict[str, Any] = {
    f"ENTENTE_{lane}_PER_SECOND": "0" for lane in ("ENTRA_WRITES", "INVITATIONS", "EXCHANGE", "SHAREPOINT", "TEAMS")
}


def asked(name: str, domain: str, **changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": name,
        "template": "freely",
        "partner": {"name": name.capitalize(), "domains": [domain]},
        "steps": ON_THE_LISTS,
        **changes,
    }


async def crowd(stage: Stage, folder: Path) -> tuple[Rig, dict[str, str]]:
    """A rig whose tenant knows twenty partners, with their domains."""
    rig = await stage.fresh(ENTENTE_TEMPLATES=str(templates(folder)), **NO_PACE)
    domains = {f"partner{number:02}": f"partner{number:02}.example" for number in range(PARTNERS)}
    known = {domain: {"tenantId": str(uuid.uuid5(uuid.NAMESPACE_DNS, domain))} for domain in domains.values()}
    plant(stage.running.services.tenant, {"tenants": known, **LISTS})
    return rig, domains


def lists(stage: Stage) -> tuple[set[str], set[str], set[str]]:
    """Who is on SharePoint's list, on Teams', and in the sharing policy."""
    found = picture(stage.running)
    (policy,) = found["sharingPolicies"]
    return (
        set(found["sharepoint"]["settings"]["sharingAllowedDomainList"]),
        {item["Domain"] for item in found["teamsFederation"]["AllowedDomains"]["AllowedDomain"]},
        {entry.partition(":")[0] for entry in policy["Domains"]},
    )


@pytest.mark.parametrize("seed", range(2))
async def test_twenty_partners_on_the_same_lists_at_once(stage: Stage, tmp_path: Path, seed: int) -> None:
    rig, domains = await crowd(stage, tmp_path)
    before, held = picture(stage.running), lists(stage)
    for name, domain in domains.items():
        rig.submit(asked(name, domain))
    await rig.deliver_interleaved(seed)
    for name in domains:
        assert unfinished(rig, name) == []
    for now, had in zip(lists(stage), held, strict=True):
        assert now == had | set(domains.values())
    writes = stage.running.services.tenant.journal.select("sharepoint", "PATCH", 0)
    assert len(writes) == PARTNERS, "every partner's entry is written once"
    for name, domain in domains.items():
        rig.submit(asked(f"{name}-off", domain, action="offboard"))
    await rig.deliver_interleaved(seed)
    for name in domains:
        assert unfinished(rig, f"{name}-off") == []
    assert lists(stage) == held
    # The lists' own order is nobody's.
    assert [line for line in differences(before, picture(stage.running)) if "rganizationRelationship" in line] == []


@pytest.mark.parametrize("seed", range(3))
async def test_two_requests_of_one_partner_at_once(stage: Stage, tmp_path: Path, seed: int) -> None:
    rig, domains = await crowd(stage, tmp_path)
    before = picture(stage.running)
    domain = domains["partner00"]
    ana, bo = {"email": f"ana@{domain}", "groups": ["partner-readers"]}, {"email": f"bo@{domain}", "groups": ["partner-readers"]}
    rig.submit(asked("one", domain, guests=[ana, bo]))
    rig.submit(asked("two", domain, guests=[bo, ana], steps={**ON_THE_LISTS, "set-remote-domain": {}}))
    await rig.deliver_interleaved(seed)
    assert unfinished(rig, "one") == unfinished(rig, "two") == []
    found = picture(stage.running)
    assert sorted(user["mail"] for user in found["users"]) == [f"ana@{domain}", f"bo@{domain}"]
    assert len(found["organizationRelationships"]) == 1
    assert len(stage.running.services.tenant.outbox) == 2
    rig.submit(asked("off", domain, action="offboard"))
    await rig.deliver_interleaved(seed)
    assert unfinished(rig, "off") == []
    assert differences(before, picture(stage.running)) == []
