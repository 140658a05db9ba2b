"""App settings: the environment plus `local.settings.json`, and what functions name in them.

As in Core Tools and the host: names are matched without regard to case, `:` and `__` are the same, an environment variable that is
set and not empty wins over the file. Source: facts/azure-functions-host.md 2.7.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PLACEHOLDER = re.compile(r"%([^%\s]+)%")


class BadSettingsError(Exception):
    """`local.settings.json` cannot be used; the message says why and what to do."""


class UnresolvedError(Exception):
    """A %NAME% names no app setting; the only argument is NAME."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a Service Bus namespace: by connection string, or by name with an identity."""

    setting: str
    connection_string: str = ""
    namespace: str = ""
    credential: str = ""
    client_id: str = ""


class Settings:
    """The app settings of one app, read once."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {_folded(name): value for name, value in values.items()}

    def get(self, name: str) -> str:
        """The value, or the empty string where the setting is absent or empty."""
        return self._values.get(_folded(name), "")

    def resolve(self, text: str) -> str:
        """`text` with every %NAME% replaced by its setting; raises UnresolvedError."""

        def value(match: re.Match[str]) -> str:
            found = self.get(match[1])
            if not found:
                raise UnresolvedError(match[1])
            return found

        return _PLACEHOLDER.sub(value, text)

    def connection(self, name: str) -> Connection | None:
        """The connection that a trigger calls `name` (empty: the default, AzureWebJobsServiceBus); None where it is missing.

        An exact name wins over the prefixed form (`X__fullyQualifiedNamespace`).
        """
        names = (name, f"AzureWebJobs{name}") if name else ("AzureWebJobsServiceBus",)
        for exact in names:
            if self.get(exact):
                return Connection(setting=exact, connection_string=self.get(exact))
        for prefix in names:
            namespace = self.get(f"{prefix}__fullyQualifiedNamespace")
            if namespace:
                credential, client = self.get(f"{prefix}__credential"), self.get(f"{prefix}__clientId")
                return Connection(setting=prefix, namespace=namespace, credential=credential.lower(), client_id=client)
        return None

    def disabled(self, function: str) -> bool:
        """Whether `AzureWebJobs.<function>.Disabled` is 1 or true (Linux also takes underscores for the dots)."""
        spellings = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
        return any(self.get(name).lower() in {"1", "true"} for name in spellings)


def _folded(name: str) -> str:
    return name.replace("__", ":").lower()


def read_local_settings(path: Path) -> dict[str, str]:
    """The `Values` of a local.settings.json; raises BadSettingsError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadSettingsError(f"{path} cannot be read: {error.strerror}. Name another file with --settings.") from error
    except ValueError as error:
        raise BadSettingsError(f"{path} is not JSON: {error}. Correct it.") from error
    if not isinstance(document, dict) or not isinstance(document.get("Values", {}), dict):
        raise BadSettingsError(f'{path} must be an object with an object "Values". Correct it.')
    if document.get("IsEncrypted"):
        raise BadSettingsError(
            f"{path} says IsEncrypted, and this host cannot decrypt it. Run 'func settings decrypt' and start again."
        )
    values = document.get("Values", {})
    odd = sorted(name for name, value in values.items() if not isinstance(value, str))
    if odd:
        raise BadSettingsError(f"{path}: the values of {', '.join(odd)} must be strings. Put them in quotes.")
    return dict(values)


def merged(environment: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment: the file's values whose variable is absent or empty."""
    return {name: value for name, value in values.items() if not environment.get(name)}
