"""Durations, tokens, deadlines, duplicates, faults: each by itself."""

import base64
import json

import pytest
from azure.servicebus._pyamqp.utils import generate_sas_token
from hypothesis import given
from hypothesis import strategies as st

from devstack.broker import durations
from devstack.broker.faults import Faults
from devstack.broker.model.deadlines import Deadlines
from devstack.broker.model.duplicates import Duplicates
from devstack.broker.model.errors import BusError
from devstack.broker.tokens import Grant, Key, TokenError, path_of, verify

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT30S", 30), ("PT0.5S", 0.5), ("PT1M", 60), ("P1DT2H3M4.25S", 93784.25), ("P7D", 604800), ("PT0.001S", 0.001)],
)
def test_durations(text: str, seconds: float) -> None:
    assert durations.seconds(text) == seconds
    assert durations.text(seconds) == text


@given(st.integers(1, 10**15))
def test_durations_come_back_to_the_microsecond(microseconds: int) -> None:
    length = microseconds / 1_000_000
    assert durations.seconds(durations.text(length)) == pytest.approx(length, abs=1e-5)


def test_unlimited_is_infinite() -> None:
    assert durations.seconds(durations.UNLIMITED) == float("inf")
    assert durations.text(float("inf")) == durations.UNLIMITED


@pytest.mark.parametrize("text", ["", "P", "PT", "1M", "P1M", "PT1", "-PT1S", "PT1S ", "PT1.S", "P1DT"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        durations.seconds(text)


# ---- tokens


def sas(path: str = "q", key: str = "secret", name: str = "root", expires: float = NOW + 60) -> str:
    return str(generate_sas_token(f"sb://localhost:5672/{path}", name, key, expires))  # type: ignore[no-untyped-call]  # the SDK's own


AUDIENCE = "sb://localhost:5672/q"
KEYS = {"root": Key("secret"), "reader": Key("other", frozenset({"Listen"}))}


def jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.sig"


def test_a_signature_grants_what_its_key_allows() -> None:
    assert verify(sas(), AUDIENCE, KEYS, NOW) == Grant("q", KEYS["root"].rights, NOW + 60)
    assert verify(sas(key="other", name="reader"), AUDIENCE, KEYS, NOW).rights == {"Listen"}
    assert verify(sas(path=""), AUDIENCE, KEYS, NOW).path == "q"


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (sas(key="wrong"), "does not fit"),
        (sas(name="nobody"), "no shared access key named 'nobody'"),
        (sas(expires=NOW - 1), "expired"),
        (sas(path="other"), "not for"),
        ("SharedAccessSignature sr=x", "lacks"),
        ("garbage", "neither"),
        ("a.b.c", "neither"),
        (jwt(exp=NOW - 1), "expired"),
        (jwt(exp="soon"), "neither"),
    ],
)
def test_tokens_that_are_refused(token: str, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        verify(token, AUDIENCE, KEYS, NOW)


def test_without_keys_any_well_formed_token_will_do() -> None:
    assert verify(sas(key="whatever", name="anybody"), AUDIENCE, {}, NOW).covers("q")
    assert verify(jwt(exp=NOW + 5), AUDIENCE, {}, NOW).until == NOW + 5


def test_a_grant_covers_what_lies_below_its_path_and_nothing_beside_it() -> None:
    grant = Grant("a/b", frozenset({"Send"}), NOW)
    assert [grant.covers(path) for path in ("a/b", "A/B/$management", "a/bc", "a")] == [True, True, False, False]
    assert Grant("", frozenset(), NOW).covers("anything")


def test_addresses_may_be_whole_uris() -> None:
    assert path_of("amqps://localhost:5672/a/b/$DeadLetterQueue") == "a/b/$DeadLetterQueue"
    assert path_of("q/$management") == "q/$management"
    assert path_of("sb://localhost/a%2Fb/") == "a/b"


# ---- time


@given(st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 50)))), st.integers(0, 60))
def test_deadlines_keep_the_last_word(changes: list[tuple[int, int | None]], now: int) -> None:
    deadlines: Deadlines[int] = Deadlines()
    expected: dict[int, int] = {}
    for key, due in changes:
        if due is None:
            deadlines.discard(key)
            expected.pop(key, None)
        else:
            deadlines.set(key, due)
            expected[key] = due
    assert deadlines.next() == min(expected.values(), default=None)
    popped = list(deadlines.pop_due(now))
    assert sorted(popped) == sorted(key for key, due in expected.items() if due <= now)
    assert [expected[key] for key in popped] == sorted(expected[key] for key in popped)
    assert len(deadlines) == sum(due > now for due in expected.values())


def test_deadlines_do_not_grow_with_renewals() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for second in range(10_000):
        deadlines.set("one", second)
    assert len(deadlines._heap) < 200
    assert deadlines.next() == 9_999


def test_a_duplicate_is_one_within_the_window() -> None:
    duplicates = Duplicates(10)
    assert [duplicates.seen("a", 0), duplicates.seen("a", 9.9), duplicates.seen("b", 9.9)] == [False, True, False]
    assert duplicates.seen("a", 10) is False
    assert duplicates.seen("1", 11) is False
    assert duplicates.seen(1, 11) is False


# ---- faults


def test_a_planned_failure_strikes_so_often_and_only_there() -> None:
    faults = Faults()
    condition = "com.microsoft:timeout"
    faults.order({"failNext": {"count": 2, "operation": "send", "queue": "Q", "condition": condition}}, NOW)
    faults.strike("receive", "q")
    faults.strike("send", "other")
    for _ in range(2):
        with pytest.raises(BusError) as caught:
            faults.strike("send", "q")
        assert caught.value.condition == condition
    faults.strike("send", "q")


@pytest.mark.parametrize(
    "wanted",
    [
        {"failnext": {}},
        {"failNext": 3},
        {"failNext": {"count": 0}},
        {"failNext": {"operation": "sends"}},
        {"loseReply": {"count": True}},
        {"refuseFor": "1"},
        {"idleDetachSeconds": -1},
    ],
)
def test_a_fault_that_does_not_exist_changes_nothing(wanted: dict[str, object]) -> None:
    faults = Faults()
    with pytest.raises((ValueError, TypeError)):
        faults.order({"refuseFor": 5} | wanted if "refuseFor" not in wanted else wanted, NOW)
    assert faults.refuse_until == 0
