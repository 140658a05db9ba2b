"""The brake: whether a clean-up run may touch anybody before a person has looked at it. Pure.

Each threshold stands for a way in which such systems have gone wrong: a rule that is too wide, one partner read wrongly, data that is
suddenly missing, a property that means something else by now.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# A jump is told from this many earlier runs that ended, at most.
EARLIER = 10


@dataclass(frozen=True)
class Limits:
    """`few` is how many guests a percentage counts from: one of two guests is half of them, and no sign of anything."""

    guests: int
    tenant_percent: float
    partner_percent: float
    few: int
    jump: float
    missing_percent: float


@dataclass(frozen=True)
class Tally:
    """What a run came to. `touched` are those who would be warned, blocked or deleted; `partners` has (guests, touched) by name.

    `expected` are guests for whom there should be sign-in data and `missing` those of them for whom there is none. `earlier` is how many
    earlier runs would have touched, the latest first. `strange` are properties never seen before.
    """

    guests: int
    touched: int
    partners: Mapping[str, tuple[int, int]]
    expected: int
    missing: int
    earlier: Sequence[int]
    strange: frozenset[str] = frozenset()


def why_held(tally: Tally, limits: Limits) -> tuple[str, ...]:
    """A sentence for each threshold that the run goes over; none where it may go on. Nobody to touch, nothing to hold."""
    return tuple(_over(tally, limits)) if tally.touched else ()


def _over(tally: Tally, limits: Limits) -> Iterator[str]:
    if tally.touched > limits.guests:
        yield f"{tally.touched} guests would be touched, more than {limits.guests} (ENTENTE_BRAKE_GUESTS)"
    if _more(tally.touched, tally.guests, limits.tenant_percent, limits.few):
        yield (
            f"{tally.touched} of {tally.guests} guests of the tenant would be touched, more than {limits.tenant_percent:g} percent "
            "(ENTENTE_BRAKE_TENANT_PERCENT)"
        )
    for partner, (guests, touched) in sorted(tally.partners.items()):
        if _more(touched, guests, limits.partner_percent, limits.few):
            yield (
                f"{touched} of {guests} guests of partner {partner} would be touched, more than {limits.partner_percent:g} percent "
                "(ENTENTE_BRAKE_PARTNER_PERCENT)"
            )
    if tally.earlier:
        usual = sum(tally.earlier[:EARLIER]) / len(tally.earlier[:EARLIER])
        if tally.touched > limits.few and tally.touched > limits.jump * max(usual, 1):
            yield (
                f"{tally.touched} guests would be touched, more than {limits.jump:g} times the {usual:.1f} of earlier runs "
                "(ENTENTE_BRAKE_JUMP)"
            )
    if tally.expected and 100 * tally.missing > limits.missing_percent * tally.expected:
        yield (
            f"sign-in data is missing for {tally.missing} of {tally.expected} guests, more than {limits.missing_percent:g} percent "
            "(ENTENTE_BRAKE_MISSING_PERCENT)"
        )
    if tally.strange:
        yield f"never seen before in the directory: {', '.join(sorted(tally.strange))}"


def _more(part: int, whole: int, percent: float, few: int) -> bool:
    return part > few and 100 * part > percent * whole
