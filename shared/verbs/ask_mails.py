"""Sponsors hear what they are asked: one mail each with all their guests, at most one a day, in their own language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote

from shared.asking import Link, signed
from shared.log import log
from shared.mails import Items, Values, day, spoken
from shared.notify import notify
from shared.nouns.mail import mark_of
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.request import GUID
from shared.settings import Settings
from shared.tables.asks import Pointer, Question, Role, told_mark
from shared.verbs.answering import PROPOSAL_LASTS
from shared.verbs.world import World

PAGE, LINK_PAGE = "/api/my-guests", "/api/guest-link"
# A run puts its questions within minutes; whoever has some of them waits for the others, to get one mail.
GATHERED = timedelta(minutes=10)
EVERY = timedelta(hours=20)
# A run of this timer ends well within a function's time, at the pace of a mailbox (30 a minute); the next one goes on.
MOST_MAILS = 100
# Behind a guest, before a day: a hint for who knows them, and no reason.
FAILED = {
    "en": "last attempt to sign in failed:",
    "nl": "laatste inlogpoging mislukt:",
    "de": "letzter Anmeldeversuch gescheitert:",
    "fr": "dernière tentative de connexion échouée :",
}
BOUNCED = {
    "en": "our last mail to them came back:",
    "nl": "onze laatste mail kwam terug:",
    "de": "unsere letzte E-Mail kam zurück:",
    "fr": "notre dernier e-mail est revenu :",
}


@dataclass(frozen=True)
class _Reader:
    """Who is written to: the sponsor themself, or the deputy who stands in for `stead`."""

    id: str
    mail: str
    language: str
    stead: str = ""


async def tell_sponsors(world: World) -> int:
    """Everybody who has been asked something new has a mail about all that is open. How many mails went out.

    Bears repetition. Who cannot be written to is said in the log, and their questions stay untold: nobody counts as warned by that.
    """
    if not world.settings.app_url or not world.settings.mailbox:
        return 0
    sent = 0
    async for sponsor in world.tables.asks.sponsors():
        if sent >= MOST_MAILS:
            break
        try:
            sent += await _tell(world, sponsor)
        except (NotYet, WontWork) as error:
            log.warning("sponsor not told", sponsor=sponsor, reason=error.reason)
            if isinstance(error, NotYet) and error.moves_lane:
                break
    return sent


def is_due(pointers: Sequence[Pointer], now: datetime) -> bool:
    """Whether there is something that they were not told yet, all of it is there, and the last mail is long enough ago."""
    news = [pointer for pointer in pointers if pointer.told != told_mark(pointer)]
    last = max((pointer.told_at for pointer in pointers if pointer.told_at), default=None)
    gathered = all(now - pointer.since >= GATHERED for pointer in news)
    return bool(news) and gathered and (last is None or now - last >= EVERY)


async def _tell(world: World, sponsor: str) -> int:
    pointers = await world.tables.asks.pointers(sponsor)
    if not pointers:
        if not await world.tables.asks.end_deputy(sponsor, world.clock().date()):
            await world.tables.asks.has_none(sponsor)
        return 0
    if not is_due(pointers, world.clock()):
        return 0
    readers = await _readers(world, sponsor)
    if not readers:
        log.warning("sponsor has no mailbox and no deputy", sponsor=sponsor, questions=len(pointers))
        return 0
    questions = {
        (pointer.partner, pointer.person): question
        for pointer in pointers
        if (question := await world.tables.asks.get(pointer.partner, pointer.person)) is not None and question.open
    }
    there = [pointer for pointer in pointers if (pointer.partner, pointer.person) in questions]
    proposed = [pointer for pointer in there if pointer.role is Role.PROPOSED]
    asked = [pointer for pointer in there if pointer.role is not Role.PROPOSED]
    sent = 0
    for reader in readers:
        sent += await _mail(world, reader, "ask-sponsor", asked, questions)
        # Whether somebody takes guests over is for themself to say.
        sent += 0 if reader.stead else await _mail(world, reader, "propose-sponsor", proposed, questions)
    now = world.clock()
    for pointer in asked:
        await world.tables.asks.note_told(questions[pointer.partner, pointer.person], now)
    # Last: until then all of it is done once more, and the mail is found among those that were sent.
    await world.tables.asks.mark_told(there, now)
    return sent


async def _readers(world: World, sponsor: str) -> list[_Reader]:
    """Who reads what the sponsor is asked: themself, and whoever stands in for them. Nobody whose account is disabled."""
    readers: list[_Reader] = []
    deputy = await world.tables.asks.deputy_of(sponsor, world.clock().date())
    theirs = await world.tenant.colleagues.get(sponsor) if GUID.match(sponsor) else None
    if theirs is not None and theirs.enabled and theirs.mail:
        readers.append(_Reader(theirs.id, theirs.mail, spoken(theirs.language or world.settings.language)))
    if deputy is not None and (other := await world.tenant.colleagues.get(deputy.deputy)) and other.enabled and other.mail:
        name = theirs.name if theirs is not None and theirs.name else sponsor
        readers.append(_Reader(other.id, other.mail, spoken(other.language or world.settings.language), stead=name))
    return readers


async def _mail(
    world: World, reader: _Reader, mail: str, pointers: Sequence[Pointer], questions: dict[tuple[str, str], Question]
) -> int:
    if not pointers:
        return 0
    lines = {role: await _lines(world, reader, pointers, questions, role) for role in Role}
    acts = min((q.acts for p in pointers if (q := questions[p.partner, p.person]).acts), default=None)
    values: Values = {
        "count": str(len(pointers)),
        "guests": [*lines[Role.SPONSOR], *lines[Role.PROPOSED]] or lines[Role.DECLINED],
        "declined": lines[Role.DECLINED] if lines[Role.SPONSOR] else (),
        "link": sign_in_url(world.settings),
        "when": day(acts, reader.language) if acts else "",
        "until": day(_lapses(pointers), reader.language),
        "stead": reader.stead,
    }
    mark = mark_of(mail, reader.id, *sorted(f"{p.partner} {p.person} {told_mark(p)} {p.since.isoformat()}" for p in pointers))
    about = f"sponsor {reader.id}"
    return int(await notify(world.tenant, mail, reader.language, values, to=(reader.mail,), mark=mark, about=about))


async def _lines(
    world: World, reader: _Reader, pointers: Iterable[Pointer], questions: dict[tuple[str, str], Question], role: Role
) -> Items:
    """A line for each guest: name, partner, last day; and their link, where links are on."""
    lines: list[tuple[str, str]] = []
    for pointer in (pointer for pointer in pointers if pointer.role is role):
        question = questions[pointer.partner, pointer.person]
        name, partner = await guest_name(world, question)
        ends = f", {day(question.ends, reader.language)}" if question.ends else ""
        hints = [
            f" ({words[reader.language]} {day(when, reader.language)})"
            for words, when in ((FAILED, question.failed), (BOUNCED, question.bounced))
            if when
        ]
        lines.append((f"{name} - {partner}{ends}{''.join(hints)}", link_url(world, reader.id, question)))
    return lines


async def guest_name(world: World, question: Question) -> tuple[str, str]:
    """What the guest and their partner are called, for those who answer for them; ids for who was erased."""
    person = await world.tables.people.get(question.person)
    partner = await world.tables.partners.get(question.partner)
    name = f"{person.name} ({person.address})" if person and person.name else person.address if person else question.person
    return name, partner.partner.name if partner is not None else question.partner


def link_url(world: World, reader: str, question: Question) -> str:
    """A link by which the reader answers about this one guest; empty where links are off."""
    settings = world.settings
    if not settings.sponsor_links:
        return ""
    # From when the question was put, so that a mail that is sent again after a lost answer is the same mail.
    expires = question.asked + timedelta(days=settings.link_days)
    link = Link(reader, question.run, question.partner, question.person, expires)
    page = page_of(settings, LINK_PAGE)
    return f"{settings.app_url}{page}{'&' if '?' in page else '?'}link={signed(settings.link_key, link)}"


def page_of(settings: Settings, page: str) -> str:
    """The page's path; of several tenants, with whose it is."""
    return f"{page}?tenant={settings.tenant_name}" if settings.tenant_name else page


def sign_in_url(settings: Settings) -> str:
    """Where the mail leads: through the platform's sign-in to the page.

    https://learn.microsoft.com/azure/app-service/configure-authentication-customize-sign-in-out
    """
    page = page_of(settings, PAGE)
    if settings.app_url.startswith("http://"):
        return f"{settings.app_url}{page}"
    return f"{settings.app_url}/.auth/login/aad?post_login_redirect_uri={quote(page, safe='')}"


def _lapses(pointers: Sequence[Pointer]) -> date:
    return (min(pointer.since for pointer in pointers) + PROPOSAL_LASTS).date()
