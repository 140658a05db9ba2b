"""Teams' external access: which domains our people may chat and call with. Graph cannot write it, so how is a setting.

https://learn.microsoft.com/powershell/module/teams/set-cstenantfederationconfiguration
"""

import uuid
from collections.abc import Mapping
from typing import Protocol

from shared.nouns.json_text import Json
from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.federation import WHERE, Federation, blocked_by_hand, by_hand, changed
from shared.tenant.fields import entry, flag, text
from shared.tenant.rest import Rest

# The path that PowerShell's module and the admin center use. Microsoft does not document it for others [U].
_PATH = "/Skype.Policy/configurations/TenantFederationSettings/configuration/Global"
_ABOUT = "our tenant's"


class TeamsSettings(Protocol):
    """A way to Teams' tenant settings. A PowerShell worker can take the place of those here."""

    @property
    def writes(self) -> bool:
        """Whether it can change the list; where not, a person does."""
        ...

    async def federation(self) -> Federation | None:
        """External access as it is, or None where there is no way to read it."""
        ...

    async def change_allowed(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        """The list of allowed domains has these more and those less, everything else stays; as it was before.

        Raises WontWork where that would change the list's mode, or leave it empty.
        """
        ...

    async def change_blocked(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        """The list of blocked domains, which counts where every other domain is allowed, has these more and those less; as it was before.

        Raises WontWork where there is a list of allowed domains: the block list is ignored then.
        """
        ...


class ByHand:
    """Nothing is written here: a person does it. What can be read is read through `reader`, if there is one."""

    writes = False

    def __init__(self, reader: TeamsSettings | None = None) -> None:
        self._reader = reader

    async def federation(self) -> Federation | None:
        return await self._reader.federation() if self._reader is not None else None

    async def change_allowed(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        raise WontWork(f"Teams' external access is changed by hand here: {by_hand(add, remove)}")

    async def change_blocked(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        raise WontWork(f"Teams' external access is changed by hand here: {blocked_by_hand(add, remove)}")


class ConfigApi:
    """The service behind Teams' PowerShell module. Undocumented, and Microsoft may change it without notice [U]."""

    writes = True

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def federation(self) -> Federation | None:
        return _federation(await self._whole())

    async def change_allowed(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        # The service takes the whole object, so what nobody asked to change goes back as it was read.
        whole = await self._whole()
        before = _federation(whole)
        kept = changed(before, add, remove)
        if kept is None:
            return before
        sent = dict(whole) | {"AllowedDomains": _as_before(whole.get("AllowedDomains"), kept)}
        await self._rest.ask(operations.SET_FEDERATION, "PUT", _PATH, about=_ABOUT, body=sent, headers=_headers())
        return before

    async def change_blocked(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        whole = await self._whole()
        before = _federation(whole)
        if before.allowed is not None:
            raise WontWork(f"Teams has a list of allowed domains, and ignores the blocked ones: look at it by hand ({WHERE})")
        wanted = (set(before.blocked) | set(add)) - set(remove)
        if wanted == set(before.blocked):
            return before
        listed = whole.get("BlockedDomains")
        old: list[Json] = listed if isinstance(listed, list) else []
        kept = [item for item in old if set(_names([item])) <= wanted]
        plain = bool(old) and isinstance(old[0], str)
        fresh: list[Json] = [name if plain else {"Domain": name} for name in sorted(wanted - set(_names(kept)))]
        sent = dict(whole) | {"BlockedDomains": [*kept, *fresh]}
        await self._rest.ask(operations.SET_FEDERATION, "PUT", _PATH, about=_ABOUT, body=sent, headers=_headers())
        return before

    async def _whole(self) -> Mapping[str, Json]:
        answer = await self._rest.ask(operations.READ_FEDERATION, "GET", _PATH, about=_ABOUT, headers=_headers())
        content = answer.content()
        if flag(content, "AllowFederatedUsers") is None or "AllowedDomains" not in content:
            # Written back as a whole, a half-read object would change what nobody asked for.
            raise WontWork(
                "Teams answered in a form that is not known: set ENTENTE_TEAMS_SETTINGS to manual, and change external access by hand"
            )
        return content


def _headers() -> dict[str, str]:
    return {"x-authz-scope": "tenant", "x-ms-correlation-id": str(uuid.uuid4())}


def _federation(whole: Mapping[str, Json]) -> Federation:
    raw = dict(whole)
    return Federation(
        users=flag(raw, "AllowFederatedUsers") is True,
        allowed=_allowed(raw.get("AllowedDomains")),
        blocked=_names(raw.get("BlockedDomains")),
        blocked_below=flag(raw, "BlockAllSubdomains") is True,
        consumers=flag(raw, "AllowTeamsConsumer"),
        consumers_inbound=flag(raw, "AllowTeamsConsumerInbound"),
    )


def _allowed(value: Json) -> tuple[str, ...] | None:
    """None for "all": written as `{}` or `[]`. A list is under `AllowedDomain` when read; some write it as `AllowList`."""
    for key in ("AllowedDomain", "AllowList"):
        if isinstance(value, dict) and key in value:
            return _names(value[key])
    return _names(value) if isinstance(value, list) and value else None


def _names(value: Json) -> tuple[str, ...]:
    """The domains of a list whose items are names or `{"Domain": name}`."""
    items: list[Json] = value if isinstance(value, list) else []
    names = (item if isinstance(item, str) else text(item, "Domain") for item in items)
    return tuple(sorted({name.strip().lower() for name in names if name.strip()}))


def _as_before(value: Json, domains: tuple[str, ...]) -> Json:
    """The domains in the form in which the list was read; entries that stay are sent as they came."""
    key = "AllowList" if isinstance(value, dict) and "AllowList" in value else "AllowedDomain"
    listed = entry(value, key) if isinstance(value, dict) else value
    old: list[Json] = listed if isinstance(listed, list) else []
    kept = [item for item in old if set(_names([item])) <= set(domains)]
    plain = bool(old) and isinstance(old[0], str)
    fresh: list[Json] = [name if plain else {"Domain": name} for name in domains if name not in _names(kept)]
    return [*kept, *fresh] if isinstance(value, list) else {**value, key: [*kept, *fresh]} if isinstance(value, dict) else value
