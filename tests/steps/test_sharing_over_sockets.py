"""Sharing with a partner against the simulated tenant: SharePoint, Teams, Fabric."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.request import Header
from shared.nouns.state import State, difference
from shared.nouns.step import Ask, Entry, Preflight, Step, Subject, Weight
from shared.nouns.template import Template
from shared.steps.add_to_workspace import ADD_TO_WORKSPACE
from shared.steps.allow_domain import ALLOW_DOMAIN
from shared.steps.allow_federation import ALLOW_FEDERATION
from shared.steps.limit_site import LIMIT_SITE
from shared.steps.share_item import SHARE_ITEM
from shared.steps.share_site import SHARE_SITE
from shared.tenant import Tenant
from shared.tenant.sharing import Limits, Sought, sharing_with
from tests.steps.conftest import Simulation, settings_of

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.co.uk", "fabrikam.com"))
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
SITE = "https://contoso.sharepoint.com/sites/fabrikam"
WORKSPACE = "eeeeeeee-0000-4000-8000-000000000001"
ITEM = {"drive": "b!fabrikam", "item": "01PLANS", "group": "readers"}
GRAPH, SHAREPOINT = "https://graph.microsoft.com", "00000003-0000-0ff1-ce00-000000000000"
BLOCKS: dict[str, dict[str, Any]] = {
    "allow-domain": {},
    "allow-federation": {},
    "limit-site": {"site": SITE, "sharingCapability": "existingExternalUserSharingOnly"},
    "share-site": {"site": SITE, "group": "readers", "access": "edit"},
    "share-item": ITEM | {"role": "write", "until": "2099-06-30"},
    "add-to-workspace": {"workspaceName": "partner REPORTS", "group": "readers", "role": "Contributor"},
}
LISTS = {
    "sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["litware.com"]}},
    "teamsFederation": {
        "AllowedDomains": {"AllowedDomain": [{"Domain": "litware.com"}]},
        "BlockedDomains": [{"Domain": "evil.example"}],
    },
}
ALL = (ALLOW_DOMAIN, ALLOW_FEDERATION, LIMIT_SITE, SHARE_SITE, SHARE_ITEM, ADD_TO_WORKSPACE)
every = pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
HEADER = Header.model_validate(
    {"version": 1, "id": "r-1", "template": "joint-project", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
)
TEMPLATE = Template(name="joint-project", version=1, description="d", steps=tuple(step.name for step in ALL))


def asked(step: Step[Tenant], block: dict[str, Any] | None = None) -> tuple[Subject, State]:
    """The subject and what is wanted of it, as a request makes them."""
    name = "plans" if step.subject == "named" else ""
    wish = step.wanted(Ask(HEADER, TEMPLATE, FABRIKAM, BLOCKS[step.name] if block is None else block, name=name))
    assert wish is not None
    group = READERS if wish.group else None
    return Subject(id=f"p.{name}", partner=FABRIKAM, group=group, details=wish.details), wish.state


async def brought_about(step: Step[Tenant], tenant: Tenant, subject: Subject, wanted: State) -> tuple[Subject, Entry]:
    before = await step.read(tenant, subject)
    assert step.explain(subject, before) is None
    change = difference(wanted, before)
    assert change
    applied = await step.apply(tenant, replace(subject, seen=before), change)
    there = replace(subject, ids=applied.ids)
    assert difference(wanted, await step.read(tenant, there)) == {}
    assert step.settled(there, await step.read(tenant, there))
    return there, Entry({key: before.get(key) for key in change}, change, applied.ids, applied.created)


def ahead(step: Step[Tenant], block: dict[str, Any] | None = None, **more: Any) -> Preflight:
    given = BLOCKS[step.name] if block is None else block
    settings = {"plans": given} if step.subject == "named" else given
    known: dict[str, Any] = {"guests": 0, "guest_domains": (), "roles": frozenset(step.permissions)}
    return Preflight(FABRIKAM, HEADER, TEMPLATE, settings, **(known | more))


async def found(step: Step[Tenant], tenant: Tenant, **more: Any) -> list[tuple[Weight, str]]:
    assert step.preflight is not None
    return [(one.weight, one.setting) for one in await step.preflight(tenant, ahead(step, **more))]


@every
async def test_a_step_is_done_repeated_and_undone_with_its_permissions_alone(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    simulation.order("POST", "seed", LISTS)
    full = "Sites.FullControl.All"
    graph = list(step.permissions)
    sharepoint = [full] if step in (LIMIT_SITE, SHARE_SITE) else []
    simulation.order("POST", "seed", {"permissions": {GRAPH: graph, SHAREPOINT: sharepoint}})
    subject, wanted = asked(step)
    before = simulation.state
    there, entry = await brought_about(step, tenant, subject, wanted)
    again = await step.read(tenant, subject)
    # A lost answer: the same once more, with nothing known of the first.
    await step.apply(tenant, replace(subject, seen=again), entry.after)
    assert difference(wanted, await step.read(tenant, subject)) == {}
    await step.undo(tenant, there, entry)
    await step.undo(tenant, there, entry)
    after = simulation.state
    for state in (before, after):
        for site in state["sharepoint"]["sites"]:
            site["users"] = {}
        state["sharepoint"]["permissions"] = {key: value for key, value in state["sharepoint"]["permissions"].items() if value}
        state.pop("time")
    assert after == before


@every
async def test_a_lost_answer_leaves_the_effect_and_undo_finds_it(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    simulation.order("POST", "seed", LISTS)
    subject, wanted = asked(step)
    before = await step.read(tenant, subject)
    change = difference(wanted, before)
    for method in ("PATCH", "POST", "PUT"):
        simulation.fault(
            "effect-then-lost", "sharepoint/settings|invite|TenantFederation|roleAssignments|SPO.Tenant|users$", method=method
        )
    with pytest.raises(NotYet) as lost:
        await step.apply(tenant, replace(subject, seen=before), change)
    assert lost.value.effect_unknown
    assert difference(wanted, await step.read(tenant, subject)) == {}
    await step.undo(tenant, subject, Entry({key: before.get(key) for key in change}, change, {}, created=False))
    assert difference(wanted, await step.read(tenant, subject)) == change


async def test_others_keep_what_they_have_in_the_lists(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", LISTS)
    there, entry = await brought_about(ALLOW_DOMAIN, tenant, *asked(ALLOW_DOMAIN))
    teams, teams_entry = await brought_about(ALLOW_FEDERATION, tenant, *asked(ALLOW_FEDERATION))
    now = await tenant.sharepoint.sharing()
    await tenant.sharepoint.set_list("allowList", (*now.allowed, "more.example"))
    await tenant.external_access.change_allowed(("more.example",), ())
    await ALLOW_DOMAIN.undo(tenant, there, entry)
    await ALLOW_FEDERATION.undo(tenant, teams, teams_entry)
    assert (await tenant.sharepoint.sharing()).allowed == ("litware.com", "more.example")
    federation = await tenant.external_access.federation()
    assert federation is not None
    assert (federation.allowed, federation.blocked) == (("litware.com", "more.example"), ("evil.example",))
    assert simulation.state["teamsFederation"]["AllowTeamsConsumer"] is True


async def test_where_every_domain_is_allowed_nothing_is_written(tenant: Tenant, simulation: Simulation) -> None:
    for step in (ALLOW_DOMAIN, ALLOW_FEDERATION):
        subject, wanted = asked(step)
        assert difference(wanted, await step.read(tenant, subject)) == {}
        await step.apply(tenant, replace(subject, seen=await step.read(tenant, subject)), wanted)
        assert Weight.REFUSES not in [weight for weight, _ in await found(step, tenant)]
    assert simulation.writes("sharepoint/settings|Skype") == []


async def test_the_last_entry_of_a_list_stays(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", LISTS)
    there, entry = await brought_about(ALLOW_DOMAIN, tenant, *asked(ALLOW_DOMAIN))
    teams, teams_entry = await brought_about(ALLOW_FEDERATION, tenant, *asked(ALLOW_FEDERATION))
    await tenant.sharepoint.set_list("allowList", FABRIKAM.domains)
    await tenant.external_access.change_allowed((), ("litware.com",))
    with pytest.raises(WontWork, match=r"fabrikam\.co\.uk, fabrikam\.com is all that SharePoint"):
        await ALLOW_DOMAIN.undo(tenant, there, entry)
    with pytest.raises(WontWork, match=r"fabrikam\.co\.uk, fabrikam\.com is all that Teams"):
        await ALLOW_FEDERATION.undo(tenant, teams, teams_entry)
    simulation.order(
        "POST",
        "seed",
        {"sharepoint": {"settings": {"sharingDomainRestrictionMode": "blockList"}}, "teamsFederation": {"AllowedDomains": {}}},
    )
    with pytest.raises(WontWork, match=r"was allowList .* and is blockList now"):
        await ALLOW_DOMAIN.undo(tenant, there, entry)
    with pytest.raises(WontWork, match="allows every domain now"):
        await ALLOW_FEDERATION.undo(tenant, teams, teams_entry)


@pytest.mark.parametrize(
    ("step", "seed", "said"),
    [
        (ALLOW_DOMAIN, {"sharepoint": {"settings": {"sharingDomainRestrictionMode": "allowList"}}}, "in force and empty"),
        (
            ALLOW_DOMAIN,
            {
                "sharepoint": {
                    "settings": {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["fabrikam.com"]}
                }
            },
            "fabrikam.com is on SharePoint's block list",
        ),
        (ALLOW_FEDERATION, {"teamsFederation": {"AllowFederatedUsers": False}}, "switched off in Teams"),
        (ALLOW_FEDERATION, {"teamsFederation": {"BlockedDomains": ["fabrikam.com"]}}, "Teams blocks fabrikam.com"),
        (ALLOW_FEDERATION, {"teamsFederation": {"BlockedDomains": ["com"], "BlockAllSubdomains": True}}, "Teams blocks com"),
        (ALLOW_FEDERATION, {"teamsFederation": {"AllowedDomains": {"AllowedDomain": []}}}, "nothing in it"),
    ],
)
async def test_what_somebody_decided_is_explained_and_seen_ahead(
    step: Step[Tenant], seed: dict[str, Any], said: str, tenant: Tenant, simulation: Simulation
) -> None:
    simulation.order("POST", "seed", seed)
    subject, _ = asked(step)
    assert said in str(step.explain(subject, await step.read(tenant, subject)))
    assert Weight.REFUSES in [weight for weight, _ in await found(step, tenant)]


async def test_a_domain_leaves_the_block_list_only_when_asked_and_comes_back(tenant: Tenant, simulation: Simulation) -> None:
    blocked = ["evil.example", "fabrikam.com"]
    simulation.order(
        "POST",
        "seed",
        {"sharepoint": {"settings": {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": blocked}}},
    )
    there, entry = await brought_about(ALLOW_DOMAIN, tenant, *asked(ALLOW_DOMAIN, {"unblock": True}))
    assert (await tenant.sharepoint.sharing()).blocked == ("evil.example",)
    await ALLOW_DOMAIN.undo(tenant, there, entry)
    assert (await tenant.sharepoint.sharing()).blocked == tuple(blocked)


async def test_what_others_changed_after_us_is_shown_and_left(tenant: Tenant, simulation: Simulation) -> None:
    limit, limit_entry = await brought_about(LIMIT_SITE, tenant, *asked(LIMIT_SITE))
    await tenant.sites.set_limit(limit.ids["site"], "disabled")
    item, item_entry = await brought_about(SHARE_ITEM, tenant, *asked(SHARE_ITEM))
    await tenant.drives.change("b!fabrikam", "01PLANS", item.ids["permission"], "read")
    room, room_entry = await brought_about(ADD_TO_WORKSPACE, tenant, *asked(ADD_TO_WORKSPACE))
    await tenant.fabric.change(WORKSPACE, READERS, "Member")
    for step, subject, entry, both in (
        (LIMIT_SITE, limit, limit_entry, "was existingExternalUserSharingOnly and is disabled"),
        (SHARE_ITEM, item, item_entry, "was write and is read"),
        (ADD_TO_WORKSPACE, room, room_entry, "was Contributor and is Member"),
    ):
        with pytest.raises(WontWork, match=both):
            await step.undo(tenant, subject, entry)
    subject, wanted = asked(LIMIT_SITE)
    with pytest.raises(WontWork, match="narrower than"):
        await LIMIT_SITE.apply(tenant, replace(subject, seen=await LIMIT_SITE.read(tenant, subject)), wanted)
    assert simulation.state["sharepoint"]["sites"][0]["sharingCapability"] == 0


async def test_what_is_not_there_is_said(tenant: Tenant) -> None:
    for step, block, said in (
        (LIMIT_SITE, {"site": f"{SITE}x"}, "no site"),
        (SHARE_SITE, {"site": f"{SITE}x"}, "no site"),
        (SHARE_SITE, {"site": "https://evil.sharepoint.com/sites/x"}, "not a site of our tenant"),
        (SHARE_ITEM, {"item": "01NOTHING"}, "no item 01NOTHING"),
        (ADD_TO_WORKSPACE, {"workspaceName": "nothing"}, "no workspace 'nothing'"),
    ):
        subject, _ = asked(step, BLOCKS[step.name] | block)
        assert said in str(step.explain(subject, await step.read(tenant, subject)))


async def test_a_site_of_the_group_needs_nothing(tenant: Tenant, simulation: Simulation) -> None:
    subject, wanted = asked(SHARE_SITE, BLOCKS["share-site"] | {"site": f"{SITE}-project"})
    subject = replace(subject, group=PROJECT)
    actual = await SHARE_SITE.read(tenant, subject)
    assert difference(wanted, actual) == {}
    assert "belongs to the group" in SHARE_SITE.settled(subject, actual)
    assert simulation.writes("_api") == []


async def test_access_that_is_asked_for_otherwise_is_moved(tenant: Tenant) -> None:
    await brought_about(SHARE_SITE, tenant, *asked(SHARE_SITE))
    there, entry = await brought_about(SHARE_SITE, tenant, *asked(SHARE_SITE, BLOCKS["share-site"] | {"access": "read"}))
    await SHARE_SITE.undo(tenant, there, entry)
    assert (await SHARE_SITE.read(tenant, there))["access"] == "edit"
    await brought_about(SHARE_ITEM, tenant, *asked(SHARE_ITEM, ITEM | {"role": "write"}))
    there, entry = await brought_about(SHARE_ITEM, tenant, *asked(SHARE_ITEM, ITEM))
    await SHARE_ITEM.undo(tenant, there, entry)
    assert (await SHARE_ITEM.read(tenant, there))["role"] == "write"
    later, _ = asked(SHARE_ITEM, ITEM | {"until": "2099-01-01"})
    assert "without end" in str(SHARE_ITEM.explain(later, await SHARE_ITEM.read(tenant, later)))


@pytest.fixture
async def by_hand(simulation: Simulation) -> AsyncIterator[dict[str, Tenant]]:
    tenants = {mode: Tenant(replace(settings_of(simulation), teams_settings=mode)) for mode in ("manual", "read")}
    yield tenants
    for tenant in tenants.values():
        await tenant.close()


async def test_a_person_changes_teams_and_only_what_is_read_or_confirmed_is_said(
    by_hand: dict[str, Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    simulation.order("POST", "seed", LISTS)
    subject, wanted = asked(ALLOW_FEDERATION)
    step = ALLOW_FEDERATION
    assert step.instruct is not None
    for mode, end in (("manual", "confirm it"), ("read", "seen by itself")):
        actual = await step.read(by_hand[mode], subject)
        text = step.instruct(replace(subject, seen=actual), difference(wanted, actual))
        assert 'Add("fabrikam.com")' in str(text)
        assert end in str(text)
        with pytest.raises(WontWork, match="by hand"):
            await step.apply(by_hand[mode], replace(subject, seen=actual), wanted)
    assert step.instruct(replace(subject, seen=await step.read(tenant, subject)), wanted) is None
    assert await found(step, by_hand["manual"]) == [(Weight.WARNS, "AllowedDomains")]
    confirmed = replace(subject, ids={"confirmed": "2026-11-22"})
    actual = await step.read(by_hand["manual"], confirmed)
    assert difference(wanted, actual) == {}
    assert "a person confirmed" in step.settled(confirmed, actual)
    assert "was not read" in step.settled(confirmed, actual)
    with pytest.raises(WontWork, match="cannot be read here"):
        await step.undo(by_hand["manual"], confirmed, Entry({"domains": ()}, wanted, {}, created=False))
    await brought_about(step, tenant, subject, wanted)
    assert difference(wanted, await step.read(by_hand["read"], subject)) == {}
    with pytest.raises(WontWork, match="Remove="):
        await step.undo(by_hand["read"], subject, Entry({"domains": ()}, wanted, {}, created=False))


async def test_what_will_be_met_is_told_ahead(tenant: Tenant, simulation: Simulation) -> None:
    assert (Weight.TELLS, "AllowTeamsConsumerInbound") in await found(ALLOW_FEDERATION, tenant)
    assert (Weight.TELLS, "add-to-workspace.plans.role") in await found(ADD_TO_WORKSPACE, tenant)
    closed = {
        "settings": {
            "sharingCapability": "disabled",
            "sharingDomainRestrictionMode": "allowList",
            "sharingAllowedDomainList": ["x.com"],
        }
    }
    simulation.order(
        "POST", "seed", {"sharepoint": closed, "fabric": {"settings": {"AllowGuestUserToAccessSharedContent": False}}}
    )
    simulation.order("POST", "seed", {"permissions": {SHAREPOINT: []}})
    assert (Weight.WARNS, "sharingCapability") in await found(ALLOW_DOMAIN, tenant)
    assert (Weight.WARNS, "sharingDomainRestrictionMode") in await found(ALLOW_DOMAIN, tenant, guest_domains=("wingtip.com",))
    roles = frozenset({"SharePointTenantSettings.Read.All"})
    assert (Weight.REFUSES, "sharingCapability") in await found(SHARE_ITEM, tenant, roles=roles)
    assert (Weight.WARNS, "sharingCapability") in await found(SHARE_ITEM, tenant)
    assert (Weight.REFUSES, "AllowGuestUserToAccessSharedContent") in await found(ADD_TO_WORKSPACE, tenant)
    for step in (LIMIT_SITE, SHARE_SITE):
        assert (Weight.REFUSES, "Sites.FullControl.All") in await found(step, tenant)
    simulation.order("POST", "seed", {"fabric": {"settings": {"AllowServicePrincipalsUseReadAdminAPIs": False}}})
    assert (Weight.WARNS, "AllowGuestUserToAccessSharedContent") in await found(ADD_TO_WORKSPACE, tenant)
    assert (Weight.REFUSES, "add-to-workspace.plans.workspace") in await found(
        ADD_TO_WORKSPACE, tenant, block={"workspaceName": "none", "group": "readers"}
    )


async def test_without_its_addresses_sharepoint_is_left_alone_and_said_so(simulation: Simulation) -> None:
    bare = Tenant(replace(settings_of(simulation), sharepoint_url="", sharepoint_admin_url=""))
    try:
        for step, setting in ((LIMIT_SITE, "ENTENTE_SHAREPOINT_ADMIN_URL"), (SHARE_SITE, "ENTENTE_SHAREPOINT_URL")):
            subject, _ = asked(step)
            assert setting in str(step.explain(subject, await step.read(bare, subject)))
            assert await found(step, bare) == [(Weight.REFUSES, setting)]
    finally:
        await bare.close()


async def test_a_report_tells_what_is_shared_and_how_far_it_looked(tenant: Tenant) -> None:
    await brought_about(SHARE_ITEM, tenant, *asked(SHARE_ITEM))
    await tenant.drives.share("b!fabrikam", "01DRAWING", "bbbbbbbb-0000-4000-8000-000000000002", "read")
    noor = frozenset({"bbbbbbbb-0000-4000-8000-000000000002"})
    sites = [SITE, f"{SITE}-nowhere"]
    report = await sharing_with(tenant, Sought(["fabrikam.com"], noor, frozenset({READERS})), sites)
    assert [(one.item, one.how, one.roles) for one in report.items] == [
        ("01PLANS", "group", ("write",)),
        ("01DRAWING", "person", ("read",)),
    ]
    assert [one.stopped for one in report.scope] == ["", "There is no such site"]
    assert (report.scope[0].items, report.scope[0].permissions, report.complete) == (3, 3, False)
    short = await sharing_with(tenant, Sought(["fabrikam.com"], noor), [SITE], Limits(items=2))
    assert "2 items were looked at" in short.scope[0].stopped
    few = await sharing_with(tenant, Sought(["fabrikam.com"]), [SITE], Limits(permissions=1))
    assert "permissions of 1 items" in few.scope[0].stopped


WRONG: list[tuple[Step[Tenant], dict[str, Any], str]] = [
    (ALLOW_DOMAIN, {"domains": ["litware.com"]}, r"allow-domain\.domains: litware\.com"),
    (ALLOW_DOMAIN, {"mode": "none"}, r"allow-domain\.mode"),
    (ALLOW_FEDERATION, {"domains": ["*"]}, r"allow-federation\.domains\[0\]"),
    (
        LIMIT_SITE,
        {"site": "https://contoso.sharepoint.com.evil.example/x", "sharingCapability": "disabled"},
        r"limit-site\.plans\.site",
    ),
    (LIMIT_SITE, {"site": SITE, "sharingCapability": "open"}, r"limit-site\.plans\.sharingCapability"),
    (SHARE_SITE, {"site": f"{SITE}?x=1", "group": "g"}, r"share-site\.plans\.site"),
    (SHARE_SITE, {"site": SITE}, r"share-site\.plans\.group"),
    (SHARE_ITEM, ITEM | {"item": "../x"}, r"share-item\.plans\.item"),
    (SHARE_ITEM, ITEM | {"until": "tomorrow"}, r"share-item\.plans\.until"),
    (SHARE_ITEM, ITEM | {"role": "owner"}, r"share-item\.plans\.role"),
    (ADD_TO_WORKSPACE, {"group": "g"}, r"names one workspace"),
    (ADD_TO_WORKSPACE, {"group": "g", "workspace": "x"}, r"add-to-workspace\.plans\.workspace"),
    (ADD_TO_WORKSPACE, {"group": "g", "workspaceName": "x", "role": "Admin"}, r"add-to-workspace\.plans\.role"),
]


@pytest.mark.parametrize(("step", "block", "field"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_block_is_refused_by_field(step: Step[Tenant], block: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal, match=field):
        asked(step, block)
