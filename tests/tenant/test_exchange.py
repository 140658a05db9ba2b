"""InvokeCommand and the cmdlets behind it. Facts sections 4.1 to 4.3."""

import asyncio
from typing import Any

import httpx
import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import Caller

CLASSES = {
    "not found": "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
    "binding": "System.Management.Automation.ParameterBindingException",
    "transformation": "System.Management.Automation.ParameterBindingArgumentTransformationException",
    "no cmdlet": "System.Management.Automation.CommandNotFoundException",
}
FABRIKAM: dict[str, Any] = {"Name": "Fabrikam", "DomainNames": ["fabrikam.com"]}


def exception_of(reply: httpx.Response) -> str:
    """The exception class in the envelope, checked for its form."""
    body = reply.json()["error"]
    identifier, exception, text = body["details"][0]["message"].split("|", 2)
    assert (identifier[:2], body["message"], body["details"][0]["code"]) == ("Ex", "Error executing cmdlet", "Client")
    assert text
    if "X-ExceptionType" in reply.headers:
        assert reply.headers["X-ExceptionType"] == exception
    return str(exception)


@shows(
    "New-OrganizationRelationship",
    "Get-OrganizationRelationship",
    "Set-OrganizationRelationship",
    "Remove-OrganizationRelationship",
    rung=2,
)
async def test_a_relationship_lives(caller: Caller) -> None:
    made = await caller.exchange(
        "New-OrganizationRelationship", **FABRIKAM, FreeBusyAccessEnabled=True, FreeBusyAccessLevel="limiteddetails"
    )
    (new,) = made.json()["value"]
    assert (new["Enabled"], new["FreeBusyAccessLevel"], new["MailTipsAccessEnabled"]) == (True, "LimitedDetails", False)
    assert made.json()["@odata.context"].endswith("$metadata#Collection(Exchange.GenericHashTable)")
    for identity in ("fabrikam", new["Guid"], new["DistinguishedName"]):
        found = (await caller.exchange("Get-OrganizationRelationship", Identity=identity)).json()["value"]
        assert [item["Guid"] for item in found] == [new["Guid"]]
    await caller.exchange(
        "Set-OrganizationRelationship", Identity="Fabrikam", Name="Fab", DomainNames=["fabrikam.co.uk"], Confirm=False
    )
    (changed,) = (await caller.exchange("Get-OrganizationRelationship", Identity="Fab")).json()["value"]
    assert (changed["DomainNames"], changed["FreeBusyAccessLevel"], changed["Guid"]) == (
        ["fabrikam.co.uk"],
        "LimitedDetails",
        new["Guid"],
    )
    gone = await caller.exchange("Remove-OrganizationRelationship", Identity=new["Guid"], Confirm=False)
    assert gone.status_code in (200, 204)
    assert (await caller.exchange("Get-OrganizationRelationship")).json()["value"] == []


@shows("Get-OrganizationRelationship", rung=2)
@pytest.mark.parametrize("identity", [{}, {"Identity": None}, {"Identity": ""}])
async def test_no_identity_means_everything(caller: Caller, identity: dict[str, Any]) -> None:
    await caller.control(
        "POST", "seed", {"organizationRelationships": [FABRIKAM, {"Name": "Northwind", "DomainNames": ["northwind.com"]}]}
    )
    found = (await caller.exchange("Get-OrganizationRelationship", **identity)).json()["value"]
    assert [item["Name"] for item in found] == ["Fabrikam", "Northwind"]


@shows("New-OrganizationRelationship", "Set-OrganizationRelationship", "Remove-OrganizationRelationship", rung=2)
@pytest.mark.parametrize(
    ("name", "parameters", "exception"),
    [
        ("Get-OrganizationRelationship", {"Identity": "nobody"}, CLASSES["not found"]),
        ("Set-OrganizationRelationship", {"Identity": "nobody", "Confirm": False}, CLASSES["not found"]),
        ("Remove-OrganizationRelationship", {"Identity": "nobody", "Confirm": False}, CLASSES["not found"]),
        ("Remove-OrganizationRelationship", {"Identity": "", "Confirm": False}, CLASSES["binding"]),
        ("Remove-OrganizationRelationship", {"Confirm": False}, CLASSES["binding"]),
        ("Set-OrganizationRelationship", {"Identity": "Northwind"}, "System.Management.Automation.PSInvalidOperationException"),
        (
            "Remove-OrganizationRelationship",
            {"Identity": "Northwind", "Confirm": True},
            "System.Management.Automation.PSInvalidOperationException",
        ),
        ("New-OrganizationRelationship", {"Name": "x"}, CLASSES["binding"]),
        ("New-OrganizationRelationship", {"Name": "x", "DomainNames": []}, CLASSES["binding"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "FreeBusy": True}, CLASSES["binding"]),
        ("New-OrganizationRelationship", {"Name": "x", "DomainNames": [f"d{n}.com" for n in range(239)]}, CLASSES["binding"]),
        ("New-OrganizationRelationship", {"Name": "x", "DomainNames": ["no domain"]}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {"Name": "x", "DomainNames": ["*.fabrikam.com"]}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "Name": "x" * 65}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "Enabled": "perhaps"}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "FreeBusyAccessLevel": "Everything"}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "MailTipsAccessLevel": "Basic"}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "OrganizationContact": "nobody"}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "OAuthApplicationId": "x"}, CLASSES["transformation"]),
        ("New-OrganizationRelationship", {**FABRIKAM, "FreeBusyAccessScope": "partner-readers"}, CLASSES["not found"]),
        (
            "New-OrganizationRelationship",
            {"Name": "northwind", "DomainNames": ["x.com"]},
            "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
        ),
        (
            "New-OrganizationRelationship",
            {"Name": "x", "DomainNames": ["x.com", "Northwind.com"]},
            "Microsoft.Exchange.Management.SystemConfigurationTasks.DuplicateOrganizationRelationshipDomainException",
        ),
        (
            "Get-FederationInformation",
            {"DomainName": "nobody.example"},
            "Microsoft.Exchange.Management.FederationProvisioning.GetFederationInformationFailedException",
        ),
        ("Get-Mailbox", {"ResultSize": "some"}, CLASSES["transformation"]),
        ("Get-MailUser", {"ResultSize": -1}, CLASSES["transformation"]),
        ("Get-Everything", {}, None),
        ("Format Disk", {}, CLASSES["no cmdlet"]),
    ],
    ids=str,
)
async def test_refusals_carry_the_exception_class(
    caller: Caller, name: str, parameters: dict[str, Any], exception: str | None
) -> None:
    await caller.control("POST", "seed", {"organizationRelationships": [{"Name": "Northwind", "DomainNames": ["northwind.com"]}]})
    before = await caller.state()
    reply = await caller.exchange(name, **parameters)
    if exception is None:
        assert (reply.status_code, "devstack/tenant/exchange/everything.py" in reply.text) == (501, True)
    else:
        assert exception_of(reply) == exception
    assert await caller.state() == before


@shows("New-OrganizationRelationship", rung=2)
async def test_every_documented_parameter_is_taken(caller: Caller) -> None:
    settings: dict[str, Any] = {
        "Enabled": False,
        "FreeBusyAccessEnabled": True,
        "FreeBusyAccessLevel": "AvailabilityOnly",
        "FreeBusyAccessScope": "free-busy-staff",
        "MailTipsAccessEnabled": True,
        "MailTipsAccessLevel": "All",
        "MailTipsAccessScope": "free-busy-staff@contoso.com",
        "PhotosEnabled": True,
        "ArchiveAccessEnabled": True,
        "DeliveryReportEnabled": True,
        "MailboxMoveEnabled": True,
        "MailboxMoveCapability": "RemoteInbound",
        "MailboxMovePublishedScopes": ["movers"],
        "OAuthApplicationId": "77777777-7777-4777-8777-777777777777",
        "TargetApplicationUri": "outlook.com",
        "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
        "TargetSharingEpr": "https://outlook.office365.com/EWS/Exchange.asmx",
        "TargetOwaURL": "https://outlook.office.com/owa",
        "OrganizationContact": "mia@contoso.com",
    }
    reply = await caller.exchange("New-OrganizationRelationship", **FABRIKAM, **settings, Confirm=False, WhatIf=False)
    (made,) = reply.json()["value"]
    assert {name: made[name] for name in settings} == settings
    reply = await caller.exchange("New-OrganizationRelationship", Name="Other", DomainNames=["x.com"], WhatIf=True)
    assert reply.status_code in (200, 204)
    assert len((await caller.state())["organizationRelationships"]) == 1


@shows("Set-OrganizationRelationship", rung=2)
async def test_lists_are_replaced_or_changed_by_hashtable(caller: Caller) -> None:
    await caller.exchange("New-OrganizationRelationship", Name="Fabrikam", DomainNames=["fabrikam.com", "fabrikam.co.uk"])
    table = {"@odata.type": "#Exchange.GenericHashTable", "Add": ["fabrikam.org"], "Remove": ["FABRIKAM.com"]}
    await caller.exchange("Set-OrganizationRelationship", Identity="Fabrikam", DomainNames=table, Confirm=False)
    (found,) = (await caller.state())["organizationRelationships"]
    assert found["DomainNames"] == ["fabrikam.co.uk", "fabrikam.org"]
    again = await caller.exchange(
        "Set-OrganizationRelationship", Identity="Fabrikam", DomainNames=found["DomainNames"], Confirm=False
    )
    assert again.json()["@adminapi.warnings"] == [
        "The command completed successfully but no settings of 'Fabrikam' have been modified."
    ]


@shows("Get-FederationInformation", "Get-AcceptedDomain", rung=2)
async def test_federation_information_tells_only_the_domain_that_was_asked_for(caller: Caller) -> None:
    (found,) = (
        await caller.exchange("Get-FederationInformation", DomainName="fabrikam.co.uk", BypassAdditionalDomainValidation=True)
    ).json()["value"]
    assert (found["DomainNames"], found["TargetApplicationUri"]) == (["fabrikam.co.uk"], "outlook.com")
    domains = (await caller.exchange("Get-AcceptedDomain")).json()["value"]
    assert {item["DomainName"]: (item["Default"], item["InitialDomain"]) for item in domains} == {
        "contoso.com": (True, False),
        "contoso.onmicrosoft.com": (False, True),
    }


async def test_the_same_failure_comes_with_different_statuses(caller: Caller) -> None:
    replies = [await caller.exchange("Get-OrganizationRelationship", Identity="nobody") for _ in range(6)]
    assert [reply.status_code for reply in replies] == [400, 404, 500] * 2
    assert {exception_of(reply) for reply in replies} == {CLASSES["not found"]}
    assert {"X-ExceptionType" in reply.headers for reply in replies} == {True, False}
    await caller.control("PUT", "options", {"exchangeErrorStatuses": [500]})
    assert {(await caller.exchange("Get-OrganizationRelationship", Identity="x")).status_code for _ in range(3)} == {500}


@shows("Get-OrganizationRelationship", rung=2)
async def test_pages_are_fetched_by_posting_the_same_body_to_the_link(caller: Caller) -> None:
    given = [{"Name": f"Partner {n}", "DomainNames": [f"d{n}.com"]} for n in range(5)]
    await caller.control("POST", "seed", {"organizationRelationships": given})
    prefer = {"Prefer": "odata.maxpagesize=2"}
    reply = await caller.exchange("Get-OrganizationRelationship", headers=prefer, url=f"{caller.tenant.exchange}?$select=Name")
    names: list[str] = []
    while True:
        names += [item["Name"] for item in reply.json()["value"]]
        assert all(list(item) == ["Name"] for item in reply.json()["value"])
        link = reply.json().get("@odata.nextLink")
        if link is None:
            break
        other = await caller.exchange("Get-OrganizationRelationship", headers=prefer, url=link, Identity="x")
        assert other.status_code == 400
        reply = await caller.exchange("Get-OrganizationRelationship", headers=prefer, url=link)
    assert names == [f"Partner {n}" for n in range(5)]


async def test_a_link_to_a_page_dies_after_ten_minutes(caller: Caller) -> None:
    given = [{"Name": f"Partner {n}", "DomainNames": [f"d{n}.com"]} for n in range(3)]
    await caller.control("POST", "seed", {"organizationRelationships": given})
    first = await caller.exchange("Get-OrganizationRelationship", headers={"Prefer": "odata.maxpagesize=2"})
    await caller.control("POST", "clock", {"advance": 601})
    assert (await caller.exchange("Get-OrganizationRelationship", url=first.json()["@odata.nextLink"])).status_code == 400


@shows("exchange", rung=4)
async def test_a_fourth_cmdlet_at_the_same_time_is_throttled(caller: Caller) -> None:
    await caller.control("PUT", "throttle", {"exchange": {"seconds": 0.2}})
    replies = await asyncio.gather(*(caller.exchange("Get-AcceptedDomain") for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 429]
    (refused,) = [reply for reply in replies if reply.status_code == 429]
    assert "maximum number of concurrent requests per tenant" in refused.json()["error"]["details"][0]["message"]
    assert (await caller.exchange("Get-AcceptedDomain")).status_code == 200


async def test_the_door_is_for_applications_with_the_right_roles(caller: Caller) -> None:
    async def status(**more: Any) -> int:
        return (await caller.exchange("Get-OrganizationRelationship", **more)).status_code

    assert await status(directory_roles=()) == 403
    assert await status(directory_roles=("Global Reader",)) == 200
    assert await status(headers=caller.bearer()) == 401
    assert await status(headers={"Authorization": "Bearer x"}) == 401
    assert await status(headers={"X-AnchorMailbox": ""}) == 400
    assert await status(url=caller.tenant.exchange.replace("11111111-", "99999999-")) == 403
    assert (
        await status(url=caller.tenant.exchange.replace("11111111-1111-1111-1111-111111111111", "contoso.onmicrosoft.com")) == 200
    )
    reader = await caller.exchange("New-OrganizationRelationship", directory_roles=("Global Reader",), **FABRIKAM)
    assert exception_of(reader) == CLASSES["no cmdlet"]
    no_role = caller.bearer("https://outlook.office365.com", roles=())
    assert await status(headers=no_role) == 403
