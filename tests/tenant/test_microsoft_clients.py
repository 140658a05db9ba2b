"""Microsoft's own clients, unmodified, over sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import azure.identity
import azure.identity.aio
import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from kiota_abstractions.authentication.access_token_provider import AccessTokenProvider
from kiota_abstractions.authentication.allowed_hosts_validator import AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import BaseBearerTokenAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.directory_object import DirectoryObject
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.group import Group
from msgraph.generated.models.invitation import Invitation
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.models.reference_create import ReferenceCreate
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.models.user import User
from msgraph.generated.users.item.check_member_groups.check_member_groups_post_request_body import (
    CheckMemberGroupsPostRequestBody,
)
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from devstack.tenant.coverage import shows
from devstack.tenant.server import RunningTenant
from tests.tenant.calling import MIA, NOOR, PROJECT, READERS, Caller
from tests.tenant.receiving import Receiver


@pytest.fixture
def environment(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> RunningTenant:
    """The two settings by which App Service tells an application where its identity is."""
    addresses = caller.tenant.to_json()
    monkeypatch.setenv("IDENTITY_ENDPOINT", addresses["identity"])
    monkeypatch.setenv("IDENTITY_HEADER", addresses["identityHeader"])
    return caller.tenant


@shows("GET /msi/token", rung=5)
async def test_the_official_credential_gets_tokens_that_open_the_doors(caller: Caller, environment: RunningTenant) -> None:
    async with azure.identity.aio.ManagedIdentityCredential() as credential:
        token = await credential.get_token("https://graph.microsoft.com/.default")
        assert (await credential.get_token("https://graph.microsoft.com/.default")).token == token.token
    headers = {"Authorization": f"Bearer {token.token}"}
    assert (await caller.http.get(f"{environment.graph}/users", headers=headers)).status_code == 200
    assert (await caller.http.post(environment.exchange, headers=headers, json={})).status_code == 401
    # The sync client blocks, and the tenant runs in this loop.
    with azure.identity.ManagedIdentityCredential() as blocking:
        exchange = await asyncio.to_thread(blocking.get_token, "https://outlook.office365.com/.default")
    headers = {"Authorization": f"Bearer {exchange.token}"}
    assert (await caller.exchange("Get-AcceptedDomain", headers=headers)).status_code == 200
    assert (await caller.http.get(f"{environment.graph}/users", headers=headers)).status_code == 401


@shows("GET /msi/token", rung=5)
async def test_the_official_credential_is_told_no(environment: RunningTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    async with azure.identity.aio.ManagedIdentityCredential() as credential:
        with pytest.raises(ClientAuthenticationError):
            await credential.get_token("https://graph.microsoft.com/.default")


@shows("GET /msi/token", rung=5)
async def test_a_user_assigned_identity_has_permissions_of_its_own(caller: Caller, environment: RunningTenant) -> None:
    client = "dddddddd-0000-4000-8000-000000000001"
    await caller.control("POST", "seed", {"identities": [{"clientId": client, "permissions": ["Organization.Read.All"]}]})
    async with azure.identity.aio.ManagedIdentityCredential(client_id=client) as credential:
        token = await credential.get_token("https://graph.microsoft.com/.default")
    headers = {"Authorization": f"Bearer {token.token}"}
    assert (await caller.http.get(f"{environment.graph}/organization", headers=headers)).status_code == 200
    assert (await caller.http.get(f"{environment.graph}/users", headers=headers)).status_code == 403


class Tokens(AccessTokenProvider):
    """Tokens of the official credential, whatever host asks: kiota lets http through for loopback alone."""

    def __init__(self, credential: azure.identity.aio.ManagedIdentityCredential) -> None:
        self.credential = credential

    async def get_authorization_token(self, uri: str, additional_authentication_context: dict[str, object] | None = None) -> str:
        token: str = (await self.credential.get_token("https://graph.microsoft.com/.default")).token
        return token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator([])


@pytest.fixture
async def graph(environment: RunningTenant) -> AsyncIterator[GraphServiceClient]:
    """The official SDK with the official credential."""
    async with (
        azure.identity.aio.ManagedIdentityCredential() as credential,
        httpx.AsyncClient(base_url=environment.graph, verify=False) as http,
    ):
        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Tokens(credential)), client=http)
        adapter.base_url = environment.graph
        yield GraphServiceClient(request_adapter=adapter)


@shows("POST /invitations", "GET /users", "GET /users/{id}", "PATCH /users/{id}", rung=5)
@shows("POST /users/{id}/sponsors/$ref", "GET /users/{id}/sponsors", "DELETE /users/{id}/sponsors/{reference}/$ref", rung=5)
async def test_the_sdk_invites_finds_and_changes_a_guest(graph: GraphServiceClient) -> None:
    sponsor = DirectoryObject(odata_type="#microsoft.graph.user", id=MIA)
    invitation = await graph.invitations.post(
        Invitation(
            invited_user_email_address="ana@fabrikam.com",
            invite_redirect_url="https://myapps.microsoft.com",
            invited_user_sponsors=[sponsor],
        )
    )
    assert invitation is not None
    assert invitation.invited_user is not None
    guest = invitation.invited_user.id
    assert guest is not None
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        filter="endsWith(mail,'fabrikam.com')", count=True, select=["id", "mail"], expand=["sponsors"]
    )
    configuration = RequestConfiguration(query_parameters=query)
    configuration.headers.add("ConsistencyLevel", "eventual")
    found = await graph.users.get(request_configuration=configuration)
    assert found is not None
    assert found.value is not None
    assert (found.odata_count, [user.id for user in found.value]) == (1, [guest])
    assert found.value[0].sponsors is not None
    assert [item.id for item in found.value[0].sponsors] == [MIA]
    one = graph.users.by_user_id(guest)
    await one.patch(User(company_name="Fabrikam", account_enabled=False))
    select = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(
        select=["companyName", "accountEnabled", "externalUserState"]
    )
    user = await one.get(request_configuration=RequestConfiguration(query_parameters=select))
    assert user is not None
    assert (user.company_name, user.account_enabled, user.external_user_state) == ("Fabrikam", False, "PendingAcceptance")
    await one.sponsors.ref.post(ReferenceCreate(odata_id=f"https://graph.microsoft.com/v1.0/users/{NOOR}"))
    await one.sponsors.by_directory_object_id(MIA).ref.delete()
    sponsors = await one.sponsors.get()
    assert sponsors is not None
    assert sponsors.value is not None
    assert [(type(item), item.id) for item in sponsors.value] == [(User, NOOR)]
    by_name = await graph.users.by_user_id("ana_fabrikam.com#EXT#@contoso.onmicrosoft.com").get()
    assert by_name is not None
    assert by_name.id == guest


@shows("GET /groups/{id}/members", "PATCH /groups/{id}", "POST /groups/{id}/members/$ref", rung=5)
@shows("DELETE /groups/{id}/members/{reference}/$ref", "POST /users/{id}/checkMemberGroups", "DELETE /users/{id}", rung=5)
@shows("GET /directory/deletedItems/graph.user", "POST /directory/deletedItems/{id}/restore", rung=5)
@shows("GET /organization", "GET /policies/authorizationPolicy", rung=5)
@shows("GET /tenantRelationships/findTenantInformationByDomainName(domainName='{value}')", rung=5)
async def test_the_sdk_keeps_members_and_brings_deleted_guests_back(graph: GraphServiceClient, caller: Caller) -> None:
    guests = [await caller.guest(f"g{number}@fabrikam.com") for number in range(3)]
    links = [f"https://graph.microsoft.com/v1.0/directoryObjects/{guest}" for guest in guests]
    group = graph.groups.by_group_id(PROJECT)
    await group.patch(Group(additional_data={"members@odata.bind": links[:2]}))
    await group.members.ref.post(ReferenceCreate(odata_id=links[2]))
    with pytest.raises(ODataError) as again:
        await group.members.ref.post(ReferenceCreate(odata_id=links[2]))
    assert again.value.response_status_code == 400
    assert again.value.error is not None
    assert again.value.error.code == "Request_BadRequest"
    await group.members.by_directory_object_id(guests[0]).ref.delete()
    members = await group.members.get()
    assert members is not None
    assert members.value is not None
    assert {item.id for item in members.value} >= {guests[1], guests[2]}
    asked = CheckMemberGroupsPostRequestBody(group_ids=[PROJECT, READERS])
    inside = await graph.users.by_user_id(guests[1]).check_member_groups.post(asked)
    assert inside is not None
    assert inside.value == [PROJECT]
    await graph.users.by_user_id(guests[1]).delete()
    deleted = await graph.directory.deleted_items.graph_user.get()
    assert deleted is not None
    assert deleted.value is not None
    assert [user.id for user in deleted.value] == [guests[1]]
    restored = await graph.directory.deleted_items.by_directory_object_id(guests[1]).restore.post()
    assert isinstance(restored, User)
    organization = await graph.organization.get()
    assert organization is not None
    assert organization.value is not None
    assert organization.value[0].verified_domains is not None
    policy = await graph.policies.authorization_policy.get()
    assert policy is not None
    assert policy.guest_user_role_id is not None
    found = await graph.tenant_relationships.find_tenant_information_by_domain_name_with_domain_name("fabrikam.com").get()
    assert found is not None
    assert found.tenant_id == "22222222-2222-2222-2222-222222222222"


@shows("GET /users", rung=5)
async def test_the_sdk_follows_pages_and_reads_errors(graph: GraphServiceClient, caller: Caller) -> None:
    for number in range(7):
        await caller.guest(f"g{number}@fabrikam.com")
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(top=3, select=["id"])
    page = await graph.users.get(request_configuration=RequestConfiguration(query_parameters=query))
    seen: list[str | None] = []
    while page is not None and page.value is not None:
        seen += [user.id for user in page.value]
        if page.odata_next_link is None:
            break
        page = await graph.users.with_url(page.odata_next_link).get()
    assert len(set(seen)) == len(seen) == 11
    with pytest.raises(ODataError) as missing:
        await graph.users.by_user_id("99999999-9999-4999-8999-999999999999").get()
    assert missing.value.response_status_code == 404
    assert missing.value.error is not None
    assert missing.value.error.inner_error is not None
    assert missing.value.error.inner_error.request_id


@shows("POST /users/{id}/sendMail", "GET /users/{id}/mailFolders/{folder}/messages", rung=5)
async def test_the_sdk_sends_mail_and_finds_it(graph: GraphServiceClient) -> None:
    mailbox = graph.users.by_user_id("mia@contoso.com")
    message = Message(
        subject="Welcome",
        body=ItemBody(content_type=BodyType.Html, content="<p>Hello</p>"),
        to_recipients=[Recipient(email_address=EmailAddress(address="ana@fabrikam.com"))],
    )
    await mailbox.send_mail.post(SendMailPostRequestBody(message=message, save_to_sent_items=True))
    found = await mailbox.mail_folders.by_mail_folder_id("sentitems").messages.get()
    assert found is not None
    assert found.value is not None
    assert [(item.subject, item.is_draft) for item in found.value] == [("Welcome", False)]


@shows("POST /subscriptions", "GET /subscriptions", "GET /subscriptions/{id}", "PATCH /subscriptions/{id}", rung=5)
@shows("DELETE /subscriptions/{id}", "POST /subscriptions/{id}/reauthorize", rung=5)
async def test_the_sdk_subscribes_and_keeps_its_subscription(graph: GraphServiceClient, receiver: Receiver) -> None:
    wish = Subscription(
        change_type="updated,deleted",
        notification_url=receiver.url,
        lifecycle_notification_url=receiver.lifecycle_url,
        resource="/users",
        expiration_date_time=datetime(2026, 12, 10, 12, tzinfo=UTC),
        client_state="only we know",
    )
    made = await graph.subscriptions.post(wish)
    assert made is not None
    assert made.id
    assert made.client_state == "only we know"
    listed = await graph.subscriptions.get()
    assert listed is not None
    assert [each.id for each in listed.value or []] == [made.id]
    one = graph.subscriptions.by_subscription_id(made.id)
    later = datetime(2026, 12, 12, 12, tzinfo=UTC)
    renewed = await one.patch(Subscription(expiration_date_time=later))
    assert renewed is not None
    assert renewed.expiration_date_time == later
    await one.reauthorize.post()
    await one.delete()
    with pytest.raises(ODataError) as refused:
        await one.get()
    assert refused.value.response_status_code == 404


@shows("GET /users/delta()", "GET /groups/delta()", rung=5)
async def test_the_sdk_follows_what_changes(caller: Caller, graph: GraphServiceClient) -> None:
    await caller.control("PUT", "options", {"deltaPage": 3})
    page = await graph.users.delta.get()
    seen = 0
    while page is not None and page.odata_next_link:
        seen += len(page.value or [])
        page = await graph.users.delta.with_url(page.odata_next_link).get()
    assert page is not None
    assert page.odata_delta_link
    assert seen + len(page.value or []) == len((await caller.state())["users"])
    ana = await caller.guest("ana@fabrikam.com")
    await caller.control("POST", "act", {"do": "delete", "target": MIA})
    changed = await graph.users.delta.with_url(page.odata_delta_link).get()
    assert changed is not None
    found = {user.id: user.additional_data.get("@removed") for user in changed.value or []}
    assert found == {ana: None, MIA: {"reason": "changed"}}
    await caller.control("POST", "expire-delta", {})
    with pytest.raises(ODataError) as refused:
        await graph.users.delta.with_url(page.odata_delta_link).get()
    assert refused.value.response_status_code == 410
    assert "Location" in (refused.value.response_headers or {}) or "location" in (refused.value.response_headers or {})
    groups = await graph.groups.delta.get()
    assert groups is not None
    project = next(group for group in groups.value or [] if group.id == PROJECT)
    assert [member["id"] for member in project.additional_data["members@delta"]]
