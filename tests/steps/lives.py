"""The loader of the cases in `cases/*.json` that are lived through against the simulated tenant: what is there before, what is asked,
what others do, and what must follow. A file's `usual` stands beneath each of its cases.

`seed` is in the tenant's own words (devstack/tenant/README.md). `settings` is the request's block; `name`, `group`, `guest`, `members`
and `ids` say whom it is about; `wanted` and `details` stand for what only a clean-up run asks for. Then, as far as a case goes: `why` (it
is refused with these words), `change` (the keys that differ), or `settled` alone (nothing is needed, and says so); `again` is what the
next request hears; `others` do something after us; `undo` says what taking back tells, `wontWork` what stops it. `back` false: it cannot
be as before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from devstack.tenant.control.act import act
from devstack.tenant.seed import plant
from devstack.tenant.seed_objects import find
from devstack.tenant.server import RunningTenant
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.request import GuestWish, Header
from shared.nouns.state import State, difference
from shared.nouns.step import Ask, Entry, Intent, Step, Subject
from shared.nouns.template import Template
from shared.tenant import Tenant

FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com",))
SUPPLIER = Template.model_validate(
    {
        "name": "supplier",
        "version": 1,
        "description": "x",
        "steps": ("invite-guest",),
        "redirect_hosts": ("myapps.microsoft.com",),
        "invitation": {"send_mail": False},
    }
)
BUSY = {"effect": "status", "status": 503, "code": "serviceUnavailable", "times": 99}


@dataclass(frozen=True)
class Life:
    """One case of one step."""

    step: str
    name: str
    given: dict[str, Any]


def lives(folder: Path) -> Iterator[Life]:
    """Every case that is lived through; the others have their conversation written down (tests/steps/cases.py)."""
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        usual = found.pop("usual", {})
        for name, given in found.items():
            if "do" not in given:
                yield Life(path.stem, name, {**usual, **given})


@dataclass
class Lived:
    """A step and its subject on a running tenant."""

    running: RunningTenant
    tenant: Tenant
    step: Step[Tenant]
    given: dict[str, Any]

    async def through(self) -> None:
        """Everything that the case says has come about."""
        simulated = self.running.services.tenant
        for seed in self.given.get("seed", []):
            plant(simulated, seed)
        wanted, subject = self._asked()
        await self._fails_where_nothing_can_be_read(subject)
        before = await self.step.read(self.tenant, subject)
        why = self.step.explain(subject, before)
        if "why" in self.given:
            _says(why, self.given["why"])
            return
        assert why is None
        change = difference(wanted, before)
        if not change:
            _says(self.step.settled(subject, before), self.given["settled"])
            return
        assert sorted(change) == sorted(self.given.get("change", ())), change
        for key in self.given.get("absent", ()):
            assert before.get(key) is None, key
        subject, entry = await self._applied(subject, before, change)
        actual = await self.step.read(self.tenant, subject)
        assert difference(wanted, actual) == {}
        _says(self.step.settled(subject, actual), self.given.get("settled", []))
        if "again" in self.given:
            _, another = self._asked()
            actual = await self.step.read(self.tenant, another)
            assert difference(wanted, actual) == {}
            _says(self.step.settled(another, actual), self.given["again"])
        await self._taken_back(subject, entry, wanted, before)

    def _asked(self) -> tuple[State, Subject]:
        given, simulated = self.given, self.running.services.tenant
        guest = GuestWish.model_validate({"email": given["guest"], "name": "Ana"}) if "guest" in given else None
        people = {name: find(simulated, name).id for name in given.get("members", ())}
        header = {"version": 1, "id": "r", "template": "supplier", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
        asked = Ask(
            Header.model_validate(header | {"steps": {self.step.name: given.get("settings", {})}}),
            SUPPLIER,
            FABRIKAM,
            given.get("settings", {}),
            guest=guest,
            sponsors=tuple(given.get("sponsors", ())),
            members=tuple(people),
            name=given.get("name", ""),
        )
        wish = self.step.wanted(asked)
        state, details = (wish.state, wish.details) if wish is not None else (given["wanted"], given.get("details", {}))
        group = find(simulated, given["group"]).id if "group" in given else None
        ids = {key: name if "@" not in name else self._user(name) for key, name in given.get("ids", {}).items()}
        person = Person("p-ana", guest.email, guest.name) if guest else None
        name = f"{FABRIKAM.tenant_id}.{given['name']}" if given.get("name") else "p-ana"
        return state, Subject(name, FABRIKAM, person=person, group=group, members=people, details=details, ids=ids, waited=600)

    def _user(self, address: str) -> str:
        """The id of whoever has the address, deleted or not."""
        (found,) = self.running.services.tenant.objects.holders("user", "mail", address)
        return found.id

    async def _fails_where_nothing_can_be_read(self, subject: Subject) -> None:
        """A read that fails is told, and never taken for absence; what reads nothing at all is said to be so."""
        faults = self.running.services.tenant.faults
        faults.add([BUSY])
        if self.given.get("reads", True):
            with pytest.raises(NotYet):
                await self.step.read(self.tenant, subject)
        faults.clear()

    async def _applied(self, subject: Subject, before: State, change: State) -> tuple[Subject, Entry]:
        """As the runner does it: what differs is applied until nothing does, and what is found out is kept."""
        begun = Intent(
            self.running.services.tenant.clock.now(),
            1,
            dict(change),
            answered=True,
            before={key: before.get(key) for key in change},
        )
        done = await self.step.apply(self.tenant, replace(subject, seen=before), change)
        assert done.refused == {}
        there = replace(subject, ids={**subject.ids, **done.ids}, intents=(begun,))
        first = Entry({key: before.get(key) for key in change}, dict(change), there.ids, done.created)
        actual = await self.step.read(self.tenant, there)
        kept = {key: str(actual[key]) for key in self.step.keeps if actual.get(key)}
        there = replace(there, ids={**there.ids, **kept})
        if rest := {key: value for key, value in change.items() if actual.get(key) != value and not isinstance(value, tuple)}:
            again = await self.step.apply(self.tenant, replace(there, seen=actual), rest)
            there = replace(there, ids={**there.ids, **again.ids})
        return there, replace(first, ids=there.ids)

    async def _taken_back(self, subject: Subject, entry: Entry, wanted: State, before: State) -> None:
        simulated = self.running.services.tenant
        for deed in self.given.get("others", ()):
            if "do" in deed:
                act(simulated, {**deed, "target": subject.ids.get(str(deed["target"]).removeprefix("$"), deed["target"])})
            elif "role" in deed:
                there = simulated.workloads.permissions[deed["item"]]
                simulated.workloads.permissions[deed["item"]] = tuple({**one, "roles": [deed["role"]]} for one in there)
            else:
                plant(simulated, deed)
        if "wontWork" in self.given:
            with pytest.raises(WontWork) as told:
                await self.step.undo(self.tenant, subject, entry)
            _says(told.value.reason, self.given["wontWork"])
            return
        if "undo" not in self.given:
            return
        applied = await self.step.undo(self.tenant, subject, entry)
        _says(applied.note, self.given["undo"])
        # It bears repetition.
        await self.step.undo(self.tenant, subject, entry)
        if self.given.get("back", True):
            found = await self.step.read(self.tenant, replace(subject, ids=self._asked()[1].ids, intents=()))
            assert {key: found.get(key) for key in wanted} == {key: before.get(key) for key in wanted}


def _says(said: str | None, words: list[str]) -> None:
    assert all(word in (said or "") for word in words), (words, said)
