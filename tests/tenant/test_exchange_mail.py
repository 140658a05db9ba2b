"""Sharing policies, connectors, remote domains and recipients behind InvokeCommand. Facts sections 4.4 to 4.6."""

from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import MIA, Caller
from tests.tenant.test_exchange import exception_of

SIMPLE = "CalendarSharingFreeBusySimple"
NOUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "SharingPolicy": ("sharingPolicies", {"Domains": [f"fabrikam.com:{SIMPLE}"]}, {"Enabled": False}),
    "InboundConnector": ("inboundConnectors", {"SenderDomains": ["fabrikam.com"], "Enabled": False}, {"RequireTls": False}),
    "OutboundConnector": ("outboundConnectors", {"RecipientDomains": ["*.fabrikam.com"]}, {"TlsSettings": "EncryptionOnly"}),
    "RemoteDomain": ("remoteDomains", {"DomainName": "fabrikam.com"}, {"AutoForwardEnabled": False, "LineWrapSize": 76}),
}
NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
BINDING = "System.Management.Automation.ParameterBindingException"
TRANSFORMATION = "System.Management.Automation.ParameterBindingArgumentTransformationException"
INVALID = "Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException"
TAKEN = "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException"
PROMPT = "System.Management.Automation.PSInvalidOperationException"


async def values(caller: Caller, name: str, **parameters: Any) -> list[dict[str, Any]]:
    reply = await caller.exchange(name, **parameters)
    assert reply.status_code in (200, 204), reply.text
    found: list[dict[str, Any]] = reply.json()["value"] if reply.content else []
    return found


@shows(
    "Get-SharingPolicy",
    "New-SharingPolicy",
    "Get-InboundConnector",
    "New-InboundConnector",
    "Get-OutboundConnector",
    "New-OutboundConnector",
    "Get-RemoteDomain",
    "New-RemoteDomain",
    rung=2,
)
@pytest.mark.parametrize("noun", NOUNS)
async def test_an_object_lives(caller: Caller, noun: str) -> None:
    section, given, change = NOUNS[noun]
    before = (await caller.state())[section]
    (new,) = await values(caller, f"New-{noun}", Name="Ours", **given)
    for identity in ("ours", new["Guid"], new["DistinguishedName"]):
        (found,) = await values(caller, f"Get-{noun}", Identity=identity)
        assert found["Guid"] == new["Guid"]
    assert exception_of(await caller.exchange(f"New-{noun}", Name="OURS", **given)) in (TAKEN, DUPLICATE)
    assert exception_of(await caller.exchange(f"Set-{noun}", Identity="Ours", **change)) == PROMPT
    await values(caller, f"Set-{noun}", Identity="Ours", Name="Renamed", Confirm=False, **change)
    (found,) = await values(caller, f"Get-{noun}", Identity="Renamed")
    assert {key: str(found[key]) for key in change} == {key: str(value) for key, value in change.items()}
    assert len(await values(caller, f"Get-{noun}")) == len(before) + 1
    await values(caller, f"Remove-{noun}", Identity=new["Guid"], Confirm=False)
    assert (await caller.state())[section] == before
    for verb in ("Get", "Set", "Remove"):
        more: dict[str, Any] = {} if verb == "Get" else {"Confirm": False}
        assert exception_of(await caller.exchange(f"{verb}-{noun}", Identity="Ours", **more)) == NOT_FOUND


DUPLICATE = "Microsoft.Exchange.Management.SystemConfigurationTasks.DuplicateRemoteDomainException"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("New-SharingPolicy", {"Domains": ["fabrikam.com"]}, TRANSFORMATION),
    ("New-SharingPolicy", {"Domains": ["fabrikam.com:Everything"]}, TRANSFORMATION),
    ("New-SharingPolicy", {"Domains": [f"*.fabrikam.com:{SIMPLE}"]}, TRANSFORMATION),
    ("New-SharingPolicy", {"Domains": [f"a.com:{SIMPLE}", "A.com:ContactsSharing"]}, INVALID),
    ("New-SharingPolicy", {}, BINDING),
    ("Remove-SharingPolicy", {"Identity": "Default Sharing Policy", "Confirm": False}, INVALID),
    ("New-InboundConnector", {}, BINDING),
    ("New-InboundConnector", {"SenderDomains": ["domain.*.contoso.com"]}, TRANSFORMATION),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "SenderIPAddresses": ["192.0.2.0/16"]}, TRANSFORMATION),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "SenderIPAddresses": ["2001:db8::1"]}, TRANSFORMATION),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "TreatMessagesAsInternal": True}, INVALID),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "RestrictDomainsToCertificate": True}, INVALID),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "RestrictDomainsToIPAddresses": True}, INVALID),
    ("New-InboundConnector", {"SenderDomains": ["a.com"], "ConnectorType": "Friend"}, TRANSFORMATION),
    ("New-OutboundConnector", {"UseMXRecord": False}, INVALID),
    ("New-OutboundConnector", {"TlsSettings": "DomainValidation"}, INVALID),
    ("New-OutboundConnector", {"AllAcceptedDomains": True}, INVALID),
    ("New-OutboundConnector", {"TlsSettings": "Strong"}, TRANSFORMATION),
    ("Set-OutboundConnector", {"LinkForModifiedConnector": MIA, "Identity": "x", "Confirm": False}, BINDING),
    ("New-RemoteDomain", {"DomainName": "a.com", "AutoForwardEnabled": False}, BINDING),
    ("New-RemoteDomain", {"DomainName": "*"}, DUPLICATE),
    ("Remove-RemoteDomain", {"Identity": "Default", "Confirm": False}, INVALID),
    ("Set-RemoteDomain", {"Identity": "Default", "LineWrapSize": 133, "Confirm": False}, TRANSFORMATION),
    ("Set-RemoteDomain", {"Identity": "Default", "AllowedOOFType": "All", "Confirm": False}, TRANSFORMATION),
    ("Get-Recipient", {"Filter": "EmailAddresses -like '*@fabrikam.com'"}, BINDING),
    ("Get-Mailbox", {"Identity": "nobody"}, NOT_FOUND),
    ("Validate-OutboundConnector", {"Identity": "nobody", "Recipients": ["a@b.com"]}, NOT_FOUND),
    ("Validate-OutboundConnector", {"Identity": "nobody"}, BINDING),
]


@shows(
    "Set-SharingPolicy",
    "Remove-SharingPolicy",
    "Set-InboundConnector",
    "Remove-InboundConnector",
    "Set-OutboundConnector",
    "Remove-OutboundConnector",
    "Set-RemoteDomain",
    "Remove-RemoteDomain",
    rung=2,
)
@pytest.mark.parametrize(("name", "parameters", "exception"), REFUSED, ids=str)
async def test_refusals_carry_the_exception_class(caller: Caller, name: str, parameters: dict[str, Any], exception: str) -> None:
    before = await caller.state()
    given = {"Name": "x", **parameters} if name.startswith("New-") else parameters
    assert exception_of(await caller.exchange(name, **given)) == exception
    assert await caller.state() == before


@shows("Set-SharingPolicy", rung=2)
async def test_entries_of_a_sharing_policy_are_added_and_removed_by_hashtable(caller: Caller) -> None:
    table = {
        "@odata.type": "#Exchange.GenericHashTable",
        "Add": ["Fabrikam.com: contactssharing,calendarsharingfreebusydetail"],
        "Remove": [f"*:{SIMPLE}"],
    }
    await values(caller, "Set-SharingPolicy", Identity="Default Sharing Policy", Domains=table, Confirm=False)
    (policy,) = (await caller.state())["sharingPolicies"]
    assert policy["Domains"] == [
        "Anonymous:CalendarSharingFreeBusyReviewer",
        "fabrikam.com:CalendarSharingFreeBusyDetail, ContactsSharing",
    ]
    twice = {"@odata.type": "#Exchange.GenericHashTable", "Add": [f"fabrikam.com:{SIMPLE}"]}
    reply = await caller.exchange("Set-SharingPolicy", Identity="Default Sharing Policy", Domains=twice, Confirm=False)
    assert exception_of(reply) == INVALID


@shows("Set-SharingPolicy", "New-SharingPolicy", "Get-Mailbox", rung=2)
async def test_one_policy_is_the_default_and_mailboxes_are_found_by_theirs(caller: Caller) -> None:
    (sales,) = await values(caller, "New-SharingPolicy", Name="Sales", Domains=[f"*:{SIMPLE}"], Default=True)
    assert {item["Name"]: item["Default"] for item in await values(caller, "Get-SharingPolicy")} == {
        "Default Sharing Policy": False,
        "Sales": True,
    }
    await values(caller, "Set-SharingPolicy", Identity="Default Sharing Policy", Default=True, Confirm=False)
    assert [item["Name"] for item in await values(caller, "Get-SharingPolicy") if item["Default"]] == ["Default Sharing Policy"]
    await caller.control("POST", "seed", {"mailboxes": [{"Mailbox": "mia@contoso.com", "SharingPolicy": "Sales"}]})
    found = await values(caller, "Get-Mailbox", Filter=f"SharingPolicy -eq '{sales['DistinguishedName']}'", ResultSize=1)
    assert [item["PrimarySmtpAddress"] for item in found] == ["mia@contoso.com"]
    (limited,) = await values(caller, "Get-Mailbox", ResultSize=1)
    assert limited["RecipientTypeDetails"] == "UserMailbox"


@shows("Get-InboundConnector", rung=2)
async def test_sender_domains_are_shown_as_address_spaces(caller: Caller) -> None:
    (new,) = await values(caller, "New-InboundConnector", Name="In", SenderDomains=["*.Fabrikam.com", "smtp:a.com;1"])
    assert (new["SenderDomains"], new["ConnectorType"], new["RequireTls"], new["Enabled"]) == (
        ["smtp:*.fabrikam.com;1", "smtp:a.com;1"],
        "Partner",
        True,
        True,
    )


@shows("Validate-OutboundConnector", rung=2)
async def test_a_connector_is_tried_without_being_changed(caller: Caller) -> None:
    await caller.control("POST", "seed", {"tenants": {"wingtip.com": {"tenantId": MIA, "mail": False}}})
    given: dict[str, Any] = {"RecipientDomains": ["fabrikam.com", "wingtip.com"], "Enabled": False}
    await values(caller, "New-OutboundConnector", Name="Out", **given)
    (before,) = (await caller.state())["outboundConnectors"]
    for address, good in (("it@fabrikam.com", True), ("it@wingtip.com", False)):
        results = await values(caller, "Validate-OutboundConnector", Identity="Out", Recipients=[address])
        assert [item["IsTaskSuccessful"] for item in results] == [good]
    reply = await caller.exchange("Validate-OutboundConnector", Identity="Out", Recipients=["it@northwind.com"])
    assert exception_of(reply) == INVALID
    state = await caller.state()
    assert (state["outboundConnectors"], [mail["to"] for mail in state["outbox"]]) == ([before], ["it@fabrikam.com"])
    hosts = {"SmartHosts": ["mx.invalid"], "UseMXRecord": False}
    await values(caller, "Set-OutboundConnector", Identity="Out", Confirm=False, **hosts)
    results = await values(caller, "Validate-OutboundConnector", Identity="Out", Recipients=["it@fabrikam.com"])
    assert [item["IsTaskSuccessful"] for item in results] == [False, False]


@shows("Set-RemoteDomain", rung=2)
async def test_being_internal_and_automatic_replies_change_each_other(caller: Caller) -> None:
    await values(caller, "New-RemoteDomain", Name="R", DomainName="*.fabrikam.com")
    for change, expected in (
        ({"AllowedOOFType": "InternalLegacy"}, (True, "InternalLegacy")),
        ({"IsInternal": False}, (False, "ExternalLegacy")),
    ):
        await values(caller, "Set-RemoteDomain", Identity="R", Confirm=False, **change)
        (found,) = await values(caller, "Get-RemoteDomain", Identity="R")
        assert (found["IsInternal"], found["AllowedOOFType"]) == expected


@shows("Get-Recipient", "Get-MailContact", "Get-MailUser", rung=2)
async def test_recipients_are_found_by_type_and_address(caller: Caller) -> None:
    await caller.guest("ana@fabrikam.com")
    found = {item["PrimarySmtpAddress"]: item["RecipientTypeDetails"] for item in await values(caller, "Get-Recipient")}
    assert (found["mia@contoso.com"], found["ana@fabrikam.com"]) == ("UserMailbox", "GuestMailUser")
    assert "GroupMailbox" not in found.values()
    filtered = "EmailAddresses -eq 'smtp:ANA@fabrikam.com' -or EmailAddresses -like 'smtp:carlos*'"
    assert len(await values(caller, "Get-Recipient", Filter=filtered)) == 2
    assert [item["RecipientType"] for item in await values(caller, "Get-MailUser")] == ["MailUser"]
    (contact,) = await values(caller, "Get-MailContact", Identity="carlos.contact@northwind.com")
    assert (contact["ExternalEmailAddress"], contact["IsDirSynced"]) == ("SMTP:carlos.contact@northwind.com", False)
    (group,) = await values(caller, "Get-Recipient", RecipientTypeDetails="GroupMailbox")
    assert group["Name"] == "Fabrikam Project"
