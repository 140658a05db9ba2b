"""What the steps that set up Exchange Online have in common: parameters as asked and as found, and the way back. All of it is pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from shared.nouns.outcomes import NotYet
from shared.nouns.request import domain_name
from shared.nouns.state import State, Value
from shared.nouns.step import Entry

ANY_SUBDOMAIN = "*."


def elements(state: Mapping[str, Value], key: str) -> set[str]:
    """The elements of a list in a state; none where it is no list."""
    value = state.get(key)
    return set(value) if isinstance(value, tuple) else set()


def as_spelled(asked: Value, actual: Value) -> Value:
    """The actual value in the spelling that was asked for, where only the case differs."""
    same = isinstance(asked, str) and isinstance(actual, str) and asked.casefold() == actual.casefold()
    return asked if same else actual


def within(domain: str, domains: Collection[str]) -> bool:
    """The domain (or all subdomains of it, `*.fabrikam.com`) is one of the domains, or beneath one."""
    plain = domain.removeprefix(ANY_SUBDOMAIN)
    return any(plain == one or plain.endswith(f".{one}") for one in domains)


def domain_pattern(value: str) -> str:
    """`fabrikam.com` or `*.fabrikam.com`, in lower case. Raises ValueError where it is neither."""
    name = value.strip()
    prefix = ANY_SUBDOMAIN if name.startswith(ANY_SUBDOMAIN) else ""
    return prefix + domain_name(name.removeprefix(ANY_SUBDOMAIN))


@contextmanager
def after_writing(*, wrote: bool = True, left: Iterable[str] = ()) -> Iterator[None]:
    """Whoever has to wait here says that something may have been written already, so that nobody takes it for undone; and what
    was not, `left`, if the write that has to wait was refused and not lost."""
    try:
        yield
    except NotYet as error:
        unknown = wrote or error.effect_unknown
        kept = () if error.effect_unknown else left
        raise NotYet(error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=unknown, left=kept) from None


@dataclass(frozen=True)
class WayBack:
    """`to_set` brings back what was before us; `changed` says, key by key, what somebody else has changed since."""

    to_set: dict[str, Value]
    changed: tuple[str, ...]


def way_back(entry: Entry, now: State, keys: Collection[str]) -> WayBack:
    """What an undo has to set. Of lists, only our own elements are taken out; what is as before already is left alone."""
    to_set: dict[str, Value] = {}
    changed: list[str] = []
    for key in keys:
        ours, before, actual = entry.after.get(key), entry.before.get(key), now.get(key)
        if ours is None or ours == before:
            continue
        if isinstance(ours, tuple):
            own = set(ours) - elements(entry.before, key)
            if own & elements(now, key):
                to_set[key] = tuple(sorted(elements(now, key) - own))
        elif as_spelled(ours, actual) == ours:
            to_set[key] = before
        elif as_spelled(before, actual) != before:
            changed.append(f"{key} was {ours!r} and is {actual!r}")
    return WayBack(to_set, tuple(changed))
