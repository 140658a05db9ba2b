"""How mail flows to and from other organizations: Exchange Online's connectors and remote domains.

https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow/use-connectors-to-configure-mail-flow
"""

import re
from dataclasses import dataclass

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.nouns.state import Value
from shared.tenant import operations
from shared.tenant.configured import NOT_FOUND, READ_AGAIN_WAIT, Cmdlets, ConfiguredObjects, Kind
from shared.tenant.fields import flag, text

_SPACE = re.compile(r"(?:smtp:)?(?P<domain>[^;]+)(?:;\d+)?", re.IGNORECASE)
_DOMAINS = frozenset({"SenderDomains", "RecipientDomains", "AssociatedAcceptedDomains", "DomainName", "TlsDomain"})


def tidy(name: str, value: Value) -> Value:
    """Domains in lower case, and without the address space that Exchange writes around a sender's (`smtp:fabrikam.com;1`)."""
    if name not in _DOMAINS:
        return value
    if isinstance(value, tuple):
        return tuple(sorted(_domain(item) for item in value))
    return _domain(value) if isinstance(value, str) else value


INBOUND = Kind(
    "inbound connector",
    operations.GET_INBOUND_CONNECTORS,
    operations.NEW_INBOUND_CONNECTOR,
    operations.SET_INBOUND_CONNECTOR,
    operations.REMOVE_INBOUND_CONNECTOR,
    tidy,
)
OUTBOUND = Kind(
    "outbound connector",
    operations.GET_OUTBOUND_CONNECTORS,
    operations.NEW_OUTBOUND_CONNECTOR,
    operations.SET_OUTBOUND_CONNECTOR,
    operations.REMOVE_OUTBOUND_CONNECTOR,
    tidy,
)
REMOTE_DOMAIN = Kind(
    "remote domain",
    operations.GET_REMOTE_DOMAINS,
    operations.NEW_REMOTE_DOMAIN,
    operations.SET_REMOTE_DOMAIN,
    operations.REMOVE_REMOTE_DOMAIN,
    tidy,
)


@dataclass(frozen=True)
class Check:
    """One test of a connector: what was tried, and whether it worked."""

    task: str
    good: bool


class MailFlow:
    def __init__(self, cmdlets: Cmdlets) -> None:
        self._cmdlets = cmdlets
        self.inbound = ConfiguredObjects(cmdlets, INBOUND)
        self.outbound = ConfiguredObjects(cmdlets, OUTBOUND)
        self.remote_domains = ConfiguredObjects(cmdlets, REMOTE_DOMAIN)

    async def validate(self, identity: str, recipients: tuple[str, ...]) -> tuple[Check, ...]:
        """What came of trying the outbound connector: a connection to each smart host, a test mail to each recipient.

        It changes nothing at the connector. Raises NotYet where it is not replicated yet. https://learn.microsoft.com/powershell/module/exchangepowershell/validate-outboundconnector
        The results' form is unverified: Microsoft documents none, public scripts read `TaskName` and `IsTaskSuccessful`.
        """
        sent: dict[str, Json] = {"Identity": identity, "Recipients": list(recipients), "Confirm": False}
        about = f"outbound connector {identity!r}"
        answer = await self._cmdlets.run(operations.VALIDATE_OUTBOUND_CONNECTOR, sent, about=about, allow=(NOT_FOUND,))
        if answer.exception:
            raise NotYet(f"The {about} is not there, or not everywhere yet: it is read again", after=READ_AGAIN_WAIT)
        # The name of a task may hold the recipient's address.
        return tuple(
            Check(
                re.sub(r"\S+@\S+", "a recipient", text(dict(value), "TaskName")) or "test",
                flag(dict(value), "IsTaskSuccessful") is True,
            )
            for value in answer.values
        )


def _domain(value: str) -> str:
    match = _SPACE.fullmatch(value.strip())
    return (match["domain"] if match else value).lower()
