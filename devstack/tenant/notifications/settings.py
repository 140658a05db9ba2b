"""How notifications are sent. Times are the tenant's, except the two that a client has for its answer."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """The published numbers where there are some; the others are this simulation's.

    `delay` is [least, most] seconds from a change to its first attempt; Microsoft promises nothing for users and groups any more.
    """

    delay: tuple[float, float] = (0.5, 3.0)
    # Notices for one address that are due within so many seconds go in one POST, at most `batch` of them.
    window: float = 0.25
    batch: int = 20
    # Changes of one object that wait for the same subscription are told once.
    coalesce: bool = True
    shuffle: bool = True
    # Seconds of real time for the answer to a notification, from which one is slow, and for that to a handshake.
    timeout: float = 3.0
    slow_after: float = 2.9
    handshake_timeout: float = 10.0
    # The first gap between attempts; each is twice the one before, up to an hour, and it ends after `retryFor`.
    retry: float = 10.0
    retry_for: float = 14_400.0
    # An endpoint is judged from so many answers in 10 minutes on; notices for a slow one wait so much longer.
    sample: int = 100
    slow_delay: float = 10.0
    # Whether `missed` is sent for what was dropped: documented for Outlook's resources, not for users and groups.
    missed: bool = False
    # Whether changes of an object are told with their time and number, as in the published examples; those of members never are.
    times: bool = True

    def merged(self, given: Any) -> Self:
        """The settings with those in `given` in their place. Raises ValueError or TypeError with a sentence."""
        if not isinstance(given, dict):
            raise TypeError(f"settings of notifications are an object such as {{'delay': 0}}, not {given!r}")
        names = {_camel(name): name for name in asdict(self)}
        if unknown := given.keys() - names.keys():
            raise ValueError(f"notifications have no setting {', '.join(sorted(unknown))}; they have {', '.join(names)}")
        return replace(self, **{names[name]: self._read(names[name], value) for name, value in given.items()})

    def _read(self, name: str, value: Any) -> Any:
        before = getattr(self, name)
        if name == "delay":
            low, high = (value, value) if isinstance(value, int | float) else value
            if not 0 <= low <= high:
                raise ValueError(f"delay is seconds or [least, most], not {value!r}")
            return float(low), float(high)
        if isinstance(before, bool) is not isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{_camel(name)} takes a value such as {before!r}, not {value!r}")
        if name in ("batch", "sample") and value < 1:
            raise ValueError(f"{name} is at least 1, not {value!r}")
        return type(before)(value)

    def to_json(self) -> dict[str, Any]:
        """The settings as the control plane shows them."""
        return {_camel(name): list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
