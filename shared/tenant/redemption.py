"""How a guest comes to use their account: the redeem link, the address that they are known by, and redemption begun anew."""

import re
from dataclasses import dataclass, field

from msgraph.generated.models.invitation import Invitation
from msgraph.generated.models.user import User as UserBody

from shared.nouns.outcomes import NotYet, WontWork
from shared.tenant import operations
from shared.tenant.answers import ANSWER_WAIT
from shared.tenant.fields import entry, flag, instant, text, texts
from shared.tenant.found import GuestAddress
from shared.tenant.graph import Graph
from shared.tenant.odata import guid
from shared.tenant.users import UserQuery, read_user

REPLICATION_WAIT = 10.0
_FIELDS = [
    "id",
    "mail",
    "otherMails",
    "userType",
    "accountEnabled",
    "creationType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "onPremisesSyncEnabled",
]


@dataclass(frozen=True)
class RedeemLink:
    """The link is a key to the account: it is not shown by `repr`, and nothing keeps it."""

    user: str
    url: str = field(repr=False)


class Redemption:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def link(self, address: str, redirect_url: str, *, subject: str) -> RedeemLink:
        """The link by which the guest with this address accepts. Nobody is written to, and no second guest is made (facts 1.1).

        Raises NotYet, never with an unknown effect: asking again does nothing that it had not done before.
        """
        body = Invitation(invited_user_email_address=address, invite_redirect_url=redirect_url, send_invitation_message=False)
        try:
            answer = await self._graph.ask(
                operations.INVITE, lambda client: client.invitations.to_post_request_information(body), about=f"person {subject}"
            )
            content = answer.content()
        except NotYet as error:
            raise NotYet(error.reason, after=error.after, moves_lane=error.moves_lane) from None
        url, user = text(content, "inviteRedeemUrl"), text(entry(content, "invitedUser"), "id").lower()
        if not url.startswith("https://"):
            raise NotYet(f"The invitation of person {subject} was answered without a link to accept it by", after=ANSWER_WAIT)
        return RedeemLink(user, url)

    async def guest(self, user_id: str) -> GuestAddress | None:
        """The guest, or None where the directory does not have the user (gone, or not replicated yet)."""
        user = guid(user_id, "user id")
        content = await read_user(self._graph, user, UserQuery(select=_FIELDS), f"user {user}")
        if content is None:
            return None
        return GuestAddress(
            user=user,
            mail=text(content, "mail").lower(),
            other_mails=tuple(other.lower() for other in texts(content, "otherMails")),
            user_type=text(content, "userType"),
            enabled=flag(content, "accountEnabled"),
            invited=text(content, "creationType").lower() == "invitation",
            redemption=text(content, "externalUserState") or None,
            changed=instant(content, "externalUserStateChangeDateTime"),
            synced=flag(content, "onPremisesSyncEnabled") is True,
        )

    async def change_address(self, user_id: str, mail: str, other_mails: tuple[str, ...]) -> None:
        """The guest's mail and other mails are these. The directory makes the mail their proxy address itself.

        Raises NotYet where the user is not replicated yet, WontWork where another object has the address.
        """
        user = guid(user_id, "user id")
        body = UserBody(mail=mail, other_mails=list(other_mails))
        answer = await self._graph.ask(
            operations.CHANGE_ADDRESS,
            lambda client: client.users.by_user_id(user).to_patch_request_information(body),
            about=f"user {user}",
            allow=(400, 404),
        )
        if answer.status == 404:
            raise NotYet(f"Guest {user} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
        if answer.status == 400 and answer.says("same value"):
            raise WontWork(
                f"The new address of guest {user} belongs to another object of our directory: take it from there first"
            )
        if not answer.good:
            raise answer.error()

    async def reset(self, user_id: str, address: str, redirect_url: str, *, mail: bool) -> str:
        """The guest is to accept again, with this address; their id, groups and sponsors stay. The id of the invitation.

        https://learn.microsoft.com/entra/external-id/reset-redemption-status
        """
        user = guid(user_id, "user id")
        body = Invitation(
            invited_user_email_address=address,
            invite_redirect_url=redirect_url,
            send_invitation_message=mail,
            reset_redemption=True,
            invited_user=UserBody(id=user),
        )
        answer = await self._graph.ask(
            operations.RESET_REDEMPTION,
            lambda client: client.invitations.to_post_request_information(body),
            about=f"user {user}",
            allow=(404,),
        )
        if answer.status == 404:
            raise NotYet(f"Guest {user} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
        return re.sub(r"[^\w-]", "", text(answer.content(), "id")) or user
