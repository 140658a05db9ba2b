"""Guests as the directory keeps them. Facts section 1.2."""

from dataclasses import dataclass

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.tenant import SimulatedTenant


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has an address: invited users, and other objects (employees, groups, contacts)."""

    guests: list[Entry]
    others: list[Entry]


def who_has(tenant: SimulatedTenant, address: str) -> Holders:
    """Every object that is not deleted and has the address as mail, proxy address or other mail."""
    found: dict[str, Entry] = {}
    for kind, names in (
        ("user", ("mail", "proxyAddresses", "otherMails")),
        ("group", ("mail", "proxyAddresses")),
        ("contact", ("mail", "proxyAddresses")),
    ):
        for name in names:
            value = f"smtp:{address}" if name == "proxyAddresses" else address
            found |= {
                entry.id: entry for entry in tenant.objects.holders(kind, name, value) if not entry.record.get("deletedDateTime")
            }
    guests = [entry for entry in found.values() if entry.record.get("creationType") == "Invitation"]
    return Holders(guests, [entry for entry in found.values() if entry.record.get("creationType") != "Invitation"])


def guest_name(tenant: SimulatedTenant, address: str) -> str:
    """The user name of a guest with the address; a number is added while it is taken."""
    local = address.replace("@", "_")
    names = (f"{local}#EXT#{'' if n == 0 else n}@{tenant.initial_domain}" for n in range(1000))
    return next(name for name in names if not tenant.objects.identifiers("user", "userPrincipalName", name))


def guest_record(tenant: SimulatedTenant, address: str, display_name: str | None, user_type: str) -> Record:
    """A guest who has not accepted yet."""
    name = guest_name(tenant, address)
    now = tenant.moment()
    return {
        "accountEnabled": True,
        "createdDateTime": now,
        "creationType": "Invitation",
        "displayName": display_name or address.partition("@")[0],
        "externalUserState": "PendingAcceptance",
        "externalUserStateChangeDateTime": now,
        "identities": [{"signInType": "userPrincipalName", "issuer": tenant.initial_domain, "issuerAssignedId": name}],
        "mail": address,
        "mailNickname": name.partition("@")[0],
        "otherMails": [address],
        "proxyAddresses": [f"SMTP:{address}"],
        "signInSessionsValidFromDateTime": now,
        "userPrincipalName": name,
        "userType": user_type,
    }


def new_guest(tenant: SimulatedTenant, address: str, display_name: str | None, user_type: str) -> Entry:
    """The guest exists and has not accepted yet."""
    identifier = tenant.new_id("user")
    return tenant.objects.add("user", identifier, {"id": identifier, **guest_record(tenant, address, display_name, user_type)})


def accept(tenant: SimulatedTenant, guest: Entry, state: str = "Accepted") -> None:
    """The guest's invitation has the state; an accepted one can sign in with the identity of the home tenant."""
    domain = (guest.record.get("mail") or "").rpartition("@")[2].lower()
    own = [item for item in guest.record.get("identities") or [] if item["signInType"] == "userPrincipalName"]
    issuer = "ExternalAzureAD" if domain in tenant.partner_tenants else "mail"
    federated = {
        "signInType": "federated",
        "issuer": issuer,
        "issuerAssignedId": None if issuer == "ExternalAzureAD" else guest.record.get("mail"),
    }
    tenant.objects.change(
        guest,
        externalUserState=state,
        externalUserStateChangeDateTime=tenant.moment(),
        identities=[federated, *own] if state == "Accepted" else own,
    )
