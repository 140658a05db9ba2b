"""The rendered deployment held against our own code: what the app listens on, reads, writes and wants to be told."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devstack.host.ncrontab import BadScheduleError, parse
from infra.check.rendering import Rendered, Resource
from infra.topology import topology
from shared.nouns.errors import SettingsMissing
from shared.nouns.tenants import TENANTS
from shared.settings import Settings, read_tenants

QUEUE = "Microsoft.ServiceBus/namespaces/queues"
TABLE = "Microsoft.Storage/storageAccounts/tableServices/tables"
ROLE = "Microsoft.Authorization/roleAssignments"
FUNCTIONS = Path(__file__).parents[2] / "functions"
# Made by others: keys after the deployment by infra/keys.sh, the partner topic by Microsoft Graph.
MADE_BY_OTHERS = ("/secrets/", "/partnerTopics/")


def agreement(rendered: Rendered) -> list[str]:
    """A sentence for each thing on which deployment and code do not agree."""
    return [
        *rendered.faults,
        *_queues(rendered),
        *_tables(rendered),
        *_existing(rendered),
        *_twice(rendered),
        *_settings(rendered),
    ]


def _queues(rendered: Rendered) -> Iterator[str]:
    there = {one.name: one.body["properties"] for one in rendered.of(QUEUE)}
    wanted = {queue["name"]: queue for queue in topology()["queues"]}
    for name in sorted(wanted.keys() - there.keys()):
        yield f"queue {name} is missing: run `python -m infra.topology`"
    for name in sorted(there.keys() - wanted.keys()):
        yield f"queue {name} is deployed, and nothing listens on it: run `python -m infra.topology`"
    for name in sorted(wanted.keys() & there.keys()):
        queue, properties = wanted[name], there[name]
        expected = {
            **{key: queue[key] for key in queue if key not in {"name", "power", "forwardDeadLetters"}},
            "requiresDuplicateDetection": True,
            "deadLetteringOnMessageExpiration": True,
            **({"forwardDeadLetteredMessagesTo": "parked"} if queue["forwardDeadLetters"] else {}),
        }
        for key in sorted(expected.keys() | properties.keys()):
            if expected.get(key) != properties.get(key):
                yield f"queue {name}: {key} is {properties.get(key)!r}, and shared/topology.py says {expected.get(key)!r}"


def _tables(rendered: Rendered) -> Iterator[str]:
    wanted = {f"{prefix}{table}" for prefix in _tenants(rendered) for table in topology()["tables"]}
    for name in sorted(wanted ^ {one.name for one in rendered.of(TABLE)}):
        yield f"table {name} stands either in shared/tables/store.py or in the deployment alone: run `python -m infra.topology`"


def _existing(rendered: Rendered) -> Iterator[str]:
    made = {one.id for one in rendered.resources if not one.existing}
    for one in rendered.resources:
        if one.existing and one.id not in made and not any(part in one.id for part in MADE_BY_OTHERS):
            yield f"{one.where}: {one.id} is referred to and nothing makes it"


def _twice(rendered: Rendered) -> Iterator[str]:
    seen: dict[str, Resource] = {}
    for one in rendered.resources:
        if not one.existing and (first := seen.setdefault(one.id, one)) is not one:
            yield f"{one.where} and {first.where} both make {one.id}"


def _settings(rendered: Rendered) -> Iterator[str]:
    for site in rendered.of("Microsoft.Web/sites"):
        for fault in settings_faults(app_settings(site)):
            yield f"{site.name}: {fault}"


def _tenants(rendered: Rendered) -> tuple[str, ...]:
    """What the names of tables begin with: the names of the tenants where there are several, else nothing."""
    names = {name for site in rendered.of("Microsoft.Web/sites") for name in app_settings(site).get(TENANTS, "").split(",")}
    return tuple(sorted(names)) or ("",)


def app_settings(site: Resource) -> dict[str, str]:
    return {one["name"]: one["value"] for one in site.body["properties"]["siteConfig"]["appSettings"]}


def _as_deployed(value: str) -> str:
    """The value; where Key Vault will put one, a key as `openssl rand -base64 32` makes them, another for each secret."""
    if not value.startswith("@Microsoft.KeyVault("):
        return value
    return base64.b64encode(hashlib.sha256(value.encode()).digest()).decode()


def settings_faults(settings: Mapping[str, Any]) -> list[str]:
    """What shared/settings.py, or a binding of functions/, would say to these app settings."""
    faults = [
        f"app setting {name} is {value!r} and must be text" for name, value in settings.items() if not isinstance(value, str)
    ]
    known = {field.alias for field in Settings.model_fields.values()}
    bound = {name for path in FUNCTIONS.glob("*.py") for name in re.findall(r"%(\w+)%", path.read_text("utf-8"))}
    faults += [
        f"app setting {name} is not known to shared/settings.py or functions/"
        for name in sorted(settings)
        if name.startswith("ENTENTE_") and name.partition("__")[0] not in known | bound
    ]
    for name, value in settings.items():
        if name.endswith("_SCHEDULE"):
            try:
                parse(str(value))
            except BadScheduleError as error:
                faults.append(f"app setting {name} is no schedule: {error}")
    faults += [f"app setting {name} is named by a binding and is missing" for name in sorted(bound - settings.keys())]
    try:
        read_tenants({name: _as_deployed(str(value)) for name, value in settings.items()})
    except SettingsMissing as missing:
        faults.append(str(missing))
    return faults
