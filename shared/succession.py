"""Who is asked to stand for guests whose sponsor is away. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from shared.nouns.watching import Succession


def due(since: datetime, now: datetime, terms: Succession) -> bool:
    """The grace period is over."""
    return now - since >= timedelta(days=terms.grace_days)


def candidates(
    terms: Succession, leaver: str, manager: str, owners: Sequence[str], able: Callable[[str], bool]
) -> tuple[str, ...]:
    """Who may be asked for one guest, in order: the manager the leaver last had, owners of the guest's groups; each once, never the
    leaver, and only who can answer."""
    by_kind: Mapping[str, Iterable[str]] = {"manager": [manager] if manager else [], "owners": owners}
    ordered = dict.fromkeys(one for kind in terms.to for one in by_kind[kind])
    return tuple(one for one in ordered if one != leaver and able(one))


def shared_out(
    wanted: Mapping[str, Sequence[str]], most: int, already: Mapping[str, int] | None = None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each guest (in the order of their ids) those who may still be asked, the first choice first; nobody stands first for more
    than `most` guests, with those they have `already`. A guest whose candidates all have enough is given none."""
    given = Counter(already or {})
    for guest in sorted(wanted):
        free = tuple(one for one in wanted[guest] if given[one] < most)
        if free:
            given[free[0]] += 1
        yield guest, free
