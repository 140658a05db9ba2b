"""NCRONTAB against a naive walk through time, and by hand-worked cases."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.host.ncrontab import BadScheduleError, Schedule, parse


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.integers(1, most).map(lambda step: f"*/{step}"),
        st.tuples(number, st.integers(1, most)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.tuples(number, number, st.integers(1, 9)).map(lambda three: f"{three[0]}-{three[1]}/{three[2]}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


SCHEDULES = st.tuples(_field(0, 59), _field(0, 23), _field(1, 31), _field(1, 12), _field(0, 6))
# Two years, so that most schedules have an occurrence within a walk of some days.
MOMENTS = st.datetimes(datetime(2027, 1, 1), datetime(2028, 12, 31))  # noqa: DTZ001 - the strategy wants naive bounds


def _expand(text: str, least: int, most: int) -> set[int]:
    """Written apart from the code under test: every value that some part of the field admits."""
    admitted = set()
    for value in range(least, most + 1):
        for part in text.split(","):
            body, _, step = part.partition("/")
            if body == "*":
                low, high = least, most
            elif "-" in body:
                low, high = sorted(int(each) for each in body.split("-"))
            else:
                low, high = int(body), most if step else int(body)
            if low <= value <= high and (value - low) % int(step or 1) == 0:
                admitted.add(value)
    return admitted


@settings(max_examples=150, deadline=None)
@given(SCHEDULES, MOMENTS)
def test_the_next_occurrence_is_the_first_minute_that_a_walk_finds(fields: tuple[str, ...], naive: datetime) -> None:
    start = naive.replace(tzinfo=UTC)
    found = parse(" ".join(fields)).after(start)
    ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    minutes, hours, days, months, weekdays = (_expand(field, *within) for field, within in zip(fields, ranges, strict=True))
    moment = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(3 * 24 * 60):
        weekday = (moment.weekday() + 1) % 7
        fits = moment.month in months and moment.day in days and weekday in weekdays
        if fits and moment.hour in hours and moment.minute in minutes:
            assert found == moment
            return
        moment += timedelta(minutes=1)
    assert found >= moment


@settings(max_examples=200, deadline=None)
@given(_field(0, 59), _field(0, 59), MOMENTS)
def test_seconds_are_the_first_of_six_fields(seconds: str, minutes: str, naive: datetime) -> None:
    start = naive.replace(tzinfo=UTC)
    admitted = _expand(seconds, 0, 59), _expand(minutes, 0, 59)
    moment = start.replace(microsecond=0) + timedelta(seconds=1)
    while moment.second not in admitted[0] or moment.minute not in admitted[1]:
        moment += timedelta(seconds=1)
    assert parse(f"{seconds} {minutes} * * * *").after(start) == moment


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-11-22T10:00:00", "2026-11-22T10:05:00"),
        ("0 */5 * * * *", "2026-11-22T10:04:59.9", "2026-11-22T10:05:00"),
        ("*/5 * * * *", "2026-11-22T10:01:00", "2026-11-22T10:05:00"),
        ("0 30 9 * * Mon-Fri", "2026-11-21T00:00:00", "2026-11-23T09:30:00"),
        ("0 0 0 1 JAN *", "2026-11-22T00:00:00", "2027-01-01T00:00:00"),
        # Day of month AND day of week: the next 13th that is a Friday.
        ("0 0 0 13 * 5", "2026-11-22T00:00:00", "2027-08-13T00:00:00"),
        ("0 0 0 29 2 1", "2026-11-22T00:00:00", "2044-02-29T00:00:00"),
        # A reversed range is turned round, as NCrontab does.
        ("0 0 20-18 * * *", "2026-11-22T00:00:00", "2026-11-22T18:00:00"),
        ("0 5/20 * * * *", "2026-11-22T10:26:00", "2026-11-22T10:45:00"),
    ],
)
def test_known_occurrences(text: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert parse(text).after(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_schedule_without_occurrence_never_fires() -> None:
    schedule: Schedule = parse("0 0 0 31 2 *")
    assert schedule.after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 fields"),
        ("* * *", "3 fields"),
        ("60 * * * * *", "60 is out of range for second"),
        ("0 0 24 * * *", "24 is out of range for hour"),
        ("0 0 0 0 * *", "0 is out of range for day"),
        ("0 0 0 * 13 *", "13 is out of range for month"),
        ("0 0 0 * * 7", "7 is out of range for day of week"),
        ("0 */x * * * *", "not a step"),
        ("0 0 0 ? * *", "'?' is not a day"),
        ("0 0 0 * * nope", "'nope' is not a day of week"),
        ("0 1, * * * *", "'' is not a minute"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadScheduleError, match=re.escape(why)):
        parse(text)
