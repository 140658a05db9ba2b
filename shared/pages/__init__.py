"""Pages for people who have no command line: HTML that needs no script, in the reader's language.

Every value is escaped where it is put in; the page carries its own style, allowed by its hash, and the browser is told to load and run nothing
else. Babel and Jinja2 would be more than two pages need.
"""

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from pathlib import Path

from shared.mails import LANGUAGES, day

FOLDER = Path(__file__).parent
_NAMES = {"en": "English", "nl": "Nederlands", "de": "Deutsch", "fr": "Français"}


@dataclass(frozen=True)
class Page:
    """An HTML page with the headers that it must be sent with."""

    status: int
    html: str = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Words:
    """What is said in one language, ready to be put into HTML."""

    language: str

    def __call__(self, key: str, **values: str | date) -> str:
        """The text of that key, escaped, with dates in words."""
        shown = {name: day(value, self.language) if isinstance(value, date) else value for name, value in values.items()}
        return escape(_texts()[self.language][key].format_map(shown))


def language_of(asked: str, accepted: str) -> str:
    """The language to speak: one that was `asked` for by name, or the first of ours in an Accept-Language header; else English.

    https://www.rfc-editor.org/rfc/rfc9110#name-accept-language
    """
    if asked in LANGUAGES:
        return asked
    wishes: list[tuple[float, int, str]] = []
    for place, item in enumerate(accepted[:1_000].split(",")):
        tag, _, weight = item.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        primary = tag.strip().partition("-")[0].lower()
        if quality > 0 and primary in LANGUAGES:
            wishes.append((-quality, place, primary))
    return min(wishes)[2] if wishes else "en"


def page(words: Words, title: str, body: str, *, status: int = 200, here: str = "") -> Page:
    """The whole page around `body` (HTML). `here` is where the other languages are, as a URL that ends before their names."""
    said = words.language
    links = "".join(
        f'<a href="{escape(here)}{code}" lang="{code}" hreflang="{code}"{" aria-current=true" if code == said else ""}>{name}</a>'
        for code, name in _NAMES.items()
    )
    nav = f'<nav aria-label="{words("languages")}">{links}</nav>' if here else ""
    html = (
        f'<!doctype html>\n<html lang="{said}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_style()}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n"
        f"<footer><p>{words('footer')}</p>{nav}</footer>\n</body>\n</html>\n"
    )
    return Page(status, html, _headers(said))


def _headers(language: str) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Language": language,
        "Vary": "Accept-Language",
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


@cache
def _style() -> str:
    return (FOLDER / "page.css").read_text(encoding="utf-8").strip()


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((FOLDER / "texts.toml").read_text(encoding="utf-8"))
