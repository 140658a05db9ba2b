"""ISO 8601 durations as Service Bus writes them (days, hours, minutes, seconds with fractions), as seconds."""

import re

UNLIMITED = "P10675199DT2H48M5.4775807S"
"""The longest .NET TimeSpan, which Service Bus takes for `for ever`."""

_PATTERN = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNIT = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def seconds(text: str) -> float:
    """The length of a duration; infinity for UNLIMITED and longer. Raises ValueError with a sentence."""
    match = _PATTERN.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(f"'{text}' is not an ISO 8601 duration. Write for example PT30S, PT0.5S, PT1M or P1D")
    total = sum(float(match[unit] or 0) * length for unit, length in _UNIT.items())
    return float("inf") if total >= 10675199 * 86400 else total


def text(length: float) -> str:
    """The duration as ISO 8601."""
    if length == float("inf"):
        return UNLIMITED
    microseconds = round(length * 1_000_000)
    minutes, microseconds = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    number = f"{microseconds / 1_000_000:.6f}".rstrip("0").rstrip(".")
    time = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes) + f"{number}S" * bool(microseconds)
    date = f"{days}D" * bool(days)
    return f"P{date}" + (f"T{time}" if time else "" if date else "T0S")
