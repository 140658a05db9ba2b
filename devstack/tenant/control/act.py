"""What other people do in the tenant: guests redeem, administrators change things by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from devstack.tenant.audit import AuditedChange
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.graph.groups import new_group
from devstack.tenant.graph.guests import accept, new_guest, who_has
from devstack.tenant.graph.users import user_activities
from devstack.tenant.seed_objects import find
from devstack.tenant.tenant import SimulatedTenant

STATES = ("Accepted", "PendingAcceptance")


def redeem(tenant: SimulatedTenant, given: dict[str, Any]) -> dict[str, Any]:
    """The guest with the `email` or `id` has accepted (or is in the `state` given). Raises ValueError with a sentence."""
    name = given.get("email") or given.get("id")
    if not name:
        raise ValueError("redeem needs the guest's email or id")
    holders = who_has(tenant, name).guests if given.get("email") else [find(tenant, name)]
    if not holders or holders[0].record.get("creationType") != "Invitation":
        raise LookupError(f"nobody has been invited as '{name}'")
    wanted = given.get("state", "Accepted")
    if wanted not in STATES:
        raise ValueError(f"state is one of {', '.join(STATES)}, not {wanted!r}")
    if wanted == "Accepted" and holders[0].record.get("accountEnabled") is False:
        raise ValueError(f"'{name}' is blocked from signing in and so cannot accept the invitation")
    accept(tenant, holders[0], wanted)
    if wanted == "Accepted":
        change = AuditedChange(by=holders[0].record)
        tenant.audit("Redeem external user invite", "UserManagement", holders[0], None, change=change)
    return {"id": holders[0].id, "externalUserState": wanted}


def act(tenant: SimulatedTenant, given: dict[str, Any]) -> dict[str, Any]:
    """The change named by `do` is made to `target`. Raises ValueError or LookupError with a sentence."""
    deed = _DEEDS.get(given.get("do", ""))
    if deed is None:
        raise ValueError(f"do is one of {', '.join(_DEEDS)}, not {given.get('do')!r}")
    deed(tenant, given)
    return {"done": given["do"], "target": given.get("target")}


def _by(tenant: SimulatedTenant, given: dict[str, Any]) -> Record:
    """Who does it: the user that `by` names, or an administrator whom nobody knows."""
    if given.get("by"):
        return find(tenant, str(given["by"])).record
    identifier = tenant.chance.identifier("administrator")
    return {"id": identifier, "displayName": "Administrator", "userPrincipalName": f"admin@{tenant.default_domain}"}


def _audit(
    tenant: SimulatedTenant, given: dict[str, Any], activity: str, target: Entry, change: AuditedChange | None = None
) -> None:
    told = replace(change or AuditedChange(), by=_by(tenant, given))
    category = "GroupManagement" if "group" in activity else "UserManagement"
    tenant.audit(activity, category, target, None, change=told)


def _update(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    if not isinstance(given.get("set"), dict):
        raise TypeError("update needs set: an object with the new values")
    target = _target(tenant, given)
    before = target.record
    tenant.objects.change(target, **given["set"])
    if target.kind in ("user", "group"):
        activities = user_activities(before, target.record) if target.kind == "user" else ["Update group"]
        for activity in activities:
            _audit(tenant, given, activity, target, AuditedChange(before=before))


def _invite(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    """Somebody invites the person outside of every process; who invites becomes the sponsor unless `sponsors` says otherwise."""
    address = str(given.get("target") or "")
    if "@" not in address or who_has(tenant, address).guests:
        raise ValueError(f"invite needs as target the address of a person who is no guest yet, not {address!r}")
    sponsors = given.get("sponsors", [given["by"]] if given.get("by") else [])
    found = [find(tenant, str(name)).id for name in sponsors]
    guest = new_guest(tenant, address, given.get("displayName"), "Guest")
    for sponsor in found:
        tenant.relations.add("sponsors", guest.id, sponsor)
    _audit(tenant, given, "Invite external user", guest, AuditedChange(details={"invitedUserEmailAddress": address}))


def _create_group(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    nickname = str(given.get("target") or "")
    if not nickname or tenant.objects.holders("group", "mailNickname", nickname):
        raise ValueError(f"create-group needs as target a mailNickname that no group has, not {nickname!r}")
    unified = {"mailEnabled": True, "securityEnabled": False, "groupTypes": ["Unified"]}
    group = new_group(tenant, {"displayName": nickname, "mailNickname": nickname, **unified, **(given.get("set") or {})})
    _audit(tenant, given, "Add group", group)


def _delete(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    target = _target(tenant, given)
    tenant.soft_delete(target)
    _audit(tenant, given, f"Delete {target.kind}", target)


def _restore(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    target = _deleted(tenant, given)
    tenant.restore(target)
    _audit(tenant, given, f"Restore {target.kind}", target)


def _purge(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    target = _deleted(tenant, given)
    tenant.purge(target)
    _audit(tenant, given, f"Hard delete {target.kind}", target)


def _deleted(tenant: SimulatedTenant, given: dict[str, Any]) -> Entry:
    entry = tenant.objects.entry(str(given.get("target")))
    if entry is None or not entry.record.get("deletedDateTime"):
        raise LookupError(f"there is no deleted object with the id '{given.get('target')}'")
    return entry


def _link(relation: str, *, added: bool) -> Callable[[SimulatedTenant, dict[str, Any]], None]:
    """Whom `who` names becomes, or is no longer, in the relation to the target."""
    way = "Add {} to group" if added else "Remove {} from group"

    def deed(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
        target, other = _target(tenant, given), find(tenant, str(given.get("who")))
        (tenant.relations.add if added else tenant.relations.remove)(relation, target.id, other.id)
        if relation not in ("sponsors", "manager"):
            _audit(tenant, given, way.format(relation.removesuffix("s")), other, AuditedChange(targets=(target,)))

    return deed


@dataclass(frozen=True)
class _Configured:
    """Objects of one kind of Exchange's configuration, which administrators change and remove by name."""

    kind: str
    words: str

    def set(self, tenant: SimulatedTenant, given: dict[str, Any]) -> None:
        tenant.objects.change(self._named(tenant, given), **given["set"])

    def remove(self, tenant: SimulatedTenant, given: dict[str, Any]) -> None:
        tenant.objects.remove(self._named(tenant, given))

    def _named(self, tenant: SimulatedTenant, given: dict[str, Any]) -> Entry:
        found = tenant.objects.holders(self.kind, "Name", str(given.get("target")))
        if not found:
            raise LookupError(f"there is no {self.words.replace('-', ' ')} '{given.get('target')}'")
        return found[0]


_CONFIGURED = (
    _Configured("organizationRelationship", "organization-relationship"),
    _Configured("sharingPolicy", "sharing-policy"),
    _Configured("inboundConnector", "inbound-connector"),
    _Configured("outboundConnector", "outbound-connector"),
    _Configured("remoteDomain", "remote-domain"),
)


def _target(tenant: SimulatedTenant, given: dict[str, Any]) -> Entry:
    try:
        return find(tenant, str(given.get("target")))
    except ValueError as error:
        raise LookupError(str(error)) from error


_DEEDS: dict[str, Callable[[SimulatedTenant, dict[str, Any]], None]] = {
    "update": _update,
    "delete": _delete,
    "restore": _restore,
    "purge": _purge,
    "invite": _invite,
    "create-group": _create_group,
    "add-member": _link("members", added=True),
    "remove-member": _link("members", added=False),
    "add-owner": _link("owners", added=True),
    "remove-owner": _link("owners", added=False),
    "add-sponsor": _link("sponsors", added=True),
    "remove-sponsor": _link("sponsors", added=False),
    "add-manager": _link("manager", added=True),
    "remove-manager": _link("manager", added=False),
    **{f"set-{kind.words}": kind.set for kind in _CONFIGURED},
    **{f"remove-{kind.words}": kind.remove for kind in _CONFIGURED},
}
