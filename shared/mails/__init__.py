"""The mails that Entente sends itself, in the language of whoever reads them.

One TOML file a mail, with a table for each language. A body is paragraphs between blank lines; both the text and the HTML
come from it. `$name` stands for a value; a paragraph with a value that is empty is left out. A line `[words]($link)` is a link,
a line that is one placeholder for a list is that list. Babel and Jinja2 would be more than these few sentences need.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from shared.nouns.mail import Written

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "nl", "de", "fr")
# A line of a list: what it is called, and the https address that it opens ("" for none).
type Items = Sequence[tuple[str, str]]
type Values = Mapping[str, str | Items]

_PLACEHOLDER = re.compile(r"\$([a-z]+)")
_LINK = re.compile(r"\[(?P<words>[^\]]+)\]\(\$(?P<name>[a-z]+)\)")
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_STYLE = "font-family:Segoe UI,Arial,sans-serif;font-size:15px;line-height:1.5;color:#222;max-width:40em"


def spoken(language: str) -> str:
    """The language of ours for a language tag such as `de-AT`; English where we do not speak it."""
    primary = language.partition("-")[0].lower()
    return primary if primary in LANGUAGES else "en"


def day(when: date, language: str) -> str:
    """The date in words, so that nobody takes the month for the day."""
    month = _MONTHS[language].split()[when.month - 1]
    first = {"de": f"{when.day}.", "fr": "1er" if when.day == 1 else str(when.day)}.get(language, str(when.day))
    return f"{first} {month} {when.year}"


def write(mail: str, language: str, values: Values) -> Written:
    """The mail of that name in this language. Raises KeyError for a value that it needs and that is not given.

    Values are text from outside: each becomes one line, and none of them can add a header, a tag or a link of its own.
    """
    said = _mails(mail)[language]
    clean = {name: _one_line(value) if isinstance(value, str) else value for name, value in values.items()}
    wanted = [paragraph.splitlines() for paragraph in said["body"].strip().split("\n\n")]
    paragraphs = [lines for lines in wanted if all(clean[name] for line in lines for name in _PLACEHOLDER.findall(line))]
    subject = _filled(said["subject"], clean)
    text = "\n\n".join("\n".join(_text(line, clean) for line in lines) for lines in paragraphs)
    inner = "\n".join(_paragraph(lines, clean) for lines in paragraphs)
    html = (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{escape(subject)}</title></head>\n'
        f'<body style="{_STYLE}">\n{inner}\n</body></html>\n'
    )
    return Written(language, subject, f"{text}\n", html)


@cache
def _mails(mail: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{mail}.toml").read_text(encoding="utf-8"))


def _one_line(value: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())


def _filled(line: str, values: Values) -> str:
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), line)


def _items(line: str, values: Values) -> Items | None:
    """The list that the line stands for, if it does."""
    found = _PLACEHOLDER.fullmatch(line)
    value = values[found[1]] if found else ""
    return None if isinstance(value, str) else value


def _text(line: str, values: Values) -> str:
    if (items := _items(line, values)) is not None:
        return "\n".join(f"- {_one_line(name)}{f': {_one_line(url)}' if url else ''}" for name, url in items)
    if link := _LINK.fullmatch(line):
        return f"{_filled(link['words'], values)}\n{values[link['name']]}"
    return _filled(line, values)


def _paragraph(lines: list[str], values: Values) -> str:
    parts: list[str] = []
    for line in lines:
        items = _items(line, values)
        if items is not None:
            parts.append("<ul>" + "".join(f"<li>{_anchor(name, url)}</li>" for name, url in items) + "</ul>")
        elif link := _LINK.fullmatch(line):
            parts.append(f"<p>{_anchor(_filled(link['words'], values), str(values[link['name']]))}</p>")
        else:
            parts.append(f"<p>{escape(_filled(line, values))}</p>")
    return "\n".join(parts)


def _anchor(words: str, url: str) -> str:
    """A link, where it leads to an https address; otherwise the words alone."""
    words = escape(_one_line(words))
    return f'<a href="{escape(_one_line(url))}">{words}</a>' if url.startswith("https://") else words
