"""Every row of the two tables: what Microsoft 365 answers, and which of our errors it becomes."""

from collections.abc import Awaitable
from typing import Any

import httpx
import pytest

from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant.answers import retry_after
from shared.tenant.configured import NAME_TAKEN, NOT_FOUND
from shared.tenant.exchange import DOMAIN_TAKEN
from shared.tenant.found import Letter
from tests.tenant_clients.scripted import Script, Turn, exchange_refusal, refusal, scripted_tenant

USER = "11111111-1111-4111-8111-111111111111"
ADDRESS = "ana@fabrikam.com"
LETTER = Letter("https://myapps.microsoft.com", mail=True)
LATER: dict[str, Any] = {"kind": NotYet, "lane": False, "unknown": False}
NEVER: dict[str, Any] = {"kind": WontWork}

# status, code, Retry-After, what it becomes for a write, the wait
GRAPH = [
    (400, "Request_BadRequest", None, NEVER, None),
    (401, "InvalidAuthenticationToken", None, LATER, 60),
    (403, "Authorization_RequestDenied", None, NEVER, None),
    (405, "Request_BadRequest", None, NEVER, None),
    (408, "RequestTimeout", None, LATER | {"unknown": True}, 15),
    (409, "Conflict", None, LATER, 5),
    (412, "preconditionFailed", "9", LATER, 9),
    (423, "locked", None, LATER, 15),
    (429, "TooManyRequests", "42", LATER | {"lane": True}, 42),
    (429, "TooManyRequests", None, LATER | {"lane": True}, 30),
    (500, "UnknownError", None, LATER | {"unknown": True}, 3),
    (501, "NotImplemented", None, NEVER, None),
    (502, "BadGateway", None, LATER | {"unknown": True}, 3),
    (503, "ServiceNotAvailable", "12", LATER | {"unknown": True}, 12),
    (504, "GatewayTimeout", None, LATER | {"unknown": True}, 3),
    (302, "", None, NEVER, None),
]


async def refused(asked: Awaitable[object]) -> NotYet | WontWork:
    try:
        await asked
    except (NotYet, WontWork) as error:
        return error
    raise AssertionError("it was not refused")


def judge(error: NotYet | WontWork, expected: dict[str, Any], wait: float | None) -> None:
    assert type(error) is expected["kind"]
    if isinstance(error, NotYet):
        assert (error.moves_lane, error.effect_unknown, error.after) == (expected["lane"], expected["unknown"], wait)


@pytest.mark.parametrize(("status", "code", "wait", "expected", "after"), GRAPH)
async def test_a_status_of_graph_becomes_its_error(
    status: int, code: str, wait: str | None, expected: dict[str, Any], after: float | None
) -> None:
    answer = refusal(status, code, "Something about ana@fabrikam.com", {"Retry-After": wait} if wait else None)
    turns = [Turn("DELETE /users", answer)] * (2 if status == 401 else 1)
    tenant = scripted_tenant(Script(turns))
    error = await refused(tenant.users.delete(USER))
    await tenant.close()
    judge(error, expected, after)
    for word in ("delete a user", USER, str(status), code):
        assert word in error.reason
    assert ADDRESS not in error.reason


async def test_a_read_never_leaves_an_effect_unknown() -> None:
    tenant = scripted_tenant(Script([Turn("GET /users", refusal(500, "UnknownError", ""))]))
    with pytest.raises(NotYet) as raised:
        await tenant.users.by_id(USER)
    await tenant.close()
    assert not raised.value.effect_unknown


async def test_a_missing_permission_is_named() -> None:
    tenant = scripted_tenant(Script([Turn("DELETE", refusal(403, "Authorization_RequestDenied", "Insufficient privileges"))]))
    with pytest.raises(WontWork, match=r"application permission User\.DeleteRestore\.All") as raised:
        await tenant.users.delete(USER)
    await tenant.close()
    assert "managed identity" in raised.value.reason


# Facts 1.1, row by row, and what a person must be able to act on.
INVITATIONS = [
    (
        403,
        "Guest invitations not allowed for your company. Contact your company administrator",
        WontWork,
        ["allow no invitations"],
    ),
    (403, "Insufficient privileges to complete the operation.", WontWork, ["User.Invite.All"]),
    (400, "The domain of ana@fabrikam.com is blocked by policy", WontWork, ["B2B domain list"]),
    (403, "Invitations to this domain are not allowed by policy", WontWork, ["B2B domain list"]),
    (400, "This invitation is blocked by cross-tenant access settings. Please check", WontWork, ["cross-tenant access"]),
    (
        400,
        f"The invited user already exists in the directory as object ID: {USER}, but the account is blocked from signing in. If",
        WontWork,
        ["blocked from signing in", USER],
    ),
    (400, "The email is in a verified domain of this directory", WontWork, ["our own people"]),
    (400, f"The invited user already exists in the directory as object ID: {USER}. They can use that account", WontWork, [USER]),
    (
        400,
        "Another object with the same value for property proxyAddresses already exists.",
        WontWork,
        ["another object", "address"],
    ),
    (400, "Invalid email address", WontWork, ["Correct it"]),
    (400, "Something new", WontWork, ["Something new"]),
    (500, "Unable to find target address", NotYet, ["Unable to find target address"]),
    (429, "Too many requests", NotYet, ["throttling"]),
]


@pytest.mark.parametrize(("status", "message", "kind", "words"), INVITATIONS)
async def test_a_refused_invitation_says_what_to_do(status: int, message: str, kind: type[Exception], words: list[str]) -> None:
    tenant = scripted_tenant(Script([Turn("POST /invitations", refusal(status, "BadRequest", message))]))
    with pytest.raises(kind) as raised:
        await tenant.invitations.invite(ADDRESS, LETTER, subject="p-ana")
    await tenant.close()
    assert [word for word in words if word not in str(raised.value)] == [], str(raised.value)
    assert "p-ana" in str(raised.value)
    assert ADDRESS not in str(raised.value)


# Facts 4.1, row by row: the class decides, whatever the status.
CLASSES = [
    (
        "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
        "couldn't be found",
        NEVER,
        None,
        "does not have the object",
    ),
    ("Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException", "already exists", NEVER, None, "refused"),
    ("Microsoft.Exchange.DuplicateOrganizationRelationshipDomainException", "taken", NEVER, None, "refused"),
    (
        "System.Management.Automation.ParameterBindingException",
        "A parameter cannot be found that matches",
        NEVER,
        None,
        "parameter",
    ),
    (
        "System.Management.Automation.CommandNotFoundException",
        "The term isn't recognized",
        NEVER,
        None,
        "does not let the app use",
    ),
    ("Microsoft.Exchange.TooManyRequestsException", "slow down", LATER | {"lane": True}, 30, "throttling"),
    ("", "You exceeded the maximum number of concurrent requests per tenant", LATER | {"lane": True}, 30, "throttling"),
    ("Microsoft.Exchange.Data.Directory.ADTransientException", "busy", LATER, 30, "busy"),
    ("System.UnauthorizedAccessException", "no", NEVER, None, "Exchange.ManageAsApp"),
    ("", "The role assigned to application X isn't supported in this scenario", NEVER, None, "15 minutes to hours"),
]


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize(("exception", "said", "expected", "after", "words"), CLASSES)
async def test_a_class_of_exchange_becomes_its_error(
    status: int, exception: str, said: str, expected: dict[str, Any], after: float | None, words: str
) -> None:
    tenant = scripted_tenant(Script([Turn("Get-", exchange_refusal(exception, f"{said} for admin@contoso.com", status))]))
    error = await refused(tenant.exchange.relationships())
    await tenant.close()
    judge(error, expected, after)
    for word in (words, "Get-OrganizationRelationship"):
        assert word in error.reason
    assert "admin@contoso.com" not in error.reason


BODIES = [
    (httpx.Response(503, text="<html>Service unavailable</html>", headers={"Retry-After": "20"}), LATER | {"unknown": True}, 20),
    (httpx.Response(504), LATER | {"unknown": True}, 30),
    (httpx.Response(429, text="slow down"), LATER | {"lane": True}, 30),
    (httpx.Response(502, html="<html>Bad gateway</html>"), LATER | {"unknown": True}, 15),
    (httpx.Response(400, text="gateway"), LATER | {"unknown": True}, 15),
    (httpx.Response(403, text="no"), NEVER, None),
    (
        httpx.Response(400, text="", headers={"X-ExceptionType": "System.Management.Automation.CommandNotFoundException"}),
        NEVER,
        None,
    ),
    (httpx.Response(200, html="<html>Sign in</html>"), LATER | {"unknown": True}, 15),
    (httpx.Response(400, json={"error": {"code": "BadRequest", "message": "The value is wrong"}}), NEVER, None),
]


@pytest.mark.parametrize(("answer", "expected", "after"), BODIES, ids=lambda value: str(value)[:60])
async def test_an_answer_of_exchange_without_its_envelope(
    answer: httpx.Response, expected: dict[str, Any], after: float | None
) -> None:
    tenant = scripted_tenant(Script([Turn("Set-", answer)]))
    error = await refused(tenant.exchange.set_relationship("Fabrikam", {"PhotosEnabled": True}))
    await tenant.close()
    judge(error, expected, after)


async def test_exchange_without_a_valid_token() -> None:
    tenant = scripted_tenant(Script([Turn("Get-", httpx.Response(401))] * 2))
    with pytest.raises(NotYet) as raised:
        await tenant.exchange.relationships()
    await tenant.close()
    assert raised.value.after == 60


def test_the_classes_that_are_not_errors_are_those_of_the_facts() -> None:
    names = {exception.rpartition(".")[2] for exception, *_ in CLASSES}
    assert names >= {NOT_FOUND, NAME_TAKEN, DOMAIN_TAKEN}


RETRY_AFTER = [
    ("17", None, 17),
    ("0", None, 1),
    ("-3", None, 1),
    ("Sun, 22 Nov 2026 10:00:30 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", 30),
    ("Sun, 22 Nov 2026 10:00:30 GMT", None, None),
    ("soon", None, None),
    ("inf", None, None),
    ("nan", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("value", "date", "seconds"), RETRY_AFTER)
def test_retry_after(value: str, date: str | None, seconds: float | None) -> None:
    assert retry_after({"retry-after": value} | ({"Date": date} if date else {})) == seconds
