"""Sharing policies: which calendar and contact details our users may share with people of other domains.

https://learn.microsoft.com/exchange/sharing/sharing-policies/sharing-policies
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet
from shared.tenant import operations
from shared.tenant.configured import READ_AGAIN_WAIT, Cmdlets
from shared.tenant.fields import flag, text, texts
from shared.tenant.recipients import quoted

ACTIONS = (
    "CalendarSharingFreeBusySimple",
    "CalendarSharingFreeBusyDetail",
    "CalendarSharingFreeBusyReviewer",
    "ContactsSharing",
)
EVERYBODY = "*"
# How Exchange refuses a domain that is in a policy twice is unverified.
DOMAIN_THERE = ("TaskInvalidOperationException", "DataValidationException", "ADObjectAlreadyExistsException")


@dataclass(frozen=True)
class SharingPolicy:
    """`entries` are as Exchange writes them (`fabrikam.com:CalendarSharingFreeBusySimple, ContactsSharing`)."""

    identity: str
    name: str
    distinguished_name: str
    default: bool
    enabled: bool
    entries: tuple[str, ...]

    def actions(self, domain: str) -> str | None:
        """What may be shared with the domain, in the documented order and joined by commas; None without an entry of its own."""
        found = [action for entry in self.of(domain) for action in entry.partition(":")[2].split(",")]
        return ordered(found) if found else None

    def of(self, domain: str) -> tuple[str, ...]:
        """The domain's entries, as Exchange writes them."""
        return tuple(entry for entry in self.entries if entry.partition(":")[0].strip().lower() == domain.lower())


class SharingPolicies:
    def __init__(self, cmdlets: Cmdlets) -> None:
        self._cmdlets = cmdlets

    async def all(self) -> tuple[SharingPolicy, ...]:
        """All sharing policies of our tenant."""
        answer = await self._cmdlets.run(operations.GET_SHARING_POLICIES, {}, about="all of them")
        return tuple(_policy(value) for value in answer.values)

    async def change(self, policy: SharingPolicy, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """The policy has the entries in `add` and none of those in `remove`; every other entry stays, whoever made it.

        Exchange adds to and takes from its own list: a list written as a whole would lose what was not visible yet when it was read.
        Raises NotYet where a domain in `add` has another entry that was not seen.
        """
        table: dict[str, Json] = {"@odata.type": "#Exchange.GenericHashTable"}
        table |= {"Add": list(add)} if add else {}
        table |= {"Remove": list(remove)} if remove else {}
        sent: dict[str, Json] = {"Identity": policy.identity, "Domains": table, "Confirm": False}
        about = f"sharing policy {policy.name!r}"
        answer = await self._cmdlets.run(operations.SET_SHARING_POLICY, sent, about=about, allow=DOMAIN_THERE)
        if answer.exception:
            raise NotYet(
                f"The {about} has another entry for the domain, though none was seen: it is read again", after=READ_AGAIN_WAIT
            )

    async def has_mailboxes(self, policy: SharingPolicy) -> bool:
        """Some mailbox has this policy of its own.

        https://learn.microsoft.com/powershell/exchange/filter-properties#sharingpolicy (by distinguished name)
        """
        sent: dict[str, Json] = {"Filter": f"SharingPolicy -eq {quoted(policy.distinguished_name)}", "ResultSize": 1}
        answer = await self._cmdlets.run(operations.GET_MAILBOXES, sent, about=f"those with sharing policy {policy.name!r}")
        return bool(answer.values)


def ordered(actions: Sequence[str]) -> str:
    """The actions once each, in the documented order, joined by commas; an unknown one comes last."""
    known = {action.lower(): action for action in ACTIONS}
    found = {known.get(action.strip().lower(), action.strip()) for action in actions if action.strip()}
    return ",".join(sorted(found, key=lambda action: (ACTIONS.index(action) if action in ACTIONS else len(ACTIONS), action)))


def shows_more(one: str, other: str) -> bool:
    """Whether the actions in `one` show something that those in `other` do not. Each level of calendar sharing has those below it in it."""
    return _level(one) > _level(other) or bool(_beside_calendars(one) - _beside_calendars(other))


def _level(actions: str) -> int:
    """How much of a calendar is shown, from 0."""
    return max((ACTIONS.index(action) + 1 for action in actions.split(",") if action in ACTIONS[:3]), default=0)


def _beside_calendars(actions: str) -> set[str]:
    return set(actions.split(",")) - {*ACTIONS[:3], ""}


def _policy(found: Mapping[str, Json]) -> SharingPolicy:
    raw = dict(found)
    name = text(raw, "Name")
    return SharingPolicy(
        identity=text(raw, "Guid") or text(raw, "Identity") or name,
        name=name,
        distinguished_name=text(raw, "DistinguishedName") or name,
        default=flag(raw, "Default") is True,
        enabled=flag(raw, "Enabled") is not False,
        entries=texts(raw, "Domains"),
    )
