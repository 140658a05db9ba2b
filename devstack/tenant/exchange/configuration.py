"""What the nouns of Exchange's configuration share: objects with a name and a GUID, made, changed and removed by four cmdlets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.cmdlet import SWITCHES, Cmdlet, Invocation
from devstack.tenant.exchange.errors import binding, name_taken, object_not_found
from devstack.tenant.exchange.parameters import Change, Parameter, text
from devstack.tenant.tenant import SimulatedTenant

MOST_NAME = 64
IDENTITY = Parameter("Identity", text(), required=True)
NAME = text(MOST_NAME)

type Run = Callable[[Invocation], list[dict[str, Any]]]
type Settle = Callable[[SimulatedTenant, Record, Entry | None], Record]


def as_given(_tenant: SimulatedTenant, settings: Record, _entry: Entry | None) -> Record:
    """A noun without rules of its own."""
    return settings


@dataclass(frozen=True, slots=True)
class Noun:
    """Objects of one kind. `container` is where they stand in the configuration (part of the distinguished name), `unset` are
    their properties with the values of an object of which nothing was said.

    `settle(tenant, settings, entry)` checks what is to be kept (`entry` is None for a new object), with lists already whole, and
    returns it as it is kept; it raises CmdletError. `kept` guards what may not be removed, likewise. `run_new` and `run_set` stand
    for New- and Set- where these do more than `new` and `change`.
    """

    name: str
    kind: str
    title: str
    container: str
    unset: Record
    settle: Settle = as_given
    kept: Callable[[Entry], None] = lambda _entry: None
    run_new: Run | None = None
    run_set: Run | None = None

    def get(self, invocation: Invocation) -> list[dict[str, Any]]:
        """The object with the identity, or every one if the identity is absent, null or empty."""
        identity = invocation.values.get("Identity")
        objects = invocation.tenant.objects
        if not identity:
            return [record for _, record in objects.query(self.kind, None, lambda _: True)]
        found = objects.query(self.kind, None, lambda record: _is(record, identity))
        if not found:
            raise object_not_found(identity)
        return [found[0][1]]

    def entry(self, invocation: Invocation) -> Entry:
        """The object that a write is about. A replica that does not have it yet does not find it."""
        identity = invocation.values["Identity"]
        objects = invocation.tenant.objects
        found = objects.query(self.kind, None, lambda record: _is(record, identity))
        entry = objects.entry(found[0][0].id, self.kind) if found else None
        if entry is None:
            raise object_not_found(identity)
        return entry

    def new(self, invocation: Invocation) -> list[dict[str, Any]]:
        """The object exists."""
        tenant, values = invocation.tenant, invocation.values
        for name, value in values.items():
            if isinstance(value, Change):
                raise binding(f"{name} of a new {self.title} takes a list.")
        settings = self._settings(tenant, values, None)
        if tenant.objects.identifiers(self.kind, "Name", values["Name"]):
            raise name_taken(values["Name"])
        return [] if invocation.what_if else [self.add(tenant, {"Name": values["Name"], **settings}).record]

    def add(self, tenant: SimulatedTenant, settings: Record, *, replicated: bool = False) -> Entry:
        """The object as Exchange completes it: identity, times."""
        identifier = settings.get("Guid") or tenant.new_id(self.kind)
        now = tenant.moment()
        record: Record = {
            **self.unset,
            "AdminDisplayName": "",
            "IsValid": True,
            "ObjectState": "Unchanged",
            **settings,
            "Guid": identifier,
            "WhenCreated": now,
            "WhenCreatedUTC": now,
            "WhenChanged": now,
            "WhenChangedUTC": now,
            "OrganizationId": f"{tenant.initial_domain} - {tenant.initial_domain}",
            **self._names(tenant, settings["Name"]),
        }
        return tenant.objects.add(self.kind, identifier, record, replicated=replicated)

    def change(self, invocation: Invocation) -> list[dict[str, Any]]:
        """The object has the values given; every other one stays. A shorter list replaces the longer one."""
        entry, tenant = self.entry(invocation), invocation.tenant
        values = {name: _whole(entry.record.get(name), value) for name, value in invocation.values.items()}
        changes = self._settings(tenant, values, entry)
        name = values.get("Name")
        if name and name.lower() != entry.record["Name"].lower() and tenant.objects.identifiers(self.kind, "Name", name):
            raise name_taken(name)
        if name:
            changes |= self._names(tenant, name)
        if all(entry.record.get(key) == value for key, value in changes.items()):
            said = f"The command completed successfully but no settings of '{entry.record['Name']}' have been modified."
            invocation.warnings.append(said)
        elif not invocation.what_if:
            now = tenant.moment()
            tenant.objects.change(entry, **changes, WhenChanged=now, WhenChangedUTC=now)
        return []

    def remove(self, invocation: Invocation) -> list[dict[str, Any]]:
        """The object is gone."""
        entry = self.entry(invocation)
        self.kept(entry)
        if not invocation.what_if:
            invocation.tenant.objects.remove(entry)
        return []

    def plant(self, tenant: SimulatedTenant, given: list[Record]) -> None:
        """The objects of a seed are there; those whose name is there already are changed."""
        for item in given:
            existing = tenant.objects.holders(self.kind, "Name", item["Name"])
            if existing:
                tenant.objects.change(existing[0], **item)
            else:
                self.add(tenant, item, replicated=True)

    def cmdlets(
        self,
        new: tuple[Parameter, ...],
        set_: tuple[Parameter, ...],
        *,
        deviations: tuple[str, ...] = (),
        unverified: tuple[str, ...] = (),
    ) -> tuple[Cmdlet, ...]:
        """Get-, New-, Set- and Remove- of the noun; `new` and `set_` are the parameters besides the names and the switches."""
        named = (Parameter("Name", NAME, required=True), *new, *SWITCHES)
        changed = (IDENTITY, Parameter("Name", NAME), *set_, *SWITCHES)
        prompts = "that it prompts without Confirm:false"
        return (
            Cmdlet(f"Get-{self.name}", self.get, (Parameter("Identity", text()),)),
            Cmdlet(
                f"New-{self.name}", self.run_new or self.new, named, kind="write", deviations=deviations, unverified=unverified
            ),
            Cmdlet(f"Set-{self.name}", self.run_set or self.change, changed, kind="write", confirms=True, unverified=(prompts,)),
            Cmdlet(f"Remove-{self.name}", self.remove, (IDENTITY, *SWITCHES), kind="write", confirms=True),
        )

    def _settings(self, tenant: SimulatedTenant, values: dict[str, Any], entry: Entry | None) -> Record:
        """The values to keep, as the noun's rules leave them; null clears."""
        settings = {name: self.unset[name] if value is None else value for name, value in values.items() if name in self.unset}
        return self.settle(tenant, settings, entry)

    def _names(self, tenant: SimulatedTenant, name: str) -> Record:
        units = f"CN=Configuration,CN={tenant.initial_domain},CN=ConfigurationUnits,DC=PROD,DC=OUTLOOK,DC=COM"
        return {"Name": name, "Identity": name, "Id": name, "DistinguishedName": f"CN={name},CN={self.container},{units}"}


def _is(record: Record, identity: str) -> bool:
    return identity.lower() in (record["Name"].lower(), record["Guid"].lower(), record["DistinguishedName"].lower())


def _whole(before: Any, value: Any) -> Any:
    """The list that a hashtable of Add and Remove makes of the one before; any other value as it is."""
    if not isinstance(value, Change):
        return value
    gone = {item.lower() for item in value.remove}
    kept = [item for item in before or [] if item.lower() not in gone]
    return kept + [item for item in value.add if item.lower() not in {k.lower() for k in kept}]
