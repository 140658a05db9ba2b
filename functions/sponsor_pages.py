"""The page on which sponsors answer for their guests: by their sign-in, without any role, or by a signed link where those are on.

A GET only shows, so that nothing happens by a mail scanner's look. A POST has to come from our own page with the mark that the page gave.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import azure.functions as func

from functions.answers import answers, too_late
from functions.principal import person_of
from functions.whose import of_call
from shared.asking import Forged, Link, form_mark, from_our_page, is_form_of_ours, read_link
from shared.log import log
from shared.nouns.outcomes import NotYet
from shared.pages import Page, Words, language_of
from shared.pages.my_guests import FORM, LANGUAGE, LINK, Place, questions, refused, sign_in
from shared.root import UnknownTenant
from shared.verbs.answering import Voice
from shared.verbs.ask_mails import LINK_PAGE, PAGE, page_of, sign_in_url
from shared.verbs.forged import forged
from shared.verbs.world import World
from shared.views.my_guests import link_card, my_cards

MOST_BYTES = 200_000
MOST_FIELDS = 1_000

type Fields = list[tuple[str, str]]


async def shown_my_guests(req: func.HttpRequest) -> func.HttpResponse:
    """What the signed-in person is asked about guests. Changes nothing."""

    async def shown(ours: World, words: Words) -> Page:
        person = person_of(req, ours.settings)
        if not person:
            return sign_in(words, sign_in_url(ours.settings))
        today = ours.clock().date()
        deputy = await ours.tables.asks.deputy_of(person, today)
        cards = await my_cards(ours, person)
        return questions(words, _place(ours, PAGE, person), cards, today, deputy.until if deputy else None)

    return await _answered(req, shown)


async def answered_my_guests(req: func.HttpRequest) -> func.HttpResponse:
    """The signed-in person's answers are taken, each by itself, and what became of each is shown."""

    async def taken(ours: World, words: Words) -> Page:
        person = person_of(req, ours.settings)
        if not person:
            return sign_in(words, sign_in_url(ours.settings))
        fields = _fields(req)
        if fields is None:
            return refused(words, "too-much", 413)
        if not _is_ours(req, ours, fields, person, PAGE):
            return refused(words, "form", 403)
        return await answers(ours, words, _place(ours, PAGE, person), Voice(person, f"user {person}"), fields)

    return await _answered(req, taken)


async def shown_guest_link(req: func.HttpRequest) -> func.HttpResponse:
    """The one question that a signed link is good for. Changes nothing."""

    async def shown(ours: World, words: Words) -> Page:
        token = req.params.get(LINK, "")
        link = await _link(ours, token, "opened")
        if link is None or link.is_over(ours.clock()):
            code, status = ("expired", 410) if link else ("forged", 404)
            return refused(words, code, status, sign_in=sign_in_url(ours.settings))
        card = await link_card(ours, link.sponsor, link.partner, link.person, link.run)
        if card is None:
            question = await ours.tables.asks.get(link.partner, link.person)
            code = "replaced" if question is not None and question.run != link.run else "unknown"
            code = "answered" if question is not None and question.run == link.run and not question.open else code
            return refused(words, code, 410, sign_in=sign_in_url(ours.settings))
        return questions(words, _place(ours, LINK_PAGE, link.sponsor, token), [card], ours.clock().date(), None)

    return await _answered(req, shown)


async def answered_guest_link(req: func.HttpRequest) -> func.HttpResponse:
    """The answer by a signed link is taken, once."""

    async def taken(ours: World, words: Words) -> Page:
        fields = _fields(req)
        if fields is None:
            return refused(words, "too-much", 413)
        token = dict(fields).get(LINK, "")
        link = await _link(ours, token, "answered")
        if link is None:
            return refused(words, "forged", 404, sign_in=sign_in_url(ours.settings))
        who, about = Voice(link.sponsor, f"link of {link.sponsor}"), (link.partner, link.person, link.run)
        if link.is_over(ours.clock()):
            await too_late(ours, who, fields, about)
            return refused(words, "expired", 410, sign_in=sign_in_url(ours.settings))
        if not _is_ours(req, ours, fields, link.sponsor, token):
            return refused(words, "form", 403)
        return await answers(ours, words, _place(ours, LINK_PAGE, link.sponsor, token), who, fields, about)

    return await _answered(req, taken)


async def _answered(req: func.HttpRequest, route: Callable[[World, Words], Awaitable[Page]]) -> func.HttpResponse:
    try:
        ours = await of_call(req)
    except UnknownTenant:
        return func.HttpResponse(status_code=404)
    posted = _fields(req) if req.method == "POST" else None
    asked = dict(posted or ()).get(LANGUAGE, "") or req.params.get(LANGUAGE, "")
    words = Words(language_of(asked, req.headers.get("accept-language", "")))
    try:
        page = await route(ours, words)
    except NotYet as error:
        log.warning("page not shown", reason=error.reason)
        page = refused(words, "busy", 503)
    return func.HttpResponse(page.html, status_code=page.status, headers=dict(page.headers), mimetype="text/html")


def _place(ours: World, action: str, person: str, link: str = "") -> Place:
    about = link or action
    return Place(page_of(ours.settings, action), form_mark(ours.settings.person_key, person, about, ours.clock()), link)


def _is_ours(req: func.HttpRequest, ours: World, fields: Fields, person: str, about: str) -> bool:
    """Whether this was sent from the page that we gave them."""
    headers = {name.lower(): value for name, value in req.headers.items()}
    marked = is_form_of_ours(ours.settings.person_key, dict(fields).get(FORM, ""), person, about, ours.clock())
    good = marked and from_our_page(headers, headers.get("host", ""))
    if not good:
        log.warning("form from elsewhere", marked=marked, who=person)
    return good


async def _link(ours: World, token: str, what: str) -> Link | None:
    """What the link is good for, whether its time is over or not; None where we have not signed it. `what` was done with it."""
    if not ours.settings.sponsor_links or not token:
        return None
    try:
        return read_link(ours.settings.link_key, token)
    except Forged:
        await forged(ours, token, what)
        return None


def _fields(req: func.HttpRequest) -> Fields | None:
    """The form's fields in order; None where there are more than a page of ours has."""
    body = req.get_body()
    if len(body) > MOST_BYTES:
        return None
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return None
