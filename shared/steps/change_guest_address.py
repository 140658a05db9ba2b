"""The guest is known by another address, at the same partner, and accepts again with it.

The account stays: its id, its memberships, what was shared with it. First mail and other mails are changed; when the directory
has settled (the consistency horizon), redemption is reset, so that whoever has the new address takes the account over and whoever
has the old one no longer can. https://learn.microsoft.com/entra/external-id/reset-redemption-status

Both addresses stand in `details` during an attempt only: what is stored is who they are in the `people` table.
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from shared.nouns.checked import checked
from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.request import Address, HttpsUrl
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Intent, Step, Subject, Wish
from shared.tenant import Tenant
from shared.tenant.found import GuestAddress, User

STEP = "change-guest-address"
ADDRESSES = ("from", "to")
# In the details of an attempt: an earlier request has made the same change, and nobody has taken it back.
CHANGED_BEFORE = "changedBefore"
REPLICATION_WAIT = 15.0


class AddressChange(BaseModel):
    """From which address to which. `sendMail` false leaves telling the guest to somebody else, e.g. to `welcome-guest`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    former: Address = Field(alias="from")
    to: Address
    redirect_url: HttpsUrl | None = Field(None, alias="redirectUrl")
    send_mail: bool = Field(True, alias="sendMail", strict=True)


def wanted(ask: Ask) -> Wish | None:
    """The new address is the guest's, and they are to accept with it. Raises Refusal where it is another employer's."""
    asked = checked(AddressChange, dict(ask.settings), ("steps", STEP, ask.name))
    redirect = asked.redirect_url or ask.header.invitation.redirect_url or ask.template.invitation.redirect_url
    if faults := [*_foreign(ask, asked), *_elsewhere(ask, redirect)]:
        raise Refusal(faults)
    details: dict[str, Json] = {
        "from": asked.former,
        "to": asked.to,
        "redirectUrl": redirect,
        "sendMail": asked.send_mail,
    }
    return Wish({"address": "new", "redemption": "begun anew"}, details)


async def read(tenant: Tenant, subject: Subject) -> State:
    """Which of the two `address`es the guest has, and whether `redemption` was begun anew since; who else has the new one."""
    former, new = _addresses(subject)
    known = subject.ids.get("user")
    mine: tuple[User, ...] = () if known else await tenant.users.find_by_address(former)
    theirs = await tenant.users.find_by_address(new)
    candidates = {known} if known else {user.id for user in (mine or theirs)}
    others = tuple(sorted({user.id for user in (*mine, *theirs)} - candidates))
    if len(candidates) != 1 or others:
        return {"address": None, "conflict": tuple(sorted(filter(None, candidates | set(others))))}
    guest = await tenant.redemption.guest(next(iter(candidates)))
    if guest is None:
        raise NotYet(f"Guest {next(iter(candidates))} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
    changed = guest.mail == new and former not in guest.other_mails
    return {
        "address": "new" if changed else "former",
        "redemption": "begun anew" if changed and _begun_anew(subject, guest) else None,
        "user": guest.user,
        "guest": guest.user_type == "Guest" and guest.invited,
        "enabled": guest.enabled,
        "synced": guest.synced,
        "conflict": (),
    }


def explain(subject: Subject, actual: State) -> str | None:
    """Nobody has the address, several do, or the account is one that nobody should take over this way."""
    conflict = actual.get("conflict")
    if conflict == () and actual.get("address") is None:
        return "Nobody in our directory has the former address: invite the person with the new one"
    if isinstance(conflict, tuple) and conflict:
        return f"Users {' and '.join(conflict)} have one of the two addresses: decide which account stays, and take the address from others"
    if not actual.get("guest"):
        return f"User {actual.get('user')} was not invited as a guest: change the address where the account comes from"
    if actual.get("synced"):
        return f"User {actual.get('user')} comes from on-premises: change the address there"
    if actual.get("enabled") is False:
        return f"User {actual.get('user')} was blocked from signing in by somebody: find out why before they get another address"
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The guest has the new address; or, where they have had it long enough, redemption is begun anew."""
    former, new = _addresses(subject)
    user = str(subject.seen.get("user"))
    if "address" in change:
        guest = await tenant.redemption.guest(user)
        if guest is None:
            raise NotYet(f"Guest {user} is not known everywhere in the directory yet", after=REPLICATION_WAIT)
        kept = [other for other in guest.other_mails if other not in {former, new}]
        await tenant.redemption.change_address(user, new, (new, *kept))
        return Applied(ids={"user": user})
    mail = subject.details.get("sendMail") is True
    redirect = str(subject.details.get("redirectUrl") or "")
    invitation = await tenant.redemption.reset(user, new, redirect, mail=mail)
    return Applied(ids={"user": user, "reset": invitation}, note="The guest has to accept again, with the new address")


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The guest has the former address again, and whoever accepted with the new one has to accept with it."""
    former, new = _addresses(subject)
    guest = await tenant.redemption.guest(entry.ids["user"]) if entry.ids.get("user") else None
    if guest is None:
        return Applied(note="The guest is gone" if entry.ids.get("user") else "The address had not been changed")
    if guest.mail not in {former, new}:
        raise WontWork(f"The address of guest {guest.user} was changed by somebody after us: set it by hand as it should be")
    if guest.mail == new:
        kept = [other for other in guest.other_mails if other not in {former, new}]
        await tenant.redemption.change_address(guest.user, former, (former, *kept))
    elif guest.redemption == "PendingAcceptance":
        return Applied(ids={"user": guest.user}, note="The guest has the former address already")
    await tenant.redemption.reset(guest.user, former, str(subject.details.get("redirectUrl") or ""), mail=False)
    return Applied(ids={"user": guest.user}, note="The guest has the former address again, and has to accept with it")


def settled(subject: Subject, actual: State) -> str:
    """What happens next."""
    if CHANGED_BEFORE in subject.details:
        return "has the new address already, by an earlier request"
    if subject.details.get("sendMail") is True:
        return "has the new address, and a mail to accept again with it"
    return "has the new address, and has to accept again with it"


def _begun_anew(subject: Subject, guest: GuestAddress) -> bool:
    """A reset of ours was answered, or is seen by the state having changed since it was begun; or the address was new before us,
    and nobody has accepted, or that was an earlier request's doing: who asks again for what was done throws nobody out."""
    before = guest.redemption == "PendingAcceptance" or CHANGED_BEFORE in subject.details
    if "reset" in subject.ids or (not subject.intents and before):
        return True
    first = next((intent.at for intent in subject.intents if _resets(intent)), None)
    return first is not None and guest.changed is not None and guest.changed >= _whole_second(first)


def _resets(intent: Intent) -> bool:
    return "redemption" in intent.change and "address" not in intent.change


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _foreign(ask: Ask, asked: AddressChange) -> list[Fault]:
    where = f"steps.{STEP}.{ask.name}"
    faults = []
    for name, address in (("from", asked.former), ("to", asked.to)):
        domain = address.rpartition("@")[2]
        if not any(domain == one or domain.endswith(f".{one}") for one in ask.partner.domains):
            why = (
                "is of no domain of the partner: somebody with a new employer is a new guest, who needs an approval of their own"
            )
            faults.append(Fault(f"{where}.{name}", why))
    if asked.former == asked.to:
        faults.append(Fault(f"{where}.to", "is the former address"))
    return faults


def _elsewhere(ask: Ask, redirect: str) -> list[Fault]:
    if (urlsplit(redirect).hostname or "") in {host.lower() for host in ask.template.redirect_hosts}:
        return []
    hosts = ", ".join(ask.template.redirect_hosts)
    return [
        Fault(
            f"steps.{STEP}.{ask.name}.redirectUrl",
            f"leads to a host that template {ask.template.name} does not list; it lists {hosts}",
        )
    ]


def _addresses(subject: Subject) -> tuple[str, str]:
    former, new = (str(subject.details.get(name) or "") for name in ADDRESSES)
    if not former or not new:
        raise WontWork(f"The addresses of task {subject.id} were erased: ask for the change in a new request")
    return former, new


CHANGE_GUEST_ADDRESS = Step(
    name=STEP,
    sentence="The guest is known by another address at the same partner, and accepts again with it.",
    subject="named",
    addresses=ADDRESSES,
    permissions=("User.Read.All", "User.Invite.All", "User.ReadWrite.All"),
    power="guests",
    lanes=("entra-writes", "invitations"),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    sensitive=True,
    keeps=("user",),
)
