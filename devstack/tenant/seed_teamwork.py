"""The sections of a seed about settings of groups, labels, teams, communities and licences."""

from collections.abc import Callable
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError
from devstack.tenant.graph.communities import add_community
from devstack.tenant.graph.group_settings import (
    FOR_ONE_GROUP,
    FOR_TENANT,
    KIND,
    TEMPLATES,
    add_settings,
    checked_values,
)
from devstack.tenant.graph.licences import whole_sku
from devstack.tenant.graph.teams import add_team
from devstack.tenant.seed_objects import find
from devstack.tenant.tenant import SimulatedTenant

SECTIONS: dict[str, str] = {
    "sensitivityLabels": "list of {id, displayName, allowsGuests}: labels that groups can have",
    "groupSettings": "settings of groups (template Group.Unified) by name, values as texts; with `group` those of one group (Group.Unified.Guest)",
    "teams": "list of {group (id or nickname), settings of /teams/{id}, isArchived}: teams of groups",
    "communities": "list of {displayName, description, privacy, owners}: Viva Engage communities, each with a group of its own",
    "subscribedSkus": "list of {skuPartNumber, capabilityStatus, servicePlans (names)}: subscriptions; the list replaces the one before",
}


def _labels(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        tenant.labels[item["id"].lower()] = {"displayName": "", "allowsGuests": True, **item, "id": item["id"].lower()}


def _settings(tenant: SimulatedTenant, given: Any) -> None:
    for item in given if isinstance(given, list) else [given]:
        group = find(tenant, item["group"]).id if "group" in item else None
        template = FOR_ONE_GROUP if group else FOR_TENANT
        pairs = [{"name": name, "value": value} for name, value in item.items() if name != "group"]
        try:
            values = checked_values(TEMPLATES[template], pairs)
        except GraphError as error:
            raise ValueError(f"groupSettings: {error.message}") from error
        for entry in [entry for entry in tenant.objects.all(KIND) if entry.record["group"] == group]:
            tenant.objects.remove(entry)
        add_settings(tenant, template, group, values, replicated=True)


def _teams(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        add_team(tenant, find(tenant, item["group"]), {name: v for name, v in item.items() if name != "group"}, replicated=True)


def _communities(tenant: SimulatedTenant, given: list[Record]) -> None:
    for item in given:
        values = {name: value for name, value in item.items() if name != "owners"}
        add_community(tenant, values, [find(tenant, name).id for name in item.get("owners", [])], replicated=True)


def _skus(tenant: SimulatedTenant, given: list[Record]) -> None:
    tenant.skus = [whole_sku(tenant, item) for item in given]


# In this order: later sections refer to earlier ones.
PLANTERS: tuple[tuple[str, Callable[[SimulatedTenant, Any], None]], ...] = (
    ("sensitivityLabels", _labels),
    ("groupSettings", _settings),
    ("teams", _teams),
    ("communities", _communities),
    ("subscribedSkus", _skus),
)
