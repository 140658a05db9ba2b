"""The body of an invitation: read, and refused where it breaks a documented rule.

https://learn.microsoft.com/graph/api/resources/invitation; facts section 1.1.
"""

import re
from dataclasses import dataclass

from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import bad_request
from devstack.tenant.graph.operation import GUID

_FORBIDDEN = frozenset("~!#$%^&*()+=[]{}\\/|;:\"'<>?, \t")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"(?P<name>[^@]{{1,64}})@(?P<domain>(?:{_LABEL}\.)+{_LABEL})", re.IGNORECASE)
_WRITABLE: dict[str, type] = {
    "invitedUserEmailAddress": str,
    "inviteRedirectUrl": str,
    "invitedUserDisplayName": str,
    "sendInvitationMessage": bool,
    "invitedUserType": str,
    "invitedUserMessageInfo": dict,
    "invitedUserSponsors": list,
    "resetRedemption": bool,
    "invitedUser": dict,
}
_READ_ONLY = frozenset({"id", "status", "inviteRedeemUrl"})


@dataclass(frozen=True, slots=True)
class Wish:
    """The body of an invitation, checked."""

    address: str
    domain: str
    redirect: str
    display_name: str | None
    send: bool
    user_type: str
    message: Record
    reset: bool
    user_id: str | None
    given: Record


def read_invitation(body: Record) -> Wish:
    """What the body asks for; raises GraphError 400."""
    for name in ("invitedUserEmailAddress", "inviteRedirectUrl"):
        if not body.get(name):
            raise bad_request(f"The property '{name}' is required.", code="BadRequest")
    for name, value in body.items():
        if name in _READ_ONLY or "@odata" in name:
            continue
        if name not in _WRITABLE:
            raise bad_request(f"Invalid property '{name}'.", code="BadRequest")
        if value is not None and not isinstance(value, _WRITABLE[name]):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'Invitation'.", code="BadRequest")
    address = body["invitedUserEmailAddress"]
    match = _ADDRESS.fullmatch(address)
    if match is None or not _FORBIDDEN.isdisjoint(address) or match["name"][0] in ".-" or match["name"][-1] in ".-":
        raise bad_request("The email address is not valid: invitedUserEmailAddress.", code="BadRequest")
    if not re.match(r"https?://[^\s/]+", body["inviteRedirectUrl"]):
        raise bad_request("The inviteRedirectUrl is not a valid URL.", code="BadRequest")
    user_type = body.get("invitedUserType") or "Guest"
    if user_type not in ("Guest", "Member"):
        raise bad_request("Invalid value specified for property 'invitedUserType' of resource 'Invitation'.", code="BadRequest")
    user_id = (body.get("invitedUser") or {}).get("id")
    reset = bool(body.get("resetRedemption"))
    if reset and not (isinstance(user_id, str) and GUID.fullmatch(user_id)):
        raise bad_request("The invitedUser/id is required when resetRedemption is true.", code="BadRequest")
    message = body.get("invitedUserMessageInfo") or {}
    _refuse_message(message)
    return Wish(
        address=address,
        domain=match["domain"].lower(),
        redirect=body["inviteRedirectUrl"],
        display_name=body.get("invitedUserDisplayName") or None,
        send=bool(body.get("sendInvitationMessage")),
        user_type=user_type,
        message=message,
        reset=reset,
        user_id=user_id,
        given=body,
    )


def _refuse_message(message: Record) -> None:
    recipients = message.get("ccRecipients") or []
    addressed = isinstance(recipients, list) and all(
        isinstance(recipient, dict) and isinstance(recipient.get("emailAddress") or {}, dict) for recipient in recipients
    )
    texts = [message[name] for name in ("messageLanguage", "customizedMessageBody") if message.get(name) is not None]
    if not addressed or not all(isinstance(text, str) for text in texts):
        raise bad_request(
            "Invalid value specified for property 'invitedUserMessageInfo' of resource 'Invitation'.", code="BadRequest"
        )
    if len(recipients) > 1:
        raise bad_request("Only one additional recipient is supported in ccRecipients.", code="BadRequest")
