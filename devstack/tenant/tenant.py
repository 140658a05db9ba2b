"""The simulated tenant: everything that a request can read or change, in one place."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devstack.tenant.audit import AuditedChange, audited
from devstack.tenant.chance import Chance
from devstack.tenant.clock import TenantClock, graph_time
from devstack.tenant.directory.changes import Changes
from devstack.tenant.directory.lag import Lag
from devstack.tenant.directory.objects import Entry, Objects, Record
from devstack.tenant.directory.relations import Relations
from devstack.tenant.faults import Faults
from devstack.tenant.journal import Journal
from devstack.tenant.notifications.courier import Send, nowhere
from devstack.tenant.notifications.faults import NoticeFaults
from devstack.tenant.notifications.post_office import PostOffice
from devstack.tenant.notifications.subscriptions import Subscriptions
from devstack.tenant.services.workloads import Workloads
from devstack.tenant.throttle import Throttle
from devstack.tenant.tokens import TokenIssuer

SOFT_DELETED_FOR = timedelta(days=30)


@dataclass(slots=True)
class Behaviour:
    """Where the platform's behaviour is not known for certain, the variant that this tenant shows (`/_sim/options`)."""

    # Whether sponsors in an invitation take: their wire form is unproven (facts 1.1).
    sponsors_in_invitation: str = "all"
    domain_blocked_status: int = 400
    cross_tenant_blocked_status: int = 400
    duplicate_group_status: int = 400
    # A second cross-tenant access configuration for a tenant, or capability of a partner: 400 or 409 (facts 3.1).
    duplicate_partner_status: int = 400
    cross_tenant_policy_characters: int = 25_000
    # Microsoft documents reading terms of use for people only; the permission exists for applications too.
    agreements_for_applications: bool = False
    # HTTP statuses of failed cmdlets and of cmdlets without output, in turn (facts 4.1: "HTTP status is unreliable").
    exchange_error_statuses: tuple[int, ...] = (400, 404, 500)
    exchange_empty_statuses: tuple[int, ...] = (200, 204)
    batch_order: str = "shuffled"
    # Second settings of a template for a group or the tenant: 400 or 409; whether a PATCH keeps what it leaves out (facts 2.3).
    duplicate_setting_status: int = 400
    omitted_settings_stay: bool = False
    # Whether AllowToAddGuests binds applications too (facts 2.3), and whether they may set sensitivity labels (facts 2.4).
    guest_settings_bind_apps: bool = True
    labels_by_applications: bool = False
    # Seconds from a group's creation until Teams knows it (facts 2.2: up to 15 minutes), and until a community is made.
    teams_knows_groups_after: int = 0
    community_seconds: int = 5
    engage_native_mode: bool = True
    # Whether a mail keeps the Message-ID that its sender gave it.
    message_ids_kept: bool = True
    # Notification addresses on loopback, over plain HTTP: Microsoft takes https alone. No other address is ever called.
    loopback_notifications: bool = True
    # Subscriptions to directory objects per application and tenant (facts 9.1), and what a second one to the same resource and
    # address gets: 201 as Microsoft's pages say, or 409 as some workloads answer.
    subscriptions_per_application: int = 100
    duplicate_subscription_status: int = 201
    # An expired delta link: 410 with `Location`, or 400 `syncStateNotFound`. Both are documented (facts 1.8).
    expired_delta_status: int = 410
    # Objects on a page of a delta query, members on it, and seconds by which it lags beyond the replication delay.
    delta_page: int = 100
    delta_members: int = 1000
    delta_seconds: int = 0
    # How many changes each delta link reaches back before its own moment: Microsoft warns of replays.
    delta_replays: int = 0
    # Whether the first round shows deleted objects with `@removed`, as Microsoft's example does and its text does not.
    removed_in_first_delta: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the application is. `client_id` None is the system-assigned managed identity; `registered` is an app registration's service
    principal, whose tokens the platform for sign-in gives (`devstack.login`) and no managed-identity endpoint."""

    client_id: str | None
    application: str
    principal: str
    permissions: dict[str, list[str]]
    directory_roles: list[str]
    registered: bool = False


@dataclass(slots=True)
class SimulatedTenant:
    """The state. Built by `devstack.tenant.seed`, read and changed by the families under graph/ and exchange/."""

    tenant_id: str
    clock: TenantClock
    chance: Chance
    tokens: TokenIssuer
    lag: Lag
    objects: Objects
    relations: Relations
    throttle: Throttle
    faults: Faults
    journal: Journal = field(default_factory=Journal)
    behaviour: Behaviour = field(default_factory=Behaviour)
    organization: Record = field(default_factory=dict)
    premium: bool = True
    # Whether the tenant has the licences of Entra ID Governance, and what is there of it.
    governed: bool = True
    governance: Record = field(default_factory=dict)
    domains: dict[str, Record] = field(default_factory=dict)
    identities: list[Identity] = field(default_factory=list)
    partner_tenants: dict[str, Record] = field(default_factory=dict)
    authorization_policy: Record = field(default_factory=dict)
    access_default: Record = field(default_factory=dict)
    access_policies: list[Record] = field(default_factory=list)
    agreements: list[Record] = field(default_factory=list)
    service_principals: list[Record] = field(default_factory=list)
    sign_ins: list[Record] = field(default_factory=list)
    allowed_domains: list[str] = field(default_factory=list)
    blocked_domains: list[str] = field(default_factory=list)
    blocked_tenants: list[str] = field(default_factory=list)
    workloads: Workloads = field(default_factory=Workloads)
    outbox: list[Record] = field(default_factory=list)
    labels: dict[str, Record] = field(default_factory=dict)
    skus: list[Record] = field(default_factory=list)
    audits: list[Record] = field(default_factory=list)
    deleted: dict[str, None] = field(default_factory=dict)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    # How an address is asked; there is none without a running server.
    send: Send = nowhere
    changes: Changes = field(init=False)
    post_office: PostOffice = field(init=False)
    _counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Changes of the directory are heard by delta queries and the post office."""
        self.changes = Changes(self.clock, self.lag)
        faults = NoticeFaults(self.chance)
        self.post_office = PostOffice(self.tenant_id, self.clock, self.chance, self.subscriptions, faults)
        self.changes.listener = self.post_office.changed
        self.objects.watcher = self.changes.object_changed
        self.relations.watcher = self._reference_changed

    @property
    def own_principal(self) -> str:
        """Object id of the system-assigned managed identity; empty where there is none."""
        return next((one.principal for one in self.identities if one.client_id is None), "")

    def _reference_changed(self, relation: str, source: str, target: str, added: bool) -> None:
        kinds = [
            entry.kind if entry else self.changes.kind(each) for each in (source, target) for entry in (self.objects.entry(each),)
        ]
        if self.objects.entry(source) is not None:
            self.changes.reference_changed(relation, source, target, added=added, kinds=(kinds[0], kinds[1]))

    @property
    def initial_domain(self) -> str:
        """The `onmicrosoft.com` domain that user names of guests end in."""
        return next(name for name, domain in self.domains.items() if domain.get("isInitial"))

    @property
    def default_domain(self) -> str:
        """The domain that new addresses end in."""
        return next((name for name, domain in self.domains.items() if domain.get("isDefault")), self.initial_domain)

    def moment(self) -> str:
        """The tenant's time as Graph writes it."""
        return graph_time(self.clock.now())

    def next(self, what: str) -> int:
        """1, 2, 3 ... for each kind of thing."""
        self._counts[what] = self._counts.get(what, 0) + 1
        return self._counts[what]

    def new_id(self, what: str) -> str:
        """A fresh object id, the same in every run with the same seed and the same order of creations."""
        return self.chance.identifier("id", what, self.next(what))

    def users(self) -> int:
        """How many users the tenant has, which decides the size of its read limit."""
        return self.objects.count("user")

    def live(self, identifier: str, kind: str | None = None) -> Entry | None:
        """The object as the primary has it, unless it is deleted."""
        entry = self.objects.entry(identifier, kind)
        return entry if entry is not None and not entry.record.get("deletedDateTime") else None

    def soft_delete(self, entry: Entry) -> None:
        """The object is among the deleted items for 30 days, its user name free for others."""
        changes: Record = {"deletedDateTime": self.moment()}
        if entry.kind == "user":
            changes["userPrincipalName"] = entry.id.replace("-", "") + entry.record["userPrincipalName"]
        self.objects.change(entry, **changes)
        self.deleted[entry.id] = None

    def restore(self, entry: Entry) -> None:
        """The object is back, with its references."""
        changes: Record = {"deletedDateTime": None}
        if entry.kind == "user":
            changes["userPrincipalName"] = entry.record["userPrincipalName"].removeprefix(entry.id.replace("-", ""))
        self.objects.change(entry, **changes)
        self.deleted.pop(entry.id, None)

    def purge(self, entry: Entry) -> None:
        """The object is gone for good, with its references."""
        self.objects.remove(entry)
        self.deleted.pop(entry.id, None)
        self.relations.forget(entry.id)

    def tenant_of(self, domain: str) -> Record | None:
        """The tenant that the domain belongs to, this one or a partner's."""
        return self._own_information() if domain.lower() in self.domains else self.partner_tenants.get(domain.lower())

    def tenant_with_id(self, identifier: str) -> Record | None:
        """The tenant with the id, this one or a partner's."""
        if identifier.lower() == self.tenant_id:
            return self._own_information()
        return next((t for t in self.partner_tenants.values() if t["tenantId"].lower() == identifier.lower()), None)

    def _own_information(self) -> Record:
        return {
            "tenantId": self.tenant_id,
            "displayName": self.organization.get("displayName"),
            "defaultDomainName": self.default_domain,
            "federationBrandName": None,
        }

    def purge_expired(self) -> None:
        """Objects that were deleted more than 30 days ago are gone for good."""
        horizon = self.clock.now() - SOFT_DELETED_FOR
        for identifier in list(self.deleted):
            entry = self.objects.entry(identifier)
            if entry is not None and datetime.fromisoformat(entry.record["deletedDateTime"]) < horizon:
                self.purge(entry)

    def audit(
        self, activity: str, category: str, target: Entry, application: str | None, *, change: AuditedChange | None = None
    ) -> None:
        """The change is in the directory's audit log (the last 2,000 changes), by the application or by `change.by`."""
        self.audits.append(audited(self, activity, category, target, application, change or AuditedChange()))
        del self.audits[:-2000]
