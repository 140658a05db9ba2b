"""The steps against the simulated tenant: unmodified SDK clients, real sockets, its faults and its replication delay."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.state import State, difference
from shared.nouns.step import Entry, Intent, Step, Subject
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.set_organization_relationship import SET_ORGANIZATION_RELATIONSHIP
from shared.tenant import Tenant
from tests.steps.conftest import Simulation, settings_of

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com", "fabrikam.co.uk"))
ANA = Subject(
    id="p-ana",
    partner=FABRIKAM,
    person=Person("p-ana", "ana@fabrikam.com", "Ana Silva"),
    details={"redirectUrl": "https://myapps.microsoft.com", "sendMail": True},
)
MIA = "bbbbbbbb-0000-4000-8000-000000000001"
NOOR = "bbbbbbbb-0000-4000-8000-000000000002"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
GUEST: State = {"guest": True}


def unanswered(subject: Subject, ago: float) -> Subject:
    """The subject with one more invitation, begun `ago` seconds before now, whose answer never came."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return replace(subject, intents=(*subject.intents, Intent(at, len(subject.intents) + 1, GUEST, answered=False)))


def after(subject: Subject, applied: Applied) -> Subject:
    """The subject as the next attempt sees it: the last intent answered, and its ids known."""
    answered = tuple(replace(intent, answered=True) for intent in subject.intents[-1:])
    return replace(subject, intents=(*subject.intents[:-1], *answered), ids={**subject.ids, **applied.ids})


async def invited(tenant: Tenant, name: str) -> str:
    subject = replace(ANA, id=f"p-{name}", person=Person(f"p-{name}", f"{name}@fabrikam.com", name))
    return (await INVITE_GUEST.apply(tenant, subject, GUEST)).ids["user"]


async def test_a_guest_comes_goes_and_comes_back_with_one_mail(tenant: Tenant, simulation: Simulation) -> None:
    wanted: State = {"guest": True, "sponsors": (MIA, NOOR)}
    before = await INVITE_GUEST.read(tenant, ANA)
    assert difference(wanted, before) == wanted
    applied = await INVITE_GUEST.apply(tenant, ANA, wanted)
    there = replace(ANA, ids=applied.ids)
    assert difference(wanted, await INVITE_GUEST.read(tenant, there)) == {}
    assert difference(wanted, await INVITE_GUEST.read(tenant, ANA)) == {}
    assert simulation.mails == ["ana@fabrikam.com"]
    assert simulation.writes("invitations") == ["POST"]
    assert simulation.writes("sponsors") == []
    entry = Entry(before, wanted, applied.ids, applied.created)
    await INVITE_GUEST.undo(tenant, there, entry)
    await INVITE_GUEST.undo(tenant, there, entry)
    gone = await INVITE_GUEST.read(tenant, ANA)
    assert (gone["guest"], gone["deleted"]) == (None, applied.ids["user"])
    back = await INVITE_GUEST.apply(tenant, ANA, wanted)
    assert back.ids["user"] == applied.ids["user"]
    assert difference(wanted, await INVITE_GUEST.read(tenant, ANA)) == {}
    assert simulation.mails == ["ana@fabrikam.com"]
    await INVITE_GUEST.undo(tenant, ANA, Entry(gone, wanted, back.ids, back.created))
    assert (await INVITE_GUEST.read(tenant, ANA))["deleted"] == applied.ids["user"]


async def test_an_invitation_whose_answer_is_lost_is_seen_by_reading(tenant: Tenant, simulation: Simulation) -> None:
    simulation.fault("effect-then-lost", "/invitations")
    with pytest.raises(NotYet) as lost:
        await INVITE_GUEST.apply(tenant, ANA, GUEST)
    assert lost.value.effect_unknown
    assert difference(GUEST, await INVITE_GUEST.read(tenant, unanswered(ANA, 60))) == {}
    assert simulation.mails == ["ana@fabrikam.com"]


async def test_a_lost_invitation_that_no_replica_shows_is_repeated_without_a_second_mail(
    tenant: Tenant, simulation: Simulation
) -> None:
    lost = unanswered(ANA, 0)
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    simulation.fault("effect-then-lost", "/invitations")
    with pytest.raises(NotYet):
        await INVITE_GUEST.apply(tenant, ANA, GUEST)
    again = await INVITE_GUEST.apply(tenant, lost, GUEST)
    assert simulation.writes("invitations") == ["POST", "POST"]
    with pytest.raises(NotYet, match="not known everywhere"):
        await INVITE_GUEST.read(tenant, replace(lost, ids=again.ids))
    simulation.order("PUT", "lag", 0)
    later = Intent(datetime.now(UTC) + timedelta(seconds=300), 2, GUEST, answered=True)
    seen = replace(lost, intents=(*lost.intents, later), ids=again.ids)
    assert difference(GUEST, await INVITE_GUEST.read(tenant, seen)) == {}
    assert simulation.mails == ["ana@fabrikam.com"]


async def test_an_invitation_lost_on_its_way_is_made_good_with_exactly_one_mail(tenant: Tenant, simulation: Simulation) -> None:
    simulation.fault("lost", "/invitations")
    with pytest.raises(NotYet):
        await INVITE_GUEST.apply(tenant, ANA, GUEST)
    first = unanswered(ANA, 300)
    silent = await INVITE_GUEST.apply(tenant, first, GUEST)
    assert simulation.mails == []
    second = after(unanswered(first, 0), silent)
    owed = await INVITE_GUEST.read(tenant, second)
    assert owed["guest"] == "unannounced"
    told = await INVITE_GUEST.apply(tenant, second, difference(GUEST, owed))
    third = after(unanswered(second, 0), told)
    assert difference(GUEST, await INVITE_GUEST.read(tenant, third)) == {}
    assert simulation.mails == ["ana@fabrikam.com"]
    assert told.ids["user"] == silent.ids["user"]


async def test_sponsors_that_an_invitation_ignored_are_added_by_reference(tenant: Tenant, simulation: Simulation) -> None:
    simulation.fault("sponsors-ignored", "/invitations")
    wanted: State = {"guest": True, "sponsors": (MIA,)}
    applied = await INVITE_GUEST.apply(tenant, ANA, wanted)
    there = replace(ANA, ids=applied.ids)
    change = difference(wanted, await INVITE_GUEST.read(tenant, there))
    assert change == {"sponsors": (MIA,)}
    await INVITE_GUEST.apply(tenant, there, change)
    await INVITE_GUEST.apply(tenant, there, change)
    assert difference(wanted, await INVITE_GUEST.read(tenant, there)) == {}
    await INVITE_GUEST.undo(tenant, there, Entry({"sponsors": ()}, change, applied.ids, created=False))
    assert simulation.user("ana@fabrikam.com")["sponsors"] == []
    assert simulation.mails == ["ana@fabrikam.com"]


async def test_nothing_is_done_about_people_whom_somebody_else_must_look_at(tenant: Tenant, simulation: Simulation) -> None:
    user = await invited(tenant, "ana")
    simulation.order("POST", "act", {"do": "update", "target": user, "set": {"accountEnabled": False}})
    assert "blocked" in str(INVITE_GUEST.explain(ANA, await INVITE_GUEST.read(tenant, ANA)))
    with pytest.raises(WontWork, match="not deleted"):
        await INVITE_GUEST.undo(tenant, ANA, Entry({}, GUEST, {"user": user}, created=True))
    own = replace(ANA, person=Person("p-mia", "mia@contoso.com"))
    assert "our own people" in str(INVITE_GUEST.explain(own, await INVITE_GUEST.read(tenant, own)))
    await invited(tenant, "bea")
    simulation.order("POST", "act", {"do": "update", "target": user, "set": {"otherMails": ["bea@fabrikam.com"]}})
    both = replace(ANA, person=Person("p-bea", "bea@fabrikam.com"))
    assert user in str(INVITE_GUEST.explain(both, await INVITE_GUEST.read(tenant, both)))


async def test_refusals_of_the_tenant_say_what_to_do(tenant: Tenant, simulation: Simulation) -> None:
    taken = replace(ANA, person=Person("p-carlos", "carlos.contact@northwind.com"))
    with pytest.raises(WontWork, match="another object"):
        await INVITE_GUEST.apply(tenant, taken, GUEST)
    ours = replace(ANA, person=Person("p-nobody", "nobody@contoso.com"))
    with pytest.raises(WontWork, match="verified domain of our own"):
        await INVITE_GUEST.apply(tenant, ours, GUEST)
    simulation.order("POST", "seed", {"blockedDomains": ["fabrikam.com"]})
    with pytest.raises(WontWork, match="B2B domain list"):
        await INVITE_GUEST.apply(tenant, ANA, GUEST)


async def test_guests_are_added_in_one_write_and_taken_out_again(tenant: Tenant, simulation: Simulation) -> None:
    members = {f"p-{name}": await invited(tenant, name) for name in ("ana", "bea", "cai")}
    subject = Subject(id="b", partner=FABRIKAM, group=READERS, members=members)
    wanted: State = dict.fromkeys(members, "member")
    await tenant.groups.add_member(READERS, members["p-bea"])
    assert simulation.writes("members/\\$ref$") == ["POST"]
    before = await ADD_TO_GROUP.read(tenant, subject)
    change = difference(wanted, before)
    assert sorted(change) == ["p-ana", "p-cai"]
    assert (await ADD_TO_GROUP.apply(tenant, subject, change)).refused == {}
    assert simulation.writes(f"groups/{READERS}$") == ["PATCH"]
    assert difference(wanted, await ADD_TO_GROUP.read(tenant, subject)) == {}
    assert (await ADD_TO_GROUP.apply(tenant, subject, wanted)).refused == {}
    entry = Entry(before, wanted, {}, created=False)
    await ADD_TO_GROUP.undo(tenant, subject, entry)
    await ADD_TO_GROUP.undo(tenant, subject, entry)
    left = await ADD_TO_GROUP.read(tenant, subject)
    assert {person: left[person] for person in members} == {"p-ana": None, "p-bea": "member", "p-cai": None}


async def test_one_who_is_gone_keeps_nobody_out(tenant: Tenant, simulation: Simulation) -> None:
    members = {f"p-{name}": await invited(tenant, name) for name in ("ana", "bea", "cai")}
    subject = Subject(id="b", partner=FABRIKAM, group=READERS, members=members)
    await tenant.groups.add_member(READERS, members["p-cai"])
    await tenant.users.delete(members["p-ana"])
    first = await ADD_TO_GROUP.apply(tenant, subject, dict.fromkeys(members, "member"))
    assert first.refused == {}
    applied = await ADD_TO_GROUP.apply(tenant, replace(subject, waited=600.0), {"p-ana": "member"})
    assert list(applied.refused) == ["p-ana"]
    assert "was deleted" in applied.refused["p-ana"]
    state = await ADD_TO_GROUP.read(tenant, subject)
    assert [state[person] for person in members] == [None, "member", "member"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1, "microsoft365"),
        (2, "security"),
        (3, "dynamic"),
        (4, "synced"),
        (5, "role-assignable"),
        (6, "distribution"),
        (7, "mail-enabled-security"),
        (9, None),
    ],
)
async def test_groups_whose_members_are_not_changed_here_are_explained(tenant: Tenant, number: int, kind: str | None) -> None:
    subject = Subject(id="b", partner=FABRIKAM, group=f"aaaaaaaa-0000-4000-8000-00000000000{number}", members={"p-mia": MIA})
    state = await ADD_TO_GROUP.read(tenant, subject)
    assert state["group"] == kind
    assert (ADD_TO_GROUP.explain(subject, state) is None) == (number in {1, 2})


PARTNER = Subject(
    id="t-fabrikam",
    partner=FABRIKAM,
    details={"parameters": {"FreeBusyAccessEnabled": True, "FreeBusyAccessLevel": "LimitedDetails"}},
)
RELATIONSHIP: State = {
    "Enabled": True,
    "FreeBusyAccessEnabled": True,
    "FreeBusyAccessLevel": "LimitedDetails",
    "DomainNames": ("fabrikam.co.uk", "fabrikam.com"),
    "TargetApplicationUri": "outlook.com",
    "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
}


async def test_a_relationship_is_made_and_removed(tenant: Tenant, simulation: Simulation) -> None:
    step = SET_ORGANIZATION_RELATIONSHIP
    before = await step.read(tenant, PARTNER)
    change = difference(RELATIONSHIP, before)
    assert change == RELATIONSHIP
    applied = await step.apply(tenant, PARTNER, change)
    assert applied.created
    there = replace(PARTNER, ids=applied.ids)
    assert difference(RELATIONSHIP, await step.read(tenant, there)) == {}
    assert [one["Name"] for one in simulation.state["organizationRelationships"]] == ["Fabrikam"]
    entry = Entry(before, change, applied.ids, created=True)
    await step.undo(tenant, there, entry)
    await step.undo(tenant, there, entry)
    assert simulation.state["organizationRelationships"] == []


async def test_a_relationship_of_somebody_else_keeps_what_is_theirs(tenant: Tenant, simulation: Simulation) -> None:
    step = SET_ORGANIZATION_RELATIONSHIP
    theirs: State = {
        "Name": "Old friends",
        "DomainNames": ("fabrikam.com", "litware.com"),
        "PhotosEnabled": True,
        "FreeBusyAccessLevel": "None",
    }
    await tenant.exchange.new_relationship(theirs)
    before = await step.read(tenant, PARTNER)
    change = difference(RELATIONSHIP, before)
    applied = await step.apply(tenant, PARTNER, change)
    now = await step.read(tenant, PARTNER)
    assert difference(RELATIONSHIP, now) == {}
    assert (now["Name"], now["PhotosEnabled"]) == ("Old friends", True)
    assert now["DomainNames"] == ("fabrikam.co.uk", "fabrikam.com", "litware.com")
    # The runner journals the keys that changed.
    entry = Entry({key: before[key] for key in change}, change, applied.ids, created=False)
    simulation.order(
        "POST",
        "act",
        {"do": "set-organization-relationship", "target": "Old friends", "set": {"FreeBusyAccessLevel": "AvailabilityOnly"}},
    )
    with pytest.raises(WontWork, match=r"FreeBusyAccessLevel was 'LimitedDetails' and is 'AvailabilityOnly'"):
        await step.undo(tenant, PARTNER, entry)
    simulation.order(
        "POST",
        "act",
        {"do": "set-organization-relationship", "target": "Old friends", "set": {"FreeBusyAccessLevel": "LimitedDetails"}},
    )
    await step.undo(tenant, PARTNER, entry)
    await step.undo(tenant, PARTNER, entry)
    back = await step.read(tenant, PARTNER)
    assert (back["FreeBusyAccessLevel"], back["DomainNames"]) == ("None", ("fabrikam.com", "litware.com"))


async def test_relationships_in_each_others_way_are_named(tenant: Tenant) -> None:
    step = SET_ORGANIZATION_RELATIONSHIP
    await tenant.exchange.new_relationship({"Name": "One", "DomainNames": ("fabrikam.com",)})
    with pytest.raises(WontWork, match=r"fabrikam\.com in 'One'"):
        await tenant.exchange.new_relationship({"Name": "Two", "DomainNames": ("fabrikam.com", "x.com")})
    with pytest.raises(NotYet, match="read again"):
        await tenant.exchange.new_relationship({"Name": "One", "DomainNames": ("y.com",)})
    await tenant.exchange.new_relationship({"Name": "Two", "DomainNames": ("fabrikam.co.uk",)})
    assert "'One' and 'Two'" in str(step.explain(PARTNER, await step.read(tenant, PARTNER)))


async def test_organizations(tenant: Tenant) -> None:
    found = await tenant.organizations.of_domain("Fabrikam.co.uk")
    assert found is not None
    assert (found.tenant_id, found.default_domain) == (FABRIKAM.tenant_id, "fabrikam.com")
    assert await tenant.organizations.of_domain("nobody.example") is None
    ours = await tenant.organizations.ours()
    assert ours.initial_domain == "contoso.onmicrosoft.com"
    assert "contoso.com" in ours.verified_domains
    mia = await tenant.users.by_principal_name("mia@contoso.com")
    assert mia is not None
    assert (mia.id, mia.external) == (MIA, False)
    assert {"User.Invite.All", "GroupMember.ReadWrite.All"} <= await tenant.roles()
    assert await tenant.exchange.roles() == {"Exchange.ManageAsApp"}


async def test_a_guest_just_restored_is_not_taken_for_deleted(tenant: Tenant, simulation: Simulation) -> None:
    """Replicas that are behind show a restored user among the deleted for a while (facts 0.4); one who stays there was deleted."""
    user = await invited(tenant, "back")
    await tenant.users.delete(user)
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    await tenant.users.restore(user)
    subject = replace(ANA, id="batch", group=READERS, members={"p-back": user})
    with pytest.raises(NotYet, match="Not known everywhere"):
        await ADD_TO_GROUP.apply(tenant, subject, {"p-back": "member"})
    simulation.order("PUT", "lag", 0)
    assert (await ADD_TO_GROUP.apply(tenant, subject, {"p-back": "member"})).refused == {}
    await tenant.users.delete(user)
    with pytest.raises(NotYet, match="Not known everywhere"):
        await ADD_TO_GROUP.apply(tenant, subject, {"p-back": "member"})
    gone = await ADD_TO_GROUP.apply(tenant, replace(subject, waited=600.0), {"p-back": "member"})
    assert "was deleted after they had been invited" in gone.refused["p-back"]


@pytest.mark.parametrize("step", [INVITE_GUEST, ADD_TO_GROUP, SET_ORGANIZATION_RELATIONSHIP], ids=lambda step: step.name)
async def test_a_step_needs_the_permissions_that_it_names_and_no_other(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    user = await invited(tenant, "bea")
    await tenant.close()
    exchange = ["Exchange.ManageAsApp"] if step.exchange_roles else []
    simulation.order(
        "POST",
        "seed",
        {"permissions": {"https://graph.microsoft.com": list(step.permissions), "https://outlook.office365.com": exchange}},
    )
    fresh = Tenant(settings_of(simulation))
    subject = {
        "invite-guest": ANA,
        "add-to-group": Subject(id="b", partner=FABRIKAM, group=READERS, members={"p-bea": user}),
        "set-organization-relationship": PARTNER,
    }[step.name]
    states: dict[str, State] = {
        "invite-guest": {"guest": True, "sponsors": (MIA,)},
        "add-to-group": {"p-bea": "member"},
        "set-organization-relationship": RELATIONSHIP,
    }
    wanted = states[step.name]
    simulation.fault("sponsors-ignored", "/invitations")
    try:
        before = await step.read(fresh, subject)
        first = await step.apply(fresh, subject, difference(wanted, before))
        if left := difference(wanted, await step.read(fresh, subject)):
            await step.apply(fresh, subject, left)
        assert difference(wanted, await step.read(fresh, subject)) == {}
        await step.undo(fresh, subject, Entry(before, wanted, first.ids, first.created))
        assert difference(wanted, await step.read(fresh, subject)) == wanted
        assert await fresh.roles() == set(step.permissions)
    finally:
        await fresh.close()
