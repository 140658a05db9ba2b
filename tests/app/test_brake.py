"""The brake holds a run at each threshold, and not below it."""

from dataclasses import replace

import pytest

from shared.brake import Limits, Tally, why_held

LIMITS = Limits(guests=50, tenant_percent=5, partner_percent=25, few=3, jump=3, missing_percent=20)
QUIET = Tally(guests=10_000, touched=10, partners={"p": (1_000, 10)}, expected=9_000, missing=100, earlier=(8, 9, 10))


def test_a_run_like_those_before_goes_on() -> None:
    assert why_held(QUIET, LIMITS) == ()


@pytest.mark.parametrize(
    ("below", "above", "setting"),
    [
        ({"touched": 50, "earlier": ()}, {"touched": 51, "earlier": ()}, "ENTENTE_BRAKE_GUESTS"),
        ({"guests": 200}, {"guests": 199}, "ENTENTE_BRAKE_TENANT_PERCENT"),
        ({"partners": {"p": (40, 10)}}, {"partners": {"p": (39, 10)}}, "ENTENTE_BRAKE_PARTNER_PERCENT"),
        ({"touched": 27}, {"touched": 28}, "ENTENTE_BRAKE_JUMP"),
        ({"missing": 1_800}, {"missing": 1_801}, "ENTENTE_BRAKE_MISSING_PERCENT"),
        ({}, {"strange": frozenset({"signInActivity.lastSeen"})}, "signInActivity.lastSeen"),
    ],
)
def test_each_threshold(below: dict[str, object], above: dict[str, object], setting: str) -> None:
    assert why_held(replace(QUIET, **below), LIMITS) == ()  # type: ignore[arg-type]  # by name
    (why,) = why_held(replace(QUIET, **above), LIMITS)  # type: ignore[arg-type]  # by name
    assert setting in why


def test_few_guests_are_no_share_of_anything() -> None:
    small = Tally(guests=4, touched=3, partners={"p": (4, 3)}, expected=0, missing=0, earlier=(0, 0))
    assert why_held(small, LIMITS) == ()
    assert len(why_held(replace(small, touched=4, partners={"p": (4, 4)}), LIMITS)) == 3


def test_nobody_to_touch_is_nothing_to_hold() -> None:
    assert why_held(replace(QUIET, touched=0, missing=9_000, strange=frozenset({"x"})), LIMITS) == ()
