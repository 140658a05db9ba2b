"""Who has which address in Exchange Online: a guest cannot be invited by an address that another object holds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.nouns.json_text import Json
from shared.tenant import operations
from shared.tenant.configured import Cmdlets
from shared.tenant.fields import flag, text, texts

# So many addresses are asked about in one filter: a filter is a text that Exchange parses whole.
MOST_IN_FILTER = 20


@dataclass(frozen=True)
class Recipient:
    """`kind` is `MailContact`, `MailUser`, `GuestMailUser`, `UserMailbox` ... `synced` says that it comes from on-premises.

    `addresses` are in lower case. `id` is the directory's object id, where Exchange gave one.
    """

    id: str
    kind: str
    synced: bool
    addresses: tuple[str, ...]

    def within(self, domains: Collection[str]) -> bool:
        """One of its addresses is in one of the domains itself (not a subdomain)."""
        return any(address.rpartition("@")[2] in domains for address in self.addresses)


class Recipients:
    def __init__(self, cmdlets: Cmdlets) -> None:
        self._cmdlets = cmdlets

    async def with_addresses(self, addresses: Collection[str]) -> tuple[Recipient, ...]:
        """Everybody who has one of the addresses as any proxy address. One call for each 20 addresses."""
        found: dict[str, Recipient] = {}
        asked = sorted({address.strip().lower() for address in addresses})
        for start in range(0, len(asked), MOST_IN_FILTER):
            terms = [f"EmailAddresses -eq {quoted(f'smtp:{address}')}" for address in asked[start : start + MOST_IN_FILTER]]
            sent: dict[str, Json] = {"Filter": " -or ".join(terms), "ResultSize": "Unlimited"}
            answer = await self._cmdlets.run(operations.GET_RECIPIENTS, sent, about="those with some addresses")
            found |= {one.id: one for one in map(_recipient, answer.values)}
        return tuple(found.values())

    async def outsiders(self, domains: Collection[str]) -> tuple[Recipient, ...]:
        """The mail contacts and mail users (not guests) with an address in one of the domains.

        Two calls for each 1,000 of them in the tenant, whatever the domains: the service filters by no leading wildcard.
        https://learn.microsoft.com/powershell/exchange/recipient-filters
        """
        names = frozenset(domain.lower() for domain in domains)
        found: list[Recipient] = []
        for operation in (operations.GET_MAIL_CONTACTS, operations.GET_MAIL_USERS):
            answer = await self._cmdlets.run(operation, {"ResultSize": "Unlimited"}, about="all of them")
            found += [one for one in map(_recipient, answer.values) if one.kind != "GuestMailUser" and one.within(names)]
        return tuple(found)


def quoted(value: str) -> str:
    """A text in an OPATH filter."""
    return "'" + value.replace("'", "''") + "'"


def _recipient(found: Mapping[str, Json]) -> Recipient:
    raw = dict(found)
    proxies = [address for address in texts(raw, "EmailAddresses") if address[:5].lower() == "smtp:"]
    external = text(raw, "ExternalEmailAddress")
    given = {
        address.lower().removeprefix("smtp:") for address in (*proxies, external, text(raw, "PrimarySmtpAddress")) if address
    }
    return Recipient(
        id=(text(raw, "ExternalDirectoryObjectId") or text(raw, "Guid") or text(raw, "Identity")).lower(),
        kind=text(raw, "RecipientTypeDetails") or text(raw, "RecipientType"),
        synced=flag(raw, "IsDirSynced") is True,
        addresses=tuple(sorted(given)),
    )
