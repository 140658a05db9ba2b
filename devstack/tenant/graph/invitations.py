"""Invitations of guests. https://learn.microsoft.com/graph/api/invitation-post; facts sections 1.1 and 1.2."""

from typing import Any
from urllib.parse import quote

from devstack.tenant.audit import AuditedChange
from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.cross_tenant_access import blocks_invitations
from devstack.tenant.graph.guests import Holders, new_guest, who_has
from devstack.tenant.graph.invitation_body import Wish, read_invitation
from devstack.tenant.graph.operation import GUID, Call, Operation, Reply
from devstack.tenant.graph.sponsors import MOST_SPONSORS, make_sponsors
from devstack.tenant.graph.writing import proxies_with


def invite(call: Call) -> Reply:
    """The person is a guest, and has a mail if one was asked for. The same address gives the same guest again."""
    wish = read_invitation(call.json())
    _refuse_by_policy(call, wish)
    sponsors = _sponsors(call, wish)
    holders = who_has(call.tenant, wish.address)
    guest = _reset(call, wish, holders) if wish.reset else _existing(holders)
    if guest is None:
        guest = new_guest(call.tenant, wish.address, wish.display_name, wish.user_type)
        change = AuditedChange(details={"invitedUserEmailAddress": wish.address})
        call.tenant.audit("Invite external user", "UserManagement", guest, call.token.application, change=change)
    if _sponsors_take(call):
        make_sponsors(call, guest, [sponsor for sponsor in sponsors if sponsor.id != guest.id])
    invitation = _invitation(call, wish, guest)
    if wish.send:
        _mail(call, wish, invitation)
    return Reply(201, {"@odata.context": call.context("invitations/$entity"), **invitation})


def _refuse_by_policy(call: Call, wish: Wish) -> None:
    """The tenant's settings let the application invite somebody of this domain (facts 1.1, 3.3 and 3.4)."""
    tenant = call.tenant
    inviters = tenant.authorization_policy["allowInvitesFrom"]
    if inviters == "none" or (inviters == "adminsAndGuestInviters" and not call.may("User.Invite.All")):
        raise GraphError(
            403,
            "Forbidden",
            "Guest invitations not allowed for your company. Contact your company administrator for more details.",
        )
    if wish.domain in tenant.domains:
        raise bad_request(
            f"The email address '{wish.address}' is in a verified domain of this directory; its users cannot be invited.",
            "BadRequest",
        )
    allowed, blocked = tenant.allowed_domains, tenant.blocked_domains
    if wish.domain in blocked or (allowed and wish.domain not in allowed):
        status = tenant.behaviour.domain_blocked_status
        code = "Forbidden" if status == 403 else "BadRequest"
        raise GraphError(status, code, f"The domain '{wish.domain}' is not allowed by your organization's collaboration policy.")
    home = tenant.partner_tenants.get(wish.domain)
    if home is not None and (home["tenantId"] in tenant.blocked_tenants or blocks_invitations(tenant, home["tenantId"])):
        status = tenant.behaviour.cross_tenant_blocked_status
        code = "Forbidden" if status == 403 else "BadRequest"
        raise GraphError(status, code, "This invitation is blocked by cross-tenant access settings.")


def _sponsors(call: Call, wish: Wish) -> list[Entry]:
    """The sponsors named, as objects with an id or as links; raises 404 for one that is not there (yet)."""
    found = []
    for sponsor in wish.given.get("invitedUserSponsors") or []:
        identifier = sponsor.get("id") if isinstance(sponsor, dict) else None
        if not isinstance(identifier, str) or not GUID.fullmatch(identifier):
            raise bad_request(
                "Invalid value specified for property 'invitedUserSponsors' of resource 'Invitation'.", code="BadRequest"
            )
        entry = call.for_writing(call.seen(identifier))
        if entry.kind not in ("user", "group"):
            raise not_found(identifier)
        found.append(entry)
    found += [call.reference(link, kinds=("user", "group")) for link in wish.given.get("invitedUserSponsors@odata.bind") or []]
    if len({entry.id for entry in found}) > MOST_SPONSORS:
        raise bad_request(f"The maximum number of sponsors is {MOST_SPONSORS}.", code="BadRequest")
    return list({entry.id: entry for entry in found}.values())


def _sponsors_take(call: Call) -> bool:
    """Whether sponsors in an invitation take in this tenant: always, never, or in every second invitation."""
    if call.fault == "sponsors-ignored":
        return False
    how = call.tenant.behaviour.sponsors_in_invitation
    return how == "all" or (how == "some" and call.tenant.next("sponsors-in-invitation") % 2 == 0)


def _existing(holders: Holders) -> Entry | None:
    """The guest who has the address already, if any; raises 400 where the address is somebody else's or the guest is blocked."""
    if not holders.guests and not holders.others:
        return None
    if holders.others or len(holders.guests) > 1:
        other = (holders.others or holders.guests)[0]
        raise bad_request(
            f"The invited user already exists in the directory as object ID: {other.id}. Another object uses the email address.",
            "BadRequest",
        )
    guest = holders.guests[0]
    if guest.record.get("accountEnabled") is False:
        raise bad_request(
            f"The invited user already exists in the directory as object ID: {guest.id}, but the account is blocked from signing in. If the "
            "account is unblocked, they can use that account to sign in to shared apps and resources.",
            code="BadRequest",
        )
    return guest


def _reset(call: Call, wish: Wish, holders: Holders) -> Entry:
    """The guest is pending again, with the address of the invitation; id, groups and sponsors stay."""
    call.require("User.ReadWrite.All", "Directory.ReadWrite.All", "User.Invite.All")
    guest = call.for_writing(call.seen(wish.user_id or "", "user"))
    if guest.record.get("creationType") != "Invitation":
        raise bad_request("The redemption of a user who was not invited cannot be reset.", code="BadRequest")
    if [other for other in (*holders.guests, *holders.others) if other.id != guest.id]:
        raise bad_request(
            f"The email address '{wish.address}' is already used by another object in the directory.", code="BadRequest"
        )
    if guest.record.get("accountEnabled") is False:
        raise bad_request(
            f"The redemption cannot be reset: the account with object ID: {guest.id} is blocked from signing in.",
            code="BadRequest",
        )
    changes: Record = {
        "externalUserState": "PendingAcceptance",
        "externalUserStateChangeDateTime": call.tenant.moment(),
        "identities": [item for item in guest.record["identities"] if item["signInType"] == "userPrincipalName"],
    }
    if (guest.record.get("mail") or "").lower() != wish.address.lower():
        changes |= {
            "mail": wish.address,
            "proxyAddresses": proxies_with(guest.record, wish.address),
            "otherMails": [wish.address],
        }
    call.tenant.objects.change(guest, **changes)
    call.tenant.audit("Reset redemption status", "UserManagement", guest, call.token.application)
    return guest


def _invitation(call: Call, wish: Wish, guest: Entry) -> Record:
    tenant = call.tenant
    target = f"https://invitations.microsoft.com/redeem/?tenant={tenant.tenant_id}&user={guest.id}&ticket={tenant.new_id('ticket')}&ver=2.0"
    accepted = guest.record.get("externalUserState") == "Accepted"
    cc = [{"emailAddress": _recipient(r.get("emailAddress") or {})} for r in wish.message.get("ccRecipients") or []]
    return {
        "id": tenant.new_id("invitation"),
        "inviteRedeemUrl": f"https://login.microsoftonline.com/redeem?rd={quote(target, safe='')}",
        "invitedUserDisplayName": wish.display_name,
        "invitedUserType": guest.record.get("userType"),
        "invitedUserEmailAddress": wish.address,
        "sendInvitationMessage": wish.send,
        "resetRedemption": wish.reset,
        "inviteRedirectUrl": wish.redirect,
        "status": "Completed" if accepted else "PendingAcceptance",
        "invitedUserMessageInfo": {
            "messageLanguage": wish.message.get("messageLanguage"),
            "customizedMessageBody": wish.message.get("customizedMessageBody"),
            "ccRecipients": cc or [{"emailAddress": {"name": None, "address": None}}],
        },
        "invitedUser": {"id": guest.id},
    }


def _recipient(address: Record) -> Record:
    return {"name": address.get("name"), "address": address.get("address")}


def _mail(call: Call, wish: Wish, invitation: Record) -> None:
    """The mail is in the outbox. Microsoft drops the custom text of invitations that an application sends on its own."""
    custom = wish.message.get("customizedMessageBody")
    copies: list[Any] = [
        recipient["emailAddress"]["address"] for recipient in invitation["invitedUserMessageInfo"]["ccRecipients"]
    ]
    call.tenant.outbox.append(
        {
            "to": wish.address,
            "cc": [address for address in copies if address],
            "kind": "redemption-reset" if wish.reset else "invitation",
            "when": call.tenant.moment(),
            "user": invitation["invitedUser"]["id"],
            "language": wish.message.get("messageLanguage") or "en-US",
            "customTextDropped": custom,
            "redeemUrl": invitation["inviteRedeemUrl"],
        }
    )


OPERATIONS = (
    Operation(
        "POST",
        "/invitations",
        invite,
        ("User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
        "https://learn.microsoft.com/graph/api/invitation-post",
        kind="invitation",
        unverified=(
            "whether sponsors in an invitation take (`sponsorsInInvitation`), and in which form they are written",
            "statuses of refusals by domain list and by cross-tenant access (`domainBlockedStatus`, `crossTenantBlockedStatus`)",
            "texts of refusals other than the published ones",
            "a redemption reset with a new address makes that address the guest's mail",
        ),
        deviations=("Microsoft's rare 500 `Unable to find target address` comes only from a fault rule",),
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
