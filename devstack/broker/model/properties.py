"""The properties of a queue, with the real service's defaults (facts/service-bus-broker.md, section 9)."""

from dataclasses import dataclass

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class QueueProperties:
    """Durations in seconds; forward targets are queue names."""

    lock_duration: float = 60.0
    max_delivery_count: int = 10
    time_to_live: float = FOREVER
    dead_letter_on_expiration: bool = False
    requires_session: bool = False
    detects_duplicates: bool = False
    duplicate_window: float = 600.0
    forward_to: str | None = None
    forward_dead_letters_to: str | None = None
