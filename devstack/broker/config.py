"""Config.json in the format of Microsoft's Service Bus emulator, queues only (facts/service-bus-broker.md, section 12)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.broker import durations
from devstack.broker.model.namespace import check_name
from devstack.broker.model.properties import QueueProperties

EMULATOR_DEFAULTS = QueueProperties(max_delivery_count=3, time_to_live=3600.0, duplicate_window=20.0)
EMULATOR_MOST_ENTITIES = 50
_EMULATOR_RANGES = {
    "LockDuration": (5.0, 300.0),
    "DefaultMessageTimeToLive": (300.0, 3600.0),
    "DuplicateDetectionHistoryTimeWindow": (5.0, 300.0),
    "MaxDeliveryCount": (1, 10),
}
_FIELDS = {
    "LockDuration": "lock_duration",
    "MaxDeliveryCount": "max_delivery_count",
    "DefaultMessageTimeToLive": "time_to_live",
    "DeadLetteringOnMessageExpiration": "dead_letter_on_expiration",
    "RequiresSession": "requires_session",
    "RequiresDuplicateDetection": "detects_duplicates",
    "DuplicateDetectionHistoryTimeWindow": "duplicate_window",
    "ForwardTo": "forward_to",
    "ForwardDeadLetteredMessagesTo": "forward_dead_letters_to",
}
_WITHOUT_EFFECT = {"EnablePartitioning", "EnableBatchedOperations", "MaxSizeInMegabytes"}
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


class ConfigError(ValueError):
    """Config.json, or the properties of a queue, are wrong; the text has one sentence a line, each naming its place."""


@dataclass(frozen=True, slots=True)
class Config:
    queues: Mapping[str, QueueProperties]


EMPTY = Config({})


def load(path: Path, *, emulator_limits: bool = False) -> Config:
    """The queues that the file describes; raises ConfigError, also where the file cannot be read."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return parse(text, emulator_limits=emulator_limits)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def parse(text: str, *, emulator_limits: bool = False) -> Config:
    """The queues that the text describes, `//` and `/* */` comments left aside; raises ConfigError with all that is wrong.

    With `emulator_limits` durations and counts outside the official emulator's ranges become the nearest ones inside, the
    emulator's defaults hold, and what it requires is required.
    """
    try:
        document = json.loads(_COMMENT.sub(lambda match: match[1] or " ", text))
    except json.JSONDecodeError as error:
        raise ConfigError(f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}.") from error
    reader = _Reader(emulator_limits=emulator_limits)
    queues = reader.document(document)
    if reader.problems:
        raise ConfigError("\n".join(reader.problems))
    return Config(queues)


def properties(given: Mapping[str, object], defaults: QueueProperties | None = None) -> QueueProperties:
    """A queue's properties from Config.json's names; what is absent is as the real service has it. Raises ConfigError."""
    result, problems = _properties(given, defaults or QueueProperties(), "Properties")
    if problems:
        raise ConfigError("\n".join(problems))
    return result


def described(held: QueueProperties) -> dict[str, object]:
    """The properties under Config.json's names."""
    named: dict[str, object] = {}
    for name, field in _FIELDS.items():
        value = getattr(held, field)
        is_duration = isinstance(getattr(QueueProperties(), field), float)
        named[name] = durations.text(value) if is_duration else "" if value is None else value
    return named


def _properties(given: Mapping[str, object], defaults: QueueProperties, place: str) -> tuple[QueueProperties, list[str]]:
    problems = [
        f"{place}: there is no property '{name}'. Known are {', '.join(_FIELDS)}."
        for name in given
        if name not in _FIELDS and name not in _WITHOUT_EFFECT
    ]
    changes: dict[str, object] = {}
    for name, field in _FIELDS.items():
        if given.get(name) is None:
            continue
        try:
            changes[field] = _value(name, given[name], getattr(QueueProperties(), field))
        except ValueError as error:
            problems.append(f"{place}.{name}: {error}.")
    return replace(defaults, **changes), problems  # type: ignore[arg-type]  # each value has its field's type, by _value


def _value(name: str, value: object, example: object) -> object:
    match example:
        case bool():
            if not isinstance(value, bool):
                raise ConfigError(f"must be true or false, not {value!r}")
            return value
        case int():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"must be a whole number from 1 on, not {value!r}")
            return value
        case float():
            if not isinstance(value, str):
                raise ConfigError(f"must be an ISO 8601 duration in quotes, such as PT30S, not {value!r}")
            length = durations.seconds(value)
            if length <= 0 or (length == float("inf") and name == "LockDuration"):
                raise ValueError("must be longer than nothing, and a lock's must end")
            return length
        case _:
            if not isinstance(value, str):
                raise ConfigError(f"must be the name of a queue, not {value!r}")
            return value or None


class _Reader:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self, *, emulator_limits: bool) -> None:
        self.problems: list[str] = []
        self._limits = emulator_limits

    def document(self, document: object) -> dict[str, QueueProperties]:
        user = self._object(document, "UserConfig", "Config.json")
        self._logging(user)
        namespaces = self._list(user, "Namespaces", "UserConfig")
        if len(namespaces) != 1:
            self.problems.append(f"UserConfig.Namespaces: there must be exactly one namespace, not {len(namespaces)}.")
            return {}
        place = "UserConfig.Namespaces[0]"
        namespace = namespaces[0]
        if not isinstance(namespace, dict):
            self.problems.append(f"{place}: must be an object.")
            return {}
        if not isinstance(namespace.get("Name"), str):
            self.problems.append(f"{place}.Name: is missing.")
        elif self._limits and namespace["Name"] != "sbemulatorns":
            self.problems.append(f"{place}.Name: the emulator takes no name but 'sbemulatorns'.")
        if self._list(namespace, "Topics", place, required=self._limits):
            self.problems.append(f"{place}.Topics: this broker has queues only. Remove the topics.")
        return self._queues(self._list(namespace, "Queues", place), place + ".Queues")

    def _logging(self, user: Mapping[str, object]) -> None:
        logging = user.get("Logging")
        if logging is None and not self._limits:
            return
        kinds = {"File", "Console", "File,Console", "Console,File"}
        if not isinstance(logging, dict) or logging.get("Type") not in kinds:
            self.problems.append("UserConfig.Logging.Type: must be File, Console or File,Console.")

    def _queues(self, queues: Sequence[object], place: str) -> dict[str, QueueProperties]:
        found: dict[str, QueueProperties] = {}
        for index, queue in enumerate(queues):
            here = f"{place}[{index}]"
            if not isinstance(queue, dict) or not isinstance(queue.get("Name"), str):
                self.problems.append(f"{here}: must be an object with a Name.")
                continue
            name: str = queue["Name"]
            try:
                check_name(name)
            except ValueError as error:
                self.problems.append(f"{here}.Name: {error}.")
            if name.lower() in {known.lower() for known in found}:
                self.problems.append(f"{here}.Name: there is a queue '{name}' already; names are compared without case.")
            found[name] = self._queue(queue, f"{here} ({name})")
        if self._limits and len(found) > EMULATOR_MOST_ENTITIES:
            self.problems.append(f"{place}: the emulator takes at most {EMULATOR_MOST_ENTITIES} entities, not {len(found)}.")
        self.problems += [problem for name in found for problem in forward_problems(name, found[name], found)]
        return found

    def _queue(self, queue: Mapping[str, object], here: str) -> QueueProperties:
        given = queue.get("Properties") or {}
        if not isinstance(given, dict):
            self.problems.append(f"{here}.Properties: must be an object.")
            return QueueProperties()
        self.problems += [f"{here}: there is no '{name}'." for name in queue if name not in {"Name", "Properties"}]
        defaults = EMULATOR_DEFAULTS if self._limits else QueueProperties()
        result, problems = _properties(given, defaults, f"{here}.Properties")
        self.problems += problems
        return _clamped(result) if self._limits else result

    def _object(self, holder: object, name: str, place: str) -> Mapping[str, object]:
        value = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(value, dict):
            return value
        self.problems.append(f"{place}: the object '{name}' is missing.")
        return {}

    def _list(self, holder: Mapping[str, object], name: str, place: str, *, required: bool = True) -> Sequence[object]:
        value = holder.get(name)
        if isinstance(value, list):
            return value
        if required or value is not None:
            self.problems.append(f"{place}: the list '{name}' is missing.")
        return []


def forward_problems(name: str, held: QueueProperties, known: Mapping[str, QueueProperties]) -> list[str]:
    """What is wrong with where a queue forwards to; `known` are all queues by name."""
    names = {other.lower() for other in known}
    problems = []
    for property_name, target in (
        ("ForwardTo", held.forward_to),
        ("ForwardDeadLetteredMessagesTo", held.forward_dead_letters_to),
    ):
        if target is None:
            continue
        if target.lower() not in names:
            problems.append(f"Queue '{name}': {property_name} names '{target}', which does not exist. Create that queue first.")
        elif target.lower() == name.lower():
            problems.append(f"Queue '{name}': {property_name} names the queue itself.")
    return problems


def _clamped(held: QueueProperties) -> QueueProperties:
    changes = {
        _FIELDS[name]: type(low)(min(max(getattr(held, _FIELDS[name]), low), high))
        for name, (low, high) in _EMULATOR_RANGES.items()
    }
    return replace(held, **changes)  # type: ignore[arg-type]  # numbers of the fields' own types
