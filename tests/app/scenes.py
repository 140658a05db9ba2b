"""A rig whose tenant tells a webhook of changes, and what was reacted to: fixtures of all who test what is heard."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from shared.nouns.changes import Change
from shared.verbs import hear as hearing_verb
from shared.verbs.world import World
from shared.views.health import health
from tests.app.listening import KEY, Ear, ear, renewed
from tests.rig import Rig

if TYPE_CHECKING:
    from tests.app.conftest import Stage

MIA = "bbbbbbbb-0000-4000-8000-000000000001"
LI = "bbbbbbbb-0000-4000-8000-000000000003"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"


@dataclass
class Scene:
    """A rig whose tenant tells the ear of changes, and what was reacted to."""

    rig: Rig
    ear: Ear
    http: httpx.AsyncClient
    control: str
    reacted: list[Change]
    stage: "Stage"

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self.http.request(method, f"{self.control}/{path}", json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    async def act(self, **what: Any) -> None:
        await self.sim("POST", "act", what)

    async def flush(self) -> dict[str, Any]:
        """Everything that the tenant has to tell was told, and what came of it is done."""
        found: dict[str, Any] = await self.sim("POST", "notifications/flush")
        await self.rig.deliver_all()
        return found

    async def post(self, body: bytes | dict[str, Any], path: str = "/api/tenant-changes", **query: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(f"{self.ear.address}{path}", content=content, params=query or None)

    async def subscriptions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.sim("GET", "state"))["subscriptions"]
        return found

    async def notification(self, target: str = MIA, **more: Any) -> dict[str, Any]:
        """What Graph would post about the user, secret and all, with `more` in its element."""
        (users,) = [one for one in await self.subscriptions() if "users" in one["resource"]]
        about = {"@odata.type": "#Microsoft.Graph.User", "@odata.id": f"Users/{target}", "id": target}
        element = {
            "changeType": "updated",
            "clientState": users["clientState"],
            "resource": f"Users/{target}",
            "resourceData": {**about, "eventTime": "2026-11-22T09:00:00.1234567Z", "sequenceNumber": 636784480202455800},
            "subscriptionId": users["id"],
            "subscriptionExpirationDateTime": "2026-12-18T18:13:08.914+00:00",
            "tenantId": self.rig.world.settings.tenant_id,
        }
        return {**element, **more}

    def graph_calls(self) -> int:
        return sum(what.startswith("tenant.") for what in self.rig.border.log)

    async def counts(self) -> dict[str, int]:
        found: dict[str, int] = (await health(self.rig.world))["listening"]["counts"]
        return found


type Make = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def make(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    async with ear() as listening, httpx.AsyncClient() as http:

        async def made(**settings: Any) -> Scene:
            reacted: list[Change] = []

            async def react(world: World, change: Change) -> None:
                if change.kind == "user":
                    await world.tenant.users.by_id(change.id)
                reacted.append(change)

            monkeypatch.setattr(hearing_verb, "react", react)
            given = {"ENTENTE_NOTIFICATION_URL": listening.address, "ENTENTE_CLIENT_STATE_KEY": KEY}
            listening.rig = await stage.fresh(**given | settings)
            scene = Scene(listening.rig, listening, http, stage.running.control, reacted, stage)
            await scene.sim("PUT", "notifications/settings", {"delay": 60, "shuffle": False})
            return scene

        yield made


@pytest.fixture
async def scene(make: Make) -> Scene:
    """Subscribed, and caught up with what is there."""
    made = await make()
    await renewed(made.rig)
    made.reacted.clear()
    made.rig.border.log.clear()
    return made
