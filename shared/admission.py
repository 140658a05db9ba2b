"""Deciding what of a partner request may go on: pure, and every refusal names field and reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner
from shared.nouns.request import GuestWish, Header, Read, canonical
from shared.nouns.template import Template


@dataclass(frozen=True)
class Ours:
    """Our own organization: its tenant id and every domain verified in it."""

    tenant_id: str
    domains: frozenset[str]


@dataclass(frozen=True)
class AdmittedGuest:
    """A guest who may be invited: position in the request, wish, group object ids and sponsors' object ids."""

    position: int
    wish: GuestWish
    groups: tuple[str, ...]
    sponsors: tuple[str, ...]
    until: date | None


@dataclass(frozen=True)
class Admitted:
    guests: tuple[AdmittedGuest, ...]
    refused: Mapping[int, tuple[Fault, ...]]


def partner_of(header: Header, ours: Ours, tenants: Mapping[str, str | None]) -> Partner:
    """The one partner that all the domains belong to; `tenants` gives each domain's tenant id, None where there is none.

    Raises Refusal for our own domains or tenant, for domains without a tenant, and for domains of more than one.
    """
    faults = []
    for index, domain in enumerate(header.partner.domains):
        field = f"partner.domains[{index}]"
        if domain in ours.domains or tenants[domain] == ours.tenant_id:
            faults.append(Fault(field, f"{domain} is our own domain; a partner is another organization"))
        elif tenants[domain] is None:
            faults.append(
                Fault(
                    field, f"{domain} belongs to no Microsoft Entra tenant; check the spelling, or ask the partner for its domain"
                )
            )
    found = {tenant for tenant in tenants.values() if tenant}
    if not faults and len(found) > 1:
        listed = ", ".join(f"{domain} in {tenant}" for domain, tenant in tenants.items())
        faults.append(Fault("partner.domains", f"are of more than one tenant ({listed}); send one request for each"))
    if faults:
        raise Refusal(faults)
    return Partner(found.pop(), header.partner.name, header.partner.domains)


# The step that reads the tenant once more when a partner has been taken out; every template has it.
PROOF = "prove-closed"

# Whose blocks name addresses that change hands within the request.
ADDRESSES = "change-guest-address"

type GroupId = Callable[[str], str | None]


def admit_header(
    header: Header,
    template: Template,
    today: date,
    sponsors: Mapping[str, str | None],
    group_id: GroupId,
    named: frozenset[str] = frozenset(),
) -> None:
    """The request's own fields keep to the template. Raises Refusal with every fault.

    `group_id` gives what a task writes down for a group that the request names, None for one that it may not name. `named`
    are the steps whose blocks are settings by name.
    """
    allowed = (*template.steps, *template.optional, *((PROOF,) if header.action == "offboard" else ()))
    faults = [
        Fault(f"steps.{name}", f"is not a step of template {template.name}; it has: {', '.join(allowed)}")
        for name in header.steps
        if name not in allowed
    ]
    faults += _locked_faults(header, template, named)
    faults += _group_faults("groups", header.groups, template, group_id)
    faults += _sponsor_faults("sponsors", header.sponsors, sponsors)
    # Whoever takes a partner out may send what brought it in, however long ago that was to end.
    faults += _until_faults("until", header.until, today) if header.action != "offboard" else []
    faults += _redirect_faults("invitation.redirectUrl", header.invitation.redirect_url, template)
    if faults:
        raise Refusal(faults)


def _locked_faults(header: Header, template: Template, named: frozenset[str]) -> list[Fault]:
    """Settings that the request gives and the template keeps to itself."""
    faults = []
    for step, keys in template.locked.items():
        given, ours = header.steps.get(step, {}), template.defaults.get(step, {})
        blocks = given if step in named else {"": given}
        for name, block in blocks.items():
            above = ours.get(name, {}) if name else ours
            for key in keys:
                if not isinstance(block, dict) or key not in block or (key in above and block[key] == above[key]):
                    continue
                field = ".".join(part for part in ("steps", step, name, key) if part)
                stands = f"it is {canonical(above[key])}" if key in above else "the step's own value stands"
                faults.append(Fault(field, f"may not be given in requests of template {template.name}: {stands}; leave it out"))
    return faults


def admit_guests(
    read: Read,
    template: Template,
    partner: Partner,
    ours: Ours,
    sponsors: Mapping[str, str | None],
    today: date,
    group_id: GroupId,
) -> Admitted:
    """Each guest of the request, admitted or refused on its own."""
    refused: dict[int, tuple[Fault, ...]] = {index: tuple(faults) for index, faults in read.faults.items()}
    admitted = []
    for index, guest in read.guests.items():
        if index >= template.most_guests:
            faults = [
                Fault(f"guests[{index}]", f"is more than the {template.most_guests} guests that template {template.name} allows")
            ]
        else:
            faults = _guest_faults(index, guest, read.header, template, partner, ours, sponsors, today, group_id)
        if faults:
            refused[index] = tuple(faults)
            continue
        names = read.header.groups if guest.groups is None else guest.groups
        groups = dict.fromkeys(group for name in names if (group := group_id(name)) is not None)
        who = read.header.sponsors if guest.sponsors is None else guest.sponsors
        ids = dict.fromkeys(found for name in who if (found := sponsors[name]) is not None)
        admitted.append(AdmittedGuest(index, guest, tuple(groups), tuple(ids), guest.until or read.header.until))
    return Admitted(tuple(admitted), refused)


def _guest_faults(  # noqa: PLR0913, PLR0917 -- one guest against everything a guest is checked against
    index: int,
    guest: GuestWish,
    header: Header,
    template: Template,
    partner: Partner,
    ours: Ours,
    sponsors: Mapping[str, str | None],
    today: date,
    group_id: GroupId,
) -> list[Fault]:
    field = f"guests[{index}]"
    faults = []
    domain = guest.email.rpartition("@")[2]
    if domain in ours.domains:
        faults.append(Fault(f"{field}.email", f"is in our own domain {domain}: our own people are not guests"))
    elif domain not in partner.domains:
        if not guest.other_domain:
            faults.append(
                Fault(
                    f"{field}.email",
                    f"is in {domain}, none of the partner's domains; if that is meant, say otherDomain: true for this guest",
                )
            )
        elif not template.other_domains:
            faults.append(
                Fault(f"{field}.otherDomain", f"template {template.name} allows guests of the partner's own domains only")
            )
    faults += [
        Fault(
            f"{field}.email", f"is changed by {where} at the same time: send the change first, and the guest in a later request"
        )
        for where, address in _changing(header)
        if address == guest.email
    ]
    faults += _group_faults(f"{field}.groups", guest.groups or (), template, group_id)
    faults += _sponsor_faults(f"{field}.sponsors", guest.sponsors or (), sponsors)
    faults += _until_faults(f"{field}.until", guest.until, today)
    faults += _redirect_faults(f"{field}.redirectUrl", guest.redirect_url, template)
    if header.until is not None and guest.until is not None and guest.until > header.until:
        faults.append(Fault(f"{field}.until", f"is after the request's own end, {header.until.isoformat()}"))
    return faults


def _changing(header: Header) -> list[tuple[str, str]]:
    """The addresses that guests have, or get, by this very request, with the fields that say so."""
    return [
        (f"steps.{ADDRESSES}.{name}.{side}", str(block[side]).strip().lower())
        for name, block in header.steps.get(ADDRESSES, {}).items()
        if isinstance(block, dict)
        for side in ("from", "to")
        if side in block
    ]


def _group_faults(field: str, names: tuple[str, ...], template: Template, group_id: GroupId) -> list[Fault]:
    allowed = ", ".join(template.groups) or "none"
    return [
        Fault(f"{field}[{index}]", f"{name} is not a group that template {template.name} allows; it allows: {allowed}")
        for index, name in enumerate(names)
        if group_id(name) is None
    ]


def _sponsor_faults(field: str, names: tuple[str, ...], found: Mapping[str, str | None]) -> list[Fault]:
    return [
        Fault(f"{field}[{index}]", "is none of our people; give the object id or user principal name of a member of our tenant")
        for index, name in enumerate(names)
        if found.get(name) is None
    ]


def _until_faults(field: str, until: date | None, today: date) -> list[Fault]:
    return [Fault(field, f"{until.isoformat()} is in the past")] if until is not None and until < today else []


def _redirect_faults(field: str, url: str | None, template: Template) -> list[Fault]:
    host = (urlsplit(url).hostname or "") if url else ""
    if not url or host in template.redirect_hosts:
        return []
    return [
        Fault(
            field,
            f"leads to {host}, which template {template.name} does not allow; it allows: {', '.join(template.redirect_hosts)}",
        )
    ]
