"""Invitations: the way another organization's people come into our directory."""

import re
from dataclasses import dataclass

from msgraph.generated.models.directory_object import DirectoryObject
from msgraph.generated.models.invitation import Invitation
from msgraph.generated.models.invited_user_message_info import InvitedUserMessageInfo

from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.answers import ANSWER_WAIT, Answer
from shared.tenant.fields import entry, text
from shared.tenant.found import Invited, Letter
from shared.tenant.graph import Graph
from shared.tenant.odata import guid

_OBJECT_ID = re.compile(r"object id:?\s*([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


class Invitations:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def invite(self, address: str, letter: Letter, *, subject: str) -> Invited:
        """The person with this address is a guest; `subject` stands for them in what is said.

        Inviting the same address again leads to the same guest and, with `mail`, to another mail: facts 1.1. The redeem
        link in the answer is a key to the account and is dropped here.
        """
        body = _written(address, letter)
        answer = await self._graph.ask(
            operations.INVITE,
            lambda client: client.invitations.to_post_request_information(body),
            about=f"person {subject}",
            allow=(400, 403),
        )
        if not answer.good:
            raise _refusal(answer, subject)
        content = answer.content()
        try:
            user = guid(text(entry(content, "invitedUser"), "id"), "invitedUser.id")
        except ValueError:
            raise NotYet(
                f"The invitation of person {subject} was answered without the guest's id", after=ANSWER_WAIT, effect_unknown=True
            ) from None
        return Invited(user=user, invitation=text(content, "id"))


def _written(address: str, letter: Letter) -> Invitation:
    body = Invitation(
        invited_user_email_address=address,
        invite_redirect_url=letter.redirect_url,
        send_invitation_message=letter.mail,
        invited_user_display_name=letter.name or None,
    )
    if letter.message or letter.language:
        body.invited_user_message_info = InvitedUserMessageInfo(
            customized_message_body=letter.message or None, message_language=letter.language or None
        )
    if letter.sponsors:
        body.invited_user_sponsors = [
            DirectoryObject(id=guid(sponsor, "sponsor id"), odata_type="#microsoft.graph.user") for sponsor in letter.sponsors
        ]
    return body


@dataclass(frozen=True)
class Row:
    """A refusal whose message has all words of one of `sayings` (loosely: texts change) means `why`; facts 1.1."""

    sayings: tuple[tuple[str, ...], ...]
    why: str


REFUSALS = (
    Row(
        (("blocked from signing in",),),
        "their account{object} is blocked from signing in. Find out who blocked it and why before anybody unblocks it",
    ),
    Row(
        (("cross-tenant access",),),
        "cross-tenant access settings, ours or the partner's, block it. Allow B2B collaboration for them first",
    ),
    Row(
        (("invitations not allowed",), ("allowinvitesfrom",)),
        "our tenant's external collaboration settings allow no invitations. An administrator has to change who may invite",
    ),
    Row(
        (("verified domain",),),
        "the address is in a verified domain of our own tenant, and our own people are not invited as guests. Leave them out",
    ),
    Row(
        (("domain", "block"), ("domain", "not allowed"), ("domain", "deny"), ("domain", "not on the allow")),
        "the domain is not allowed by our tenant's B2B domain list. Change the list or invite another address",
    ),
    Row(
        (("object id",), ("already exist",), ("conflicting object",), ("same value",)),
        "another object of our directory{object} has the address. Take it from there, or invite another address",
    ),
    Row(
        (("invalid", "email"), ("invalid", "e-mail"), ("not a valid", "address")),
        "Microsoft does not take the address for one. Correct it in the request",
    ),
)


def _refusal(answer: Answer, subject: str) -> NotYet | WontWork:
    """The sentence for a refusal that is known; any other is the common table's."""
    row = next((row for row in REFUSALS if any(answer.says(*words) for words in row.sayings)), None)
    if row is None:
        return answer.error()
    there = _OBJECT_ID.search(answer.message)
    why = row.why.format(object=f" (object {there[1].lower()})" if there else "")
    return WontWork(f"Person {subject} cannot be invited: {why} ({answer.status} {answer.code})")
