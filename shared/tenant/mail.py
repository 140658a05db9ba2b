"""Our own mails, from the one shared mailbox that the setting ENTENTE_MAILBOX names.

Sending has no key against doing it twice, so each mail carries a Message-ID that is computed from what it is about, and what was
sent is found by it among the Sent Items. Mail.ReadBasic.All is enough for that and shows no body: a redeem link is a key. (An extended
property would be the documented place for data of ours, but reading one takes Mail.Read, bodies and all.) Not verified against a
live tenant: that Exchange Online keeps the Message-ID of a mail handed over as MIME. Where it does not, a mail whose answer was lost is
sent again after the consistency horizon, and an answered one never.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import MessagesRequestBuilder

from shared.nouns.mail import Written
from shared.nouns.outcomes import WontWork
from shared.tenant import operations
from shared.tenant.answers import Answer
from shared.tenant.fields import instant, objects, text
from shared.tenant.graph import Graph
from shared.tenant.odata import literal

# Of an inbox, so far back as somebody asks.
PER_PAGE, MOST_PAGES = 100, 10

MessagesQuery = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters


@dataclass(frozen=True)
class Returned:
    """When a report came that a mail was not delivered, by the mail's mark; `complete` says whether all of the time asked for was looked at."""

    marks: Mapping[str, datetime]
    complete: bool


class Mailbox:
    """The mailbox of `address`. With an empty address every method raises WontWork naming the setting."""

    def __init__(self, graph: Graph, address: str) -> None:
        self._graph = graph
        self._address = address

    @property
    def domain(self) -> str:
        """The domain that our mails come from; empty without a mailbox."""
        return self._address.rpartition("@")[2]

    async def send(self, written: Written, to: Sequence[str], *, mark: str, about: str) -> None:
        """Exchange Online has taken the mail and keeps it among the Sent Items. `about` says to whom without their address.

        Sent as MIME, so that the text part, the Message-ID and the header against automatic replies are ours.
        https://learn.microsoft.com/graph/outlook-send-mime-message
        """
        information = RequestInformation(Method.POST, "{+baseurl}/users/{mailbox}/sendMail", {"mailbox": self._checked()})
        information.set_stream_content(base64.b64encode(self._mime(written, to, mark)), "text/plain")
        answer = await self._graph.ask(operations.SEND_MAIL, lambda _: information, about=about, allow=(403, 404))
        self._refuse(answer)

    async def was_sent(self, mark: str, *, about: str) -> bool:
        """A mail with this mark is among the Sent Items."""
        mailbox = self._checked()
        query = MessagesQuery(filter=f"internetMessageId eq {literal(self._message_id(mark))}", select=["id"], top=1)
        answer = await self._graph.ask(
            operations.FIND_SENT_MAIL,
            lambda client: (
                client.users.by_user_id(mailbox)
                .mail_folders.by_mail_folder_id("sentitems")
                .messages.to_get_request_information(RequestConfiguration(query_parameters=query))
            ),
            about=about,
            allow=(403, 404),
        )
        self._refuse(answer)
        return bool(objects(answer.content(), "value"))

    async def came_back(self, marks: Collection[str], since: datetime, *, about: str) -> dict[str, datetime]:
        """Of the mails with these marks, those that a report in the inbox says were not delivered, and when that came. Raises as `returned`."""
        found = await self.returned(since, about=about) if marks else Returned({}, complete=True)
        return {mark: found.marks[mark.lower()] for mark in marks if mark.lower() in found.marks}

    async def returned(self, since: datetime, *, about: str) -> Returned:
        """The mails of ours that a report in the inbox says were not delivered, by their marks in lower case.

        By its headers alone (RFC 3464 and RFC 5322, section 3.6.4): no body is read, and an automatic reply is no such report. At most
        `MOST_PAGES` pages are looked through. Raises WontWork where the mailbox is not ours to read, NotYet.
        """
        query = MessagesQuery(
            filter=f"receivedDateTime ge {since:%Y-%m-%dT%H:%M:%SZ}",
            select=["id", "receivedDateTime", "internetMessageHeaders"],
            top=PER_PAGE,
        )
        mailbox, found, link = self._checked(), dict[str, datetime](), ""
        end = f"@{self.domain}>".lower()
        for _ in range(MOST_PAGES):
            answer = await self._graph.page(
                operations.FIND_BOUNCES,
                lambda client: (
                    client.users.by_user_id(mailbox)
                    .mail_folders.by_mail_folder_id("inbox")
                    .messages.to_get_request_information(RequestConfiguration(query_parameters=query))
                ),
                link,
                about=about,
                allow=(403, 404),
            )
            self._refuse(answer)
            for message in objects(answer.content(), "value"):
                headers = [(text(one, "name").lower(), text(one, "value")) for one in objects(message, "internetMessageHeaders")]
                at = instant(message, "receivedDateTime")
                if at is None or not any(
                    name == "content-type" and "delivery-status" in value.lower() for name, value in headers
                ):
                    continue
                replied = " ".join(value for name, value in headers if name in {"in-reply-to", "references"}).lower().split()
                found |= {one.removeprefix("<").removesuffix(end): at for one in replied if one.endswith(end)}
            if not (link := text(answer.body, "@odata.nextLink")):
                break
        return Returned(found, complete=not link)

    def _message_id(self, mark: str) -> str:
        return f"<{mark}@{self.domain}>"

    def _mime(self, written: Written, to: Sequence[str], mark: str) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._address
        message["To"] = ", ".join(to)
        message["Subject"] = written.subject
        message["Message-ID"] = self._message_id(mark)
        message["Content-Language"] = written.language
        # Out-of-office replies to a mail that a machine has sent help nobody (RFC 3834, section 5).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(written.text)
        message.add_alternative(written.html, subtype="html")
        return message.as_bytes()

    def _checked(self) -> str:
        if not self._address:
            raise WontWork("No mailbox to send from is set: give the address of a shared mailbox in the setting ENTENTE_MAILBOX")
        return self._address

    def _refuse(self, answer: Answer) -> None:
        """Raises WontWork where the mailbox is not there, or not ours to use."""
        if answer.good:
            return
        if answer.status == 404:
            raise WontWork(
                f"The mailbox in the setting ENTENTE_MAILBOX was not found, or is none of Exchange Online (404 {answer.code}): correct "
                "the setting"
            )
        permissions = " and ".join(answer.operation.permissions)
        raise WontWork(
            f"The app may not {answer.operation.name} of ENTENTE_MAILBOX (403 {answer.code}): grant {permissions}, best for this mailbox "
            "alone by Exchange Online's role-based access control for applications"
        )
