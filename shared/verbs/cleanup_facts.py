"""What a decision about a guest rests on: the partner's rules and end, who is exempt or protected, and what the directory says."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from shared.expiry import Circumstances, Seen, SignIns, last_day_over
from shared.nouns.errors import Refusal
from shared.nouns.expiry import Expiry
from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.sighting import Sighting
from shared.tables.exemptions import Exemption
from shared.tables.guests import Guest
from shared.tables.requests import Request, RequestState
from shared.templates import load_template
from shared.tenant.listed import Listed
from shared.verbs.guest_record import TEMPLATE as DECISIONS
from shared.verbs.partner_sites import sites_named
from shared.verbs.world import World

# Where nobody at all has signed in for so long, it is the data that has stopped.
STALE = timedelta(days=14)
CLEAN_UP = "cleanup."


@dataclass(frozen=True)
class PartnerFacts:
    """`rules` is None where guests of the partner do not go by the clock, and `off` then says why. `language` is that of their mails.
    `sites` are looked at before a guest is deleted, where the rules want that."""

    partner: Partner
    template: str
    rules: Expiry | None
    off: str = ""
    offboarded: date | None = None
    synced: bool = False
    language: str = ""
    exemptions: dict[str, Exemption] = field(default_factory=dict)
    sites: tuple[str, ...] = ()


async def partner_facts(world: World, tenant_id: str) -> PartnerFacts:
    """What holds for the partner's guests. A template that cannot be read, or a partner that is blocked, has no rules."""
    known = await world.tables.partners.get(tenant_id)
    partner = known.partner if known is not None else Partner(tenant_id, tenant_id, ())
    last = await last_request(world, tenant_id)
    exemptions = await world.tables.exemptions.of_partner(tenant_id)
    if last is None:
        return PartnerFacts(partner, "", None, "no request with a template is on record for this partner", exemptions=exemptions)
    name = last.header.template
    left = last.finished if last.header.action == "offboard" and last.state is RequestState.DONE else None
    facts = PartnerFacts(
        partner=partner,
        template=name,
        rules=None,
        offboarded=left.date() if left is not None else None,
        language=last.header.invitation.language or "",
        exemptions=exemptions,
    )
    try:
        template = load_template(world.settings.templates, name, world.steps)
    except Refusal as refusal:
        return _without(facts, f"template {name} cannot be read: {refusal}")
    if template.expiry is None:
        return _without(facts, f"template {name} has no [expiry]")
    if await world.tables.blocks.get(tenant_id) is not None:
        return _without(facts, "the partner is blocked in an emergency")
    return PartnerFacts(
        partner=partner,
        template=name,
        rules=template.expiry,
        offboarded=facts.offboarded,
        synced=await _synced(world, tenant_id),
        language=facts.language or template.invitation.language or "",
        exemptions=exemptions,
        sites=await _sites(world, tenant_id, template.expiry),
    )


def circumstances(
    facts: PartnerFacts, now: datetime, *, sign_ins: bool, denied_since: date | None, away: frozenset[str]
) -> Circumstances:
    """The same, as a decision about one guest wants it."""
    return Circumstances(now, facts.rules, sign_ins, facts.offboarded, denied_since, away)


def sighting(listed: Listed, denied: str) -> Sighting:
    """What a run keeps of a guest that the directory has listed."""
    return Sighting(
        user=listed.id,
        user_type=listed.user_type,
        enabled=listed.enabled,
        created=listed.created,
        redemption=listed.redemption,
        invited=listed.invited,
        denied=denied,
        interactive=listed.interactive,
        background=listed.background,
        successful=listed.successful,
        domain=next(iter(listed.domains), "") if listed.user_type != "Guest" else "",
    )


def seen(one: Sighting | None, facts: PartnerFacts, owner: str = "") -> Seen | None:
    """What the directory says, as a decision wants it; `owner` is which product of Microsoft's ends the account, in words."""
    if one is None:
        return None
    return Seen(
        user_type=one.user_type,
        enabled=one.enabled,
        created=one.created,
        redemption=one.redemption,
        sign_ins=SignIns(one.interactive, one.background, one.successful),
        denied=bool(one.denied),
        synced=facts.synced and not one.invited,
        owner=owner,
    )


def held(world: World, guest: Guest, facts: PartnerFacts, now: datetime) -> str:
    """Why clean-up leaves this guest alone, whatever the rules say; empty where nothing does."""
    if guest.user and guest.user in {user.lower() for user in world.settings.protected}:
        return "is protected by ENTENTE_PROTECTED"
    exemption = facts.exemptions.get(guest.person)
    if exemption is not None and exemption.until >= last_day_over(now):
        return f"is exempt until {exemption.until} by {exemption.by}: {exemption.reason}"
    return ""


def _without(facts: PartnerFacts, off: str) -> PartnerFacts:
    return PartnerFacts(
        facts.partner, facts.template, None, off, facts.offboarded, language=facts.language, exemptions=facts.exemptions
    )


async def _sites(world: World, tenant_id: str, rules: Expiry) -> tuple[str, ...]:
    if rules.unshare == "no":
        return ()
    return tuple(dict.fromkeys((*(site.rstrip("/") for site in rules.sites), *await sites_named(world, tenant_id))))


async def last_request(world: World, tenant_id: str) -> Request | None:
    """The latest request that a person sent about the partner and that took or takes effect."""
    for name in await world.tables.partners.requests_of(tenant_id):
        if name.startswith(CLEAN_UP):
            continue
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply" or request.header.template == DECISIONS:
            continue
        refused = request.state in {RequestState.AWAITING_APPROVAL, RequestState.CANCELLED}
        if not refused and _has_template(world, request):
            return request
    return None


def _has_template(world: World, request: Request) -> bool:
    """Not one that an emergency or a migration has put on record, which have no template of this installation."""
    return (world.settings.templates / f"{request.header.template}.toml").exists()


async def _synced(world: World, tenant_id: str) -> bool:
    """The partner synchronizes its people into our tenant. Where that cannot be read it counts as so: then they are not ours to touch."""
    try:
        return await world.tenant.partner_configurations.synchronization(tenant_id) is True
    except WontWork:
        return True
