"""Failures that a test orders: the next operations fail, links idle out, the bus is out of reach, an answer is lost."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.broker.model.errors import BusError

OPERATIONS = ("send", "receive", "settle", "attach", "management", "any")


@dataclass(slots=True)
class _Planned:
    left: int
    operation: str
    queue: str | None
    condition: str

    def meets(self, operation: str, queue: str) -> bool:
        wanted_queue = self.queue is None or self.queue.lower() == queue.lower()
        return self.left > 0 and self.operation in {operation, "any"} and wanted_queue


class Faults:
    """`idle_seconds` and `refuse_until` (Unix seconds) are None or 0 when off."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing fails any more."""
        self.idle_seconds: float | None = None
        self.refuse_until: float = 0.0
        self._failures: list[_Planned] = []
        self._lost_replies: list[_Planned] = []

    def strike(self, operation: str, queue: str) -> None:
        """Raises BusError if this operation is to fail; that failure is then used up."""
        planned = _take(self._failures, operation, queue) if self._failures else None
        if planned is not None:
            raise BusError(planned.condition, f"The operation '{operation}' on '{queue}' fails by order of a fault.")

    def loses_reply(self, operation: str, queue: str) -> bool:
        """Whether the connection is to drop before this operation's answer; that fault is then used up."""
        return bool(self._lost_replies) and _take(self._lost_replies, operation, queue) is not None

    def order(self, wanted: Mapping[str, object], now: float) -> bool:
        """The faults asked for are in force; whether all connections are to be dropped now. Raises ValueError with a sentence."""
        unknown = set(wanted) - {"dropConnections", "failNext", "idleDetachSeconds", "refuseFor", "loseReply"}
        if unknown:
            raise ValueError(f"There is no fault called {', '.join(sorted(unknown))}.")
        failures = [_planned(wanted["failNext"])] if "failNext" in wanted else []
        lost = [_planned(wanted["loseReply"])] if "loseReply" in wanted else []
        idle = _seconds(wanted, "idleDetachSeconds")
        refuse = _seconds(wanted, "refuseFor")
        self._failures += failures
        self._lost_replies += lost
        if idle is not None:
            self.idle_seconds = idle or None
        if refuse is not None:
            self.refuse_until = now + refuse
        return bool(wanted.get("dropConnections")) or bool(refuse)


def _take(planned: list[_Planned], operation: str, queue: str) -> _Planned | None:
    for fault in planned:
        if fault.meets(operation, queue):
            fault.left -= 1
            if not fault.left:
                planned.remove(fault)
            return fault
    return None


def _planned(wanted: object) -> _Planned:
    if not isinstance(wanted, Mapping):
        raise TypeError('A planned fault is an object such as {"count": 1, "operation": "send"}.')
    operation, queue = wanted.get("operation", "any"), wanted.get("queue")
    count, condition = wanted.get("count", 1), wanted.get("condition", "com.microsoft:server-busy")
    if operation not in OPERATIONS:
        raise ValueError(f"'{operation}' is not an operation; there are {', '.join(OPERATIONS)}.")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"The count of a fault must be a whole number from 1 on, not {count!r}.")
    if not isinstance(condition, str) or not condition.isascii() or not (queue is None or isinstance(queue, str)):
        raise ValueError("The condition and the queue of a fault must be strings.")
    return _Planned(count, operation, queue, condition)


def _seconds(wanted: Mapping[str, object], name: str) -> float | None:
    value = wanted.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a number of seconds, not {value!r}.")
    return float(value)
