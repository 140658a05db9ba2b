"""What keeps guests out of groups: the tenant's settings, the group's own, its sensitivity label. Facts sections 2.1 to 2.4."""

from collections.abc import Iterable
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, denied
from devstack.tenant.graph.group_settings import in_force
from devstack.tenant.tenant import SimulatedTenant


def refuse_guests(tenant: SimulatedTenant, group: Entry | None, record: Record, members: Iterable[Entry]) -> None:
    """No guest is among those who are to be members of a Microsoft 365 group that keeps guests out; raises 403."""
    if "Unified" not in (record.get("groupTypes") or []) or not any(_is_guest(member) for member in members):
        return
    labels = [tenant.labels.get(str(label.get("labelId")).lower(), {}) for label in record.get("assignedLabels") or []]
    if any(label.get("allowsGuests") is False for label in labels):
        raise denied("Guests users are not allowed to join this Unified Group due to policy setting on the group.")
    if not tenant.behaviour.guest_settings_bind_apps:
        return
    own = in_force(tenant, group.id) if group else {}
    if "false" in (in_force(tenant)["AllowToAddGuests"].lower(), own.get("AllowToAddGuests", "true").lower()):
        raise denied("Guests users are not allowed to join this Unified Group due to policy setting on the group.")


def refuse_guest_owners(tenant: SimulatedTenant, record: Record, owners: Iterable[Entry]) -> None:
    """No guest is to own a Microsoft 365 group, unless the tenant allows it; raises 403."""
    allowed = in_force(tenant)["AllowGuestsToBeGroupOwner"].lower() == "true"
    if not allowed and "Unified" in (record.get("groupTypes") or []) and any(_is_guest(owner) for owner in owners):
        raise denied("Guests are not allowed to be owners of groups in this organization.")


def labelled(tenant: SimulatedTenant, values: Record) -> Record:
    """The values with the names of their sensitivity labels; raises 400 or 403 where they cannot be set."""
    given: Any = values.get("assignedLabels")
    if not given:
        return values
    if not tenant.behaviour.labels_by_applications:
        raise GraphError(403, "Unauthorized", "App-only token is not supported.")
    if in_force(tenant)["EnableMIPLabels"].lower() != "true":
        raise bad_request("Sensitivity labels are not enabled for groups in this organization (EnableMIPLabels).")
    found = [tenant.labels.get(str(label.get("labelId")).lower()) for label in given]
    if len(found) > 1 or None in found or "Unified" not in (values.get("groupTypes") or ["Unified"]):
        raise bad_request("Invalid value specified for property 'assignedLabels' of resource 'Group'.")
    shown = [{"labelId": label["id"], "displayName": label["displayName"]} for label in found if label]
    return {**values, "assignedLabels": shown}


def _is_guest(entry: Entry) -> bool:
    return entry.kind == "user" and entry.record.get("userType") == "Guest"
