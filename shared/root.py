"""The composition root: the one place where settings become clients, once per process and not before they are needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.clock import utc_now

if TYPE_CHECKING:
    from shared.blobs import Blobs
    from shared.bus import Bus
    from shared.settings import Settings
    from shared.tenant.tokens import AccessToken, Credential
    from shared.verbs.world import World

# By the tenant's name; the one tenant of an app for one has none.
_built: dict[str, World] = {}
_building = asyncio.Lock()


class UnknownTenant(Exception):
    """The app is for several tenants and none of them was named, or one that it is not for."""


async def world(tenant: str = "") -> World:
    """The world of this process for the tenant. Raises SettingsMissing naming every setting that is missing or wrong, and UnknownTenant."""
    await _build_all()
    if tenant not in _built:
        raise UnknownTenant(
            f"this app is for no tenant {tenant!r}"
            if tenant
            else "this app is for several tenants: say which (entente --tenant NAME)"
        )
    return _built[tenant]


async def worlds() -> tuple[World, ...]:
    """The world of each tenant of the app."""
    await _build_all()
    return tuple(_built.values())


async def _build_all() -> None:
    if not _built:
        async with _building:
            if not _built:
                from shared.settings import read_tenants

                _built.update(build_several(read_tenants()))


def build_several(settings: Mapping[str, Settings], credential: Any = None) -> dict[str, World]:
    """A world for each tenant. They share the connection to Service Bus, and nothing else."""
    from shared.bus import TenantBus

    first, *others = settings.items()
    name, its = first
    built = {name: build(its, credential)}
    for name, its in others:
        built[name] = build(its, credential, bus=built[first[0]].bus)
    if others or name:
        for name, one in built.items():
            one.bus = TenantBus(one.bus, name)
    return built


def build(settings: Settings, credential: Any = None, bus: Bus | None = None) -> World:
    """A world from settings. Its clients connect when they are first used; `close` ends them.

    `credential` stands for the app's managed identity where it is not there (azure.identity.aio's kind); `bus` is one that others use too.
    """
    from shared.bus import Bus
    from shared.tables import connect
    from shared.tenant import Tenant, TenantSettings
    from shared.verbs.world import World

    given = credential
    if settings.service_bus and settings.tables:
        credential = None
    elif given is None:
        credential = _Identity(settings.identity_client_id)
    tenant = TenantSettings(
        tenant_id=settings.tenant_id,
        graph_url=settings.graph_url,
        exchange_url=settings.exchange_url,
        sharepoint_url=settings.sharepoint_url,
        sharepoint_admin_url=settings.sharepoint_admin_url,
        sharepoint_resource=settings.sharepoint_resource,
        sharepoint_admin_resource=settings.sharepoint_admin_resource,
        teams_url=settings.teams_url,
        teams_settings=settings.teams_settings,
        fabric_url=settings.fabric_url,
        identity_client_id=settings.identity_client_id or None,
        app_client_id=settings.app_client_id,
        labels_without_guests=frozenset(label.lower() for label in settings.labels_without_guests),
        mailbox=settings.mailbox,
    )
    return World(
        settings=settings,
        clock=utc_now,
        tables=connect(settings, credential),
        bus=bus or Bus(settings, credential),
        tenant=Tenant(tenant, credential=given),
        blobs=_blobs(settings, given) if settings.seal_container else None,
    )


async def close(built: World) -> None:
    """Every connection of the world is closed."""
    await built.bus.close()
    await built.tables.close()
    await built.tenant.close()
    if built.blobs is not None:
        await built.blobs.close()


def _blobs(settings: Settings, credential: Any) -> Blobs:
    from shared.blobs import Blobs

    return Blobs(settings, credential)


class _Identity:
    """The app's managed identity, which is looked for when somebody first wants a token."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id

    @cached_property
    def _found(self) -> Credential:
        from shared.tenant.tokens import managed_identity

        return managed_identity(self._client_id or None)

    async def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        """As azure-core asks for one; what else it says (whose tenant) a managed identity cannot choose."""
        return await self._found.get_token(*scopes, claims=claims)

    async def close(self) -> None:
        if "_found" in self.__dict__:
            await self._found.close()
