"""The page on which sponsors answer: for each guest keep, end or hand over; for who is proposed, accept or decline. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import groupby

from shared.nouns.days import months_after
from shared.pages import Page, Words, page

MONTHS = (3, 6, 12)
# The names of the form's fields.
FORM, LINK, TO, ALL, SURE, LANGUAGE, DO, DEPUTY, UNTIL = "form", "link", "to", "all", "sure", "lang", "do", "deputy", "until"
ANSWER = "a"
SET_DEPUTY, REMOVE_DEPUTY = "deputy", "no-deputy"


@dataclass(frozen=True)
class Card:
    """One guest on the page. `role` is sponsor, stead (for a colleague), declined (come back) or proposed (to accept)."""

    partner: str
    person: str
    run: str
    name: str
    address: str
    partner_name: str
    ends: date | None
    acts: date | None
    role: str = "sponsor"
    waiting: bool = False
    failed: date | None = None
    bounced: date | None = None

    @property
    def field(self) -> str:
        """The name of the guest's field in the form."""
        return f"{ANSWER}|{self.partner}|{self.person}|{self.run}"


@dataclass(frozen=True)
class Place:
    """Where a page's forms go, with what they carry: `action` is a path, `form` the form's mark, `link` the signed link, if it was one."""

    action: str
    form: str
    link: str = ""

    def here(self) -> str:
        """The page's URL, before the name of a language."""
        return f"{self.action}{'&' if '?' in self.action else '?'}{f'{LINK}={self.link}&' if self.link else ''}{LANGUAGE}="


@dataclass(frozen=True)
class Told:
    """What became of one answer: the guest, the key of a text, and what it needs."""

    name: str
    key: str
    values: Mapping[str, str | date]
    good: bool = True


def questions(words: Words, place: Place, cards: Sequence[Card], today: date, deputy_until: date | None) -> Page:
    """All that is asked, with everything to answer it."""
    mine = [card for card in cards if card.role != "proposed"]
    proposed = [card for card in cards if card.role == "proposed"]
    parts = [_proposals(words, place, proposed)] if proposed else []
    if mine:
        parts.append(_questions(words, place, mine, today))
    if not cards:
        parts.append(f"<p>{words('nothing')}</p>")
    if not place.link:
        parts.append(_deputy(words, place, today, deputy_until))
    return page(words, words("title"), "\n".join(parts), here=place.here())


def sure(words: Words, place: Place, ending: Sequence[str], fields: Iterable[tuple[str, str]]) -> Page:
    """The question whether access is really to end for these, before anything is done."""
    names = "".join(f"<li>{escape(name)}</li>" for name in ending)
    kept = "".join(_hidden(name, value) for name, value in fields)
    back = f"{place.here()}{words.language}"
    body = (
        f"<ul>{names}</ul><p>{words('sure')}</p>"
        f'<form method="post" action="{escape(place.action)}">{kept}{_hidden(SURE, "yes")}'
        f'<p><button class="bad">{words("sure_yes")}</button></p></form>'
        f'<p><a href="{escape(back)}">{words("back")}</a></p>'
    )
    return page(words, words("sure_title"), body)


def told(words: Words, place: Place, results: Sequence[Told]) -> Page:
    """What became of the answers, guest by guest."""
    lines = "".join(
        f"<li{'' if each.good else ' class=no'}><strong>{escape(each.name)}</strong> {words(each.key, **each.values)}</li>"
        for each in results
    )
    said = f'<ul class="told">{lines}</ul>' if results else f"<p>{words('nothing_chosen')}</p>"
    back = f'<p><a class="button" href="{escape(place.here())}{words.language}">{words("to_page")}</a></p>'
    return page(words, words("done_title"), said + back)


def refused(words: Words, code: str, status: int, *, why: str = "", sign_in: str = "") -> Page:
    """Why nothing was done, and where to go from here."""
    link = f'<p><a class="button" href="{escape(sign_in)}">{words("sign_in_link")}</a></p>' if sign_in else ""
    return page(words, words("no_title"), f"<p>{words(f'no_{code}', why=why)}</p>{link}", status=status)


def sign_in(words: Words, url: str) -> Page:
    """Whoever is not signed in is asked to."""
    body = f'<p>{words("sign_in")}</p><p><a class="button" href="{escape(url)}">{words("sign_in_link")}</a></p>'
    return page(words, words("sign_in_title"), body, status=401)


def _questions(words: Words, place: Place, cards: Sequence[Card], today: date) -> str:
    single = len(cards) == 1
    parts = [f"<p>{words('one' if single else 'intro')}</p>", _form(words, place)]
    for name, theirs in groupby(sorted(cards, key=_order), key=lambda card: card.partner_name):
        parts.append(f"<section><h2>{escape(name)}</h2>")
        parts += [_card(words, card, today) for card in theirs]
        parts.append("</section>")
    if not single:
        parts.append(_for_all(words, today))
    parts.append(
        f'<fieldset><legend>{words("hand_title")}</legend><label class="row"><span>{words("to")}</span>'
        f'<input type="email" name="{TO}" maxlength="254" autocomplete="off" aria-describedby="to-hint"></label>'
        f'<p class="soft" id="to-hint">{words("to_hint")}</p></fieldset>'
        f"<p><button>{words('send')}</button></p></form>"
    )
    return "\n".join(parts)


def _card(words: Words, card: Card, today: date) -> str:
    notes = [words("until", day=card.ends) if card.ends else words("endless")]
    notes += [words("acts", day=card.acts)] if card.acts else []
    notes += [words("failed", day=card.failed)] if card.failed else []
    notes += [words("bounced", day=card.bounced)] if card.bounced else []
    notes += [words("came_back")] if card.role == "declined" else []
    notes += [words("stead")] if card.role == "stead" else []
    notes += [words("waiting")] if card.waiting else []
    choices = [("", words("later")), *_keeps(words, card.ends, today), ("end", words("end")), ("hand-over", words("hand"))]
    boxes = "".join(
        f'<label class="choice"><input type="radio" name="{escape(card.field)}" value="{value}"{"" if value else " checked"}>'
        f"<span>{label}</span></label>"
        for value, label in choices
    )
    shown = "".join(f'<p class="soft">{note}</p>' for note in notes)
    return f"<fieldset><legend>{_who(card)}</legend>{shown}{boxes}</fieldset>"


def _keeps(words: Words, ends: date | None, today: date) -> list[tuple[str, str]]:
    """The days that may be chosen: those that take nothing away from the guest."""
    days = [(months, months_after(today, months)) for months in MONTHS]
    return [(f"keep-{months}", words("keep", day=until)) for months, until in days if ends is None or until > ends]


def _for_all(words: Words, today: date) -> str:
    choices = [("", words("later")), *_keeps(words, None, today)]
    options = "".join(f'<option value="{value}">{label}</option>' for value, label in choices)
    return f'<label class="row all"><span>{words("all")}</span><select name="{ALL}">{options}</select></label>'


def _proposals(words: Words, place: Place, cards: Sequence[Card]) -> str:
    items = "".join(
        f'<div class="card">{_form(words, place)}<p class="who">{_who(card)}</p><p class="soft">{escape(card.partner_name)}</p>'
        f'<p><button name="{escape(card.field)}" value="accept">{words("accept")}</button> '
        f'<button class="quiet" name="{escape(card.field)}" value="decline">{words("decline")}</button></p></form></div>'
        for card in cards
    )
    return f"<section><h2>{words('proposed_title')}</h2><p>{words('proposed')}</p>{items}</section>"


def _deputy(words: Words, place: Place, today: date, until: date | None) -> str:
    now = ""
    if until is not None:
        now = (
            f"{_form(words, place)}<p>{words('deputy_now', day=until)} "
            f'<button class="quiet" name="{DO}" value="{REMOVE_DEPUTY}">{words("deputy_remove")}</button></p></form>'
        )
    latest = months_after(today, 6)
    return (
        f'<details class="card"{" open" if until else ""}><summary>{words("deputy_title")}</summary><p>{words("deputy")}</p>{now}'
        f'{_form(words, place)}<label class="row"><span>{words("to")}</span>'
        f'<input type="email" name="{DEPUTY}" maxlength="254" required autocomplete="off"></label>'
        f'<label class="row"><span>{words("deputy_until")}</span>'
        f'<input type="date" name="{UNTIL}" required min="{today.isoformat()}" max="{latest.isoformat()}"></label>'
        f'<p><button class="quiet" name="{DO}" value="{SET_DEPUTY}">{words("deputy_set")}</button></p></form></details>'
    )


def _form(words: Words, place: Place) -> str:
    hidden = _hidden(FORM, place.form) + _hidden(LANGUAGE, words.language) + (_hidden(LINK, place.link) if place.link else "")
    return f'<form method="post" action="{escape(place.action)}">{hidden}'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'


def _who(card: Card) -> str:
    address = f"<small>{escape(card.address)}</small>" if card.address and card.address != card.name else ""
    return f"{escape(card.name)}{address}"


def _order(card: Card) -> tuple[str, date, str]:
    return card.partner_name, card.acts or date.max, card.name.casefold()
