"""Mail from a mailbox of ours: sent, and found again among the Sent Items.

https://learn.microsoft.com/graph/api/user-sendmail and https://learn.microsoft.com/graph/api/user-list-messages
"""

import re
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_simulated
from devstack.tenant.graph.mail_body import Posted, read_posted
from devstack.tenant.graph.operation import GUID, Call, Operation, Reply
from devstack.tenant.graph.show import next_link
from devstack.tenant.odata.filter import Filterable, parse_filter
from devstack.tenant.tenant import SimulatedTenant

PAGE = 10
LARGEST_PAGE = 1000
FOLDERS = frozenset({"sentitems", "inbox"})
# What a record has that no message shows.
_OWN = frozenset({"mailbox", "folder"})
# Mail.ReadBasic.All shows everything of a message but these. https://learn.microsoft.com/graph/permissions-reference#mailreadbasicall
_NOT_BASIC = frozenset({"body", "bodyPreview"})
_READ = ("Mail.ReadBasic.All", "Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite")
_TEXT = frozenset(["eq", "ne", "ge", "le", "startswith"])
_FILTERABLE = Filterable(
    "Message",
    {
        "internetMessageId": _TEXT,
        "subject": _TEXT,
        "sentDateTime": _TEXT,
        "receivedDateTime": _TEXT,
        "isRead": frozenset({"eq", "ne"}),
    },
    {name.lower(): name for name in ("internetMessageId", "subject", "sentDateTime", "receivedDateTime", "isRead")},
)


def send_mail(call: Call) -> Reply:
    """The mail is on its way to everybody it names, and among the Sent Items unless it was not to be kept."""
    mailbox = _mailbox(call)
    posted = read_posted(call.body, call.headers.get("Content-Type", ""))
    if posted.sender and posted.sender.lower() not in _own_addresses(mailbox):
        raise GraphError(
            403,
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to send mail on behalf of the specified "
            "sending account.",
        )
    message = _message(call, mailbox, posted)
    if posted.keep:
        call.tenant.objects.add("message", message["id"], message | {"mailbox": mailbox.id})
    _deliver(call, mailbox, posted, message)
    return Reply(202)


def list_messages(call: Call) -> Reply:
    """The messages in the folder that the filter matches, newest first, a page at a time."""
    mailbox, folder = _mailbox(call), call.parameters["folder"].lower()
    if folder not in FOLDERS:
        raise not_simulated(f"Mail folder '{call.parameters['folder']}'", "devstack/tenant/graph/mail.py")
    options = call.options
    for name in options.given.keys() - {"filter", "select", "top", "skiptoken", "count", "orderby"}:
        raise not_simulated(f"${name} on messages", "devstack/tenant/graph/mail.py")
    text = options.given.get("filter")
    if text is not None and "extendedproperties" in text.lower():
        raise not_simulated("Filtering messages by extended properties", "devstack/tenant/graph/mail.py")
    matches = parse_filter(text, _FILTERABLE).matches if text is not None else lambda _: True
    found = call.tenant.objects.query(
        "message",
        _candidates(call, text),
        lambda record: record["mailbox"] == mailbox.id and record.get("folder", "sentitems") == folder and matches(record),
    )
    records = [record for _, record in reversed(found)]
    start = int(options.given["skiptoken"]) if options.given.get("skiptoken", "").isdecimal() else 0
    size = options.top(PAGE, LARGEST_PAGE)
    body: dict[str, Any] = {"@odata.context": call.context(f"users('{mailbox.id}')/mailFolders('{folder}')/messages")}
    if options.counted:
        body["@odata.count"] = len(records)
    if start + size < len(records):
        body["@odata.nextLink"] = next_link(call, str(start + size))
    body["value"] = [_shown(call, record) for record in records[start : start + size]]
    return Reply(200, body)


def _candidates(call: Call, text: str | None) -> set[str] | None:
    """Ids that can match where the filter asks for one Message-ID, so that no mailbox is read through for it."""
    one = re.fullmatch(r"\s*internetMessageId\s+eq\s+'((?:[^']|'')*)'\s*", text or "", re.IGNORECASE)
    return call.tenant.objects.candidates("message", "internetMessageId", one[1].replace("''", "'")) if one else None


def _mailbox(call: Call) -> Entry:
    """The user whose mailbox it is; raises 404 for nobody, and for somebody without one, such as a guest."""
    name = call.parameters["id"]
    objects = call.tenant.objects
    found = [objects.entry(name, "user")] if GUID.fullmatch(name) else objects.holders("user", "userPrincipalName", name)
    entry = next((item for item in found if item is not None and not item.record.get("deletedDateTime")), None)
    if entry is None:
        raise GraphError(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")
    if (entry.record.get("mail") or "").rpartition("@")[2].lower() not in call.tenant.domains:
        raise GraphError(
            404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        )
    return entry


def _own_addresses(mailbox: Entry) -> set[str]:
    return {str(mailbox.record.get("mail")).lower(), *(item[5:].lower() for item in mailbox.record.get("proxyAddresses") or [])}


def _message(call: Call, mailbox: Entry, posted: Posted) -> Record:
    tenant = call.tenant
    now, identifier = tenant.moment(), tenant.new_id("message")
    kept = posted.message_id if tenant.behaviour.message_ids_kept else ""
    if kept and not re.fullmatch(r"<[^<>\s]+@[^<>\s]+>", kept):
        raise bad_request("The internet message ID is invalid.", "ErrorInvalidInternetMessageId")
    sender = {"emailAddress": {"name": mailbox.record.get("displayName"), "address": mailbox.record.get("mail")}}
    return {
        "id": identifier,
        "createdDateTime": now,
        "lastModifiedDateTime": now,
        "changeKey": tenant.new_id("change-key"),
        "categories": [],
        "receivedDateTime": now,
        "sentDateTime": now,
        "hasAttachments": False,
        "internetMessageId": kept or f"<{tenant.new_id('message-id')}@{tenant.initial_domain}>",
        "subject": posted.subject,
        "bodyPreview": posted.text[:255],
        "importance": posted.importance,
        "parentFolderId": tenant.chance.identifier("sentitems", mailbox.id),
        "conversationId": tenant.new_id("conversation"),
        "isDeliveryReceiptRequested": None,
        "isReadReceiptRequested": False,
        "isRead": True,
        "isDraft": False,
        "webLink": f"https://outlook.office365.com/owa/?ItemID={identifier}&exvsurl=1&viewmodel=ReadMessageItem",
        "inferenceClassification": "focused",
        "body": {"contentType": "html" if posted.html else "text", "content": posted.html or posted.text},
        "sender": sender,
        "from": sender,
        "toRecipients": posted.recipients.get("toRecipients", []),
        "ccRecipients": posted.recipients.get("ccRecipients", []),
        "bccRecipients": posted.recipients.get("bccRecipients", []),
        "replyTo": posted.recipients.get("replyTo", []),
        "flag": {"flagStatus": "notFlagged"},
    }


def _shown(call: Call, record: Record) -> Record:
    hidden = frozenset() if call.may("Mail.Read", "Mail.ReadWrite") else _NOT_BASIC
    # Headers are there only for who asks for them: https://learn.microsoft.com/graph/api/resources/message
    names = [name for name in record if name not in {*_OWN, "internetMessageHeaders"} and name not in hidden]
    if call.options.select:
        spelled = {name.lower(): name for name in (*record, "internetMessageHeaders") if name not in _OWN}
        unknown = [name for name in call.options.select if name.lower() not in spelled]
        if unknown:
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{unknown[0]}' on type 'microsoft.graph.message'."
            )
        asked = {spelled[name.lower()] for name in call.options.select} | {"id"}
        names = [name for name in record if name in asked and name not in hidden]
    return {"@odata.etag": f'W/"{record["changeKey"]}"', **{name: record[name] for name in names}}


def plant_inbox(tenant: SimulatedTenant, given: list[Record]) -> None:
    """Messages that have come in: `mailbox` (a user name), and properties of Graph. Raises ValueError for a mailbox that is not there."""
    for one in given:
        owner = next(iter(tenant.objects.holders("user", "userPrincipalName", one["mailbox"])), None)
        if owner is None:
            raise ValueError(f"inbox: there is no user {one['mailbox']}")
        identifier, now = tenant.new_id("message"), tenant.moment()
        whole = {"id": identifier, "receivedDateTime": now, "sentDateTime": now, "changeKey": identifier, "isRead": False, **one}
        tenant.objects.add("message", identifier, {**whole, "mailbox": owner.id, "folder": "inbox"})


def _deliver(call: Call, mailbox: Entry, posted: Posted, message: Record) -> None:
    for address in posted.everybody:
        call.tenant.outbox.append(
            {
                "to": address,
                "kind": "mail",
                "when": call.tenant.moment(),
                "from": mailbox.record.get("mail"),
                "subject": posted.subject,
                "text": posted.text,
                "html": posted.html,
                "headers": posted.headers,
                "internetMessageId": message["internetMessageId"],
            }
        )


OPERATIONS = (
    Operation(
        "POST",
        "/users/{id}/sendMail",
        send_mail,
        ("Mail.Send",),
        "https://learn.microsoft.com/graph/api/user-sendmail",
        kind="write",
        unverified=("whether Exchange Online keeps the Message-ID that the sender gave (`messageIdsKept`)",),
        deviations=(
            "counts against the directory's limits, not against the mailbox's (10,000 requests in 10 minutes, 4 at a time, 30 mails a minute)",
            "attachments, categories and extended properties are taken and not kept",
        ),
    ),
    Operation(
        "GET",
        "/users/{id}/mailFolders/{folder}/messages",
        list_messages,
        _READ,
        "https://learn.microsoft.com/graph/api/user-list-messages",
        unverified=("how long a mail takes to stand among the Sent Items: as long as the directory's queries lag",),
        deviations=(
            "only the folders `sentitems` and `inbox`, which has what a seed put there; sorted by when a mail was sent whatever `$orderby` says",
        ),
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
