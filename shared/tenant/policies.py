"""Policies of our tenant that a guest will meet, read only: who may invite, which domains, Conditional Access, terms of use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.fields import entry, flag, objects, text, texts
from shared.tenant.graph import Graph

# https://learn.microsoft.com/graph/api/resources/authorizationpolicy
GUEST_ROLES = {
    "a0b1b346-4d3e-4e8b-98f8-753987be4970": "the same as members",
    "10dae51f-b6af-4016-8d66-8c2a99b929b3": "limited (the default)",
    "2af84b1e-32c8-42b7-82bc-daa82404023b": "restricted to their own objects",
}
# https://learn.microsoft.com/graph/throttling-limits (identity protection and Conditional Access service limits)
CONDITIONAL_ACCESS_WAIT = 2.0
_EVERY_GUEST = frozenset({"All", "GuestsOrExternalUsers"})
# What somebody invited can be to Conditional Access; the default user type of an invitation is a guest.
_INVITED = "b2bCollaborationGuest"


@dataclass(frozen=True)
class Authorization:
    """`invites_from` is none, adminsAndGuestInviters, adminsGuestInvitersAndAllMembers or everyone; `guest_role` in words."""

    invites_from: str
    guest_role: str


@dataclass(frozen=True)
class DomainList:
    """Our tenant's collaboration restrictions. `mode` is `allow`, `block` or `none`; a tenant has one list, never both.

    `size` is how many of `blocks.MOST_IN_POLICY` characters are used.
    """

    mode: str
    domains: tuple[str, ...]
    size: int

    def refuses(self, domain: str) -> bool:
        """Nobody of this domain can be invited."""
        return (domain.lower() in self.domains) == (self.mode == "block") if self.mode != "none" else False


@dataclass(frozen=True)
class AccessPolicy:
    """A Conditional Access policy, as far as a guest meets it. `demands` are its grant controls, `terms` ids of terms of use."""

    name: str
    enforced: bool
    everybody: bool
    groups: frozenset[str]
    tenants: frozenset[str] | None
    spared_tenants: frozenset[str] | None
    demands: tuple[str, ...]
    terms: tuple[str, ...]

    def meets(self, tenant_id: str, groups: frozenset[str]) -> bool:
        """A guest of the tenant who is in these groups meets the policy. Exclusions by group or role are not followed: they are
        known for a person, not for a partner."""
        if self.spared_tenants is not None and (not self.spared_tenants or tenant_id in self.spared_tenants):
            return False
        of_tenant = self.tenants is not None and (not self.tenants or tenant_id in self.tenants)
        return self.everybody or of_tenant or bool(self.groups & groups)


class Policies:
    def __init__(self, graph: Graph, graph_url: str) -> None:
        self._graph = graph
        self._beta = f"{graph_url.removesuffix('/v1.0')}/beta"

    async def authorization(self) -> Authorization:
        """Who may invite, and what guests may see of the directory."""
        answer = await self._graph.ask(
            operations.READ_AUTHORIZATION_POLICY,
            lambda client: client.policies.authorization_policy.to_get_request_information(),
            about="our tenant",
        )
        content = answer.content()
        role = text(content, "guestUserRoleId").lower()
        return Authorization(text(content, "allowInvitesFrom"), GUEST_ROLES.get(role, role))

    async def domain_list(self) -> DomainList:
        """Which domains may be invited. It is read from Graph's beta, which is the only place that has it (facts 3.4)."""
        information = RequestInformation(Method.GET)
        information.url = f"{self._beta}/policies/b2bManagementPolicies"
        information.headers.try_add("Accept", "application/json")
        answer = await self._graph.ask(operations.READ_DOMAIN_LIST, lambda _: information, about="our tenant")
        found = objects(answer.content(), "value")
        policy = next((one for one in found if flag(one, "isOrganizationDefault")), None)
        definition = next(iter(texts(policy, "definition")), "")
        try:
            rules = entry(
                entry(json.loads(definition or "{}"), "B2BManagementPolicy"), "InvitationsAllowedAndBlockedDomainsPolicy"
            )
        except ValueError:
            rules = None
        for mode, name in (("allow", "AllowedDomains"), ("block", "BlockedDomains")):
            if domains := texts(rules, name):
                return DomainList(mode, tuple(sorted(domain.lower() for domain in domains)), len(definition))
        # An allow list that is there and empty admits nobody.
        empty = isinstance(entry(rules, "AllowedDomains"), list) and entry(rules, "BlockedDomains") is None
        return DomainList("allow" if empty else "none", (), len(definition))

    async def conditional_access(self) -> tuple[AccessPolicy, ...]:
        """The Conditional Access policies that are on, or on trial, with what they ask of guests.

        Raises NotYet where somebody has asked within the last second: one call a second is taken of the whole tenant, and a refusal does
        not say how long to wait. https://learn.microsoft.com/graph/api/conditionalaccessroot-list-policies
        """
        try:
            return await self._conditional_access()
        except NotYet as error:
            if not error.moves_lane:
                raise
            raise NotYet(error.reason, after=CONDITIONAL_ACCESS_WAIT) from error

    async def _conditional_access(self) -> tuple[AccessPolicy, ...]:
        found: list[AccessPolicy] = []
        pages = self._graph.pages(
            operations.READ_CONDITIONAL_ACCESS,
            lambda client: client.identity.conditional_access.policies.to_get_request_information(),
            about="our tenant",
        )
        async for page in pages:
            found += [_policy(one) for one in objects(page.content(), "value") if text(one, "state") != "disabled"]
        return tuple(found)

    async def terms_of_use(self) -> Mapping[str, str]:
        """The names of our terms of use by id. Microsoft documents this for people only: an app may well be refused.

        https://learn.microsoft.com/graph/api/termsofusecontainer-list-agreements
        """
        names: dict[str, str] = {}
        pages = self._graph.pages(
            operations.READ_TERMS_OF_USE,
            lambda client: client.identity_governance.terms_of_use.agreements.to_get_request_information(),
            about="our tenant",
        )
        async for page in pages:
            names |= {text(one, "id"): text(one, "displayName") for one in objects(page.content(), "value")}
        return names


def _policy(found: dict[str, Json]) -> AccessPolicy:
    users, grants = entry(entry(found, "conditions"), "users"), entry(found, "grantControls")
    strength = text(entry(grants, "authenticationStrength"), "displayName")
    excluded = frozenset(texts(users, "excludeUsers"))
    return AccessPolicy(
        name=text(found, "displayName"),
        enforced=text(found, "state") == "enabled",
        everybody=bool(_EVERY_GUEST & set(texts(users, "includeUsers"))),
        groups=frozenset(group.lower() for group in texts(users, "includeGroups")),
        tenants=_tenants(entry(users, "includeGuestsOrExternalUsers")),
        spared_tenants=frozenset()
        if "GuestsOrExternalUsers" in excluded
        else _tenants(entry(users, "excludeGuestsOrExternalUsers")),
        demands=(*texts(grants, "builtInControls"), *((f"authentication strength {strength!r}",) if strength else ())),
        terms=texts(grants, "termsOfUse"),
    )


def _tenants(who: Json) -> frozenset[str] | None:
    """The tenants whose invited guests are meant: none at all (None), all (empty), or these."""
    kinds = {kind.strip() for kind in text(who, "guestOrExternalUserTypes").split(",")}
    if _INVITED not in kinds:
        return None
    tenants = entry(who, "externalTenants")
    if text(tenants, "membershipKind") != "enumerated":
        return frozenset()
    return frozenset(tenant.lower() for tenant in texts(tenants, "members")) or None
