"""What was asked and answered, in order: evidence for tests, material for a timeline."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

_KEPT = 10_000
_ANSWER_BYTES = 4_096
_SECRET_NAMES = frozenset({"password", "inviteRedeemUrl", "access_token", "clientState"})


@dataclass(slots=True)
class Exchanged:
    """One request and its answer. `status` None means that the connection was closed without one."""

    number: int
    time: str
    kind: str
    method: str
    path: str
    request_id: str
    client_request_id: str | None = None
    request: Any = None
    status: int | None = None
    error: str | None = None
    answer: Any = None
    throttled: bool = False
    fault: int | None = None
    stale: bool = False
    batch: int | None = None
    cmdlet: str | None = None
    application: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry as the control plane shows it, secrets blanked."""
        return {
            "n": self.number,
            "time": self.time,
            "kind": self.kind,
            "method": self.method,
            "path": self.path,
            "cmdlet": self.cmdlet,
            "status": self.status,
            "error": self.error,
            "requestId": self.request_id,
            "clientRequestId": self.client_request_id,
            "application": self.application,
            "throttled": self.throttled,
            "fault": self.fault,
            "stale": self.stale,
            "batch": self.batch,
            "request": _redacted(self.request),
            "answer": _redacted(self.answer),
        }


@dataclass(slots=True)
class Journal:
    """The last 10,000 exchanges and counts over all of them."""

    entries: deque[Exchanged] = field(default_factory=lambda: deque(maxlen=_KEPT))
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    last_number: int = 0

    def begin(self, **values: Any) -> Exchanged:
        """A new entry, to be filled in when the answer is known."""
        self.last_number += 1
        entry = Exchanged(number=self.last_number, **values)
        self.entries.append(entry)
        return entry

    def settle(self, entry: Exchanged, status: int | None, operation: str | None, body: Any, size: int) -> None:
        """The entry has its answer; big answers are kept as their size only."""
        entry.status = status
        if status is not None and status >= 400 and isinstance(body, dict) and isinstance(body.get("error"), dict):
            entry.error = body["error"].get("code")
        entry.answer = body if size <= _ANSWER_BYTES else {"bytes": size}
        entry.throttled = entry.throttled or status == 429
        self.kinds[entry.kind] += 1
        self.statuses["lost" if status is None else str(status)] += 1
        if operation:
            self.operations[operation] += 1

    def select(self, path: str | None, method: str | None, since: int) -> list[dict[str, Any]]:
        """Entries after number `since` whose path matches the regular expression and whose method is the given one."""
        pattern = re.compile(path, re.IGNORECASE) if path else None
        return [
            entry.to_json()
            for entry in self.entries
            if entry.number > since
            and (pattern is None or pattern.search(entry.path))
            and (method is None or entry.method == method.upper())
        ]

    def summary(self) -> dict[str, Any]:
        """Counts over everything since the last reset."""
        return {
            "requests": self.last_number,
            "reads": self.kinds["read"],
            "writes": self.kinds["write"] + self.kinds["invitation"],
            "invitations": self.kinds["invitation"],
            "batches": self.kinds["batch"],
            "tokens": self.kinds["token"],
            "exchange": self.kinds["exchange"],
            "throttled": self.statuses["429"],
            "lost": self.statuses["lost"],
            "statuses": dict(sorted(self.statuses.items())),
            "operations": dict(sorted(self.operations.items())),
        }


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "(redacted)" if key in _SECRET_NAMES and item else _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return value
