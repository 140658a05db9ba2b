"""Sharing policy, connectors and remote domains against the simulated tenant, over sockets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import Header
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Ask, Entry, Preflight, Step, Subject, Weight
from shared.nouns.template import Template
from shared.steps.exchange_ahead import address_clashes
from shared.steps.set_inbound_connector import SET_INBOUND_CONNECTOR
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.steps.set_outbound_connector import SET_OUTBOUND_CONNECTOR
from shared.steps.set_remote_domain import SET_REMOTE_DOMAIN
from shared.steps.set_sharing_policy import SET_SHARING_POLICY
from shared.tenant import Tenant
from shared.tenant.sharing_policies import shows_more
from tests.steps.conftest import Simulation, settings_of

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.co.uk", "fabrikam.com"))
TEMPLATE = Template(name="supplier", version=1, description="A supplier", steps=("invite-guest",))
ROLES = frozenset({"Exchange.ManageAsApp"})
STATE = {
    "set-sharing-policy": "sharingPolicies",
    "set-inbound-connector": "inboundConnectors",
    "set-outbound-connector": "outboundConnectors",
    "set-remote-domain": "remoteDomains",
}
BLOCKS: dict[str, tuple[Step[Tenant], dict[str, Any]]] = {
    "policy": (SET_SHARING_POLICY, {"Actions": ["CalendarSharingFreeBusyDetail", "ContactsSharing"]}),
    "inbound": (
        SET_INBOUND_CONNECTOR,
        {"MailFlowCheck": "none", "RestrictDomainsToCertificate": True, "TlsSenderCertificateName": "*.fabrikam.com"},
    ),
    "outbound": (SET_OUTBOUND_CONNECTOR, {"TlsSettings": "DomainValidation", "TlsDomain": "*.fabrikam.com"}),
    "remote": (SET_REMOTE_DOMAIN, {"AllowedOOFType": "ExternalLegacy", "AutoForwardEnabled": False}),
}
every = pytest.mark.parametrize("what", BLOCKS)


def header() -> Header:
    partner = {"name": "Fabrikam", "domains": ["fabrikam.com", "fabrikam.co.uk"]}
    return Header.model_validate({"version": 1, "id": "r-1", "template": "supplier", "partner": partner})


def asked(step: Step[Tenant], block: Mapping[str, Any], partner: Partner = FABRIKAM) -> tuple[Subject, State]:
    """The subject and what it wants, as a request with the block makes them."""
    wish = step.wanted(Ask(header(), TEMPLATE, partner, dict(block)))
    assert wish is not None
    return Subject(id="t", partner=partner, details=wish.details), wish.state


def ahead(block: Mapping[str, Any], *, guests: int = 2, roles: frozenset[str] = ROLES) -> Preflight:
    return Preflight(FABRIKAM, header(), TEMPLATE, dict(block), guests, ("fabrikam.com",), roles)


@pytest.fixture(autouse=True)
def quick(simulation: Simulation) -> None:
    simulation.order("PUT", "throttle", {"exchange": {"seconds": 0}})


async def done(step: Step[Tenant], tenant: Tenant, subject: Subject, wanted: State) -> tuple[Subject, Entry]:
    """One attempt that gets there; the subject as it is known then, and the journal entry."""
    before = await step.read(tenant, subject)
    assert step.explain(subject, before) is None
    change = difference(wanted, before)
    applied = await step.apply(tenant, replace(subject, seen=before), change)
    there = replace(subject, ids=applied.ids)
    assert difference(wanted, await step.read(tenant, there)) == {}
    return there, Entry({key: before.get(key) for key in change}, change, applied.ids, applied.created)


def named(simulation: Simulation, section: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in simulation.state[section] if item["Name"] == name)
    return found


def act(simulation: Simulation, do: str, target: str, **values: Any) -> None:
    simulation.order("POST", "act", {"do": do, "target": target, "set": values})


def without_times(state: Any) -> Any:
    return [{key: value for key, value in item.items() if not key.startswith("WhenChanged")} for item in state]


@every
async def test_a_step_gets_there_says_so_and_goes_back_without_a_trace(tenant: Tenant, simulation: Simulation, what: str) -> None:
    step, block = BLOCKS[what]
    section = STATE[step.name]
    before = without_times(simulation.state[section])
    subject, wanted = asked(step, block)
    there, entry = await done(step, tenant, subject, wanted)
    assert "fabrikam.com" in step.settled(there, await step.read(tenant, there))
    assert difference(wanted, await step.read(tenant, subject)) == {}
    await step.undo(tenant, there, entry)
    await step.undo(tenant, there, entry)
    assert without_times(simulation.state[section]) == before


@every
@pytest.mark.parametrize("effect", ["effect-then-lost", "lost", "effect-then-status"])
async def test_lost_answers_to_any_write_are_made_good(tenant: Tenant, simulation: Simulation, what: str, effect: str) -> None:
    step, block = BLOCKS[what]
    section = STATE[step.name]
    before = len(simulation.state[section])
    noun = {"policy": "SharingPolicy", "inbound": "InboundConnector", "outbound": "OutboundConnector", "remote": "RemoteDomain"}[
        what
    ]
    for verb in ("New", "Set", "Validate"):
        match = {"path": "InvokeCommand", "cmdlet": f"{verb}-{noun}"}
        simulation.order("POST", "faults", {"effect": effect, "match": match, "times": 1, "status": 500, "code": "UnknownError"})
    subject, wanted = asked(step, block)
    unknown: list[bool] = []
    for _ in range(8):
        seen = await step.read(tenant, subject)
        assert step.explain(subject, seen) is None
        if not (change := difference(wanted, seen)):
            break
        try:
            subject = replace(subject, ids=(await step.apply(tenant, replace(subject, seen=seen), change)).ids)
        except NotYet as error:
            unknown.append(error.effect_unknown)
    assert difference(wanted, await step.read(tenant, subject)) == {}
    assert unknown
    assert all(unknown)
    made = {"policy": 0, "remote": 2}.get(what, 1)
    assert len(simulation.state[section]) == before + made


@pytest.mark.parametrize("what", ["inbound", "remote"])
async def test_what_was_refused_behind_the_making_is_told_apart_from_what_was_made(
    tenant: Tenant, simulation: Simulation, what: str
) -> None:
    step, block = BLOCKS[what]
    noun = {"inbound": "InboundConnector", "remote": "RemoteDomain"}[what]
    match = {"path": "InvokeCommand", "cmdlet": f"Set-{noun}"}
    refusal = {"effect": "status", "status": 429, "code": "TooManyRequests"}
    simulation.order("POST", "faults", {**refusal, "match": match, "times": 1})
    subject, wanted = asked(step, block)
    with pytest.raises(NotYet) as caught:
        await step.apply(tenant, subject, wanted)
    there = await step.read(tenant, subject)
    assert caught.value.effect_unknown
    assert caught.value.left == difference(wanted, there).keys()


@every
@pytest.mark.parametrize("lag", [{"staleReads": 1}, {"staleReads": 3}, {"seconds": [20, 40], "staleShare": 0.5}], ids=str)
async def test_readers_behind_lead_nobody_astray(tenant: Tenant, simulation: Simulation, what: str, lag: dict[str, Any]) -> None:
    step, block = BLOCKS[what]
    section = STATE[step.name]
    before = len(simulation.state[section])
    simulation.order("PUT", "lag", lag)
    subject, wanted = asked(step, block)
    for _ in range(12):
        try:
            seen = await step.read(tenant, subject)
            assert step.explain(subject, seen) is None
            if change := difference(wanted, seen):
                subject = replace(subject, ids=(await step.apply(tenant, replace(subject, seen=seen), change)).ids)
        except NotYet:
            pass
        simulation.order("POST", "clock", {"advance": 10})
    simulation.order("PUT", "lag", 0)
    assert difference(wanted, await step.read(tenant, subject)) == {}
    assert len(simulation.state[section]) == before + {"policy": 0, "remote": 2}.get(what, 1)


@every
async def test_the_roles_that_a_step_names_are_enough_and_their_absence_is_predicted(
    tenant: Tenant, simulation: Simulation, what: str
) -> None:
    step, block = BLOCKS[what]
    assert step.preflight is not None
    assert (step.permissions, step.sensitive, step.session) == ((), True, True)
    found = await step.preflight(tenant, ahead(block))
    assert [one for one in found if one.weight is Weight.REFUSES] == []
    await tenant.close()
    simulation.order("POST", "seed", {"permissions": {"https://graph.microsoft.com": [], "https://outlook.office365.com": []}})
    fresh = Tenant(settings_of(simulation))
    try:
        for roles, setting in ((frozenset[str](), "Exchange.ManageAsApp"), (ROLES, "Exchange role of the app")):
            found = await step.preflight(fresh, ahead(block, roles=roles))
            assert [one.setting for one in found if one.weight is Weight.REFUSES] == [setting]
    finally:
        await fresh.close()


# The sharing policy


async def test_twenty_partners_lose_nothing_in_one_policy_though_readers_are_behind(
    tenant: Tenant, simulation: Simulation
) -> None:
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    partners = [Partner("t", f"Partner {number}", (f"p{number}.example",)) for number in range(20)]
    for partner in partners:
        subject, wanted = asked(SET_SHARING_POLICY, {}, partner)
        await SET_SHARING_POLICY.apply(tenant, subject, wanted)
    simulation.order("PUT", "lag", 0)
    (policy,) = simulation.state["sharingPolicies"]
    assert [entry.partition(":")[0] for entry in policy["Domains"]] == ["Anonymous", "*", *(p.domains[0] for p in partners)]


async def test_entries_are_changed_one_by_one_and_go_back_to_what_they_were(tenant: Tenant, simulation: Simulation) -> None:
    domains = ["fabrikam.com:CalendarSharingFreeBusyDetail, ContactsSharing", "litware.com:ContactsSharing"]
    simulation.order("POST", "seed", {"sharingPolicies": [{"Name": "Default Sharing Policy", "Domains": domains}]})
    subject, wanted = asked(SET_SHARING_POLICY, {"Domains": ["fabrikam.com", "mail.fabrikam.co.uk"]})
    assert (await SET_SHARING_POLICY.read(tenant, subject))["fabrikam.com"] == "CalendarSharingFreeBusyDetail,ContactsSharing"
    there, entry = await done(SET_SHARING_POLICY, tenant, subject, wanted)
    simple = "CalendarSharingFreeBusySimple"
    after = ["litware.com:ContactsSharing", f"fabrikam.com:{simple}", f"mail.fabrikam.co.uk:{simple}"]
    (policy,) = simulation.state["sharingPolicies"]
    assert sorted(policy["Domains"]) == sorted(after)
    reviewer = [item.replace(f"fabrikam.com:{simple}", "fabrikam.com:CalendarSharingFreeBusyReviewer") for item in after]
    act(simulation, "set-sharing-policy", "Default Sharing Policy", Domains=reviewer)
    with pytest.raises(WontWork, match=r"fabrikam.com was CalendarSharingFreeBusySimple and is CalendarSharingFreeBusyReviewer"):
        await SET_SHARING_POLICY.undo(tenant, there, entry)
    act(simulation, "set-sharing-policy", "Default Sharing Policy", Domains=after[:2])
    await SET_SHARING_POLICY.undo(tenant, there, entry)
    (policy,) = simulation.state["sharingPolicies"]
    assert sorted(policy["Domains"]) == sorted(domains)


async def test_what_somebody_took_away_is_not_given_back(tenant: Tenant, simulation: Simulation) -> None:
    domains = ["fabrikam.com:CalendarSharingFreeBusyReviewer"]
    simulation.order("POST", "seed", {"sharingPolicies": [{"Name": "Default Sharing Policy", "Domains": domains}]})
    subject, wanted = asked(SET_SHARING_POLICY, {"Domains": ["fabrikam.com"]})
    there, entry = await done(SET_SHARING_POLICY, tenant, subject, wanted)
    act(simulation, "set-sharing-policy", "Default Sharing Policy", Domains=["*:ContactsSharing"])
    await SET_SHARING_POLICY.undo(tenant, there, entry)
    assert simulation.state["sharingPolicies"][0]["Domains"] == ["*:ContactsSharing"]


async def test_the_policy_that_is_named_is_used_and_others_mailboxes_are_told_of(tenant: Tenant, simulation: Simulation) -> None:
    seed = {
        "sharingPolicies": [{"Name": "Sales", "Domains": ["*:CalendarSharingFreeBusyReviewer"]}],
        "mailboxes": [{"Mailbox": "mia@contoso.com", "SharingPolicy": "Sales"}],
    }
    simulation.order("POST", "seed", seed)
    assert SET_SHARING_POLICY.preflight is not None
    told = await SET_SHARING_POLICY.preflight(tenant, ahead({}))
    assert ("SharingPolicy of mailboxes", "Sales") in {(one.setting, one.value) for one in told}
    told = await SET_SHARING_POLICY.preflight(tenant, ahead({"Policy": "sales"}))
    assert [one.weight for one in told if "narrower" in one.why] == [Weight.WARNS]
    await done(SET_SHARING_POLICY, tenant, *asked(SET_SHARING_POLICY, {"Policy": "sales"}))
    assert len(named(simulation, "sharingPolicies", "Sales")["Domains"]) == 3
    (refused,) = await SET_SHARING_POLICY.preflight(tenant, ahead({"Policy": "Nobody's"}))
    assert (refused.weight, "no sharing policy" in refused.why) == (Weight.REFUSES, True)
    act(simulation, "set-sharing-policy", "Sales", Enabled=False)
    subject, _ = asked(SET_SHARING_POLICY, {"Policy": "Sales"})
    assert "disabled" in str(SET_SHARING_POLICY.explain(subject, await SET_SHARING_POLICY.read(tenant, subject)))


# Connectors


async def test_an_outbound_connector_is_enabled_only_after_a_test_mail_got_through(
    tenant: Tenant, simulation: Simulation
) -> None:
    subject, wanted = asked(SET_OUTBOUND_CONNECTOR, {})
    await done(SET_OUTBOUND_CONNECTOR, tenant, subject, wanted)
    seen = [call["cmdlet"] for call in simulation.order("GET", "requests?path=InvokeCommand")["value"]]
    words = ["Get", "New", "Get", "Validate", "Set", "Get"]
    assert seen == [f"{word}-OutboundConnector" for word in words]
    assert simulation.mails == ["postmaster@fabrikam.co.uk"]
    (there,) = simulation.state["outboundConnectors"]
    assert (there["Enabled"], there["IsValidated"], there["TlsSettings"]) == (True, True, "CertificateValidation")
    assert "r-1" in there["Comment"]


async def test_a_connector_whose_test_fails_is_gone_again(tenant: Tenant, simulation: Simulation) -> None:
    partner = {"fabrikam.com": {"tenantId": FABRIKAM.tenant_id, "mail": False}}
    simulation.order("POST", "seed", {"tenants": partner})
    subject, wanted = asked(SET_OUTBOUND_CONNECTOR, {"ValidationRecipients": ["it@fabrikam.com"]})
    with pytest.raises(WontWork, match="'Send test email' failed") as refused:
        await SET_OUTBOUND_CONNECTOR.apply(tenant, subject, wanted)
    assert "it@" not in refused.value.reason
    assert simulation.state["outboundConnectors"] == []


async def test_a_change_that_stops_the_mail_is_taken_back(tenant: Tenant, simulation: Simulation) -> None:
    block = {"Name": "To Fabrikam", "SmartHosts": ["mx.fabrikam.com"], "UseMXRecord": False}
    await done(SET_OUTBOUND_CONNECTOR, tenant, *asked(SET_OUTBOUND_CONNECTOR, block))
    before = named(simulation, "outboundConnectors", "To Fabrikam")
    subject, wanted = asked(SET_OUTBOUND_CONNECTOR, block | {"SmartHosts": ["mx.invalid"], "TlsSettings": "EncryptionOnly"})
    with pytest.raises(WontWork, match="as it was"):
        await SET_OUTBOUND_CONNECTOR.apply(
            tenant, subject, difference(wanted, await SET_OUTBOUND_CONNECTOR.read(tenant, subject))
        )
    after = named(simulation, "outboundConnectors", "To Fabrikam")
    assert {key: after[key] for key in ("Enabled", "SmartHosts", "TlsSettings")} == {
        key: before[key] for key in ("Enabled", "SmartHosts", "TlsSettings")
    }


async def test_an_inbound_connector_waits_for_a_person(tenant: Tenant, simulation: Simulation) -> None:
    step = SET_INBOUND_CONNECTOR
    subject, wanted = asked(step, {"SenderIPAddresses": ["192.0.2.0/25"], "RestrictDomainsToIPAddresses": True})
    assert step.instruct is not None
    before = await step.read(tenant, subject)
    change = difference(wanted, before)
    assert step.instruct(subject, change) is None
    applied = await step.apply(tenant, replace(subject, seen=before), change)
    (there,) = simulation.state["inboundConnectors"]
    assert (there["Enabled"], there["RequireTls"], there["SenderDomains"]) == (
        False,
        True,
        ["smtp:fabrikam.co.uk;1", "smtp:fabrikam.com;1"],
    )
    left = difference(wanted, await step.read(tenant, subject))
    assert left == {"Enabled": True}
    assert "Set-InboundConnector -Identity 'Entente Fabrikam 22222222' -Enabled $true" in str(step.instruct(subject, left))
    entry = Entry(before, change, applied.ids, applied.created)
    act(simulation, "set-inbound-connector", there["Name"], Enabled=True)
    assert difference(wanted, await step.read(tenant, subject)) == {}
    act(simulation, "set-inbound-connector", there["Name"], Enabled=False, RequireTls=False)
    with pytest.raises(WontWork, match="RequireTls was True and is False"):
        await step.undo(tenant, subject, entry)
    act(simulation, "set-inbound-connector", there["Name"], RequireTls=True)
    await step.undo(tenant, subject, entry)
    assert simulation.state["inboundConnectors"] == []


async def test_a_connector_of_somebody_else_keeps_what_is_theirs(tenant: Tenant, simulation: Simulation) -> None:
    theirs = {"Name": "Old", "SenderDomains": ["smtp:fabrikam.com;1"], "SenderIPAddresses": ["192.0.2.1"], "RequireTls": False}
    simulation.order("POST", "seed", {"inboundConnectors": [theirs]})
    step = SET_INBOUND_CONNECTOR
    block: dict[str, Any] = {"MailFlowCheck": "none", "SenderIPAddresses": ["192.0.2.2"]}
    subject, _ = asked(step, block)
    assert "'Old'" in str(step.explain(subject, await step.read(tenant, subject)))
    assert step.preflight is not None
    assert Weight.REFUSES in {one.weight for one in await step.preflight(tenant, ahead(block))}
    subject, wanted = asked(step, block | {"Name": "old", "SenderDomains": ["fabrikam.com"]})
    there, entry = await done(step, tenant, subject, wanted)
    assert not entry.created
    now = named(simulation, "inboundConnectors", "Old")
    assert (now["SenderIPAddresses"], now["RequireTls"]) == (["192.0.2.1", "192.0.2.2"], True)
    act(simulation, "set-inbound-connector", "Old", SenderIPAddresses=["192.0.2.2"])
    with pytest.raises(WontWork, match="open to all"):
        await step.undo(tenant, there, entry)
    act(simulation, "set-inbound-connector", "Old", SenderIPAddresses=["192.0.2.2", "192.0.2.3"])
    await step.undo(tenant, there, entry)
    now = named(simulation, "inboundConnectors", "Old")
    assert (now["SenderIPAddresses"], now["RequireTls"], now["SenderDomains"]) == (["192.0.2.3"], False, ["smtp:fabrikam.com;1"])


# Remote domains


async def test_the_default_remote_domain_is_never_touched_and_theirs_go_back(tenant: Tenant, simulation: Simulation) -> None:
    theirs = {"Name": "Fab", "DomainName": "fabrikam.com", "AllowedOOFType": "None", "NDREnabled": False}
    simulation.order("POST", "seed", {"remoteDomains": [theirs]})
    default = named(simulation, "remoteDomains", "Default")
    subject, wanted = asked(SET_REMOTE_DOMAIN, {"AllowedOOFType": "External", "LineWrapSize": "132"})
    there, entry = await done(SET_REMOTE_DOMAIN, tenant, subject, wanted)
    now = named(simulation, "remoteDomains", "Fab")
    assert (now["AllowedOOFType"], now["NDREnabled"], now["LineWrapSize"]) == ("External", False, "132")
    assert named(simulation, "remoteDomains", "Entente fabrikam.co.uk")["LineWrapSize"] == "132"
    act(simulation, "set-remote-domain", "Fab", AllowedOOFType="InternalLegacy")
    with pytest.raises(WontWork, match=r"fabrikam.com AllowedOOFType was 'External' and is 'InternalLegacy'"):
        await SET_REMOTE_DOMAIN.undo(tenant, there, entry)
    act(simulation, "set-remote-domain", "Fab", AllowedOOFType="External")
    await SET_REMOTE_DOMAIN.undo(tenant, there, entry)
    assert [item["Name"] for item in simulation.state["remoteDomains"]] == ["Default", "Fab"]
    now = named(simulation, "remoteDomains", "Fab")
    assert (now["AllowedOOFType"], now["LineWrapSize"]) == ("None", "Unlimited")
    assert named(simulation, "remoteDomains", "Default") == default


# Looking ahead


async def test_addresses_that_others_hold_are_found(tenant: Tenant, simulation: Simulation) -> None:
    contacts = [
        {"mail": "carla@fabrikam.com"},
        {"mail": "x@sub.fabrikam.com"},
        {"mail": "dan@fabrikam.com", "onPremisesSyncEnabled": True},
    ]
    simulation.order("POST", "seed", {"contacts": contacts})
    found = await tenant.recipients.with_addresses(["Carla@fabrikam.com", "o'neil@fabrikam.com", "mia@contoso.com"])
    assert sorted((one.kind, one.addresses) for one in found) == [
        ("MailContact", ("carla@fabrikam.com",)),
        ("UserMailbox", ("mia@contoso.com",)),
    ]
    (clash,) = await address_clashes(tenant, ahead({}))
    assert (clash.weight, clash.setting, clash.value) == (Weight.WARNS, "MailContact", "2")
    assert "1 of them from on-premises" in clash.why
    assert await address_clashes(tenant, ahead({}, guests=0)) == ()


async def test_relationships_say_that_they_are_retired(tenant: Tenant) -> None:
    step = SET_ORGANIZATION_RELATIONSHIP
    assert step.preflight is not None
    (only,) = await step.preflight(tenant, ahead({}))
    assert (only.weight, "set-capabilities" in only.why) == (Weight.WARNS, True)
    await tenant.exchange.new_relationship({"Name": "One", "DomainNames": ("fabrikam.com",)})
    await tenant.exchange.new_relationship({"Name": "Two", "DomainNames": ("fabrikam.co.uk",)})
    assert [one.weight for one in await step.preflight(tenant, ahead({}))] == [Weight.REFUSES, Weight.WARNS]


WRONG: list[tuple[Step[Tenant], dict[str, Value | list[str]], str]] = [
    (
        SET_SHARING_POLICY,
        {"Actions": ["CalendarSharingFreeBusySimple", "CalendarSharingFreeBusyDetail"]},
        r"Actions: .*several levels",
    ),
    (SET_SHARING_POLICY, {"Actions": ["Everything"]}, "Actions"),
    (SET_SHARING_POLICY, {"Domains": ["litware.com"]}, "Domains: litware.com"),
    (SET_SHARING_POLICY, {"Domains": ["*"]}, "Domains"),
    (SET_SHARING_POLICY, {"policy": "x"}, "policy"),
    (SET_INBOUND_CONNECTOR, {"SenderDomains": ["*"]}, "SenderDomains"),
    (SET_INBOUND_CONNECTOR, {"SenderDomains": ["*.litware.com"]}, "SenderDomains: .*litware"),
    (SET_INBOUND_CONNECTOR, {"SenderIPAddresses": ["2001:db8::1"]}, "SenderIPAddresses"),
    (SET_INBOUND_CONNECTOR, {"SenderIPAddresses": ["192.0.2.0/16"]}, "SenderIPAddresses"),
    (SET_INBOUND_CONNECTOR, {"RestrictDomainsToCertificate": True}, "TlsSenderCertificateName"),
    (SET_INBOUND_CONNECTOR, {"RestrictDomainsToIPAddresses": True}, "SenderIPAddresses"),
    (SET_INBOUND_CONNECTOR, {"ConnectorType": "OnPremises"}, "ConnectorType"),
    (SET_INBOUND_CONNECTOR, {"TreatMessagesAsInternal": True}, "TreatMessagesAsInternal"),
    (SET_INBOUND_CONNECTOR, {"MailFlowCheck": "validate"}, "MailFlowCheck"),
    (SET_OUTBOUND_CONNECTOR, {"TlsSettings": "DomainValidation"}, "TlsDomain"),
    (SET_OUTBOUND_CONNECTOR, {"UseMXRecord": False}, "SmartHosts"),
    (SET_OUTBOUND_CONNECTOR, {"SmartHosts": ["mx.fabrikam.com"]}, "UseMXRecord"),
    (SET_OUTBOUND_CONNECTOR, {"ValidationRecipients": ["a@litware.com"]}, "ValidationRecipients: name"),
    (SET_OUTBOUND_CONNECTOR, {"RecipientDomains": ["*.fabrikam.com"]}, "ValidationRecipients: name"),
    (SET_OUTBOUND_CONNECTOR, {"Name": "x" * 65}, "Name"),
    (SET_REMOTE_DOMAIN, {"DomainNames": ["*"]}, "DomainNames"),
    (SET_REMOTE_DOMAIN, {"DomainNames": ["litware.com"]}, "DomainNames"),
    (SET_REMOTE_DOMAIN, {"AllowedOOFType": "InternalLegacy", "IsInternal": False}, "AllowedOOFType"),
    (SET_REMOTE_DOMAIN, {"LineWrapSize": "133"}, "LineWrapSize"),
]


@pytest.mark.parametrize(("step", "block", "said"), WRONG, ids=lambda value: str(value)[:40] if isinstance(value, dict) else "")
def test_a_block_that_cannot_be_is_refused_by_field(step: Step[Tenant], block: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=rf"steps\.{step.name}.*{said}"):
        asked(step, block)


@pytest.mark.parametrize(
    ("everybody", "partner", "more"),
    [
        ("CalendarSharingFreeBusySimple", "CalendarSharingFreeBusyDetail", False),
        ("CalendarSharingFreeBusyDetail", "CalendarSharingFreeBusyDetail", False),
        ("CalendarSharingFreeBusyReviewer", "CalendarSharingFreeBusyDetail", True),
        ("CalendarSharingFreeBusySimple,ContactsSharing", "CalendarSharingFreeBusyReviewer", True),
        ("ContactsSharing", "CalendarSharingFreeBusySimple,ContactsSharing", False),
        ("", "CalendarSharingFreeBusySimple", False),
    ],
)
def test_a_level_of_calendar_sharing_has_those_below_it_in_it(everybody: str, partner: str, more: bool) -> None:
    assert shows_more(everybody, partner) is more
