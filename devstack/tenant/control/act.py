"""What other people do in the tenant: guests redeem, administrators change things by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.tenant.directory.objects import Entry
from devstack.tenant.graph.guests import accept, who_has
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
    return {"id": holders[0].id, "externalUserState": wanted}


def act(tenant: SimulatedTenant, given: dict[str, Any]) -> dict[str, Any]:
    """The change named by `do` is made to `target`. Raises ValueError or LookupError with a sentence."""
    deed = _DEEDS.get(given.get("do", ""))
    if deed is None:
        raise ValueError(f"do is one of {', '.join(_DEEDS)}, not {given.get('do')!r}")
    deed(tenant, given)
    return {"done": given["do"], "target": given.get("target")}


def _update(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    if not isinstance(given.get("set"), dict):
        raise TypeError("update needs set: an object with the new values")
    tenant.objects.change(_target(tenant, given), **given["set"])


def _delete(tenant: SimulatedTenant, given: dict[str, Any]) -> None:
    tenant.soft_delete(_target(tenant, given))


def _deleted(tenant: SimulatedTenant, given: dict[str, Any]) -> Entry:
    entry = tenant.objects.entry(str(given.get("target")))
    if entry is None or not entry.record.get("deletedDateTime"):
        raise LookupError(f"there is no deleted object with the id '{given.get('target')}'")
    return entry


def _link(relation: str) -> Callable[[SimulatedTenant, dict[str, Any]], None]:
    return lambda tenant, given: tenant.relations.add(relation, _target(tenant, given).id, find(tenant, str(given.get("who"))).id)


def _unlink(relation: str) -> Callable[[SimulatedTenant, dict[str, Any]], None]:
    return lambda tenant, given: tenant.relations.remove(
        relation, _target(tenant, given).id, find(tenant, str(given.get("who"))).id
    )


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
    "restore": lambda tenant, given: tenant.restore(_deleted(tenant, given)),
    "purge": lambda tenant, given: tenant.purge(_deleted(tenant, given)),
    "add-member": _link("members"),
    "remove-member": _unlink("members"),
    "add-owner": _link("owners"),
    "remove-owner": _unlink("owners"),
    "add-sponsor": _link("sponsors"),
    "remove-sponsor": _unlink("sponsors"),
    **{f"set-{kind.words}": kind.set for kind in _CONFIGURED},
    **{f"remove-{kind.words}": kind.remove for kind in _CONFIGURED},
}
