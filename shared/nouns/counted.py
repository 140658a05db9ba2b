"""Numbers with the word for what they count, and several things in a sentence."""

from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """`1 request`, `0 requests`; `many` where the word for several is not that for one with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def listed(things: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last
