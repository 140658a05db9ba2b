"""NCRONTAB, the timer trigger's schedule: six fields with seconds first, or five without.

Behaviour follows the NCrontab library (CrontabFieldImpl.cs, CrontabField.cs): lists, ranges (a reversed range is turned round),
steps (`5/10` runs from 5 to the field's end), names by prefix; day of month AND day of week must match.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


class BadScheduleError(ValueError):
    """The text is not an NCRONTAB expression; the message says which field and why."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_MONTHS = "january february march april may june july august september october november december"
_DAYS = "sunday monday tuesday wednesday thursday friday saturday"
_KINDS = (
    _Kind("second", 0, 59),
    _Kind("minute", 0, 59),
    _Kind("hour", 0, 23),
    _Kind("day", 1, 31),
    _Kind("month", 1, 12, tuple(_MONTHS.split())),
    _Kind("day of week", 0, 6, tuple(_DAYS.split())),
)
# The calendar repeats itself after 400 years, and no combination of day, month and weekday waits longer than 40.
_HORIZON = timedelta(days=366 * 40)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The seconds, minutes, hours, days, months and weekdays (0 is Sunday) at which a timer fires."""

    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment` (aware), in UTC; datetime.max in UTC where there is none."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.date()
        last = day + min(_HORIZON, date.max - day)
        while day < last:
            if self._matches(day.day, day.month, day.isoweekday() % 7):
                at = self._time_from(start.hour, start.minute, start.second) if day == start.date() else self._first()
                if at is not None:
                    return datetime(day.year, day.month, day.day, *at, tzinfo=UTC)
            day += timedelta(days=1)
        return datetime.max.replace(tzinfo=UTC)

    def _matches(self, day: int, month: int, weekday: int) -> bool:
        return month in self.months and day in self.days and weekday in self.weekdays

    def _first(self) -> tuple[int, int, int]:
        return self.hours[0], self.minutes[0], self.seconds[0]

    def _time_from(self, hour: int, minute: int, second: int) -> tuple[int, int, int] | None:
        for candidate in self.hours:
            if candidate > hour:
                return candidate, self.minutes[0], self.seconds[0]
            if candidate == hour:
                at = self._within_hour(minute, second)
                if at is not None:
                    return (hour, *at)
        return None

    def _within_hour(self, minute: int, second: int) -> tuple[int, int] | None:
        for candidate in self.minutes:
            if candidate > minute:
                return candidate, self.seconds[0]
            if candidate == minute:
                at = next((each for each in self.seconds if each >= second), None)
                if at is not None:
                    return minute, at
        return None

    @property
    def more_than_once_a_minute(self) -> bool:
        """Whether it fires several times a minute; such a schedule is never monitored."""
        return len(self.seconds) > 1


def parse(text: str) -> Schedule:
    """The schedule of an NCRONTAB expression; raises BadScheduleError."""
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise BadScheduleError(f"'{text}' has {len(fields)} fields; an NCRONTAB expression has six (second first) or five.")
    sets = [sorted(_field(kind, field)) for kind, field in zip(_KINDS, fields, strict=True)]
    return Schedule(
        text=text,
        seconds=tuple(sets[0]),
        minutes=tuple(sets[1]),
        hours=tuple(sets[2]),
        days=frozenset(sets[3]),
        months=frozenset(sets[4]),
        weekdays=frozenset(sets[5]),
    )


def _field(kind: _Kind, text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        body, slash, step_text = part.partition("/")
        step = _number(kind, step_text) if slash else 1
        if body == "*":
            first, last = kind.least, kind.most
        elif "-" in body[1:]:
            first, last = sorted(_value(kind, each) for each in body.split("-", 1))
        else:
            first = _value(kind, body)
            last = kind.most if slash else first
        found.update(range(first, last + 1, max(step, 1)))
    return found


def _value(kind: _Kind, text: str) -> int:
    if re.fullmatch(r"[0-9]+", text):
        number = int(text)
    else:
        matches = [index for index, name in enumerate(kind.names) if text and name.startswith(text.lower())]
        if not matches:
            raise BadScheduleError(f"'{text}' is not a {kind.name}; use {kind.least} to {kind.most}.")
        number = matches[0] + kind.least
    if not kind.least <= number <= kind.most:
        raise BadScheduleError(f"{number} is out of range for {kind.name}; use {kind.least} to {kind.most}.")
    return number


def _number(kind: _Kind, text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise BadScheduleError(f"'/{text}' is not a step of the {kind.name} field; use a whole number, e.g. '*/5'.")
    return int(text)
