"""Admission, planning, and the moves of a task."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.admission import Admitted, Ours, admit_guests, admit_header, partner_of
from shared.nouns.errors import Refusal, SettingsMissing
from shared.nouns.messages import Attempt
from shared.nouns.outcomes import Done, Later, Stopped
from shared.nouns.partner import Partner
from shared.nouns.person import person_id
from shared.nouns.request import read_request
from shared.nouns.state import difference
from shared.nouns.task import IllegalTransition, Task, TaskState, claim, cohort_of, end, move
from shared.plan import COHORT, Planner, ready_now, split_off
from shared.schemas import published
from shared.settings import read_settings
from shared.steps import STEPS
from shared.templates import load_template
from shared.turn import Turn, turn

ROOT = Path(__file__).parents[2]
KEY = b"k" * 32
NOW = datetime(2026, 11, 22, tzinfo=UTC)
OURS = Ours("11111111-1111-1111-1111-111111111111", frozenset({"contoso.com"}))
FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com",))
TEMPLATE = load_template(ROOT / "templates", "joint-project", STEPS)


def request(guests: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "id": "fabrikam-1",
        "template": "joint-project",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "guests": guests,
        **changes,
    }


def admitted(guests: list[Any], **changes: Any) -> Admitted:
    return admit_guests(
        read_request(request(guests, **changes)),
        TEMPLATE,
        FABRIKAM,
        OURS,
        {"mia@contoso.com": "33"},
        NOW.date(),
        TEMPLATE.group_id,
    )


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        ({"email": "a@contoso.com"}, "guests[0].email: is in our own domain contoso.com"),
        ({"email": "a@northwind.com"}, "guests[0].email: is in northwind.com, none of the partner's domains"),
        (
            {"email": "a@fabrikam.com", "groups": ["finance"]},
            "guests[0].groups[0]: finance is not a group that template joint-project allows",
        ),
        ({"email": "a@fabrikam.com", "until": "2026-11-21"}, "guests[0].until: 2026-11-21 is in the past"),
        ({"email": "a@fabrikam.com", "redirectUrl": "https://evil.example/"}, "guests[0].redirectUrl: leads to evil.example"),
        ({"email": "a@fabrikam.com", "sponsors": ["eve@contoso.com"]}, "guests[0].sponsors[0]: is none of our people"),
    ],
)
def test_a_guest_who_may_not_come_is_refused_with_field_and_reason(guest: Any, says: str) -> None:
    found = admitted([guest, {"email": "b@fabrikam.com"}])
    assert [item.position for item in found.guests] == [1]
    assert str(found.refused[0][0]).startswith(says)


def test_another_domain_needs_the_requests_word_and_the_templates_permission() -> None:
    assert admitted([{"email": "a@northwind.com", "otherDomain": True}]).guests
    strict = TEMPLATE.model_copy(update={"other_domains": False})
    read = read_request(request([{"email": "a@northwind.com", "otherDomain": True}]))
    assert "own domains only" in str(admit_guests(read, strict, FABRIKAM, OURS, {}, NOW.date(), TEMPLATE.group_id).refused[0][0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": {"fly": {}}}, "steps.fly: is not a step of template"),
        ({"groups": ["finance"]}, "groups[0]: finance is not a group"),
        ({"until": "2020-02-29"}, "until: 2020-02-29 is in the past"),
        ({"sponsors": ["eve@contoso.com"]}, "sponsors[0]: is none of our people"),
        ({"invitation": {"redirectUrl": "https://evil.example"}}, "invitation.redirectUrl: leads to evil.example"),
    ],
)
def test_a_header_that_breaks_the_template_is_refused(changes: Any, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        admit_header(
            read_request(request([], **changes)).header, TEMPLATE, NOW.date(), {"eve@contoso.com": None}, TEMPLATE.group_id
        )
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("tenants", "says"),
    [
        ({"fabrikam.com": "22", "contoso.com": OURS.tenant_id}, "contoso.com is our own domain"),
        ({"fabrikam.com": "22", "old.contoso.com": OURS.tenant_id}, "old.contoso.com is our own domain"),
        ({"fabrikam.com": None}, "belongs to no Microsoft Entra tenant"),
        ({"fabrikam.com": "22", "northwind.com": "44"}, "more than one tenant (fabrikam.com in 22, northwind.com in 44)"),
    ],
)
def test_a_partner_is_one_other_tenant(tenants: dict[str, str | None], says: str) -> None:
    header = read_request(request([], partner={"name": "F", "domains": list(tenants)})).header
    with pytest.raises(Refusal) as refused:
        partner_of(header, OURS, tenants)
    assert says in str(refused.value)


def planner(raw: dict[str, Any]) -> Planner[Any]:
    return Planner(STEPS, read_request(raw).header, TEMPLATE, FABRIKAM, KEY, NOW)


@given(
    st.lists(
        st.sampled_from([(), ("fabrikam-project",), ("partner-readers",), ("fabrikam-project", "partner-readers")]), max_size=90
    )
)
def test_every_guest_is_invited_once_and_every_wished_membership_is_in_one_batch(groups: list[tuple[str, ...]]) -> None:
    guests = [{"email": f"g{index}@fabrikam.com", "groups": list(names)} for index, names in enumerate(groups)]
    raw = request(guests)
    cohorts = list(planner(raw).guest_cohorts(admitted(guests)))
    tasks = [task for cohort in cohorts for task in cohort.tasks]
    invited = [task for task in tasks if task.step == "invite-guest"]
    assert sorted(task.position for task in invited if task.position is not None) == list(range(len(guests)))
    wished = {(person_id(KEY, str(guest["email"])), TEMPLATE.groups[name]) for guest in guests for name in guest["groups"]}
    batches = [task for task in tasks if task.step == "add-to-group"]
    planned = [(person, task.group) for task in batches for person in task.members]
    assert sorted(planned) == sorted(wished)
    assert all(0 < len(task.members) <= COHORT for task in batches)
    assert all(task.state is TaskState.WAITING for task in batches)
    assert len({task.key for task in tasks}) == len(tasks)
    assert list(planner(raw).guest_cohorts(admitted(guests))) == cohorts
    # Guests with the same groups stand together, so batches are as few as can be but for the seams.
    assert len(batches) <= len(guests) / COHORT * 2 + 6


def test_no_row_of_a_plan_has_an_address_or_a_name() -> None:
    guests = [{"email": "ana.trujillo@fabrikam.com", "name": "Ana Trujillo", "groups": ["fabrikam-project"]}]
    for cohort in planner(request(guests)).guest_cohorts(admitted(guests)):
        for task in cohort.tasks:
            assert "trujillo" not in repr(task).lower()


def test_the_partners_settings_come_from_the_template_and_the_request_over_it() -> None:
    raw = request([], steps={"set-organization-relationship": {"FreeBusyAccessLevel": "LimitedDetails"}})
    (task,) = planner(raw).partner_cohort().tasks
    assert task.wanted["FreeBusyAccessLevel"] == "LimitedDetails"
    assert task.wanted["MailTipsAccessLevel"] == "Limited"
    assert task.subject == FABRIKAM.tenant_id
    with pytest.raises(Refusal, match="FreeBusyAccessLevel"):
        planner(request([], steps={"set-organization-relationship": {"FreeBusyAccessLevel": "Everything"}})).partner_cohort()


def test_a_batch_is_ready_when_all_its_guests_are_settled_and_not_before() -> None:
    guests = [{"email": f"g{index}@fabrikam.com", "groups": ["fabrikam-project"]} for index in range(3)]
    (cohort,) = planner(request(guests)).guest_cohorts(admitted(guests))
    after = {step.name: step.after for step in STEPS}
    tasks = list(cohort.tasks)
    for index in range(3):
        assert ready_now(tasks, after) == []
        tasks[index] = move(tasks[index], TaskState.STOPPED if index == 1 else TaskState.DONE, "", NOW)
    assert [task.step for task in ready_now(tasks, after)] == ["add-to-group"]


def test_splitting_off_keeps_every_guest_in_just_one_task() -> None:
    guests = [{"email": f"g{index}@fabrikam.com", "groups": ["fabrikam-project"]} for index in range(5)]
    (cohort,) = planner(request(guests)).guest_cohorts(admitted(guests))
    batch = cohort.tasks[-1]
    rest, singles = split_off(batch, frozenset(batch.members[:3]), NOW)
    assert rest.members == batch.members[:3] == tuple(rest.wanted)
    assert [task.members for task in singles] == [(person,) for person in batch.members[3:]]
    assert {task.cohort for task in singles} == {batch.cohort}
    assert len({task.key for task in (rest, *singles)}) == 3


TASK = Task(request="r", cohort="p001c0000", step="invite-guest", subject="ab")


def test_a_task_goes_only_where_it_may() -> None:
    held = claim(TASK, 1, NOW + timedelta(seconds=90), NOW)
    done = end(held, Done("is there"), NOW)
    assert (done.state, done.claimed_until, done.settled_at, done.begun) == (TaskState.DONE, None, NOW, NOW)
    later = end(held, Later(7, "not yet"), NOW)
    assert (later.state, later.attempt, later.touched) == (TaskState.READY, 2, NOW + timedelta(seconds=7))
    assert end(held, Stopped("no"), NOW).state is TaskState.STOPPED
    with pytest.raises(IllegalTransition, match="cannot go from done to ready"):
        move(done, TaskState.READY, "", NOW)
    with pytest.raises(IllegalTransition):
        claim(done, 2, NOW, NOW)
    assert cohort_of(TASK.key) == "p001c0000"


@pytest.mark.parametrize(
    ("task", "attempt", "flags", "expected"),
    [
        (TASK, 1, {}, Turn.RUN),
        (replace(TASK, attempt=3), 2, {}, Turn.STALE),
        (replace(TASK, claimed_until=NOW + timedelta(seconds=1)), 1, {}, Turn.HELD),
        (replace(TASK, claimed_until=NOW), 1, {}, Turn.RUN),
        (replace(TASK, state=TaskState.DONE), 1, {}, Turn.FOLLOW_UP),
        (TASK, 1, {"cancelled": True}, Turn.CANCEL),
        (TASK, 1, {"paused": True}, Turn.PAUSED),
        (TASK, 1, {"cancelled": True, "paused": True}, Turn.CANCEL),
        (replace(TASK, state=TaskState.WAITING, members=("a",)), 1, {}, Turn.GATE),
    ],
)
def test_whose_turn_it_is(task: Task, attempt: int, flags: dict[str, bool], expected: Turn) -> None:
    message = Attempt(request="r", task=task.key, attempt=attempt)
    assert turn(task, message, NOW, cancelled=flags.get("cancelled", False), paused=flags.get("paused", False)) is expected


def test_what_has_begun_is_brought_to_its_end_though_the_request_is_cancelled() -> None:
    from shared.nouns.step import Intent

    begun = replace(TASK, intents=(Intent(NOW, 1, {"guest": True}, answered=False),))
    assert turn(begun, Attempt(request="r", task=TASK.key, attempt=1), NOW, cancelled=True, paused=False) is Turn.RUN


@given(
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([None, 1, True, "x", ("x",), ("x", "y"), ()])),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([None, 1, True, "x", ("x",), ("x", "y"), ()])),
)
def test_nothing_is_left_to_change_once_the_change_is_made(wanted: Any, actual: Any) -> None:
    change = difference(wanted, actual)
    assert change.keys() <= wanted.keys()
    assert difference(wanted, {**actual, **change}) == {}


def test_message_ids_differ_by_attempt_and_are_the_same_for_a_copy() -> None:
    first = Attempt(request="r", task=TASK.key, attempt=1)
    assert first.message_id() == Attempt(request="r", task=TASK.key, attempt=1).message_id()
    ids = {first.message_id(), first.again().message_id(), Attempt(request="r", task=TASK.key, attempt=2).message_id()}
    assert len(ids | {first.model_copy(update={"gate": True}).message_id()}) == 4


def test_a_person_is_the_same_id_however_the_address_is_written_and_another_under_another_key() -> None:
    assert person_id(KEY, "Ana@Fabrikam.com ") == person_id(KEY, "ana@fabrikam.com")
    assert person_id(KEY, "ana@fabrikam.com") != person_id(b"x" * 32, "ana@fabrikam.com")


def test_all_settings_that_are_missing_or_wrong_are_named_at_once() -> None:
    with pytest.raises(SettingsMissing) as missing:
        read_settings({"ENTENTE_PERSON_KEY": "c2hvcnQ=", "ENTENTE_GRAPH_URL": "http://graph.example"})
    for name in ("ENTENTE_TENANT_ID", "ENTENTE_PERSON_KEY", "ENTENTE_GRAPH_URL"):
        assert name in str(missing.value)
    assert "c2hvcnQ" not in str(missing.value)


@pytest.mark.parametrize("path", list(published()), ids=lambda path: path.name)
def test_the_published_schemas_and_settings_page_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == published()[path], "run python -m shared.schemas"


def test_the_example_request_is_admitted_whole() -> None:
    raw = json.loads((ROOT / "examples" / "fabrikam.json").read_text(encoding="utf-8"))
    found = read_request(raw)
    assert not found.faults
    assert len(found.guests) == 25
    partner = replace(FABRIKAM, domains=found.header.partner.domains)
    result = admit_guests(found, TEMPLATE, partner, OURS, {"mia@contoso.com": "33"}, date(2026, 11, 22), TEMPLATE.group_id)
    assert len(result.guests) == 25
