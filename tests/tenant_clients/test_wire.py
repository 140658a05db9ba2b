"""How a request leaves, and what happens when it does not come back."""

import asyncio
import json
import logging
import subprocess
import sys

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import Tenant, TenantSettings
from shared.tenant.found import Letter
from shared.tenant.tokens import Tokens, managed_identity
from tests.tenant_clients.scripted import OURS, FixedCredential, Script, Turn, refusal, scripted_tenant

USER = "11111111-1111-4111-8111-111111111111"
GROUP = "66666666-6666-4666-8666-666666666666"


async def test_every_request_carries_what_microsoft_asks_for() -> None:
    script = Script([Turn("GET /users", httpx.Response(200, json={"id": USER}))])
    tenant, credential = scripted_tenant(script), FixedCredential()
    await tenant.users.by_id(USER)
    await tenant.close()
    headers = script.seen[0].headers
    assert headers["Authorization"] == f"Bearer {credential.token}"
    assert headers["User-Agent"].startswith("NONISV|Entente|Entente/")
    assert headers["x-ms-throttle-priority"] == "Normal"
    assert len(headers["client-request-id"]) == 36


async def test_exchange_is_asked_as_its_own_module_asks() -> None:
    script = Script([Turn("Get-OrganizationRelationship", httpx.Response(200, json={"value": []}))])
    credential = FixedCredential()
    tenant = scripted_tenant(script, credential)
    assert await tenant.exchange.relationships() == ()
    await tenant.close()
    request = script.seen[0]
    assert str(request.url) == f"https://outlook.office365.com/adminapi/beta/{OURS}/InvokeCommand"
    assert request.headers["X-AnchorMailbox"] == f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{OURS}"
    assert request.headers["X-CmdletName"] == "Get-OrganizationRelationship"
    assert request.headers["Prefer"] == "odata.maxpagesize=1000"
    assert json.loads(request.content) == {"CmdletInput": {"CmdletName": "Get-OrganizationRelationship", "Parameters": {}}}
    assert credential.scopes == ["https://outlook.office365.com/.default"]


async def test_a_token_that_is_not_accepted_is_asked_for_anew_once() -> None:
    script = Script([Turn("DELETE", refusal(401, "InvalidAuthenticationToken", "")), Turn("DELETE", httpx.Response(204))])
    credential = FixedCredential()
    tenant = scripted_tenant(script, credential)
    await tenant.users.delete(USER)
    await tenant.close()
    assert credential.fresh == 1
    assert script.seen[1].headers["Authorization"].endswith("-fresh-1")


async def test_tokens_that_are_never_accepted_end_in_a_sentence_for_a_person() -> None:
    script = Script([Turn("GET /users", refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed"))] * 40)
    tenant = scripted_tenant(script)
    for _ in range(5):
        with pytest.raises(NotYet):
            await tenant.users.by_id(USER)
    with pytest.raises(WontWork, match="6 fresh tokens"):
        await tenant.users.by_id(USER)
    await tenant.close()


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (httpx.ConnectError("x"), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.PoolTimeout("x"), False),
        (httpx.ReadTimeout("x"), True),
        (httpx.WriteTimeout("x"), True),
        (httpx.ReadError("x"), True),
        (httpx.RemoteProtocolError("x"), True),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_no_answer(error: httpx.HTTPError, unknown: bool) -> None:
    tenant = scripted_tenant(Script([Turn("DELETE", error), Turn("GET", error)]))
    with tenant.recording() as calls:
        with pytest.raises(NotYet) as write:
            await tenant.users.delete(USER)
        with pytest.raises(NotYet) as read:
            await tenant.users.by_id(USER)
    await tenant.close()
    assert (write.value.effect_unknown, read.value.effect_unknown) == (unknown, False)
    assert [(call.operation, call.status, call.write) for call in calls] == [
        ("delete a user", None, True),
        ("read a user", None, False),
    ]
    assert all(len(call.client_request_id) == 36 for call in calls)


async def test_calls_are_recorded_for_those_who_ask_and_apart() -> None:
    good = httpx.Response(200, json={"id": USER}, headers={"request-id": "from-a-header"})
    script = Script([Turn("GET", good), Turn("GET", refusal(404, "Request_ResourceNotFound", "none")), Turn("GET", good)])
    tenant = scripted_tenant(script)
    with tenant.recording() as all_calls:
        await tenant.users.by_id(USER)
        with tenant.recording() as later:
            await asyncio.create_task(_read(tenant))
    await tenant.users.by_id(USER)
    await tenant.close()
    assert [(call.status, call.request_id) for call in all_calls] == [
        (200, "from-a-header"),
        (404, "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"),
    ]
    assert later == all_calls[1:]


async def _read(tenant: Tenant) -> None:
    await tenant.users.by_id(USER)


async def test_all_pages_are_read_even_empty_ones() -> None:
    base = "https://graph.microsoft.com/v1.0/users?$skiptoken="
    script = Script(
        [
            Turn("GET /users?$filter", httpx.Response(200, json={"value": [], "@odata.nextLink": f"{base}a"})),
            Turn("GET /users?$skiptoken=a", httpx.Response(200, json={"value": [{"id": USER}], "@odata.nextLink": f"{base}b"})),
            Turn("GET /users?$skiptoken=b", httpx.Response(200, json={"value": [{"id": GROUP}]})),
        ]
    )
    tenant = scripted_tenant(script)
    found = await tenant.users.find_by_address("ana@fabrikam.com")
    await tenant.close()
    assert [user.id for user in found] == [USER, GROUP]


async def test_a_token_does_not_follow_a_link_to_another_host() -> None:
    elsewhere = {"value": [], "@odata.nextLink": "https://graph.microsoft.com.evil.example/v1.0/users"}
    script = Script([Turn("GET", httpx.Response(200, json=elsewhere)), Turn("Get-", httpx.Response(200, json=elsewhere))])
    tenant = scripted_tenant(script)
    with pytest.raises(NotYet, match="another host"):
        await tenant.users.find_by_address("ana@fabrikam.com")
    with pytest.raises(NotYet, match="another host"):
        await tenant.exchange.relationships()
    await tenant.close()
    assert len(script.seen) == 2


async def test_exchange_sends_the_same_body_for_every_page() -> None:
    link = f"https://outlook.office365.com/adminapi/beta/{OURS}/InvokeCommand?$skiptoken=2"
    first = {"value": [{"Name": "A", "DomainNames": ["a.com"]}], "@odata.nextLink": link}
    second = {"value": [{"Name": "B", "DomainNames": ["b.com"]}]}
    script = Script([Turn("Get-", httpx.Response(200, json=first)), Turn("Get-", httpx.Response(200, json=second))])
    tenant = scripted_tenant(script)
    assert [one.name for one in await tenant.exchange.relationships()] == ["A", "B"]
    await tenant.close()
    assert script.seen[0].content == script.seen[1].content
    assert "skiptoken=2" in str(script.seen[1].url)


class Refusing(FixedCredential):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def get_token(self, *scopes: str, claims: str | None = None) -> AccessToken:
        raise self.error


def _unauthenticated(status: int) -> ClientAuthenticationError:
    error = ClientAuthenticationError(message="secret text")
    error.response = httpx.Response(status)  # type: ignore[assignment]  # all that is read of it is the status
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (CredentialUnavailableError(message="none"), WontWork, "no managed identity"),
        (_unauthenticated(400), WontWork, "gave no token"),
        (_unauthenticated(500), NotYet, "could not give a token"),
        (ServiceRequestError("refused"), NotYet, "could not give a token"),
    ],
    ids=["none", "400", "500", "unreachable"],
)
async def test_an_identity_that_gives_no_token(error: Exception, kind: type[Exception], words: str) -> None:
    tenant = scripted_tenant(Script([]), Refusing(error))
    with pytest.raises(kind, match=words) as raised:
        await tenant.users.delete(USER)
    await tenant.close()
    assert "secret text" not in str(raised.value)
    assert not getattr(raised.value, "effect_unknown", False)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (503, '{"statusCode": 503, "message": "busy"}', NotYet, "could not give a token"),
        (429, '{"statusCode": 429, "message": "slower"}', NotYet, "could not give a token"),
        (500, '{"error": "no status"}', NotYet, "could not give a token"),
        (502, "<html>Bad gateway</html>", NotYet, "could not give a token"),
        (400, '{"statusCode": 400, "message": "No User Assigned Managed Identity found"}', WontWork, "gave no token"),
    ],
)
async def test_an_endpoint_of_identities_that_fails_is_not_one_that_is_missing(
    status: int, body: str, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unmodified ManagedIdentityCredential, whose errors tell the two apart in their text alone, or not at all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        tokens = Tokens(managed_identity(None))
        with pytest.raises(kind, match=words) as raised:
            await tokens.of("https://graph.microsoft.com")
        await tokens.close()
    assert "busy" not in str(raised.value)


def _checked(**statuses: int) -> httpx.Response:
    """The answers of a batch that asks who is a member: those that are good say so of everybody."""
    answers = [
        {"id": user.replace("_", "-"), "status": status, "headers": {}, "body": {"value": [GROUP]} if status == 200 else {}}
        for user, status in statuses.items()
    ]
    return httpx.Response(200, json={"responses": answers})


ANA, BEA, CAI = ("11111111_1111_4111_8111_00000000000" + end for end in "123")
PEOPLE = [user.replace("_", "-") for user in (ANA, BEA, CAI)]


async def test_only_items_of_a_batch_that_failed_are_sent_again_and_only_while_some_succeed() -> None:
    """https://learn.microsoft.com/graph/json-batching: every item has its own status, and nobody repeats those that failed."""
    script = Script(
        [
            Turn("POST /$batch", _checked(**{ANA: 200, BEA: 503, CAI: 504})),
            Turn("POST /$batch", _checked(**{BEA: 503, CAI: 200})),
            Turn("POST /$batch", _checked(**{BEA: 200})),
        ]
    )
    tenant = scripted_tenant(script)
    assert (await tenant.groups.members_among(GROUP, PEOPLE)).members == set(PEOPLE)
    script.done()
    await tenant.close()
    asked = [{item["id"] for item in json.loads(request.content)["requests"]} for request in script.seen]
    assert asked == [set(PEOPLE), set(PEOPLE[1:]), {PEOPLE[1]}]


@pytest.mark.parametrize(
    "turns",
    [
        [_checked(**{ANA: 503, BEA: 503, CAI: 503})],
        [_checked(**{ANA: 200, BEA: 200, CAI: 429})],
        [_checked(**{ANA: 200, BEA: 503, CAI: 503}), httpx.ReadError("lost")],
        [_checked(**{ANA: 200, BEA: 200, CAI: 503}), _checked(**{CAI: 503})],
    ],
    ids=["all failed", "throttled", "lost", "again"],
)
async def test_a_batch_that_gets_no_further_is_left_for_later(turns: list[httpx.Response | Exception]) -> None:
    script = Script([Turn("POST /$batch", answer) for answer in turns])
    tenant = scripted_tenant(script)
    with pytest.raises(NotYet):
        await tenant.groups.members_among(GROUP, PEOPLE)
    script.done()
    await tenant.close()


async def test_roles_are_those_in_the_token() -> None:
    tenant = scripted_tenant(Script([]))
    assert await tenant.roles() == {"User.Invite.All"}
    assert await tenant.exchange.roles() == {"User.Invite.All"}
    await tenant.close()
    opaque = scripted_tenant(Script([]), FixedCredential(token="opaque"))
    with pytest.raises(WontWork, match="not a JSON Web Token"):
        await opaque.roles()
    await opaque.close()


async def test_closing_ends_what_was_opened_and_nothing_else() -> None:
    credential = FixedCredential()
    never = scripted_tenant(Script([]), credential)
    await never.close()
    assert not credential.closed
    opened = scripted_tenant(Script([Turn("GET", httpx.Response(404))]), credential)
    await opened.users.by_id(USER)
    await opened.close()
    assert credential.closed


async def test_no_log_has_an_address_a_token_or_a_redeem_link(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    link = "https://login.microsoftonline.com/redeem?rd=secret-of-ana"
    answer = {"id": "i", "inviteRedeemUrl": link, "invitedUser": {"id": USER}, "invitedUserEmailAddress": "ana@fabrikam.com"}
    script = Script([Turn("GET", httpx.Response(200, json={"value": []})), Turn("POST", httpx.Response(201, json=answer))])
    tenant, credential = scripted_tenant(script), FixedCredential()
    await tenant.users.find_by_address("ana@fabrikam.com")
    invited = await tenant.invitations.invite("ana@fabrikam.com", Letter("https://x", mail=True), subject="p")
    await tenant.close()
    for text in (caplog.text, repr(invited)):
        assert not [word for word in ("ana", "fabrikam", "secret", credential.token) if word in text]


COLD = """
import sys
import function_app, shared.tenant
shared.tenant.Tenant(shared.tenant.TenantSettings("99999999-9999-4999-8999-999999999999"))
heavy = ("aiohttp", "httpx", "msgraph", "kiota_abstractions", "azure.identity", "azure.core", "azure.servicebus", "cryptography", "jinja2")
print([name for name in heavy if name in sys.modules])
"""


def test_a_function_that_does_not_speak_to_microsoft_365_pays_nothing_for_its_clients() -> None:
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/v1.0",
        "ftp://127.0.0.1/v1.0",
        "https://me@graph.microsoft.com/v1.0",
        "https://graph.microsoft.com/v1.0?x=1",
        "https:///v1.0",
        "",
        "http://localhost.evil.example/v1.0",
    ],
)
def test_base_urls_are_https_unless_they_lead_to_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        TenantSettings(OURS, graph_url=url)
    with pytest.raises(ValueError, match="must be"):
        TenantSettings(OURS, exchange_url=url)


def test_good_settings() -> None:
    assert TenantSettings(OURS, graph_url="http://127.0.0.1:1/v1.0/").graph_url == "http://127.0.0.1:1/v1.0"
    assert TenantSettings(OURS, graph_url="http://[::1]:1/v1.0").graph_url == "http://[::1]:1/v1.0"
    with pytest.raises(ValueError, match="tenant_id"):
        TenantSettings("contoso.com")
    with pytest.raises(ValueError, match="request_timeout"):
        TenantSettings(OURS, request_timeout=0)
