"""A partner with three guests on record, and the colleagues who answer for them."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from shared.nouns.partner import Partner
from shared.nouns.person import Person, person_id
from shared.tables.asks import Asked
from shared.verbs.asks import ask
from shared.verbs.world import World
from tests.app.conftest import Stage, stage
from tests.rig import Border, Killed, Rig

__all__ = ["stage"]

PARTNER = "a4b2cd8e-6a1c-4d2a-9a79-3d5e1f6a7b01"
NAMES = ("ana", "bea", "cem")
MIA, SAM, TOM, EVA = (f"11111111-0000-4000-8000-00000000000{n}" for n in range(1, 5))
COLLEAGUES: dict[str, dict[str, Any]] = {
    "mia.co": {"id": MIA, "displayName": "Mia Co", "preferredLanguage": "de-DE"},
    "sam.co": {"id": SAM, "displayName": "Sam Co", "preferredLanguage": "nl"},
    "tom.co": {"id": TOM, "displayName": "Tom Co"},
    "eva.co": {"id": EVA, "displayName": "Eva Co", "accountEnabled": False},
}
RUN = "cleanup-1"
ENDS = date(2026, 12, 31)


@dataclass
class Death:
    """Inside the `with`, the worker dies before or after its call number `at`; what comes after the `with` is another worker's."""

    border: Border
    at: int
    after_effect: bool
    died: bool = False

    def __enter__(self) -> None:
        self.border.calls, self.border.kill_at, self.border.kill_after_effect = 0, self.at, self.after_effect

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.border.kill_at = None
        self.died = kind is Killed
        return self.died


@dataclass
class House:
    """A rig with guests, and how a test asks about them."""

    rig: Rig
    stage: Stage

    @property
    def world(self) -> World:
        return self.rig.world

    def person(self, name: str) -> str:
        return person_id(self.world.settings.person_key, f"{name}@fabrikam.com")

    async def asks(self, *names: str, run: str = RUN, sponsors: tuple[str, ...] = (MIA, SAM)) -> None:
        """The run asks about these guests."""
        acts = self.rig.now.date() + timedelta(days=14)
        await ask(self.world, run, [Asked(PARTNER, self.person(name), sponsors, ENDS, acts, "ended") for name in names])

    def notes(self) -> list[str]:
        """What the journal says, in the order of time."""
        rows = [row for (_, key), row in self.rig.tables["tasks"].content.items() if key.startswith("j|")]
        return [
            f"{row['RowKey'].split('|')[2]} {row['kind']} {row['note']}" for row in sorted(rows, key=lambda row: str(row["at"]))
        ]

    def deaths(self) -> Iterator[Death]:
        """Everything as it is now, again and again, each time with a death at a later call; until there is no call left to die at."""
        now, tables = self.rig.now, {name: dict(table.content) for name, table in self.rig.tables.items()}
        for at in itertools.count(1):
            two = [Death(self.rig.border, at, after_effect) for after_effect in (False, True)]
            for death in two:
                for name, table in self.rig.tables.items():
                    table.content = dict(tables.get(name, {}))
                self.rig.now = now
                yield death
            if not any(death.died for death in two):
                return

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """The simulated tenant's control plane."""
        async with httpx.AsyncClient() as client:
            return (await client.request(method, f"{self.stage.running.control}/{path}", json=body)).raise_for_status().json()

    async def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.sim("GET", "mails"))["value"]
        return found


type Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def build(stage: Stage) -> Build:
    """Makes a house anew, with settings."""

    async def made(**changes: object) -> House:
        given: dict[str, Any] = {"ENTENTE_APP_URL": "https://app.example", "ENTENTE_MAILBOX": "mia@contoso.com", **changes}
        rig = await stage.fresh(**given)
        house = House(rig, stage)
        users = [{"userPrincipalName": f"{name}@contoso.com", **said} for name, said in COLLEAGUES.items()]
        await house.sim("POST", "seed", {"users": users})
        people = [Person(house.person(name), f"{name}@fabrikam.com", f"{name.title()} Lima") for name in NAMES]
        await house.world.tables.partners.take(Partner(PARTNER, "Fabrikam", ("fabrikam.com",)), "")
        await house.world.tables.people.remember(people, "fabrikam-1", PARTNER)
        await house.world.tables.guests.note(PARTNER, {person.id: ("", "redeemed", (MIA, SAM)) for person in people})
        return house

    return made


@pytest.fixture
async def house(build: Build) -> House:
    return await build()
