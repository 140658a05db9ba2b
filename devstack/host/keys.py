"""Access keys: which there are, and who may call what with them. Source: facts/azure-functions-host.md 2.6."""

import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


class BadKeysError(Exception):
    """The key file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The master key, the host key named default, and one key a function."""

    master: str
    default: str
    functions: dict[str, str] = field(default_factory=dict)

    def admits(self, level: str, function: str, key: str) -> bool:
        """Whether `key` opens `function`, whose authorization level is anonymous, function or admin."""
        if level == "anonymous":
            return True
        good = [self.master]
        if level == "function":
            good += [self.default, self.functions.get(function, "")]
        # Header bytes that are not UTF-8 arrive as surrogates.
        given = key.encode(errors="surrogateescape")
        # No early exit: the time taken must not tell which key came close.
        return bool(key) and sum(hmac.compare_digest(each.encode(), given) for each in good if each) > 0

    def as_json(self) -> dict[str, object]:
        """As announced and as read from a key file."""
        return {"master": self.master, "default": self.default, "functions": self.functions}


def presented(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The key that a request presents: the header wins over ?code=."""
    return headers["x-functions-key"] if "x-functions-key" in headers else query.get("code", "")


def made(functions: Iterable[str], given: Mapping[str, object] | None = None) -> Keys:
    """Keys for these functions: the given ones, random ones for the rest."""
    known = given or {}
    stated = known.get("functions", {})
    per_function = stated if isinstance(stated, Mapping) else {}
    return Keys(
        master=str(known.get("master") or secrets.token_urlsafe(32)),
        default=str(known.get("default") or secrets.token_urlsafe(32)),
        functions={name: str(per_function.get(name) or secrets.token_urlsafe(32)) for name in functions},
    )


def read(path: Path) -> dict[str, object]:
    """The content of a key file; raises BadKeysError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadKeysError(f"The key file {path} cannot be read: {error}. Correct it or use --keys random.") from error
    if not isinstance(document, dict):
        raise BadKeysError(f'The key file {path} must hold an object with "master", "default" and "functions".')
    return document
