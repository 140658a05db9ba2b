"""The composition root: the one place where settings become clients, once per process and not before they are needed."""

import asyncio
from typing import Any

from shared.blobs import Blobs
from shared.bus import Bus
from shared.clock import utc_now
from shared.settings import Settings, read_settings
from shared.steps import STEPS
from shared.tables import connect
from shared.tenant import Tenant, TenantSettings
from shared.verbs.world import World

_built: list[World] = []
_building = asyncio.Lock()


async def world() -> World:
    """The world of this process. Raises SettingsMissing naming every setting that is missing or wrong."""
    if not _built:
        async with _building:
            if not _built:
                _built.append(build(read_settings()))
    return _built[0]


def build(settings: Settings, credential: Any = None) -> World:
    """A world from settings. Its clients connect when they are first used; `close` ends them.

    `credential` stands for the app's managed identity where it is not there (azure.identity.aio's kind).
    """
    given = credential
    if settings.service_bus and settings.tables:
        credential = None
    elif given is None:
        credential = _identity(settings)
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
        labels_without_guests=frozenset(label.lower() for label in settings.labels_without_guests),
        mailbox=settings.mailbox,
    )
    return World(
        settings=settings,
        clock=utc_now,
        tables=connect(settings, credential),
        bus=Bus(settings, credential),
        tenant=Tenant(tenant, credential=given),
        steps=STEPS,
        blobs=Blobs(settings, given) if settings.seal_container else None,
    )


async def close(built: World) -> None:
    """Every connection of the world is closed."""
    await built.bus.close()
    await built.tables.close()
    await built.tenant.close()
    if built.blobs is not None:
        await built.blobs.close()


def _identity(settings: Settings) -> Any:
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=settings.identity_client_id or None)
