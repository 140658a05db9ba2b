"""What the partner's own administrator has to set, so that both sides fit: the mirror image of what we set. Pure.

Each tenant opens its own side alone (facts 3.1, 3.7, 4.3), and no app of ours may write theirs.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.nouns.json_text import Json
from shared.nouns.partner import Partner
from shared.nouns.state import State, Value
from shared.powershell import listed, literal, quoted
from shared.tenant.blocks import block_of, permits_nothing

GRAPH, EXCHANGE, TEAMS, SHAREPOINT = "graph", "exchange", "teams", "sharepoint"
# Theirs for ours: who of the partner's may come to us is who may go out from there.
MIRROR = {
    "b2bCollaborationInbound": "b2bCollaborationOutbound",
    "b2bCollaborationOutbound": "b2bCollaborationInbound",
    "b2bDirectConnectInbound": "b2bDirectConnectOutbound",
    "b2bDirectConnectOutbound": "b2bDirectConnectInbound",
    "m365CollaborationInbound": "m365CollaborationOutbound",
    "m365CollaborationOutbound": "m365CollaborationInbound",
}
# Not for symmetry: labels and migrations are projects of their own.
ONE_SIDED = frozenset({"crossTenantLabelSync", "crossTenantMigration"})
_ACCESS = "Microsoft Entra admin center > External Identities > Cross-tenant access settings > Organizational settings"
_LEVELS = ("FreeBusyAccessEnabled", "FreeBusyAccessLevel", "MailTipsAccessEnabled", "MailTipsAccessLevel", "PhotosEnabled")
_TARGETS = ("TargetApplicationUri", "TargetAutodiscoverEpr", "TargetSharingEpr")
_EVERYBODY = "users allowed: AllUsers; applications allowed: AllApplications"


@dataclass(frozen=True)
class Us:
    """Our own organization as the partner has to name it."""

    tenant_id: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Set:
    """One thing that we set, or are asked to: the step, what is wanted, and its details."""

    step: str
    state: State
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One thing for the partner's administrator. `settings` are in words, `script` in PowerShell of `module`, empty where a person
    does it; `needed` is False where it only helps the partner's openness towards us. `unseen` says why we cannot see it."""

    key: str
    title: str
    why: str
    where: str
    settings: tuple[str, ...]
    module: str
    script: str
    needed: bool = True
    unseen: str = "This is in the partner's own tenant, which shows it to nobody outside"


@dataclass(frozen=True)
class Handoff:
    """Everything that the partner's administrator has to look at, for one partner."""

    us: Us
    partner: Partner
    items: tuple[Item, ...]


def handoff(us: Us, partner: Partner, sets: Iterable[Set], *, guests: bool) -> Handoff:
    """The mirror image of what is set for the partner; `guests` says that people of theirs are to be guests of ours."""
    by_step: dict[str, list[Set]] = {}
    for one in sets:
        by_step.setdefault(one.step, []).append(one)
    items = list(_access(us, by_step.get("set-partner-configuration", []), guests=guests))
    for step, make in _MIRRORS.items():
        for one in by_step.get(step, []):
            items += make(us, one)
    return Handoff(us, partner, tuple(items))


def _access(us: Us, sets: list[Set], *, guests: bool) -> Iterable[Item]:
    ours = {name: str(value) for one in sets for name, value in one.state.items() if isinstance(value, str)}
    theirs = {MIRROR[name]: value for name, value in ours.items() if name in MIRROR and not permits_nothing(value)}
    if guests:
        theirs.setdefault("b2bCollaborationOutbound", _EVERYBODY)
    if switched := _consent(ours.get("automaticUserConsentSettings", "")):
        theirs["automaticUserConsentSettings"] = switched
    if theirs:
        body: dict[str, Json] = {name: block_of(name, value) for name, value in theirs.items()}
        yield Item(
            "cross-tenant-access",
            "Let your people work with us",
            "Your cross-tenant access settings decide whether your people may be guests with us, and whether ours may with you.",
            f"{_ACCESS} > add the organization {us.tenant_id}",
            tuple(f"{name}: {value}" for name, value in theirs.items()),
            GRAPH,
            f"Set-PartnerAccess -Tenant {quoted(us.tenant_id)} -Blocks {quoted(_compact(body))}",
        )
    if "MFA" in ours.get("inboundTrust", ""):
        yield Item(
            "mfa",
            "Have your people use multifactor authentication",
            "We trust the multifactor authentication of your tenant: your people are asked for it at home, and not again by us.",
            "Microsoft Entra admin center > Protection > Conditional Access",
            ("Conditional Access of yours asks those who work with us for multifactor authentication",),
            GRAPH,
            "",
        )


def _consent(text: str) -> str:
    words = [{"inbound": "outbound", "outbound": "inbound"}[word] for word in text.split(", ") if word in {"inbound", "outbound"}]
    return ", ".join(sorted(words))


def _capabilities(us: Us, one: Set) -> Iterable[Item]:
    names = [name for name, value in one.state.items() if str(value).startswith("allowed") and name not in ONE_SIDED]
    if not names:
        return
    trust: dict[str, Json] = {"m365CollaborationInbound": block_of("m365CollaborationInbound", "users allowed: AllUsers")}
    lines = [f"Set-PartnerAccess -Tenant {quoted(us.tenant_id)} -Blocks {quoted(_compact(trust))}"]
    lines += [f"Set-Capability -Tenant {quoted(us.tenant_id)} -Name {quoted(name)}" for name in names]
    yield Item(
        "capabilities",
        "Let our people see what yours see of ours",
        "We have opened these to you. Each tenant opens its own side: until you do, our people see nothing of yours.",
        f"{_ACCESS} > {us.tenant_id} > Microsoft 365 capabilities",
        (
            "m365CollaborationInbound: users allowed: AllUsers",
            *(f"{name}: allowed, for everybody or for whom you choose" for name in names),
        ),
        GRAPH,
        "\n".join(lines),
        needed=False,
    )


def _relationship(us: Us, one: Set) -> Iterable[Item]:
    values = {key: one.state[key] for key in (*_LEVELS, *_TARGETS) if one.state.get(key) is not None}
    name = f"Relationship with {us.domains[0]}"
    yield Item(
        "organization-relationship",
        "Make the organization relationship on your side",
        "Calendars and MailTips are shown in both directions only where both sides have one. Microsoft switches these off by April 2027; "
        "capabilities take their place.",
        "Exchange admin center > Organization > Sharing > Organization sharing",
        (f"domains: {', '.join(us.domains)}", *(f"{key}: {_said(value)}" for key, value in values.items())),
        EXCHANGE,
        f"Add-Relationship -Name {quoted(name)} -Domains {listed(us.domains)} -Values @{{ {_hash(values)} }}",
    )


def _sharing_policy(us: Us, one: Set) -> Iterable[Item]:
    actions = next((value for value in one.state.values() if value), None)
    if actions is None:
        return
    joined = ", ".join(str(item) for item in actions) if isinstance(actions, tuple) else str(actions)
    entries = [f"{domain}:{joined}" for domain in us.domains]
    yield Item(
        "sharing-policy",
        "Let your people share their calendars with ours",
        "Our people may share their calendars with yours by our sharing policy; yours decides about the other direction.",
        "Exchange admin center > Organization > Sharing > Individual sharing > Default Sharing Policy",
        tuple(f"add {entry}" for entry in entries),
        EXCHANGE,
        f"Add-SharingEntries -Entries {listed(entries)}",
        needed=False,
    )


def _outbound(us: Us, one: Set) -> Iterable[Item]:
    """Of our inbound connector: their mail has to come as it asks."""
    certificate = one.state.get("TlsSenderCertificateName")
    asked = [f"mail to {', '.join(us.domains)} goes out by TLS"]
    if one.state.get("RestrictDomainsToCertificate") is True and certificate:
        asked.append(f"the sending server shows a certificate for {certificate}: mail without it is rejected by us")
    if addresses := one.state.get("SenderIPAddresses"):
        asked.append(f"it comes from {_said(addresses)}: mail from elsewhere is rejected by us")
    name = f"To {us.domains[0]}"
    yield Item(
        "outbound-connector",
        "Send your mail to us as our connector expects it",
        "We take mail from your domains only as said here. Made disabled: validate it, then enable it.",
        "Exchange admin center > Mail flow > Connectors",
        tuple(asked),
        EXCHANGE,
        f"Add-Outbound -Name {quoted(name)} -Domains {listed(us.domains)}",
        unseen="We see your mail when it comes, in our own message trace; your connector we do not see",
    )


def _inbound(us: Us, one: Set) -> Iterable[Item]:
    """Of our outbound connector: our mail comes by TLS, which theirs may insist on."""
    del one
    name = f"From {us.domains[0]}"
    yield Item(
        "inbound-connector",
        "Insist on TLS for our mail, if you wish",
        "Our mail to you goes by TLS only. A connector of yours can refuse mail in our name that does not. Made disabled.",
        "Exchange admin center > Mail flow > Connectors",
        (f"mail from {', '.join(us.domains)} must come by TLS",),
        EXCHANGE,
        f"Add-Inbound -Name {quoted(name)} -Domains {listed(us.domains)}",
        needed=False,
    )


def _federation(us: Us, one: Set) -> Iterable[Item]:
    del one
    yield Item(
        "teams",
        "Allow our domains in Teams",
        "Chats and calls between our people need both sides' external access.",
        "Teams admin center > Users > External access",
        (f"external access is on; if you allow single domains only, the list has {', '.join(us.domains)}",),
        TEAMS,
        f"Add-FederatedDomains -Domains {listed(us.domains)}",
        unseen="Teams shows nobody else's external access; a chat from one of our people to one of yours shows whether it works",
    )


def _domains(us: Us, one: Set) -> Iterable[Item]:
    del one
    yield Item(
        "sharepoint",
        "Let your people share sites and files with ours",
        "Only where your SharePoint limits sharing to certain domains, and your people share with ours.",
        "SharePoint admin center > Policies > Sharing > More external sharing settings > Limit external sharing by domain",
        (f"the list of allowed domains, if it is in force, has {', '.join(us.domains)}",),
        SHAREPOINT,
        f"Add-SharingDomains -Domains {listed(us.domains)}",
        needed=False,
    )


_MIRRORS: dict[str, Callable[[Us, Set], Iterable[Item]]] = {
    "set-capabilities": _capabilities,
    "set-organization-relationship": _relationship,
    "set-sharing-policy": _sharing_policy,
    "set-inbound-connector": _outbound,
    "set-outbound-connector": _inbound,
    "allow-federation": _federation,
    "allow-domain": _domains,
}


def _compact(body: Mapping[str, Json]) -> str:
    return json.dumps(body, separators=(",", ":"))


def _hash(values: Mapping[str, Value]) -> str:
    return "; ".join(f"{key} = {literal(value)}" for key, value in values.items())


def _said(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
