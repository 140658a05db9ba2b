"""What other people change in the tenant, of that which a request has touched; each a deed that says whether there was anything to do."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from devstack.tenant.control.act import act
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.tenant import SimulatedTenant

FABRIKAM = "22222222-2222-2222-2222-222222222222"
READERS, PROJECT = "aaaaaaaa-0000-4000-8000-000000000002", "aaaaaaaa-0000-4000-8000-000000000001"
MIA, NOOR, LI = (f"bbbbbbbb-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
THEIRS = "theirs.example"
type Deed = Callable[[SimulatedTenant], bool]


@dataclass(frozen=True)
class Meddling:
    """A deed of others. `step` is the one whose taking back may meet it, and then says `says`.

    `goes` marks what others hang on something of ours, and what narrows it: it goes with the thing it hangs on.
    """

    name: str
    step: str
    deed: Deed
    says: str = ""
    goes: bool = False


# Of other kinds, what speaks of the partner is what concerns it.
_CONCERNS: dict[str, Callable[[SimulatedTenant, Entry], bool]] = {
    "user": lambda tenant, entry: entry.record.get("userType") == "Guest" and tenant.live(entry.id) is not None,
    "group": lambda tenant, entry: entry.record["displayName"] == "Project Apollo" and tenant.live(entry.id) is not None,
    "team": lambda tenant, entry: tenant.live(entry.record["group"]) is not None,
    "groupSetting": lambda tenant, entry: tenant.live(str(entry.record["group"])) is not None,
    "m365Capability": lambda _, entry: FABRIKAM in entry.id,
    "crossTenantPartner": lambda _, entry: entry.record["tenantId"] == FABRIKAM,
}


def _speaks_of_them(_: SimulatedTenant, entry: Entry) -> bool:
    return "fabrikam" in json.dumps(entry.record).lower()


def _ours(tenant: SimulatedTenant, kind: str) -> list[Entry]:
    """What concerns the partner, of a kind of object."""
    concerns = _CONCERNS.get(kind, _speaks_of_them)
    found = [entry for entry in tenant.objects.all(kind) if concerns(tenant, entry)]
    return sorted(found, key=lambda entry: str(entry.record.get("mail") or entry.record.get("Name") or entry.id))


def _changed(kind: str, **values: Any) -> Deed:
    """The first of the kind has these values; one that is a function makes the new value of the old."""

    def deed(tenant: SimulatedTenant) -> bool:
        for entry in _ours(tenant, kind)[:1]:
            new = {key: value(entry.record.get(key)) if callable(value) else value for key, value in values.items()}
            if all(entry.record.get(key) == value for key, value in new.items()):
                return False
            tenant.objects.change(entry, **new)
            return True
        return False

    return deed


def _removed(kind: str) -> Deed:
    def deed(tenant: SimulatedTenant) -> bool:
        for entry in _ours(tenant, kind)[:1]:
            if kind in {"user", "group"}:
                tenant.soft_delete(entry)
            else:
                tenant.objects.remove(entry)
            return True
        return False

    return deed


def _with(element: str) -> Callable[[Any], list[str]]:
    return lambda there: [*(there or []), element]


def _without(word: str) -> Callable[[Any], list[str]]:
    return lambda there: [one for one in there or [] if word not in one]


def _linked(kind: str, relation: str, who: str, *, added: bool) -> Deed:
    """Somebody is, or is no more, in a relation to the first of the kind."""

    def deed(tenant: SimulatedTenant) -> bool:
        for entry in _ours(tenant, kind)[:1]:
            if tenant.relations.has(relation, entry.id, who) is added:
                return False
            (tenant.relations.add if added else tenant.relations.remove)(relation, entry.id, who)
            return True
        return False

    return deed


def _member(group: str, *, added: bool) -> Deed:
    """One of our people is in the group too, or the first guest is in it no more."""

    def deed(tenant: SimulatedTenant) -> bool:
        if tenant.live(group) is None:
            return False
        there = [entry.id for entry in _ours(tenant, "user") if tenant.relations.has("members", group, entry.id)]
        if added is tenant.relations.has("members", group, LI) or not (added or there):
            return False
        (tenant.relations.add if added else tenant.relations.remove)("members", group, LI if added else there[0])
        return True

    return deed


def _updated(target: str, **values: Any) -> Deed:
    def deed(tenant: SimulatedTenant) -> bool:
        if tenant.live(target) is None:
            return False
        act(tenant, {"do": "update", "target": target, "set": values})
        return True

    return deed


def _group_gone(tenant: SimulatedTenant) -> bool:
    if tenant.live(READERS) is None:
        return False
    act(tenant, {"do": "delete", "target": READERS})
    return True


def _owner_of_community(tenant: SimulatedTenant) -> bool:
    for entry in _ours(tenant, "community")[:1]:
        tenant.relations.add("owners", entry.record["groupId"], LI)
        return True
    return False


def _sharing(**values: Any) -> Deed:
    """SharePoint's own settings, where a list of domains is in force."""

    def deed(tenant: SimulatedTenant) -> bool:
        now = tenant.workloads.sharing
        if now["sharingDomainRestrictionMode"] != "allowList":
            return False
        new = {key: value(now[key]) if callable(value) else value for key, value in values.items()}
        tenant.workloads.sharing = {**now, **new}
        return bool(new != {key: now[key] for key in new})

    return deed


def _federation(change: Callable[[list[str]], list[str] | None]) -> Deed:
    """Teams' list of allowed domains, where it has one; None lets everybody in."""

    def deed(tenant: SimulatedTenant) -> bool:
        there = tenant.workloads.federation["AllowedDomains"].get("AllowedDomain")
        if there is None:
            return False
        domains = [one["Domain"] for one in there]
        new = change(domains)
        listed = {} if new is None else {"AllowedDomain": [{"Domain": domain} for domain in new]}
        tenant.workloads.federation = {**tenant.workloads.federation, "AllowedDomains": listed}
        return new != domains

    return deed


def _site_limit(tenant: SimulatedTenant) -> bool:
    for key, site in tenant.workloads.sites.items():
        if site["name"] == "fabrikam":
            tenant.workloads.sites[key] = {**site, "sharingCapability": 0}
            return bool(site["sharingCapability"] != 0)
    return False


def _site_people(*, removed: bool) -> Deed:
    """The group that was let into the site is out, or a visitor and no member."""

    def deed(tenant: SimulatedTenant) -> bool:
        for key, site in tenant.workloads.sites.items():
            if members := site["people"]["associatedmembergroup"]:
                people = {"associatedmembergroup": [], "associatedvisitorgroup": [] if removed else members}
                tenant.workloads.sites[key] = {**site, "people": people}
                return True
        return False

    return deed


def _permission(change: Callable[[Record], Record | None]) -> Deed:
    def deed(tenant: SimulatedTenant) -> bool:
        for item, there in tenant.workloads.permissions.items():
            if there:
                tenant.workloads.permissions[item] = tuple(made for one in there if (made := change(one)) is not None)
                return True
        return False

    return deed


def _workspace(change: Callable[[Record], Record | None]) -> Deed:
    def deed(tenant: SimulatedTenant) -> bool:
        for key, space in tenant.workloads.workspaces.items():
            mine = [one for one in space["roles"] if one["principal"]["type"] == "Group"]
            if mine:
                roles = [made for one in space["roles"] if (made := change(one) if one in mine else one) is not None]
                tenant.workloads.workspaces[key] = {**space, "roles": roles}
                return True
        return False

    return deed


def _partner_gone(tenant: SimulatedTenant) -> bool:
    """The partner's configuration is deleted, and its capabilities with it."""
    gone = [*_ours(tenant, "m365Capability"), *_ours(tenant, "crossTenantPartner")]
    for entry in gone:
        tenant.objects.remove(entry)
    return bool(gone)


def _block(access: str, kind: str) -> Record:
    return {"users": {"accessType": access, "targets": [{"target": "AllUsers", "targetType": kind}]}}


_SWITCH = {"included": [{"resourceId": NOOR, "resourceType": "user"}], "excluded": []}
_REL, _POLICY, _IN, _OUT = (
    "set-organization-relationship",
    "set-sharing-policy",
    "set-inbound-connector",
    "set-outbound-connector",
)
_REMOTE, _ACCESS, _CAPS, _GUEST = "set-remote-domain", "set-partner-configuration", "set-capabilities", "invite-guest"

MEDDLINGS: tuple[Meddling, ...] = (
    Meddling("relationship: level", _REL, _changed("organizationRelationship", MailTipsAccessLevel="All"), "MailTipsAccessLevel"),
    Meddling("relationship: a domain more", _REL, _changed("organizationRelationship", DomainNames=_with(THEIRS)), THEIRS),
    Meddling(
        "relationship: contact", _REL, _changed("organizationRelationship", OrganizationContact="it@theirs.example"), goes=True
    ),
    Meddling("relationship: off", _REL, _changed("organizationRelationship", Enabled=False), goes=True),
    Meddling("relationship: removed", _REL, _removed("organizationRelationship")),
    Meddling("sharing policy: an entry more", _POLICY, _changed("sharingPolicy", Domains=_with(f"{THEIRS}:ContactsSharing"))),
    Meddling(
        "sharing policy: our entry",
        _POLICY,
        _changed(
            "sharingPolicy",
            Domains=lambda there: [*_without("fabrikam.com:")(there), "fabrikam.com:CalendarSharingFreeBusyReviewer"],
        ),
        "CalendarSharingFreeBusyReviewer",
    ),
    Meddling("sharing policy: our entry gone", _POLICY, _changed("sharingPolicy", Domains=_without("fabrikam.com:"))),
    Meddling("inbound: certificate", _IN, _changed("inboundConnector", TlsSenderCertificateName="*.theirs.example"), THEIRS),
    Meddling(
        "inbound: a domain more", _IN, _changed("inboundConnector", SenderDomains=_with(f"smtp:{THEIRS};1")), "SenderDomains"
    ),
    Meddling("inbound: off", _IN, _changed("inboundConnector", Enabled=False), goes=True),
    Meddling("inbound: removed", _IN, _removed("inboundConnector")),
    Meddling("outbound: TLS", _OUT, _changed("outboundConnector", TlsSettings="EncryptionOnly"), "EncryptionOnly"),
    Meddling("outbound: a domain more", _OUT, _changed("outboundConnector", RecipientDomains=_with(THEIRS)), "RecipientDomains"),
    Meddling("outbound: removed", _OUT, _removed("outboundConnector")),
    Meddling("remote domain: out of office", _REMOTE, _changed("remoteDomain", AllowedOOFType="None"), "AllowedOOFType"),
    Meddling("remote domain: names", _REMOTE, _changed("remoteDomain", DisplaySenderName=False), goes=True),
    Meddling("remote domain: removed", _REMOTE, _removed("remoteDomain")),
    Meddling(
        "partner: trust",
        _ACCESS,
        _changed(
            "crossTenantPartner",
            inboundTrust={"isMfaAccepted": True, "isCompliantDeviceAccepted": True, "isHybridAzureADJoinedDeviceAccepted": False},
        ),
        "inboundTrust",
    ),
    Meddling(
        "partner: a block of nobody's",
        _ACCESS,
        _changed("crossTenantPartner", m365CollaborationOutbound=_block("allowed", "user")),
    ),
    Meddling("partner: service provider", _ACCESS, _changed("crossTenantPartner", isServiceProvider=True)),
    Meddling("partner: removed", _ACCESS, _partner_gone),
    Meddling(
        "capability: for one",
        _CAPS,
        _changed("m365Capability", inboundAccess={"isAllowed": True, "resourceScopes": _SWITCH}),
        NOOR,
    ),
    Meddling("capability: removed", _CAPS, _removed("m365Capability")),
    Meddling("SharePoint: a domain more", "allow-domain", _sharing(sharingAllowedDomainList=_with(THEIRS))),
    Meddling("SharePoint: our domain gone", "allow-domain", _sharing(sharingAllowedDomainList=_without("fabrikam.com"))),
    Meddling(
        "SharePoint: the other list",
        "allow-domain",
        _sharing(sharingDomainRestrictionMode="blockList", sharingBlockedDomainList=[THEIRS]),
        "blockList",
    ),
    Meddling("Teams: a domain more", "allow-federation", _federation(_with(THEIRS))),
    Meddling("Teams: our domain gone", "allow-federation", _federation(_without("fabrikam.com"))),
    Meddling("Teams: everybody", "allow-federation", _federation(lambda _: None), "every domain"),
    Meddling("site: limit", "limit-site", _site_limit, "disabled"),
    Meddling("site: visitors", "share-site", _site_people(removed=False), "read"),
    Meddling("site: out", "share-site", _site_people(removed=True)),
    Meddling("file: role", "share-item", _permission(lambda one: {**one, "roles": ["write"]}), "write"),
    Meddling("file: out", "share-item", _permission(lambda _: None)),
    Meddling("workspace: role", "add-to-workspace", _workspace(lambda one: {**one, "role": "Contributor"}), "Contributor"),
    Meddling("workspace: out", "add-to-workspace", _workspace(lambda _: None)),
    Meddling("readers: words", "add-to-group", _updated(READERS, description="theirs")),
    Meddling("readers: one of ours in", "add-to-group", _member(READERS, added=True)),
    Meddling("readers: a guest out", "add-to-group", _member(READERS, added=False)),
    Meddling("readers: gone", "add-to-group", _group_gone),
    Meddling("project: a guest out", "add-to-group", _member(PROJECT, added=False)),
    Meddling("new group: name", "create-group", _changed("group", displayName="Theirs"), "Theirs"),
    Meddling("new group: visibility", "create-group", _changed("group", visibility="Public"), "Public"),
    Meddling("new group: owner", "create-group", _linked("group", "owners", LI, added=True), LI),
    Meddling("new group: an owner less", "create-group", _linked("group", "owners", NOOR, added=False), MIA),
    Meddling("new group: member", "create-group", _linked("group", "members", LI, added=True), goes=True),
    Meddling("new group: gone", "create-group", _removed("group")),
    Meddling(
        "group setting",
        "set-group-guest-settings",
        _changed("groupSetting", values=[{"name": "AllowToAddGuests", "value": "false"}]),
    ),
    Meddling(
        "team: guests may",
        "team-enable-group",
        _changed("team", guestSettings={"allowCreateUpdateChannels": True, "allowDeleteChannels": True}),
        goes=True,
    ),
    Meddling("community: name", "create-community", _changed("community", displayName="Fabrikam, theirs"), "Fabrikam, theirs"),
    Meddling("community: owner", "create-community", _owner_of_community, LI),
    Meddling("guest: blocked", _GUEST, _changed("user", accountEnabled=False), "accountEnabled"),
    Meddling("guest: deleted", _GUEST, _removed("user")),
    Meddling("guest: a sponsor more", _GUEST, _linked("user", "sponsors", NOOR, added=True), goes=True),
    Meddling("guest: our sponsor gone", _GUEST, _linked("user", "sponsors", MIA, added=False), goes=True),
    Meddling("guest: department", "set-guest-details", _changed("user", department="theirs"), "theirs", goes=True),
    Meddling("guest: name", "set-guest-details", _changed("user", displayName="Theirs"), "displayName", goes=True),
    Meddling(
        "guest: address",
        "change-guest-address",
        _changed("user", mail="elsewhere@fabrikam.com", otherMails=["elsewhere@fabrikam.com"]),
        "changed by somebody",
        goes=True,
    ),
)
BY_NAME = {one.name: one for one in MEDDLINGS}

type Path = tuple[str, ...]


def leaves(value: Any, path: Path = ()) -> Iterable[tuple[Path, Any]]:
    """Every value of a picture by its path; what is in a list has its own name in it, so that places do not matter."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        for item in value:
            name = _name(item)
            yield from leaves(item, (*path, name)) if isinstance(item, dict) else (((*path, name), True),)
    else:
        yield path, value


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    told = [str(item[key]) for key in ("id", "Guid", "tenantId", "group", "name", "Domain") if isinstance(item.get(key), str)]
    return " ".join(told[:2] if "tenantId" in item else told[:1]) or json.dumps(item, sort_keys=True)


def unit(path: Path) -> Path:
    """The thing that a path is about: what is taken back as a whole or not at all."""
    deeper = path[0] in {"fabric", "crossTenantPartners", "users"} or path[:2] in {
        ("sharepoint", "sites"),
        ("sharepoint", "permissions"),
    }
    return path[:3] if deeper else path[:2]
