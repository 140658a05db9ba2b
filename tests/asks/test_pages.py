"""The page says the same in every language, puts nothing in that it was not told to, and needs no script."""

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mails import LANGUAGES
from shared.nouns.days import months_after
from shared.pages import Words, _texts, language_of
from shared.pages.my_guests import Card, Place, Told, questions, refused, sure, told
from shared.verbs.answering import NotTaken

TODAY = date(2026, 11, 22)
PLACE = Place("/api/my-guests", "123.mark")
PARTNER, PERSON = "a4b2cd8e-6a1c-4d2a-9a79-3d5e1f6a7b01", "0123456789abcdef0123456789abcdef"


def card(name: str = "Ana Lima", role: str = "sponsor", **more: Any) -> Card:
    said: dict[str, Any] = {"ends": date(2026, 12, 31), "acts": date(2026, 12, 6)} | more
    return Card(PARTNER, PERSON, "run-1", name, "ana@fabrikam.com", "Fabrikam", role=role, **said)


def test_every_language_says_the_same_things() -> None:
    texts = _texts()
    assert set(texts) == set(LANGUAGES)
    holes = {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in texts["en"].items()}
    for language in LANGUAGES:
        assert {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in texts[language].items()} == holes
        assert all(text.strip() for text in texts[language].values())


def test_every_reason_has_words() -> None:
    source = NotTaken.__doc__ or ""
    codes = re.findall(r"[a-z-]+", source.split("`code` says why:")[1].split(";")[0])
    assert codes
    assert [code for code in codes if f"no_{code}" not in _texts()["en"]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_strict(language: str) -> None:
    words = Words(language)
    cards = [card(), card("Bea", role="proposed"), card("Cem", role="declined", waiting=True), card("Dee", role="stead")]
    pages = [
        questions(words, PLACE, cards, TODAY, date(2026, 12, 1)),
        questions(words, PLACE, [], TODAY, None),
        sure(words, PLACE, ["Ana"], [("a|b", "end")]),
        told(words, PLACE, [Told("Ana", "said_keep", {"day": TODAY})]),
        refused(words, "forged", 404, sign_in="https://app.example/x"),
    ]
    for page in pages:
        assert f'<html lang="{language}">' in page.html
        assert not re.search(r"<script|javascript:|\son\w+=|<img|<link|style=", page.html)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert "{" not in re.sub(r"<style>.*?</style>", "", page.html, flags=re.DOTALL)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def structure(page: str) -> tuple[list[tuple[str, tuple[str, ...]]], str]:
    tags = Tags()
    tags.feed(page)
    return tags.seen, tags.text


NASTY = st.text(st.sampled_from("<>\"'&;/= abc|{}$\n"), min_size=1, max_size=30).filter(lambda text: text.strip())


@given(NASTY)
def test_a_name_is_text_and_never_markup(name: str) -> None:
    words = Words("en")
    plain = structure(questions(words, PLACE, [card("x"), card("x", role="proposed")], TODAY, None).html)[0]
    tags, text = structure(questions(words, PLACE, [card(name), card(name, role="proposed")], TODAY, None).html)
    assert tags == plain
    assert name in text
    assert structure(told(words, PLACE, [Told(name, "no_refused", {"why": name}, good=False)]).html)[1].count(name) >= 2


def test_only_days_that_take_nothing_away_are_offered() -> None:
    html = questions(Words("en"), PLACE, [card(ends=date(2027, 3, 1))], TODAY, None).html
    assert "keep-3" not in html
    assert "Keep until 22 May 2027" in html


@pytest.mark.parametrize(
    ("asked", "accepted", "spoken"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "es,fr;q=0.5,nl;q=0.7", "nl"),
        ("fr", "de", "fr"),
        ("xx", "", "en"),
        ("", "de;q=0,en;q=0.1", "en"),
        ("", "de;q=abc, *;q=1", "en"),
        ("", "ja", "en"),
    ],
)
def test_the_readers_language_is_spoken(asked: str, accepted: str, spoken: str) -> None:
    assert language_of(asked, accepted) == spoken


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.integers(0, 48))
def test_months_are_months(day: date, months: int) -> None:
    later = months_after(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later.replace(day=28) != later or later.day == 28))
    assert later >= day
    assert months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
