"""The body of sendMail, as JSON or as MIME: read, and refused where it breaks a documented rule.

https://learn.microsoft.com/graph/api/user-sendmail, /graph/outlook-send-mime-message and /graph/api/resources/message
"""

import base64
import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, bad_request

MOST_RECIPIENTS = 500
MOST_HEADERS = 5
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_RECIPIENTS = ("toRecipients", "ccRecipients", "bccRecipients", "replyTo")
_ENTRIES = frozenset(
    {*_RECIPIENTS, "from", "sender", "body", "subject", "importance", "internetMessageHeaders", "internetMessageId"}
)
_ACCEPTED = _ENTRIES | {
    *(
        "attachments",
        "categories",
        "extensions",
        "flag",
        "hasAttachments",
        "inferenceClassification",
        "isDeliveryReceiptRequested",
    ),
    *("isReadReceiptRequested", "multiValueExtendedProperties", "singleValueExtendedProperties", "id", "bodyPreview", "isRead"),
    *("uniqueBody", "isDraft"),
}


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail as it was handed over. `html` or `text` may be empty; `message_id` is what the sender gave it, if they did."""

    subject: str
    text: str
    html: str
    recipients: dict[str, list[Record]]
    sender: str = ""
    message_id: str = ""
    importance: str = "normal"
    headers: dict[str, str] = field(default_factory=dict)
    keep: bool = True

    @property
    def everybody(self) -> list[str]:
        """The addresses of all who get it."""
        kinds = ("toRecipients", "ccRecipients", "bccRecipients")
        return [item["emailAddress"]["address"] for kind in kinds for item in self.recipients.get(kind, [])]


def read_posted(body: Any, content_type: str) -> Posted:
    """The mail in the body of sendMail; raises GraphError 400."""
    mime = isinstance(body, str) and content_type.lower().startswith("text/plain")
    posted = _from_mime(body) if mime else _from_json(body)
    if not posted.everybody or any(not _ADDRESS.fullmatch(address) for address in posted.everybody):
        raise bad_request("At least one recipient is not valid.", "ErrorInvalidRecipients")
    if len(posted.everybody) > MOST_RECIPIENTS:
        raise bad_request(f"The message has more than {MOST_RECIPIENTS} recipients.", "ErrorExceededMaxRecipientLimit")
    return posted


def _from_json(body: Any) -> Posted:
    if not isinstance(body, dict):
        raise bad_request("Empty Payload. JSON content expected.", "BadRequest")
    # The names of an action's parameters ignore case: the SDK writes `Message`, the documentation `message`.
    given = {name.lower(): value for name, value in body.items()}
    message = given.get("message")
    if not isinstance(message, dict):
        raise bad_request("The request is missing the required parameter 'Message'.", "ErrorInvalidParameter")
    unknown = [name for name in message if name not in _ACCEPTED and "@odata" not in name]
    if unknown:
        raise bad_request(f"The property '{unknown[0]}' does not exist on type 'microsoft.graph.message'.", "RequestBodyRead")
    content = _object(message.get("body"))
    kind = str(content.get("contentType") or "text").lower()
    if kind not in ("text", "html"):
        raise bad_request(f"Requested value '{content.get('contentType')}' was not found.", "RequestBodyRead")
    said = str(content.get("content") or "")
    return Posted(
        subject=str(message.get("subject") or ""),
        text=said if kind == "text" else "",
        html=said if kind == "html" else "",
        recipients={name: _recipients(message.get(name)) for name in _RECIPIENTS},
        sender=_address(_object(message.get("from"))),
        message_id=str(message.get("internetMessageId") or ""),
        importance=str(message.get("importance") or "normal").lower(),
        headers=_headers(message.get("internetMessageHeaders")),
        keep=given.get("savetosentitems") is not False,
    )


def _recipients(given: Any) -> list[Record]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise bad_request("A list of recipients was expected.", "RequestBodyRead")
    found = [(_address(item), _object(item.get("emailAddress")).get("name")) for item in given]
    return [{"emailAddress": {"name": name or address, "address": address}} for address, name in found]


def _address(item: Record) -> str:
    return str(_object(item.get("emailAddress")).get("address") or "")


def _object(value: Any) -> Record:
    if value is not None and not isinstance(value, dict):
        raise bad_request("An unexpected value was found where an object was expected.", "RequestBodyRead")
    return value or {}


def _headers(given: Any) -> dict[str, str]:
    listed = given if given is not None else []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise bad_request("A list of headers was expected.", "RequestBodyRead")
    if len(listed) > MOST_HEADERS:
        raise bad_request(
            f"Maximum number of headers in one message should be less than or equal to {MOST_HEADERS}.",
            "InvalidInternetMessageHeaderCollection",
        )
    for item in listed:
        if not str(item.get("name", "")).lower().startswith("x-"):
            raise bad_request(
                f"The internet message header name '{item.get('name')}' should start with 'x-' or 'X-'.",
                "InvalidInternetMessageHeader",
            )
    return {str(item["name"]): str(item.get("value", "")) for item in listed if "name" in item}


def _from_mime(body: str) -> Posted:
    try:
        content = base64.b64decode("".join(body.split()), validate=True)
    except ValueError as error:
        raise bad_request("Invalid base64 string for MIME content.", "ErrorMimeContentInvalidBase64String") from error
    message = message_from_bytes(content, _class=EmailMessage, policy=policy)
    if not message.keys() or message.defects:
        raise GraphError(400, "ErrorMimeContentInvalid", "The MIME content is invalid.")
    parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    texts = {kind: str(part.get_content()) if part is not None else "" for kind, part in parts.items()}
    return Posted(
        subject=str(message["Subject"] or ""),
        text=texts["plain"],
        html=texts["html"],
        recipients={f"{name.lower()}Recipients": _named(message[name]) for name in ("To", "Cc", "Bcc")},
        sender=next(iter(_addresses(message["From"])), ""),
        message_id=str(message["Message-ID"] or "").strip(),
        headers={
            name: str(value) for name, value in message.items() if name.lower() not in ("to", "cc", "bcc", "from", "subject")
        },
    )


def _named(header: Any) -> list[Record]:
    return [{"emailAddress": {"name": address, "address": address}} for address in _addresses(header)]


def _addresses(header: Any) -> list[str]:
    return [address.addr_spec for address in header.addresses] if isinstance(header, AddressHeader) else []
