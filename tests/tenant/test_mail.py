"""Mail from a mailbox of ours, and what Microsoft documents about it."""

import base64
from email.message import EmailMessage
from typing import Any

import pytest

from devstack.tenant.coverage import shows
from tests.tenant.calling import Caller, StandingTime, error_of

WHERE = "/users/mia@contoso.com/sendMail"
SENT = "/users/mia@contoso.com/mailFolders/sentitems/messages"
TO = [{"emailAddress": {"address": "ana@fabrikam.com"}}]


def letter(**more: Any) -> dict[str, Any]:
    return {"message": {"subject": "Hi", "body": {"contentType": "Text", "content": "Hello"}, "toRecipients": TO, **more}}


async def by_mime(caller: Caller, message: EmailMessage) -> Any:
    return await caller.http.post(
        f"{caller.tenant.graph}{WHERE}",
        content=base64.b64encode(message.as_bytes()),
        headers={**caller.bearer(), "Content-Type": "text/plain"},
    )


@shows("POST /users/{id}/sendMail", "GET /users/{id}/mailFolders/{folder}/messages", rung=2)
async def test_a_mail_is_delivered_and_kept_among_the_sent_items(caller: Caller) -> None:
    reply = await caller.graph("POST", WHERE, letter(internetMessageId="<m1@contoso.com>"))
    assert (reply.status_code, reply.content) == (202, b"")
    await caller.graph("POST", WHERE, letter(subject="Not kept") | {"saveToSentItems": False})
    found = (await caller.graph("GET", SENT)).json()["value"]
    assert [(item["subject"], item["internetMessageId"]) for item in found] == [("Hi", "<m1@contoso.com>")]
    one = (await caller.graph("GET", f"{SENT}?$filter=internetMessageId eq '<m1@contoso.com>'&$select=id&$top=1")).json()["value"]
    assert [item["id"] for item in one] == [found[0]["id"]]
    assert (await caller.graph("GET", f"{SENT}?$filter=internetMessageId eq '<m2@contoso.com>'")).json()["value"] == []
    mails = (await caller.control("GET", "mails", to="ana@fabrikam.com"))["value"]
    assert [(mail["subject"], mail["from"]) for mail in mails] == [(subject, "mia@contoso.com") for subject in ("Hi", "Not kept")]


@shows("POST /users/{id}/sendMail", rung=2)
async def test_mime_carries_both_texts_the_message_id_and_headers(caller: Caller) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "mia@contoso.com", "ana@fabrikam.com", "Bienvenue é"
    message["Message-ID"], message["Auto-Submitted"] = "<m3@contoso.com>", "auto-generated"
    message.set_content("texte")
    message.add_alternative("<p>texte</p>", subtype="html")
    assert (await by_mime(caller, message)).status_code == 202
    (mail,) = (await caller.control("GET", "mails"))["value"]
    assert (mail["subject"], mail["text"].strip(), mail["html"].strip()) == ("Bienvenue é", "texte", "<p>texte</p>")
    assert (mail["internetMessageId"], mail["headers"]["Auto-Submitted"]) == ("<m3@contoso.com>", "auto-generated")
    broken = await caller.http.post(
        f"{caller.tenant.graph}{WHERE}", content=b"not base64!", headers={**caller.bearer(), "Content-Type": "text/plain"}
    )
    assert error_of(broken)[:2] == (400, "ErrorMimeContentInvalidBase64String")


@shows("POST /users/{id}/sendMail", rung=2)
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"toRecipients": []}, 400, "ErrorInvalidRecipients"),
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, 400, "ErrorInvalidRecipients"),
        ({"toRecipients": "ana@fabrikam.com"}, 400, "RequestBodyRead"),
        ({"to": TO}, 400, "RequestBodyRead"),
        ({"internetMessageHeaders": [{"name": "Received", "value": "x"}]}, 400, "InvalidInternetMessageHeader"),
        (
            {"internetMessageHeaders": [{"name": f"x-{n}", "value": "x"} for n in range(6)]},
            400,
            "InvalidInternetMessageHeaderCollection",
        ),
        ({"from": {"emailAddress": {"address": "noor@contoso.com"}}}, 403, "ErrorSendAsDenied"),
    ],
    ids=str,
)
async def test_mails_that_break_a_rule_are_refused(caller: Caller, change: dict[str, Any], status: int, code: str) -> None:
    assert error_of(await caller.graph("POST", WHERE, letter(**change)))[:2] == (status, code)
    assert (await caller.state())["outbox"] == []


@shows("POST /users/{id}/sendMail", "GET /users/{id}/mailFolders/{folder}/messages", rung=2)
async def test_only_mailboxes_of_ours_are_there(caller: Caller) -> None:
    guest = await caller.guest("ana@fabrikam.com")
    assert error_of(await caller.graph("POST", f"/users/{guest}/sendMail", letter()))[:2] == (404, "MailboxNotEnabledForRESTAPI")
    assert error_of(await caller.graph("POST", "/users/nobody@contoso.com/sendMail", letter()))[:2] == (404, "ErrorInvalidUser")
    assert (await caller.graph("GET", "/users/noor@contoso.com/mailFolders/drafts/messages")).status_code == 501


@shows("GET /users/{id}/mailFolders/{folder}/messages", rung=2)
async def test_reading_the_basics_shows_no_body(caller: Caller) -> None:
    await caller.graph("POST", WHERE, letter())
    (basic,) = (await caller.graph("GET", SENT, roles=("Mail.ReadBasic.All",))).json()["value"]
    assert {"body", "bodyPreview"}.isdisjoint(basic)
    (whole,) = (await caller.graph("GET", SENT, roles=("Mail.Read",))).json()["value"]
    assert whole["body"]["content"] == "Hello"


@shows("GET /users/{id}/mailFolders/{folder}/messages", rung=2)
async def test_pages_hold_ten_unless_told_otherwise(caller: Caller) -> None:
    for number in range(12):
        await caller.graph("POST", WHERE, letter(subject=str(number)))
    first = (await caller.graph("GET", SENT)).json()
    second = (await caller.graph("GET", first["@odata.nextLink"])).json()
    assert [item["subject"] for item in (*first["value"], *second["value"])] == [str(n) for n in reversed(range(12))]
    assert "@odata.nextLink" not in second


@shows("GET /users/{id}/mailFolders/{folder}/messages", rung=3)
async def test_the_sent_items_lag(lagging: Caller, time: StandingTime) -> None:
    await lagging.control("PUT", "lag", {"seconds": [60, 60], "queryFactor": 1, "staleShare": 1})
    await lagging.graph("POST", WHERE, letter(internetMessageId="<m1@contoso.com>"))
    query = f"{SENT}?$filter=internetMessageId eq '<m1@contoso.com>'"
    assert (await lagging.graph("GET", query)).json()["value"] == []
    time.forward(61)
    assert len((await lagging.graph("GET", query)).json()["value"]) == 1


async def test_a_message_id_may_not_be_kept(caller: Caller) -> None:
    await caller.control("PUT", "options", {"messageIdsKept": False})
    await caller.graph("POST", WHERE, letter(internetMessageId="<m1@contoso.com>"))
    assert (await caller.graph("GET", f"{SENT}?$filter=internetMessageId eq '<m1@contoso.com>'")).json()["value"] == []


@shows("GET /users/{id}/mailFolders/{folder}/messages", rung=2)
async def test_what_came_in_is_in_the_inbox_and_headers_are_for_who_asks(caller: Caller) -> None:
    """https://learn.microsoft.com/graph/api/resources/message: internetMessageHeaders, returned only on $select."""
    headers = [{"name": "In-Reply-To", "value": "<a@contoso.com>"}]
    message = {
        "mailbox": "noor@contoso.com",
        "subject": "Undeliverable",
        "internetMessageHeaders": headers,
        "bodyPreview": "secret",
    }
    await caller.control("POST", "seed", {"inbox": [message]})
    inbox = "/users/noor@contoso.com/mailFolders/inbox/messages"
    (shown,) = (await caller.graph("GET", inbox, roles=("Mail.ReadBasic.All",))).json()["value"]
    assert "internetMessageHeaders" not in shown
    assert "bodyPreview" not in shown
    (shown,) = (await caller.graph("GET", f"{inbox}?$select=internetMessageHeaders", roles=("Mail.ReadBasic.All",))).json()[
        "value"
    ]
    assert shown["internetMessageHeaders"] == headers
    assert (await caller.graph("GET", "/users/noor@contoso.com/mailFolders/sentitems/messages")).json()["value"] == []
