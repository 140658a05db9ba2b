"""What is true of a subject, as a flat, plain dictionary; `None` means absent."""

from collections.abc import Mapping

type Value = str | bool | int | tuple[str, ...] | None
type State = Mapping[str, Value]


def difference(wanted: State, actual: State) -> dict[str, Value]:
    """The wanted keys that are not yet so, with their wanted values. Keys that nobody asked for do not count.

    A tuple is a set of elements that we own within a list that others use too: it is satisfied when every one of them is
    there, whatever else is.
    """
    return {key: value for key, value in wanted.items() if not _satisfied(value, actual.get(key))}


def _satisfied(wanted: Value, actual: Value) -> bool:
    if isinstance(wanted, tuple):
        return set(wanted) <= set(actual if isinstance(actual, tuple) else ())
    return wanted == actual
