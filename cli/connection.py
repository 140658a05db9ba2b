"""Where the function app is and what opens it: ENTENTE_URL with ENTENTE_KEY and ENTENTE_TOKEN, or else the local stack."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cli.errors import BadInput, OutOfReach

RECORD = Path(".stack") / "stack.json"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Connection:
    """`url` is the app's base URL, without `/api`. `key` is a function key, `token` a bearer token of an Entra sign-in."""

    url: str
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def local(self) -> bool:
        """Whether the app is on this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK


def connection(environment: Mapping[str, str], folder: Path) -> Connection:
    """How to reach the app. Raises BadInput for an unsafe or unfinished setting, OutOfReach where nothing says where it is."""
    url = environment.get("ENTENTE_URL", "").strip()
    if not url:
        return _local_stack(folder / RECORD)
    base = url.rstrip("/").removesuffix("/api")
    parts = urlsplit(base)
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BadInput(f"ENTENTE_URL must be the app's base URL, such as https://NAME.azurewebsites.net, not {url!r}.")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise BadInput("ENTENTE_URL must be https: keys and addresses travel there (http is for this machine only).")
    key, token = (environment.get(name, "").strip() for name in ("ENTENTE_KEY", "ENTENTE_TOKEN"))
    if not key and not token:
        raise BadInput(
            "ENTENTE_URL is set, but neither ENTENTE_KEY (a function key) nor ENTENTE_TOKEN (your Entra sign-in) is: an app in Azure wants both."
        )
    return Connection(base, key, token)


def _local_stack(record: Path) -> Connection:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        url, key = str(found["functions"][0]), str(found["functionKeys"]["default"])
    except FileNotFoundError:
        raise OutOfReach(
            f"No function app to speak to: ENTENTE_URL is not set, and there is no local stack in this folder ({record.parent}). "
            "Start one with 'make up', or set ENTENTE_URL, ENTENTE_KEY and ENTENTE_TOKEN."
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OutOfReach(f"{record} cannot be used ({error}). Stop the local stack and start it again with 'make up'.") from error
    local = Connection(url, key)
    if not local.local:
        raise OutOfReach(f"{record} names {url}, which is not on this machine. Remove the file, or set ENTENTE_URL.")
    return local
