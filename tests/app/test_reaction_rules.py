"""The rules about others' changes as pure decisions: they converge, bear any order and any repetition, and never widen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.drifting import narrows
from shared.nouns.watching import Drift, Succession
from shared.reactions import RULES, Known, Now, by_event, decide, to_be_seen
from shared.reactions_page import page
from shared.settings import ROOT
from shared.succession import candidates, due, shared_out
from shared.tenant.blocks import BLOCKS, CLOSED, SYSTEM_DEFAULT, opens_more

STAGES = ("invited", "redeemed", "warned", "blocked", "deleted", "gone")
SPONSORS = st.lists(st.sampled_from(("a", "b", "c")), unique=True).map(lambda found: tuple(sorted(found)))
NOWS = st.builds(
    Now,
    there=st.sampled_from(("there", "deleted", "gone")),
    kind=st.sampled_from(("guest", "member")),
    enabled=st.booleans(),
    accepted=st.booleans(),
    sponsors=SPONSORS,
    by=st.sampled_from(("other", "expiry", "emergency", "offboard")),
)
KNOWNS = st.builds(
    Known,
    stage=st.sampled_from(STAGES),
    kind=st.sampled_from(("guest", "member")),
    redeemed=st.booleans(),
    sponsors=SPONSORS,
    named=st.none() | SPONSORS,
    fresh=st.just(False),
)


def after(known: Known, now: Now) -> Known:
    found = decide(known, now)
    return found[-1][1] if found else known


@given(KNOWNS, NOWS)
def test_when_the_rules_have_had_their_say_nothing_is_left_to_say(known: Known, now: Now) -> None:
    settled = after(known, now)
    assert decide(settled, now) == ()
    if now.there != "there":
        assert settled.stage == now.there
    else:
        assert (settled.stage == "blocked") == (not now.enabled)
        assert settled.stage in {"invited", "redeemed", "warned", "blocked"}
        assert settled.kind == now.kind
        assert settled.redeemed == now.accepted
        assert set(settled.sponsors) <= set(now.sponsors)
        assert known.named is None or set(now.sponsors) <= {*known.named, *settled.sponsors}


@given(KNOWNS, st.lists(NOWS, max_size=4), NOWS)
def test_however_many_sightings_came_before_the_last_decides(known: Known, between: list[Now], last: Now) -> None:
    seen = known
    for now in between:
        seen = after(seen, now)
    stages = {after(seen, last).stage, after(known, last).stage}
    assert len(stages - {"warned", "invited", "redeemed"}) <= 1
    assert ("blocked" in stages) == (last.there == "there" and not last.enabled)
    assert after(after(seen, last), last) == after(seen, last)


@given(KNOWNS.filter(lambda known: known.stage != "gone"), NOWS)
def test_a_read_from_before_a_fresh_record_is_not_believed(known: Known, now: Now) -> None:
    was, there = after(known, now), replace(now, enabled=not now.enabled)
    changed = replace(after(was, there), fresh=True, was=was.stage)
    if changed.stage != was.stage:
        assert after(changed, now).stage == changed.stage
        assert to_be_seen(changed, now)


def test_what_is_not_from_before_is_believed_at_once() -> None:
    blocked = Known("blocked", blocked_by="other", redeemed=True, fresh=True, was="redeemed")
    assert [rule.event for rule, _ in decide(blocked, Now("deleted"))] == ["guest-deleted"]
    assert decide(blocked, Now("there", accepted=True)) == ()


def test_no_rule_lifts_a_block_or_blocks() -> None:
    forbidden = ("unblock them", "is deleted by us", "will be deleted")
    assert not [rule.event for rule in RULES if any(word in rule.reaction for word in forbidden)]
    assert len(by_event()) == len(RULES)


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reactions.md").read_text(encoding="utf-8") == page(), "run: python -m shared.schemas"


TEXTS = st.sampled_from(
    [
        "users allowed: AllUsers; applications allowed: AllApplications",
        "users allowed: AllUsers; applications allowed: Office365",
        "users allowed: user:1; applications allowed: Office365",
        "users blocked: group:2; applications allowed: AllApplications",
        "users blocked: AllUsers; applications blocked: AllApplications",
    ]
)


@given(st.sampled_from([name for name in BLOCKS if name.startswith("b2b")]), TEXTS, TEXTS)
def test_putting_a_configuration_back_by_itself_never_opens(name: str, now: str, wanted: str) -> None:
    if narrows("set-partner-configuration", {name: now}, {name: wanted}):
        assert not opens_more(wanted, now)
    if narrows("set-partner-configuration", {name: now}, {name: wanted}) and now != wanted:
        assert not narrows("set-partner-configuration", {name: wanted}, {name: now})


VALUES: st.SearchStrategy[bool | str | None] = st.one_of(
    st.booleans(),
    st.none(),
    st.sampled_from(
        (
            "None",
            "AvailabilityOnly",
            "LimitedDetails",
            "Limited",
            "All",
            "read",
            "write",
            "edit",
            "Viewer",
            "Admin",
            "disabled",
            "x",
        )
    ),
)
STEPS = st.sampled_from(
    (
        "set-organization-relationship",
        "set-inbound-connector",
        "set-outbound-connector",
        "set-remote-domain",
        "limit-site",
        "share-site",
        "share-item",
        "add-to-workspace",
        "set-group-guest-settings",
        "team-enable-group",
        "invite-guest",
        "add-to-group",
        "allow-domain",
        "allow-federation",
        "block-guest",
        "set-sharing-policy",
    )
)
KEYS = st.sampled_from(
    (
        "Enabled",
        "FreeBusyAccessLevel",
        "MailTipsAccessLevel",
        "RequireTls",
        "role",
        "access",
        "limit",
        "AllowToAddGuests",
        "guest",
    )
)


@given(STEPS, KEYS, VALUES, VALUES)
def test_whatever_narrows_one_way_does_not_narrow_the_other(
    step: str, key: str, one: str | bool | None, other: str | bool | None
) -> None:
    assert not (narrows(step, {key: one}, {key: other}) and narrows(step, {key: other}, {key: one}))
    assert not narrows(step, {key: one}, {key: one})


@given(STEPS, KEYS, VALUES)
def test_nothing_that_is_absent_is_put_back_by_itself(step: str, key: str, wanted: str | bool | None) -> None:
    assert not narrows(step, {key: None}, {key: wanted})


@given(STEPS, KEYS, VALUES, VALUES)
def test_one_key_that_may_widen_keeps_all_of_them_waiting(
    step: str, key: str, one: str | bool | None, other: str | bool | None
) -> None:
    assert not narrows(step, {key: one, "something": "x"}, {key: other, "something": "y"})


@pytest.mark.parametrize(
    ("step", "key", "now", "wanted"),
    [
        ("set-organization-relationship", "FreeBusyAccessLevel", "LimitedDetails", "AvailabilityOnly"),
        ("set-organization-relationship", "Enabled", True, False),
        ("set-inbound-connector", "RequireTls", False, True),
        ("set-remote-domain", "AutoForwardEnabled", True, False),
        ("limit-site", "limit", "externalUserAndGuestSharing", "disabled"),
        ("share-item", "role", "write", "read"),
        ("add-to-workspace", "role", "Admin", "Viewer"),
        ("set-group-guest-settings", "AllowToAddGuests", True, False),
        ("set-partner-configuration", "inboundTrust", "MFA, compliant devices", "MFA"),
        (
            "set-partner-configuration",
            "b2bCollaborationInbound",
            SYSTEM_DEFAULT["b2bCollaborationInbound"],
            CLOSED["b2bCollaborationInbound"],
        ),
        ("set-capabilities", "crossTenantMailTipsLimited", "allowed: All", "not allowed"),
        ("close-partner", "access", "open", "closed"),
    ],
)
def test_what_narrows(step: str, key: str, now: str | bool, wanted: str | bool) -> None:
    assert narrows(step, {key: now}, {key: wanted})
    assert step == "close-partner" or not narrows(step, {key: wanted}, {key: now})


def test_a_template_says_it_for_single_steps() -> None:
    drift = Drift(reaction="report", steps={"set-capabilities": "put-back"})
    assert (drift.of("set-capabilities"), drift.of("limit-site")) == ("put-back", "report")


AT = datetime(2027, 1, 1, tzinfo=UTC)


def test_grace_is_over_on_the_day() -> None:
    terms = Succession(grace_days=14)
    assert not due(AT, AT + timedelta(days=13, hours=23), terms)
    assert due(AT, AT + timedelta(days=14), terms)


def test_the_manager_first_then_owners_and_never_who_left() -> None:
    terms = Succession()
    assert candidates(terms, "l", "m", ("o", "l", "m"), lambda _: True) == ("m", "o")
    assert candidates(terms, "l", "l", ("l",), lambda _: True) == ()
    assert candidates(Succession(to=("owners",)), "l", "m", ("o",), lambda _: True) == ("o",)
    assert candidates(terms, "l", "m", ("o",), lambda one: one != "m") == ("o",)


@given(
    st.dictionaries(st.text("abcdef", min_size=1), st.lists(st.sampled_from(("m", "o", "p")), unique=True), max_size=60),
    st.integers(1, 9),
)
def test_nobody_is_given_more_than_so_many(wanted: dict[str, list[str]], most: int) -> None:
    shared = dict(shared_out(wanted, most, {"m": 1}))
    assert set(shared) == set(wanted)
    first = [free[0] for free in shared.values() if free]
    assert first.count("m") <= max(0, most - 1)
    assert all(first.count(one) <= most for one in "op")
    assert all(set(free) <= set(wanted[guest]) for guest, free in shared.items())
