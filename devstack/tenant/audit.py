"""Entries of the directory's audit log. https://learn.microsoft.com/graph/api/resources/directoryaudit"""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devstack.tenant.directory.objects import Entry, Record

if TYPE_CHECKING:
    from devstack.tenant.tenant import SimulatedTenant

_BY_INVITED_USERS = frozenset({"Invite external user", "Redeem external user invite", "Reset redemption status"})


@dataclass(frozen=True, slots=True)
class AuditedChange:
    """What an entry says besides who and what: `by` a user instead of an application, what it was before, further targets."""

    by: Record | None = None
    before: Record | None = None
    targets: tuple[Entry, ...] = ()
    details: dict[str, str] = field(default_factory=dict)


def audited(
    tenant: "SimulatedTenant", activity: str, category: str, target: Entry, application: str | None, change: AuditedChange
) -> Record:
    """The entry, as the examples directoryaudit-*.json have it. In `initiatedBy` either `user` or `app` is null."""
    app = (
        None
        if application is None
        else {"appId": application, "displayName": "Entente", "servicePrincipalId": None, "servicePrincipalName": None}
    )
    user = change.by and {
        "id": change.by.get("id"),
        "displayName": change.by.get("displayName"),
        "userPrincipalName": change.by.get("userPrincipalName"),
        "ipAddress": "192.0.2.10",
    }
    return {
        "id": tenant.new_id("audit"),
        "category": category,
        "correlationId": tenant.new_id("correlation"),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": tenant.moment(),
        "loggedByService": "Invited Users" if activity in _BY_INVITED_USERS else "Core Directory",
        "operationType": activity.split(maxsplit=1)[0],
        "initiatedBy": {"user": user, "app": app},
        "targetResources": [_target(target, _modified(target, change.before)), *(_target(other, []) for other in change.targets)],
        "additionalDetails": [{"key": key, "value": value} for key, value in change.details.items()],
    }


def _target(entry: Entry, modified: list[Record]) -> Record:
    unified = "Unified" in (entry.record.get("groupTypes") or [])
    return {
        "id": entry.id,
        "displayName": entry.record.get("displayName"),
        "type": entry.kind.capitalize(),
        "userPrincipalName": entry.record.get("userPrincipalName"),
        "groupType": ("unifiedGroups" if unified else "azureAD") if entry.kind == "group" else None,
        "modifiedProperties": modified,
    }


def _modified(entry: Entry, before: Record | None) -> list[Record]:
    """Properties that differ, values as JSON in a string and in a list, as the log has them."""
    if before is None:
        return []
    return [
        {"displayName": _spelled(name), "oldValue": json.dumps([before.get(name)]), "newValue": json.dumps([value])}
        for name, value in entry.record.items()
        if value != before.get(name)
    ]


def _spelled(name: str) -> str:
    return name[:1].upper() + name[1:]
