"""Groups, their guest settings and teams, guests' details and communities against the simulated tenant, over sockets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.request import GuestWish, Header
from shared.nouns.state import State, difference
from shared.nouns.step import Ask, Entry, Intent, Preflight, Step, Subject, Weight, Wish
from shared.nouns.template import Template
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.create_community import CREATE_COMMUNITY
from shared.steps.create_group import CREATE_GROUP
from shared.steps.set_group_guest_settings import SET_GROUP_GUEST_SETTINGS
from shared.steps.set_guest_details import SET_GUEST_DETAILS
from shared.steps.team_enable_group import TEAM_ENABLE_GROUP
from shared.tenant import Tenant
from tests.steps.conftest import Simulation, settings_of

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com",))
MARK = "[Entente 22222222-2222-2222-2222-222222222222/field]"
MIA, NOOR = (f"bbbbbbbb-0000-4000-8000-00000000000{number}" for number in (1, 2))
PROJECT, READERS = (f"aaaaaaaa-0000-4000-8000-00000000000{number}" for number in (1, 2))
CONFIDENTIAL = "dddddddd-0000-4000-8000-000000000001"
TEMPLATE = Template(name="joint-project", version=1, description="x", steps=("create-group",))
GROUP: dict[str, Any] = {"displayName": "Field work", "owners": ["mia@contoso.com", NOOR]}
COMMUNITY: dict[str, Any] = {"displayName": "Fabrikam friends", "owners": [MIA]}


def header(**steps: Any) -> Header:
    asked = {"version": 1, "id": "r", "template": "joint-project", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
    return Header.model_validate(asked | {"steps": steps})


def wish(step: Step[Tenant], block: dict[str, Any], name: str = "field", **more: Any) -> Wish:
    asked = step.wanted(Ask(header(), TEMPLATE, FABRIKAM, block, name=name, **more))
    assert asked is not None
    return asked


def named(step: Step[Tenant], asked: Wish, group: str | None = None, name: str = "field") -> Subject:
    return Subject(f"{step.name}.{name}", FABRIKAM, group=group, details=asked.details)


async def applied(tenant: Tenant, step: Step[Tenant], subject: Subject, asked: Wish) -> tuple[Subject, Entry]:
    """As the runner does it: what differs is applied and journalled, and what is kept is kept."""
    before = await step.read(tenant, subject)
    assert step.explain(subject, before) is None
    change = difference(asked.state, before)
    begun = Intent(datetime.now(UTC), len(subject.intents) + 1, change, answered=True)
    done = await step.apply(tenant, replace(subject, seen=before), change)
    there = replace(subject, ids={**subject.ids, **done.ids}, intents=(*subject.intents, begun))
    return there, Entry({key: before.get(key) for key in change}, change, there.ids, done.created)


async def is_so(tenant: Tenant, step: Step[Tenant], subject: Subject, asked: Wish) -> State:
    actual = await step.read(tenant, subject)
    assert step.explain(subject, actual) is None
    assert difference(asked.state, actual) == {}
    return actual


def group_in(simulation: Simulation, nickname: str) -> Any:
    return next(group for group in simulation.state["groups"] if group["mailNickname"] == nickname)


async def test_a_group_is_made_owned_and_deleted_again(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(CREATE_GROUP, {**GROUP, "description": "Together", "welcomeMail": False})
    subject, entry = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
    actual = await is_so(tenant, CREATE_GROUP, subject, asked)
    made = group_in(simulation, "field")
    assert (made["id"], made["visibility"], made["description"]) == (actual["group"], "Private", f"Together {MARK}")
    assert made["resourceBehaviorOptions"] == ["WelcomeEmailDisabled"]
    assert sorted(made["owners"]) == [MIA, NOOR]
    # No address of anybody stands in what is recorded.
    assert "@" not in str((asked.state, actual, entry))
    assert "2 owners" in CREATE_GROUP.settled(subject, actual)
    for _ in range(2):
        await CREATE_GROUP.undo(tenant, subject, entry)
    assert made["id"] in [item["id"] for item in simulation.state["deletedItems"]]
    assert "deleted by somebody" in str(CREATE_GROUP.explain(subject, await CREATE_GROUP.read(tenant, subject)))


async def test_the_next_request_finds_the_group_that_was_made_and_changes_what_differs(
    tenant: Tenant, simulation: Simulation
) -> None:
    first = wish(CREATE_GROUP, GROUP)
    await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, first), first)
    asked = wish(
        CREATE_GROUP, {"displayName": "Field trip", "visibility": "Public", "description": "More", "owners": [MIA, NOOR]}
    )
    subject, entry = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
    assert (await is_so(tenant, CREATE_GROUP, subject, asked))["ours"] is False
    assert not entry.created
    simulation.order("POST", "act", {"do": "update", "target": subject.ids["group"], "set": {"visibility": "Private"}})
    with pytest.raises(WontWork, match="visibility was 'Public' and is 'Private'"):
        await CREATE_GROUP.undo(tenant, subject, entry)
    simulation.order("POST", "act", {"do": "update", "target": subject.ids["group"], "set": {"visibility": "Public"}})
    for _ in range(2):
        await CREATE_GROUP.undo(tenant, subject, entry)
    back = group_in(simulation, "field")
    assert (back["displayName"], back["visibility"], back["description"]) == ("Field work", "Private", MARK)


async def test_a_group_of_somebody_else_is_used_only_when_the_request_says_so(tenant: Tenant, simulation: Simulation) -> None:
    block = {"displayName": "Ours", "mailNickname": "fabrikam-project", "owners": [NOOR], "visibility": "Public"}
    asked = wish(CREATE_GROUP, block)
    said = CREATE_GROUP.explain(named(CREATE_GROUP, asked), await CREATE_GROUP.read(tenant, named(CREATE_GROUP, asked)))
    assert said is not None
    assert PROJECT in said
    assert 'existing = "use"' in said
    asked = wish(CREATE_GROUP, {**block, "existing": "use"})
    subject, entry = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
    await is_so(tenant, CREATE_GROUP, subject, asked)
    there = group_in(simulation, "fabrikam-project")
    assert (there["displayName"], there["visibility"], sorted(there["owners"])) == ("Fabrikam Project", "Private", [MIA, NOOR])
    await CREATE_GROUP.undo(tenant, subject, entry)
    assert group_in(simulation, "fabrikam-project")["owners"] == [MIA]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"mailNickname": "partner-news"}, "distribution list"),
        ({"mailNickname": "free-busy-staff"}, "mail-enabled security group"),
        ({"owners": ["nobody@contoso.com"]}, "owner 1 of group field"),
        ({"owners": [MIA, "11111111-1111-4111-8111-111111111111"]}, "11111111-1111-4111-8111-111111111111 of group field"),
    ],
)
async def test_what_keeps_a_group_from_being_made_is_explained(tenant: Tenant, block: dict[str, Any], words: str) -> None:
    subject = named(CREATE_GROUP, wish(CREATE_GROUP, GROUP | block))
    assert words in str(CREATE_GROUP.explain(subject, await CREATE_GROUP.read(tenant, subject)))


async def test_a_group_with_other_owners_than_ours_is_not_deleted(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(CREATE_GROUP, {**GROUP, "owners": [MIA]})
    subject, entry = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
    simulation.order("POST", "act", {"do": "add-owner", "target": subject.ids["group"], "who": NOOR})
    with pytest.raises(WontWork, match=f"owners were {MIA} and are {MIA}, {NOOR}"):
        await CREATE_GROUP.undo(tenant, subject, entry)
    simulation.order("POST", "act", {"do": "remove-owner", "target": subject.ids["group"], "who": NOOR})
    unnoted = replace(entry, ids={"group": subject.ids["group"]})
    await CREATE_GROUP.undo(tenant, replace(subject, ids=unnoted.ids), unnoted)
    assert subject.ids["group"] in [item["id"] for item in simulation.state["deletedItems"]]


@pytest.mark.parametrize("effect", ["lost", "effect-then-lost", "effect-then-status"])
async def test_a_creation_without_an_answer_is_repeated_to_one_group(tenant: Tenant, simulation: Simulation, effect: str) -> None:
    asked, given = wish(CREATE_GROUP, GROUP), {"status": 503} if effect.endswith("status") else {}
    subject = named(CREATE_GROUP, asked)
    simulation.order("POST", "faults", {"effect": effect, "match": {"path": "/groups$", "method": "POST"}, "times": 1, **given})
    before = datetime.now(UTC) - timedelta(seconds=2)
    with pytest.raises(NotYet) as lost:
        await CREATE_GROUP.apply(tenant, subject, asked.state)
    assert lost.value.effect_unknown
    # Repeated while no replica shows the first one: the nickname keeps a second one from being made.
    unsure = replace(subject, intents=(Intent(before, 1, asked.state, answered=False),))
    absent: State = {"group": None, "owner_ids": (MIA, NOOR)}
    if effect == "lost":
        await CREATE_GROUP.apply(tenant, replace(unsure, seen=absent), asked.state)
    else:
        with pytest.raises(NotYet, match="read again"):
            await CREATE_GROUP.apply(tenant, replace(unsure, seen=absent), asked.state)
    assert (await is_so(tenant, CREATE_GROUP, unsure, asked))["ours"] is True
    assert [group["mailNickname"] for group in simulation.state["groups"]].count("field") == 1


async def test_a_label_is_set_by_a_person_and_read_back(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(CREATE_GROUP, {**GROUP, "sensitivityLabel": CONFIDENTIAL})
    subject, _ = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
    left = difference(asked.state, await CREATE_GROUP.read(tenant, subject))
    assert left == {"label": CONFIDENTIAL}
    assert CREATE_GROUP.instruct is not None
    assert CREATE_GROUP.instruct(subject, asked.state) is None
    assert CONFIDENTIAL in str(CREATE_GROUP.instruct(subject, left))
    label = [{"labelId": CONFIDENTIAL, "displayName": "Confidential"}]
    simulation.order("POST", "act", {"do": "update", "target": subject.ids["group"], "set": {"assignedLabels": label}})
    assert f"Confidential ({CONFIDENTIAL})" in CREATE_GROUP.settled(subject, await is_so(tenant, CREATE_GROUP, subject, asked))
    # The label then switches guests off on the group, which is what an administrator chose for it.
    simulation.order("POST", "seed", {"groupSettings": {"group": "field", "AllowToAddGuests": "false"}})
    assert f"Confidential ({CONFIDENTIAL})" in str(CREATE_GROUP.explain(subject, await CREATE_GROUP.read(tenant, subject)))
    other = named(CREATE_GROUP, wish(CREATE_GROUP, {**GROUP, "sensitivityLabel": MIA}))
    simulation.order("POST", "seed", {"groupSettings": {"group": "field", "AllowToAddGuests": "true"}})
    assert "not replaced" in str(CREATE_GROUP.explain(other, await CREATE_GROUP.read(tenant, other)))


async def test_an_app_sets_a_label_where_the_tenant_lets_it(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(CREATE_GROUP, {**GROUP, "sensitivityLabel": CONFIDENTIAL, "labelBy": "app"})
    subject = named(CREATE_GROUP, asked)
    with pytest.raises(WontWork, match="App-only token is not supported"):
        await applied(tenant, CREATE_GROUP, subject, asked)
    labels = [{"id": CONFIDENTIAL, "displayName": "Confidential"}]
    options = {"labelsByApplications": True}
    simulation.order(
        "POST", "seed", {"sensitivityLabels": labels, "groupSettings": {"EnableMIPLabels": "true"}, "options": options}
    )
    subject, _ = await applied(tenant, CREATE_GROUP, subject, asked)
    await is_so(tenant, CREATE_GROUP, subject, asked)


async def test_a_label_that_keeps_guests_out_is_refused_by_name(simulation: Simulation) -> None:
    shut = Tenant(replace(settings_of(simulation), labels_without_guests=frozenset({CONFIDENTIAL})))
    asked = wish(CREATE_GROUP, {**GROUP, "sensitivityLabel": CONFIDENTIAL})
    try:
        with pytest.raises(WontWork, match=CONFIDENTIAL):
            await applied(shut, CREATE_GROUP, named(CREATE_GROUP, asked), asked)
        found = await CREATE_GROUP.preflight(shut, ahead({"field": dict(asked.details)})) if CREATE_GROUP.preflight else ()
    finally:
        await shut.close()
    refused = {finding.setting: finding.value for finding in found if finding.weight is Weight.REFUSES}
    assert refused == {"sensitivityLabel": CONFIDENTIAL, "EnableMIPLabels": "false"}
    assert [group for group in simulation.state["groups"] if group["mailNickname"] == "field"] == []


@pytest.mark.parametrize("made", [True, False])
async def test_guests_are_let_into_a_group_or_kept_out_and_it_is_put_back(
    tenant: Tenant, simulation: Simulation, made: bool
) -> None:
    step = SET_GROUP_GUEST_SETTINGS
    if not made:
        simulation.order("POST", "seed", {"groupSettings": {"group": "fabrikam-project", "AllowToAddGuests": "true"}})
    asked = wish(step, {"allowToAddGuests": False})
    assert asked.group == "field"
    subject, entry = await applied(tenant, step, named(step, asked, PROJECT), asked)
    await is_so(tenant, step, subject, asked)
    assert entry.created is made
    guest = (await tenant.invitations.invite("ana@fabrikam.com", letter(), subject="p")).user
    with pytest.raises(WontWork, match="policy setting on the group"):
        await tenant.groups.add_member(PROJECT, guest)
    for _ in range(2):
        await step.undo(tenant, subject, entry)
    assert bool(simulation.state["groupSettings"]) is not made
    await tenant.groups.add_member(PROJECT, guest)
    # Somebody else has closed it since: that is not undone.
    again, entry = await applied(tenant, step, named(step, asked, PROJECT), asked)
    simulation.order("POST", "seed", {"groupSettings": {"group": "fabrikam-project", "AllowToAddGuests": "false"}})
    open_wish = wish(step, {"allowToAddGuests": True})
    opened, entry = await applied(tenant, step, again, open_wish)
    simulation.order("POST", "seed", {"groupSettings": {"group": "fabrikam-project", "AllowToAddGuests": "false"}})
    assert "already" in (await step.undo(tenant, opened, entry)).note


async def test_settings_that_a_lost_answer_made_are_changed_and_not_made_twice(tenant: Tenant, simulation: Simulation) -> None:
    step = SET_GROUP_GUEST_SETTINGS
    asked = wish(step, {"allowToAddGuests": False, "group": "field"})
    simulation.order("PUT", "options", {"duplicateSettingStatus": 409})
    simulation.fault("effect-then-lost", f"/groups/{PROJECT}/settings$", method="POST")
    with pytest.raises(NotYet):
        await applied(tenant, step, named(step, asked, PROJECT), asked)
    simulation.fault("stale", f"/groups/{PROJECT}/settings$", method="GET")
    assert await tenant.group_settings.create(PROJECT, {"AllowToAddGuests": "false"}) is None
    await is_so(tenant, step, named(step, asked, PROJECT), asked)
    assert len(simulation.state["groupSettings"]) == 1


async def test_a_label_decides_about_guests_instead_of_us(tenant: Tenant, simulation: Simulation) -> None:
    step, asked = SET_GROUP_GUEST_SETTINGS, wish(SET_GROUP_GUEST_SETTINGS, {"allowToAddGuests": True})
    simulation.order("POST", "seed", {"groupSettings": {"group": "fabrikam-project", "AllowToAddGuests": "false"}})
    label = [{"labelId": CONFIDENTIAL, "displayName": "Confidential"}]
    simulation.order("POST", "act", {"do": "update", "target": PROJECT, "set": {"assignedLabels": label}})
    with pytest.raises(WontWork, match="Confidential"):
        await applied(tenant, step, named(step, asked, PROJECT), asked)
    plain = named(step, asked, READERS)
    assert "no Microsoft 365 group" in str(step.explain(plain, await step.read(tenant, plain)))
    nowhere = named(step, asked, CONFIDENTIAL)
    assert "There is no group" in str(step.explain(nowhere, await step.read(tenant, nowhere)))


GUESTS_MAY = {"guestSettings": {"allowCreateUpdateChannels": True}, "funSettings": {"giphyContentRating": "strict"}}


async def test_a_group_gets_a_team_and_keeps_it(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(TEAM_ENABLE_GROUP, GUESTS_MAY)
    subject, entry = await applied(tenant, TEAM_ENABLE_GROUP, named(TEAM_ENABLE_GROUP, asked, PROJECT), asked)
    actual = await is_so(tenant, TEAM_ENABLE_GROUP, subject, asked)
    assert "guests may create and change channels" in TEAM_ENABLE_GROUP.settled(subject, actual)
    assert entry.created
    assert "keeps it" in (await TEAM_ENABLE_GROUP.undo(tenant, subject, entry)).note
    await is_so(tenant, TEAM_ENABLE_GROUP, subject, asked)
    archived = replace(subject, details={"whenUndone": "archive"})
    for _ in range(2):
        assert "archived" in (await TEAM_ENABLE_GROUP.undo(tenant, archived, entry)).note
    assert simulation.writes("/archive$") == ["POST"]
    assert "unarchive" in str(TEAM_ENABLE_GROUP.explain(subject, await TEAM_ENABLE_GROUP.read(tenant, subject)))


async def test_a_team_that_is_there_gets_its_settings_and_gets_them_back(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", {"teams": [{"group": "fabrikam-project"}]})
    asked = wish(TEAM_ENABLE_GROUP, GUESTS_MAY)
    subject, entry = await applied(tenant, TEAM_ENABLE_GROUP, named(TEAM_ENABLE_GROUP, asked, PROJECT), asked)
    await is_so(tenant, TEAM_ENABLE_GROUP, subject, asked)
    assert simulation.writes("/team$") == []
    await tenant.group_teams.change(PROJECT, {"guestSettings.allowCreateUpdateChannels": False})
    with pytest.raises(WontWork, match=r"allowCreateUpdateChannels was True and is False"):
        await TEAM_ENABLE_GROUP.undo(tenant, subject, entry)
    await tenant.group_teams.change(PROJECT, {"guestSettings.allowCreateUpdateChannels": True})
    for _ in range(2):
        await TEAM_ENABLE_GROUP.undo(tenant, subject, entry)
    family = simulation.state["teams"][0]
    assert (family["guestSettings"]["allowCreateUpdateChannels"], family["funSettings"]["giphyContentRating"]) == (
        False,
        "moderate",
    )


async def test_a_group_that_teams_does_not_know_yet_is_tried_soon_and_then_more_slowly(
    tenant: Tenant, simulation: Simulation
) -> None:
    group, asked = wish(CREATE_GROUP, GROUP), wish(TEAM_ENABLE_GROUP, {})
    made, _ = await applied(tenant, CREATE_GROUP, named(CREATE_GROUP, group), group)
    simulation.order("PUT", "options", {"teamsKnowsGroupsAfter": 900})
    subject = named(TEAM_ENABLE_GROUP, asked, made.ids["group"])
    waits = []
    for _ in range(2):
        with pytest.raises(NotYet, match="15 minutes") as later:
            await applied(tenant, TEAM_ENABLE_GROUP, subject, asked)
        assert not later.value.effect_unknown
        waits.append(later.value.after)
        simulation.order("POST", "act", {"do": "update", "target": made.ids["group"], "set": {"createdDateTime": ago(600)}})
    assert waits == [10, 60]
    simulation.order("PUT", "options", {"teamsKnowsGroupsAfter": 0})
    spoiled = {"effect": "effect-then-status", "status": 503, "match": {"path": "/team$"}, "times": 1}
    simulation.order("POST", "faults", spoiled)
    with pytest.raises(NotYet):
        await TEAM_ENABLE_GROUP.apply(tenant, subject, asked.state)
    # Repeated where its first effect is not seen: a team that exists is success.
    assert not (await TEAM_ENABLE_GROUP.apply(tenant, subject, asked.state)).created
    await is_so(tenant, TEAM_ENABLE_GROUP, subject, asked)


@pytest.mark.parametrize("step", [TEAM_ENABLE_GROUP, SET_GROUP_GUEST_SETTINGS, ADD_TO_GROUP], ids=lambda step: step.name)
async def test_a_group_just_made_is_waited_for_where_a_replica_does_not_have_it(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    """Reads go to any replica, and one that is behind does not know the group (facts 0.4): nobody made a mistake then."""
    asked = wish(CREATE_GROUP, GROUP)
    simulation.order("PUT", "lag", {"seconds": [600, 600], "staleShare": 1})
    done = await CREATE_GROUP.apply(tenant, named(CREATE_GROUP, asked), asked.state)
    subject = Subject("field", FABRIKAM, group=done.ids["group"])
    assert "There is no group" in str(step.explain(subject, await step.read(tenant, subject)))
    with pytest.raises(NotYet, match="not known everywhere"):
        await step.read(tenant, replace(subject, new_group=True))
    simulation.order("PUT", "lag", 0)
    assert step.explain(subject, await step.read(tenant, replace(subject, new_group=True))) is None


async def test_a_group_that_can_have_no_team_is_explained(tenant: Tenant, simulation: Simulation) -> None:
    subject = named(TEAM_ENABLE_GROUP, wish(TEAM_ENABLE_GROUP, {}), READERS)
    assert "only a Microsoft 365 group" in str(TEAM_ENABLE_GROUP.explain(subject, await TEAM_ENABLE_GROUP.read(tenant, subject)))
    simulation.order("POST", "act", {"do": "remove-owner", "target": PROJECT, "who": MIA})
    subject = replace(subject, group=PROJECT)
    assert "has no owner" in str(TEAM_ENABLE_GROUP.explain(subject, await TEAM_ENABLE_GROUP.read(tenant, subject)))


async def test_a_guests_details_are_set_and_put_back(tenant: Tenant, simulation: Simulation) -> None:
    ana = Person("p-ana", "ana@fabrikam.com", "Ana Silva")
    await tenant.invitations.invite(ana.address, letter(), subject=ana.id)
    guest = GuestWish.model_validate({"email": ana.address, "name": ana.name})
    asked = wish(
        SET_GUEST_DETAILS, {"jobTitle": "Partner", "usageLocation": "PT", "displayName": "{name} ({partner})"}, guest=guest
    )
    assert asked.state == {"companyName": "Fabrikam", "jobTitle": "Partner", "usageLocation": "PT", "named": True}
    subject, entry = await applied(tenant, SET_GUEST_DETAILS, Subject("p-ana", FABRIKAM, ana, details=asked.details), asked)
    await is_so(tenant, SET_GUEST_DETAILS, subject, asked)
    shown = simulation.user(ana.address)
    assert [shown[name] for name in ("displayName", "companyName", "usageLocation")] == ["Ana Silva (Fabrikam)", "Fabrikam", "PT"]
    simulation.order("POST", "act", {"do": "update", "target": shown["id"], "set": {"jobTitle": "Director"}})
    with pytest.raises(WontWork, match="jobTitle was 'Partner' and is 'Director'"):
        await SET_GUEST_DETAILS.undo(tenant, subject, entry)
    simulation.order("POST", "act", {"do": "update", "target": shown["id"], "set": {"jobTitle": "Partner"}})
    for _ in range(2):
        await SET_GUEST_DETAILS.undo(tenant, subject, entry)
    shown = simulation.user(ana.address)
    assert [shown.get(name) for name in ("displayName", "companyName", "jobTitle")] == ["Ana Silva (Fabrikam)", None, None]
    # What the guest was called before is not in the entry: the runner keeps it with the person.
    assert "Silva" not in str(entry)
    known = replace(subject, kept={"name": "Ana", "nameAsked": "Ana Silva (Fabrikam)"})
    simulation.order("POST", "act", {"do": "update", "target": shown["id"], "set": {"displayName": "Ana S."}})
    with pytest.raises(WontWork, match="displayName is not what we set") as stopped:
        await SET_GUEST_DETAILS.undo(tenant, known, entry)
    assert "Ana" not in str(stopped.value)
    simulation.order("POST", "act", {"do": "update", "target": shown["id"], "set": {"displayName": "Ana Silva (Fabrikam)"}})
    for _ in range(2):
        await SET_GUEST_DETAILS.undo(tenant, known, entry)
    assert simulation.user(ana.address)["displayName"] == "Ana"
    own = Subject("p-mia", FABRIKAM, Person("p-mia", "mia@contoso.com"))
    assert "our own people" in str(SET_GUEST_DETAILS.explain(own, await SET_GUEST_DETAILS.read(tenant, own)))
    with pytest.raises(NotYet):
        await SET_GUEST_DETAILS.read(tenant, replace(own, ids={"user": CONFIDENTIAL}))


async def test_a_community_is_made_followed_and_deleted_with_its_group(tenant: Tenant, simulation: Simulation) -> None:
    asked = wish(CREATE_COMMUNITY, {**COMMUNITY, "description": "Hello"})
    subject, entry = await applied(tenant, CREATE_COMMUNITY, named(CREATE_COMMUNITY, asked), asked)
    assert set(subject.ids) == {"operation", "owners"}
    with pytest.raises(NotYet, match="still making") as later:
        await CREATE_COMMUNITY.read(tenant, subject)
    assert later.value.after == 30
    simulation.order("POST", "clock", {"advance": 30})
    actual = await is_so(tenant, CREATE_COMMUNITY, subject, asked)
    assert actual["ours"] is True
    assert str(actual["group"]) in CREATE_COMMUNITY.settled(subject, actual)
    there = replace(subject, ids={**subject.ids, **{key: str(actual[key]) for key in CREATE_COMMUNITY.keeps}})
    simulation.order("POST", "act", {"do": "add-owner", "target": str(actual["group"]), "who": NOOR})
    with pytest.raises(WontWork, match="owners were"):
        await CREATE_COMMUNITY.undo(tenant, there, replace(entry, ids=there.ids))
    simulation.order("POST", "act", {"do": "remove-owner", "target": str(actual["group"]), "who": NOOR})
    for _ in range(2):
        await CREATE_COMMUNITY.undo(tenant, there, replace(entry, ids=there.ids))
    assert simulation.state["communities"] == []


async def test_a_community_whose_operation_is_not_known_is_found_by_its_mark(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("POST", "seed", {"communities": [{"displayName": "Fabrikam friends", "owners": ["mia@contoso.com"]}]})
    asked = wish(CREATE_COMMUNITY, COMMUNITY)
    subject = named(CREATE_COMMUNITY, asked)
    simulation.fault("effect-then-lost", "/communities$", method="POST")
    with pytest.raises(NotYet) as lost:
        await applied(tenant, CREATE_COMMUNITY, subject, asked)
    assert lost.value.effect_unknown
    simulation.order("POST", "clock", {"advance": 30})
    unsure = replace(subject, intents=(Intent(datetime.now(UTC), 1, asked.state, answered=False),))
    assert (await is_so(tenant, CREATE_COMMUNITY, unsure, asked))["ours"] is True
    assert len(simulation.state["communities"]) == 2
    # The next request changes it, and puts it back.
    changed = wish(CREATE_COMMUNITY, {**COMMUNITY, "privacy": "public"})
    there, entry = await applied(tenant, CREATE_COMMUNITY, named(CREATE_COMMUNITY, changed), changed)
    await is_so(tenant, CREATE_COMMUNITY, there, changed)
    for _ in range(2):
        await CREATE_COMMUNITY.undo(tenant, there, entry)
    await is_so(tenant, CREATE_COMMUNITY, there, asked)


async def test_a_network_that_is_not_in_native_mode_is_explained(tenant: Tenant, simulation: Simulation) -> None:
    simulation.order("PUT", "options", {"engageNativeMode": False})
    asked = wish(CREATE_COMMUNITY, COMMUNITY)
    with pytest.raises(WontWork, match="native mode"):
        await applied(tenant, CREATE_COMMUNITY, named(CREATE_COMMUNITY, asked), asked)
    failed: State = {"failed": "OwnerNotFound", "nobody": ()}
    assert "OwnerNotFound" in str(CREATE_COMMUNITY.explain(named(CREATE_COMMUNITY, asked), failed))


def ahead(settings: dict[str, Any], guests: int = 3, roles: frozenset[str] | None = None) -> Preflight:
    every = frozenset({"Group.ReadWrite.All", "Organization.Read.All"})
    return Preflight(FABRIKAM, header(), TEMPLATE, settings, guests, ("fabrikam.com",), every if roles is None else roles)


@pytest.mark.parametrize(
    "step", [CREATE_GROUP, CREATE_COMMUNITY, SET_GROUP_GUEST_SETTINGS, TEAM_ENABLE_GROUP], ids=lambda s: s.name
)
async def test_what_the_tenant_forbids_is_known_before_anything_is_written(
    step: Step[Tenant], tenant: Tenant, simulation: Simulation
) -> None:
    assert step.preflight is not None
    calm = await step.preflight(tenant, ahead({}))
    assert {finding.weight for finding in calm} <= {Weight.TELLS}
    closed = {"AllowToAddGuests": "false", "EnableGroupCreation": "false", "PrefixSuffixNamingRequirement": "GRP [GroupName]"}
    simulation.order("POST", "seed", {"groupSettings": closed, "subscribedSkus": []})
    found = {finding.setting: finding for finding in await step.preflight(tenant, ahead({}))}
    assert (found["AllowToAddGuests"].weight, found["AllowToAddGuests"].value) == (Weight.REFUSES, "false")
    assert "admin center" in found["AllowToAddGuests"].where
    assert found["EnableGroupCreation"].weight is Weight.WARNS
    assert ("subscribedSkus" in found) is (step in (CREATE_COMMUNITY, TEAM_ENABLE_GROUP))
    alone = {finding.setting: finding.weight for finding in await step.preflight(tenant, ahead({}, guests=0))}
    assert alone["AllowToAddGuests"] is Weight.WARNS
    blind = await step.preflight(tenant, ahead({}, roles=frozenset()))
    assert {finding.value for finding in blind} == {"unknown"}


def letter() -> Any:
    from shared.tenant.found import Letter

    return Letter("https://myapps.microsoft.com", mail=False)


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


WRONG: list[tuple[Step[Tenant], dict[str, Any], str]] = [
    (CREATE_GROUP, {"displayName": "x"}, r"create-group\.field\.owners"),
    (CREATE_GROUP, {**GROUP, "owners": []}, r"owners"),
    (CREATE_GROUP, {**GROUP, "owners": ["mia"]}, r"owners\[0\]"),
    (CREATE_GROUP, {**GROUP, "owners": ["mia@contoso.com/x"]}, r"owners\[0\]"),
    (CREATE_GROUP, {**GROUP, "mailNickname": "a b"}, "mailNickname"),
    (CREATE_GROUP, {**GROUP, "mailNickname": "a@b"}, "mailNickname"),
    (CREATE_GROUP, {**GROUP, "visibility": "private"}, "visibility"),
    (CREATE_GROUP, {**GROUP, "sensitivityLabel": "Secret"}, "sensitivityLabel"),
    (CREATE_GROUP, {**GROUP, "display_name": "x"}, "display_name"),
    (CREATE_COMMUNITY, {**COMMUNITY, "privacy": "Private"}, "privacy"),
    (CREATE_COMMUNITY, {**COMMUNITY, "displayName": "x" * 256}, "displayName"),
    (SET_GROUP_GUEST_SETTINGS, {}, "allowToAddGuests"),
    (SET_GROUP_GUEST_SETTINGS, {"allowToAddGuests": "true"}, "allowToAddGuests"),
    (TEAM_ENABLE_GROUP, {"guestSettings": {"allowEverything": True}}, r"guestSettings\.allowEverything"),
    (TEAM_ENABLE_GROUP, {"funSettings": {"giphyContentRating": "none"}}, "giphyContentRating"),
    (TEAM_ENABLE_GROUP, {"whenUndone": "delete"}, "whenUndone"),
]


@pytest.mark.parametrize(("step", "block", "field"), WRONG)
def test_a_block_that_cannot_be_is_refused_by_field(step: Step[Tenant], block: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal, match=rf"steps\.{step.name}\.field.*{field}|{field}"):
        wish(step, block)


@pytest.mark.parametrize(
    ("block", "field"),
    [({"usageLocation": "Portugal"}, "usageLocation"), ({"displayName": "Guest"}, "displayName"), ({"mail": "a@b.c"}, "mail"),
     ({"displayName": "{name} {mail}"}, "displayName")],
)  # fmt: skip
def test_details_that_cannot_be_are_refused_by_field(block: dict[str, Any], field: str) -> None:
    guest = GuestWish.model_validate({"email": "ana@fabrikam.com"})
    with pytest.raises(Refusal, match=rf"steps\.set-guest-details\.{field}"):
        wish(SET_GUEST_DETAILS, block, guest=guest)


def test_nothing_is_wanted_where_nothing_is_named() -> None:
    for step in (CREATE_GROUP, CREATE_COMMUNITY, SET_GROUP_GUEST_SETTINGS, TEAM_ENABLE_GROUP, SET_GUEST_DETAILS):
        assert step.wanted(Ask(header(), TEMPLATE, FABRIKAM, {})) is None
    guest = GuestWish.model_validate({"email": "ana@fabrikam.com"})
    assert SET_GUEST_DETAILS.wanted(Ask(header(), TEMPLATE, FABRIKAM, {"companyName": None}, guest=guest)) is None


CASES: list[tuple[Step[Tenant], dict[str, Any], str | None]] = [
    (CREATE_GROUP, GROUP, None),
    (CREATE_COMMUNITY, COMMUNITY, None),
    (SET_GROUP_GUEST_SETTINGS, {"allowToAddGuests": False}, PROJECT),
    (TEAM_ENABLE_GROUP, GUESTS_MAY, PROJECT),
]


@pytest.mark.parametrize(("step", "block", "group"), CASES, ids=lambda value: getattr(value, "name", ""))
async def test_a_step_needs_the_permissions_that_it_names_and_no_other(
    step: Step[Tenant], block: dict[str, Any], group: str | None, simulation: Simulation
) -> None:
    simulation.order("POST", "seed", {"permissions": {"https://graph.microsoft.com": list(step.permissions)}})
    simulation.order("PUT", "options", {"communitySeconds": 0})
    fresh, asked = Tenant(settings_of(simulation)), wish(step, block)
    try:
        subject, entry = await applied(fresh, step, named(step, asked, group), asked)
        await is_so(fresh, step, subject, asked)
        assert isinstance(await step.undo(fresh, subject, entry), Applied)
        assert await fresh.roles() == set(step.permissions)
    finally:
        await fresh.close()
