"""A guest has accepted: what waited for them goes on, and where the template says so they are told where to go."""

from shared.log import log
from shared.mails import spoken
from shared.notify import notify
from shared.nouns.errors import Refusal
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.request import Header
from shared.nouns.task import TaskState
from shared.nouns.template import Template
from shared.tables.guests import Guest
from shared.templates import load_template
from shared.tenant.noticed import Sighting
from shared.verbs.sweep import send_again
from shared.verbs.world import World


async def redeemed(world: World, guest: Guest, seen: Sighting | None) -> None:
    """Tasks that wait for the guest are attempted at once, and the mail of the template has gone. Bears repetition."""
    await _wake(world, guest)
    latest = await latest_template(world, guest.partner)
    if latest is None or seen is None or not latest[1].redemption.welcome or not world.settings.mailbox:
        return
    header, template = latest
    language = spoken(header.invitation.language or template.invitation.language or "")
    link = header.invitation.redirect_url or template.invitation.redirect_url
    values = {"organization": world.tenant.mailbox.domain, "name": seen.name, "link": link}
    mark = mark_of("invitation-accepted", guest.partner, guest.person)
    if not seen.address:
        return
    try:
        to = (seen.address,)
        await notify(world.tenant, "invitation-accepted", language, values, to=to, mark=mark, about=f"person {guest.person}")
    except (NotYet, WontWork) as error:
        # A mail is no reason to hold the record back; who welcomes by a step has the step's own patience.
        log.warning("mail not sent", partner=guest.partner, mail="invitation-accepted", reason=error.reason)


async def latest_template(world: World, partner: str) -> tuple[Header, Template] | None:
    """The partner's latest request that was carried out, and its template as it is now; None where there is none of a template."""
    for name in await world.tables.partners.requests_of(partner):
        request = await world.tables.requests.get(name)
        if request is None or request.mode != "apply":
            continue
        try:
            return request.header, load_template(world.settings.templates, request.header.template, world.steps)
        except Refusal:
            # Not everything on record has a template: an emergency, a migration, what people decided.
            continue
    return None


async def _wake(world: World, guest: Guest) -> None:
    for name, partner in await world.tables.people.requests_of(guest.person):
        request = await world.tables.requests.get(name) if partner == guest.partner else None
        if request is None or not request.is_open or request.paused or request.cancelled:
            continue
        cohort = await world.tables.tasks.cohort_of_person(name, guest.person)
        for task in await world.tables.tasks.cohort(name, cohort) if cohort else []:
            waits = task.claimed_until is None or task.claimed_until <= world.clock()
            if task.subject == guest.person and task.state is TaskState.READY and waits:
                await send_again(world, task, "the guest has accepted")
