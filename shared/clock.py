"""Time comes from here, so that a test can be anywhere in it."""

from collections.abc import Callable
from datetime import UTC, datetime

type Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current instant, with its zone."""
    return datetime.now(UTC)
