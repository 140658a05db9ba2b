"""The check is wide enough: whatever is taken out of the deployment, renamed in it or given another kind of value, it notices."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from infra.check.agreement import agreement, app_settings, settings_faults
from infra.check.complete import IDENTITY, ROLES, complete
from infra.check.hardened import WANTED, hardened
from infra.check.rendering import Rendered, Resource
from infra.check.typed import NOT_AT_HAND, typed
from tests.infra.deployments import INFRA, SMALL, WHOLE, changed, definitions, deployed

SIZES = {"small": SMALL, "whole": WHOLE}
ROLE = "Microsoft.Authorization/roleAssignments"
# Left to the compiler (Microsoft.Network), or to defaults of Azure's that the deployment only says out loud; and a delivery is there
# only once a person has activated the topic.
UNNOTICED = {"Microsoft.Storage/storageAccounts/blobServices", "Microsoft.EventGrid/partnerTopics/eventSubscriptions"}


@cache
def rendered(size: str) -> Rendered:
    return deployed(SIZES[size])


def without(size: str, gone: Resource) -> Rendered:
    return Rendered([one for one in rendered(size).resources if one is not gone])


def faults(one: Rendered) -> list[str]:
    return [*agreement(one), *complete(one)]


@pytest.mark.parametrize("size", SIZES)
def test_as_it_is_nothing_is_wrong(size: str) -> None:
    assert faults(rendered(size)) == []


@pytest.mark.parametrize("size", SIZES)
def test_every_resource_that_is_taken_out_is_missed(size: str) -> None:
    unnoticed = {
        f"{one.type} {one.name} {one.scope}"
        for one in rendered(size).resources
        if not one.existing
        and not one.type.startswith(NOT_AT_HAND)
        and one.type not in UNNOTICED
        and not any(principal in str(one.body) for principal in WHOLE["requesters"])
        and not faults(without(size, one))
    }
    # One policy alone may be gone because somebody has locked it (sealsLocked).
    assert {name for name in unnoticed if "immutabilityPolicies" not in name} == set()


@pytest.mark.parametrize("size", SIZES)
def test_every_role_that_is_another_is_noticed(size: str) -> None:
    for one in rendered(size).of(ROLE):
        now = one.body["properties"]["roleDefinitionId"]
        for other in ROLES.values():
            if now.endswith(other):
                continue
            body = {**one.body, "properties": {**one.body["properties"], "roleDefinitionId": f"/x/{other}"}}
            edited = [replace(one, body=body) if each is one else each for each in rendered(size).resources]
            assert faults(Rendered(edited)), f"{one.name} as {other}"


def test_every_app_setting_that_is_renamed_is_noticed() -> None:
    (site,) = rendered("small").of("Microsoft.Web/sites")
    for name in app_settings(site):
        if not name.startswith("ENTENTE_"):
            continue
        body = copy.deepcopy(dict(site.body))
        for one in body["properties"]["siteConfig"]["appSettings"]:
            if one["name"] == name:
                one["name"] = f"{name}S"
        edited = [replace(site, body=body) if each is site else each for each in rendered("small").resources]
        assert any(f"{name}S" in fault for fault in agreement(Rendered(edited))), name


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place in a body, with what stands there."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key), inner
        yield from leaves(inner, (*path, key))


def edited(body: Any, path: tuple[Any, ...], key: Any, value: Any) -> Any:
    """The body with what stands at the path under another key, or with another value."""
    made = copy.deepcopy(body)
    spot = made
    for part in path[:-1]:
        spot = spot[part]
    spot.pop(path[-1]) if isinstance(spot, dict) else None
    spot[key] = value
    return made


# Where any name, or any value, is allowed: tags, what an identity is mapped to, alerts' and the workbook's own words.
FREE = {"tags", "userAssignedIdentities", "appSettings", "serializedData"}


@pytest.mark.parametrize("size", SIZES)
def test_every_property_that_is_renamed_or_of_another_kind_is_noticed(size: str) -> None:
    """All of them, of one resource of each type."""
    known = definitions()
    seen: set[str] = set()
    unnoticed = []
    for one in rendered(size).resources:
        if one.existing or one.type in seen or one.type.startswith(NOT_AT_HAND):
            continue
        seen.add(one.type)
        body = json.loads(json.dumps(dict(one.body)))
        for path, value in leaves(body):
            if FREE & set(path) or value is None:
                continue
            if isinstance(path[-1], str):
                renamed = edited(body, path, f"{path[-1]}X", value)
                if not typed(replace(one, body=renamed), known):
                    unnoticed.append(f"{one.type} {path} renamed")
            other: Any = {"x": 1} if isinstance(value, str | bool | int) else "text"
            if not typed(replace(one, body=edited(body, path, path[-1], other)), known):
                unnoticed.append(f"{one.type} {path} as {other!r}")
    assert unnoticed == [], "\n".join(unnoticed)


def test_every_file_that_is_read_is_among_those_that_are_rendered() -> None:
    used = {one.where.partition(":")[0] for one in rendered("whole").resources}
    assert {path.name for path in INFRA.rglob("*.bicep")} - used - {"main.bicep"} == set()


def test_what_event_grid_delivers_by_is_known_by_what_has_it_not_by_its_name() -> None:
    renamed = deployed(WHOLE, changed("events.bicep", "'id-${prefix}-events'", "'id-${prefix}-changes'"))
    assert faults(renamed) == []
    (changes,) = [one for one in renamed.of(IDENTITY) if one.name.endswith("-changes")]
    without_right = Rendered(
        [one for one in renamed.resources if f"<{changes.name}.properties.principalId>" not in str(one.body)]
    )
    assert any("no app has it, so it is Event Grid's" in fault for fault in faults(without_right))
    nobodys = deployed({**WHOLE, "partnerTopic": "", "partnerTopicActive": False})
    (another, *_) = nobodys.of(IDENTITY)
    stray = replace(another, id=f"{another.id}-stray", name="stray")
    assert any("no app has it" in fault for fault in faults(Rendered([*nobodys.resources, stray])))


@pytest.mark.parametrize("size", SIZES)
def test_every_door_that_is_opened_is_noticed(size: str) -> None:
    assert list(hardened(rendered(size))) == []
    for kind, wanted in WANTED.items():
        assert rendered(size).of(kind), kind
        for one in rendered(size).of(kind):
            for path, allowed in wanted.items():
                for value in (None, not allowed[0] if isinstance(allowed[0], bool) else "1.0"):
                    other = replace(one, body=edited(json.loads(json.dumps(dict(one.body))), _keys(path), _keys(path)[-1], value))
                    (fault,) = hardened(Rendered([other]))
                    assert path in fault, fault


def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def test_a_schedule_that_is_none_is_noticed() -> None:
    (site,) = rendered("small").of("Microsoft.Web/sites")
    settings = app_settings(site)
    assert settings_faults(settings) == []
    for value in ("61 * * * * *", "* *", "daily", ""):
        faults = settings_faults({**settings, "ENTENTE_SWEEP_SCHEDULE": value})
        assert any(fault.startswith("app setting ENTENTE_SWEEP_SCHEDULE is no schedule") for fault in faults), value


def test_a_version_that_there_is_not_is_told_with_those_that_there_are() -> None:
    (bus,) = rendered("small").of("Microsoft.ServiceBus/namespaces")
    (fault,) = typed(replace(bus, version="2019-01-01"), definitions())
    assert f"its versions are {bus.version}" in fault or f", {bus.version}" in fault
    (fault,) = typed(replace(bus, type="Microsoft.ServiceBus/namespace"), definitions())
    assert "of any version: is Microsoft.ServiceBus/namespace spelled so?" in fault
