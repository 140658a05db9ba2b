"""How an attempt at a task ends, and the two ways in which the outside world says no."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Done:
    """The subject is as wanted, and that was read, not assumed. `reason` says what was done or why nothing was needed."""

    reason: str


@dataclass(frozen=True)
class Later:
    """Not finished: the next attempt may run `after` seconds from now."""

    after: float
    reason: str


@dataclass(frozen=True)
class Stopped:
    """Nothing more will be tried until a person has acted on `reason`."""

    reason: str


type Ending = Done | Later | Stopped


class NotYet(Exception):
    """The outside cannot answer now: throttled, not replicated, out of reach.

    `after` is in seconds. `moves_lane` says that the vendor itself asked for the wait, so others on the same lane wait too.
    `effect_unknown` says that a write may have been carried out although no answer came. `firm` says that asking sooner is
    no use, as where an operation documents how often it may be asked for. `left` names the state keys that were certainly not
    written, of an apply that has written others: they need not become visible, and may be written as soon as the others are.
    """

    def __init__(
        self,
        reason: str,
        *,
        after: float,
        moves_lane: bool = False,
        effect_unknown: bool = False,
        firm: bool = False,
        left: Iterable[str] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.moves_lane = moves_lane
        self.effect_unknown = effect_unknown
        self.firm = firm
        self.left = frozenset(left)


class WontWork(Exception):
    """The outside refused for a reason that time does not cure. The message is a sentence a person can act on.

    `restored` names the state keys that an undo has put back all the same, beside those that it left to the person.
    """

    def __init__(self, reason: str, restored: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.restored = tuple(restored)


@dataclass(frozen=True)
class Applied:
    """What an apply or undo brought about.

    `ids` are the ids of what is now there, by kind (`{"user": "<object id>"}`); later reads go by them.
    `created` says that the object did not exist before, so that an undo may remove it.
    `refused` gives, for a batch, the state keys that could not be made true and why.
    """

    ids: dict[str, str] = field(default_factory=dict)
    created: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    note: str = ""
