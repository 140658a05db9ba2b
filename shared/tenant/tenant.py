"""Our Microsoft 365 tenant, as steps see it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from shared.tenant.calls import Call, low_priority, recording
from shared.tenant.settings import TenantSettings

if TYPE_CHECKING:
    import httpx

    from shared.tenant.accounts import Accounts
    from shared.tenant.capabilities import CrossTenantCapabilities
    from shared.tenant.colleagues import Colleagues
    from shared.tenant.communities import Communities
    from shared.tenant.configured import Cmdlets
    from shared.tenant.delta import Delta
    from shared.tenant.drives import Drives
    from shared.tenant.evidence import Evidence
    from shared.tenant.exchange import Exchange
    from shared.tenant.fabric import Fabric
    from shared.tenant.governance import Governance
    from shared.tenant.graph import Graph
    from shared.tenant.group_settings import GroupSettings
    from shared.tenant.group_teams import GroupTeams
    from shared.tenant.groups import Groups
    from shared.tenant.guest_list import GuestList
    from shared.tenant.invitations import Invitations
    from shared.tenant.licences import Licences
    from shared.tenant.mail import Mailbox
    from shared.tenant.mail_flow import MailFlow
    from shared.tenant.organizations import Organizations
    from shared.tenant.owners import Owners
    from shared.tenant.partner_configurations import PartnerConfigurations
    from shared.tenant.policies import Policies
    from shared.tenant.profiles import Profiles
    from shared.tenant.recipients import Recipients
    from shared.tenant.redemption import Redemption
    from shared.tenant.sharepoint import SharePoint
    from shared.tenant.sharing_policies import SharingPolicies
    from shared.tenant.sightings import Sightings
    from shared.tenant.sites import Sites
    from shared.tenant.subscriptions import ChangeSubscriptions
    from shared.tenant.teams_settings import TeamsSettings
    from shared.tenant.tokens import Credential
    from shared.tenant.unified_groups import UnifiedGroups
    from shared.tenant.users import Users
    from shared.tenant.wire import Wire


class Tenant:
    """Opens what is asked for, when it is first asked for: the clients' modules cost a cold start most of what it takes, and
    a function that does not speak to Microsoft 365 pays nothing for them.

    One per process, and one event loop. `credential` and `transport` are for tests; by default they are the app's managed
    identity and the network.
    """

    def __init__(
        self,
        settings: TenantSettings,
        *,
        credential: Credential | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._credential = credential
        self._transport = transport

    @cached_property
    def users(self) -> Users:
        from shared.tenant.users import Users

        return Users(self._graph)

    @cached_property
    def accounts(self) -> Accounts:
        from shared.tenant.accounts import Accounts

        return Accounts(self._graph)

    @cached_property
    def colleagues(self) -> Colleagues:
        from shared.tenant.colleagues import Colleagues

        return Colleagues(self._graph)

    @cached_property
    def evidence(self) -> Evidence:
        from shared.tenant.evidence import Evidence

        return Evidence(self._graph)

    @cached_property
    def sightings(self) -> Sightings:
        from shared.tenant.sightings import Sightings

        return Sightings(self._graph)

    @cached_property
    def governance(self) -> Governance:
        from shared.tenant.governance import Governance

        return Governance(self._graph)

    @cached_property
    def guest_list(self) -> GuestList:
        from shared.tenant.guest_list import GuestList

        return GuestList(self._graph)

    @cached_property
    def invitations(self) -> Invitations:
        from shared.tenant.invitations import Invitations

        return Invitations(self._graph)

    @cached_property
    def groups(self) -> Groups:
        from shared.tenant.groups import Groups

        return Groups(self._graph)

    @cached_property
    def organizations(self) -> Organizations:
        from shared.tenant.organizations import Organizations

        return Organizations(self._graph)

    @cached_property
    def partner_configurations(self) -> PartnerConfigurations:
        from shared.tenant.partner_configurations import PartnerConfigurations

        return PartnerConfigurations(self._graph)

    @cached_property
    def capabilities(self) -> CrossTenantCapabilities:
        from shared.tenant.capabilities import CrossTenantCapabilities

        return CrossTenantCapabilities(self._graph)

    @cached_property
    def policies(self) -> Policies:
        from shared.tenant.policies import Policies

        return Policies(self._graph, self._settings.graph_url)

    @cached_property
    def exchange(self) -> Exchange:
        from shared.tenant.exchange import Exchange

        return Exchange(self._cmdlets)

    @cached_property
    def sharing_policies(self) -> SharingPolicies:
        from shared.tenant.sharing_policies import SharingPolicies

        return SharingPolicies(self._cmdlets)

    @cached_property
    def mail_flow(self) -> MailFlow:
        from shared.tenant.mail_flow import MailFlow

        return MailFlow(self._cmdlets)

    @cached_property
    def recipients(self) -> Recipients:
        from shared.tenant.recipients import Recipients

        return Recipients(self._cmdlets)

    @cached_property
    def communities(self) -> Communities:
        from shared.tenant.communities import Communities

        return Communities(self._graph)

    @cached_property
    def group_settings(self) -> GroupSettings:
        from shared.tenant.group_settings import GroupSettings

        return GroupSettings(self._graph)

    @cached_property
    def licences(self) -> Licences:
        from shared.tenant.licences import Licences

        return Licences(self._graph)

    @cached_property
    def profiles(self) -> Profiles:
        from shared.tenant.profiles import Profiles

        return Profiles(self._graph)

    @cached_property
    def group_teams(self) -> GroupTeams:
        from shared.tenant.group_teams import GroupTeams

        return GroupTeams(self._graph)

    @cached_property
    def unified_groups(self) -> UnifiedGroups:
        from shared.tenant.unified_groups import UnifiedGroups

        return UnifiedGroups(self._graph)

    @cached_property
    def sharepoint(self) -> SharePoint:
        from shared.tenant.sharepoint import SharePoint

        return SharePoint(self._graph)

    @cached_property
    def drives(self) -> Drives:
        from shared.tenant.drives import Drives

        return Drives(self._graph)

    @cached_property
    def sites(self) -> Sites:
        from shared.tenant.services import sharepoint_services
        from shared.tenant.sites import Sites

        return Sites(self._graph, *sharepoint_services(self._wire, self._settings))

    @cached_property
    def external_access(self) -> TeamsSettings:
        from shared.tenant.services import teams_settings

        return teams_settings(self._wire, self._settings)

    @cached_property
    def fabric(self) -> Fabric:
        from shared.tenant.fabric import Fabric
        from shared.tenant.services import fabric_service

        return Fabric(fabric_service(self._wire, self._settings))

    @cached_property
    def mailbox(self) -> Mailbox:
        from shared.tenant.mail import Mailbox

        return Mailbox(self._graph, self._settings.mailbox)

    @cached_property
    def redemption(self) -> Redemption:
        from shared.tenant.redemption import Redemption

        return Redemption(self._graph)

    @cached_property
    def owners(self) -> Owners:
        from shared.tenant.owners import Owners

        return Owners(self._graph)

    @cached_property
    def change_subscriptions(self) -> ChangeSubscriptions:
        from shared.tenant.subscriptions import ChangeSubscriptions

        return ChangeSubscriptions(self._graph)

    @cached_property
    def delta(self) -> Delta:
        from shared.tenant.delta import Delta

        return Delta(self._graph)

    @property
    def labels_without_guests(self) -> frozenset[str]:
        """Ids of the sensitivity labels that keep guests out, as the settings say; no API for apps shows it (facts 2.4)."""
        return self._settings.labels_without_guests

    async def roles(self) -> frozenset[str]:
        """The application permissions on Microsoft Graph that our token really carries (Exchange: `exchange.roles()`)."""
        return await self._wire.tokens.roles(self._settings.graph_resource)

    async def principal(self) -> str:
        """Who our token on Microsoft Graph says we are."""
        return await self._wire.tokens.principal(self._settings.graph_resource)

    def recording(self) -> AbstractContextManager[list[Call]]:
        """All calls that are made inside the `with`, in this task and those it starts, oldest first."""
        return recording()

    def low_priority(self) -> AbstractContextManager[None]:
        """All calls to Microsoft Graph inside the `with`, in this task and those it starts, say that they can wait."""
        return low_priority()

    async def close(self) -> None:
        """Connections are closed. What was never opened stays so."""
        if "_wire" in self.__dict__:
            await self._wire.close()

    @cached_property
    def _cmdlets(self) -> Cmdlets:
        from shared.tenant.invoke_command import InvokeCommand

        return InvokeCommand(self._wire, self._settings)

    @cached_property
    def _graph(self) -> Graph:
        from shared.tenant.graph import Graph

        return Graph(self._wire, self._settings)

    @cached_property
    def _wire(self) -> Wire:
        from shared.tenant.wire import Wire

        return Wire(self._settings, self._credential, self._transport)
