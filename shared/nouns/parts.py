"""Splitting a request that is larger than one Service Bus message into parts that are each complete."""

from collections.abc import Iterator
from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.nouns.request import MOST_GUESTS_PER_PART, canonical

# A Service Bus Standard message holds 256 KB with its properties; the rest is left for those.
# https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas
MOST_BYTES = 240_000


def split(raw: dict[str, Any], most_bytes: int = MOST_BYTES) -> list[str]:
    """The request as one JSON text per part, each at most `most_bytes` long.

    A request that fits stays one part. Raises Refusal where the header or a single guest alone is too large.
    """
    header = {key: value for key, value in raw.items() if key not in {"guests", "part", "parts", "offset"}}
    guests = raw.get("guests", [])
    room = most_bytes - len(canonical(header).encode()) - 80
    if room < 0:
        raise Refusal([Fault("", f"the request without its guests is larger than a message may be ({most_bytes} bytes)")])
    if raw.get("parts", 1) != 1 or not isinstance(guests, list):
        return [canonical(raw)]
    slices = list(_slices(guests, room))
    return [
        canonical({**header, "part": number, "parts": len(slices), "offset": offset, "guests": chunk})
        for number, (offset, chunk) in enumerate(slices, start=1)
    ]


def _slices(guests: list[Any], room: int) -> Iterator[tuple[int, list[Any]]]:
    start, used = 0, 0
    for index, guest in enumerate(guests):
        size = len(canonical(guest).encode()) + 1
        if size > room:
            raise Refusal([Fault(f"guests[{index}]", f"is larger than a message may be ({size} bytes)")])
        if used + size > room or index - start == MOST_GUESTS_PER_PART:
            yield start, guests[start:index]
            start, used = index, 0
        used += size
    yield start, guests[start:]
