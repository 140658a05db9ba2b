"""Teams' external access: which domains our people may chat and call with. Graph cannot write it, so how is a setting.

https://learn.microsoft.com/powershell/module/teams/set-cstenantfederationconfiguration
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared.nouns.outcomes import WontWork
from shared.nouns.step import Json
from shared.tenant import operations
from shared.tenant.fields import entry, flag, text
from shared.tenant.rest import Rest

MOST_DOMAINS = 4_000
WHERE = "Teams admin center, External access"
# The path that PowerShell's module and the admin center use. Microsoft does not document it for others [U].
_PATH = "/Skype.Policy/configurations/TenantFederationSettings/configuration/Global"
_ABOUT = "our tenant's"


@dataclass(frozen=True)
class Federation:
    """Teams' external access as it was read. Domains are in lower case.

    `allowed` is None where every domain is allowed that is not blocked; a list, even an empty one, allows its own domains only,
    and the block list is then ignored. `users` False closes everything, whatever the lists say.
    """

    users: bool
    allowed: tuple[str, ...] | None
    blocked: tuple[str, ...]
    blocked_below: bool
    consumers: bool | None
    consumers_inbound: bool | None

    def blocks(self, domain: str) -> str | None:
        """The entry of the block list that keeps the domain out, or None."""
        if self.allowed is not None:
            return None
        return next((one for one in self.blocked if domain == one or (self.blocked_below and domain.endswith(f".{one}"))), None)

    def allows(self, domain: str) -> bool:
        """Whether the lists let people of the domain in (external access itself may be off)."""
        return self.blocks(domain) is None if self.allowed is None else domain in self.allowed


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


class ByHand:
    """Nothing is written here: a person does it. What can be read is read through `reader`, if there is one."""

    writes = False

    def __init__(self, reader: TeamsSettings | None = None) -> None:
        self._reader = reader

    async def federation(self) -> Federation | None:
        return await self._reader.federation() if self._reader is not None else None

    async def change_allowed(self, add: tuple[str, ...], remove: tuple[str, ...]) -> Federation:
        raise WontWork(f"Teams' external access is changed by hand here: {by_hand(add, remove)}")


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

    async def _whole(self) -> Mapping[str, Json]:
        answer = await self._rest.ask(operations.READ_FEDERATION, "GET", _PATH, about=_ABOUT, headers=_headers())
        content = answer.content()
        if flag(content, "AllowFederatedUsers") is None or "AllowedDomains" not in content:
            # Written back as a whole, a half-read object would change what nobody asked for.
            raise WontWork(
                "Teams answered in a form that is not known: set ENTENTE_TEAMS_SETTINGS to manual, and change external access by hand"
            )
        return content


def changed(now: Federation, add: tuple[str, ...], remove: tuple[str, ...]) -> tuple[str, ...] | None:
    """The list of allowed domains with these more and those less, or None where nothing is to be written.

    Raises WontWork where the mode would change, or the list would be empty or too long.
    """
    if now.allowed is None:
        # Writing a first domain would turn "everybody" into "this partner alone".
        if remove:
            raise WontWork(
                f"Teams allows every domain now, where it had a list when {', '.join(remove)} was added: look at it by hand ({WHERE})"
            )
        return None
    if not now.allowed:
        raise WontWork(
            "Teams has a list of allowed domains with nothing in it, which some tenants show for nobody and some for everybody: put one "
            f"domain in by hand that may stay ({WHERE})"
        )
    wanted = (set(now.allowed) | set(add)) - set(remove)
    if not wanted:
        raise WontWork(
            f"{', '.join(sorted(remove))} is all that Teams allows: without it the list would be empty, and an empty list may mean every "
            f"domain. Put another domain in, or switch external access off ({WHERE})"
        )
    if len(wanted) > MOST_DOMAINS:
        raise WontWork(
            f"Teams takes {MOST_DOMAINS} allowed domains, and {len(wanted)} would be in the list: take some out ({WHERE})"
        )
    return None if wanted == set(now.allowed) else tuple(sorted(wanted))


def by_hand(add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> str:
    """What a person runs, with Teams PowerShell and the role Teams Administrator. It changes nothing where every domain is allowed."""
    lines = [
        "Connect-MicrosoftTeams",
        "$now = (Get-CsTenantFederationConfiguration).AllowedDomains",
        "$now  # AllowAllKnownDomains: stop here",
    ]
    for verb, domains in (("Add", add), ("Remove", remove)):
        if domains:
            lines.append("$list = New-Object Collections.Generic.List[String]")
            lines += [f'$list.Add("{domain}")' for domain in domains]
            lines.append(f"Set-CsTenantFederationConfiguration -AllowedDomainsAsAList @{{{verb}=$list}}")
    if remove:
        lines.insert(3, "# If these are the only domains in the list, stop: an empty list may mean every domain.")
    return "\n".join(lines)


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
