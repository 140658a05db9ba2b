"""What invitations to a partner will meet in our tenant: who may invite, which domains, what guests have to do when they sign in."""

from collections.abc import Iterable, Mapping

from shared.nouns.grants import covers
from shared.nouns.outcomes import WontWork
from shared.nouns.step import Finding, Preflight, Weight
from shared.steps.exchange_ahead import address_clashes
from shared.steps.preflights.asked import opens, partner_settings, trusts
from shared.steps.preflights.permissions import missing, unread
from shared.tenant import Tenant
from shared.tenant.blocks import MOST_IN_POLICY, SWITCHES, PartnerConfiguration, permits_nothing

PERMISSIONS = ("User.Invite.All", "User.Read.All", "User.DeleteRestore.All", "User.ReadWrite.All")
COLLABORATION = "Entra admin center, External Identities, External collaboration settings"
ACCESS = "Entra admin center, External Identities, Cross-tenant access settings"
CONDITIONAL = "Entra admin center, Protection, Conditional Access"
# What a device of the partner's can only prove if we trust the partner's word for it, and by which switch of inboundTrust.
_DEVICES = {"compliantDevice": "compliant devices", "domainJoinedDevice": "hybrid joined devices"}
_INBOUND = "b2bCollaborationInbound"


async def preflight(tenant: Tenant, ahead: Preflight) -> tuple[Finding, ...]:
    """What will refuse or hinder the guests; what the token does not allow to read is said, and stops nothing."""
    findings = [*missing("invite-guest", PERMISSIONS, ahead.roles)]
    if not ahead.guests:
        return tuple(findings)
    findings += await address_clashes(tenant, ahead)
    findings += await _domain_list(tenant, ahead)
    if not covers(ahead.roles, "Policy.Read.All"):
        return (*findings, unread("Who may invite, cross-tenant access and Conditional Access", "Policy.Read.All"))
    findings += await _authorization(tenant)
    access = await tenant.partner_configurations.read(ahead.partner.tenant_id)
    findings += _cross_tenant(access, ahead)
    return (*findings, *await _conditional_access(tenant, ahead, access))


async def _authorization(tenant: Tenant) -> list[Finding]:
    policy = await tenant.policies.authorization()
    findings = [
        Finding(
            Weight.TELLS,
            "guestUserRoleId",
            policy.guest_role,
            COLLABORATION,
            f"What guests see of our directory is {policy.guest_role}",
        )
    ]
    said = "allowInvitesFrom", policy.invites_from, COLLABORATION
    if policy.invites_from == "none":
        findings.append(
            Finding(
                Weight.REFUSES, *said, "Invitations are switched off for everybody: an administrator has to change who may invite"
            )
        )
    elif policy.invites_from == "adminsAndGuestInviters":
        findings.append(
            Finding(
                Weight.WARNS,
                *said,
                "Only administrators and guest inviters may invite; that User.Invite.All alone lets the app count as one is not "
                "documented: try with one guest first",
            )
        )
    return findings


async def _domain_list(tenant: Tenant, ahead: Preflight) -> list[Finding]:
    permission = "Policy.Read.B2BManagementPolicy"
    if not covers(ahead.roles, permission):
        return [unread("The list of domains that may be invited", permission)]
    listed = await tenant.policies.domain_list()
    refused = sorted(domain for domain in ahead.guest_domains if listed.refuses(domain))
    if not refused:
        return []
    why = "is not on the list of allowed domains" if listed.mode == "allow" else "is on the list of blocked domains"
    return [
        Finding(
            Weight.REFUSES,
            "collaboration restrictions",
            f"{listed.mode} list with {len(listed.domains)} domains, {listed.size:,} of {MOST_IN_POLICY:,} characters used",
            COLLABORATION,
            f"Nobody of {domain} can be invited, because it {why}: change the list (its mode stays as it is) or leave these guests out",
        )
        for domain in refused
    ]


def _cross_tenant(access: PartnerConfiguration, ahead: Preflight) -> Iterable[Finding]:
    value = access.effective(_INBOUND)
    asked = partner_settings(ahead.header.steps, ahead.template)
    if opens(asked, _INBOUND) or "AllUsers; applications allowed: AllApplications" in value:
        return
    if permits_nothing(value):
        whose = "this partner" if _INBOUND in access.own else "all organizations by default"
        yield Finding(
            Weight.REFUSES,
            _INBOUND,
            value,
            ACCESS,
            f"B2B collaboration inbound is blocked for {whose}: ask for {_INBOUND} in steps.set-partner-configuration, or leave the "
            "guests out",
        )
    else:
        yield Finding(
            Weight.WARNS,
            _INBOUND,
            value,
            ACCESS,
            "B2B collaboration inbound is not open for everybody and everything: guests outside of it cannot be invited or sign in",
        )


async def _conditional_access(tenant: Tenant, ahead: Preflight, access: PartnerConfiguration) -> list[Finding]:
    groups = frozenset(group.lower() for group in ahead.template.groups.values())
    met = [one for one in await tenant.policies.conditional_access() if one.meets(ahead.partner.tenant_id, groups)]
    trusted = _trusted(access, ahead)
    findings = []
    for policy in met:
        name = f"Conditional Access policy {policy.name}"
        if not policy.enforced:
            demands = ", ".join(policy.demands) or "nothing but its session controls"
            findings.append(
                Finding(Weight.TELLS, name, "report-only", CONDITIONAL, f"Once it is switched on, guests will meet {demands}")
            )
            continue
        findings += [
            Finding(weight, name, demand, CONDITIONAL, why) for demand in policy.demands for weight, why in _met(demand, trusted)
        ]
    names = await _names(tenant, ahead, [term for policy in met for term in policy.terms])
    return findings + [
        Finding(
            Weight.TELLS,
            "terms of use",
            names.get(term) or term,
            CONDITIONAL,
            "Guests have to accept these terms when they sign in",
        )
        for term in dict.fromkeys(term for policy in met if policy.enforced for term in policy.terms)
    ]


def _trusted(access: PartnerConfiguration, ahead: Preflight) -> frozenset[str]:
    """What of the partner's sign-ins will be trusted once the request is through."""
    asked = partner_settings(ahead.header.steps, ahead.template)
    now = access.effective("inboundTrust").split(", ")
    return frozenset(
        word
        for word, switch in SWITCHES["inboundTrust"].items()
        if (word in now if (said := trusts(asked, switch)) is None else said)
    )


def _met(demand: str, trusted: frozenset[str]) -> list[tuple[Weight, str]]:
    if demand == "block":
        return [
            (Weight.WARNS, "It blocks guests of this partner from the applications that it is for: except them, or tell them")
        ]
    if demand in _DEVICES and _DEVICES[demand] not in trusted:
        return [
            (
                Weight.WARNS,
                f"It asks for a device that only the partner can vouch for, and we do not trust its {_DEVICES[demand]}: guests "
                "cannot sign in to the applications that it is for",
            )
        ]
    if demand == "mfa" or demand.startswith("authentication strength"):
        kept = (
            "the partner's own is trusted"
            if "MFA" in trusted
            else "each guest has to register with us, for the partner's is not trusted"
        )
        return [(Weight.TELLS, f"It asks for multifactor authentication: {kept}")]
    if demand in {"approvedApplication", "compliantApplication"}:
        return [
            (Weight.WARNS, "It asks for an app that is managed by us, which guests cannot have: they cannot sign in with others")
        ]
    return []


async def _names(tenant: Tenant, ahead: Preflight, terms: list[str]) -> Mapping[str, str]:
    if not terms or not covers(ahead.roles, "Agreement.Read.All"):
        return {}
    try:
        return await tenant.policies.terms_of_use()
    except WontWork:
        # Microsoft documents these names for people only; the id will do.
        return {}
