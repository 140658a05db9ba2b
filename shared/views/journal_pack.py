"""A journal as files that an auditor can open: CSV for a spreadsheet, and one page of HTML that runs nothing."""

import csv
import io
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

COLUMNS = (
    *("at", "begun", "request", "partner", "step", "subject", "kind", "attempt", "who", "before", "after", "ids", "created"),
    *("graphRequestIds", "note", "seal", "key"),
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*(Z|\+00:00)")
# A spreadsheet takes what begins so for a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_STYLE = (
    ":root{color-scheme:light dark;--line:#8885;--soft:#8881}"
    "body{font:14px/1.45 'Segoe UI',system-ui,Arial,sans-serif;margin:2em;max-width:100em}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid var(--line);padding:.35em .9em .35em 0;text-align:left;vertical-align:top;overflow-wrap:break-word}"
    "th{font-weight:600;background:var(--soft)}time,.tight{white-space:nowrap}"
    "td ul{margin:0;padding:0;list-style:none;overflow-wrap:anywhere}"
    ".key{opacity:.75}.was{color:light-dark(#a33,#f99)}.is{color:light-dark(#174,#8d8)}"
    ".bad{color:light-dark(#a00,#f88);font-weight:600}.good{color:light-dark(#060,#8d8)}"
    "code{font:12px ui-monospace,Consolas,monospace;overflow-wrap:anywhere}"
    "@media print{body{margin:0;font-size:10px}}"
)


def as_csv(journal: Mapping[str, Any]) -> str:
    """One line an entry; texts that a spreadsheet would run are given an apostrophe. UTF-8 with the mark that Excel looks for."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in journal["entries"]:
        writer.writerow([_cell(entry[name]) for name in COLUMNS])
    return f"\N{BYTE ORDER MARK}{out.getvalue()}"


def as_html(journal: Mapping[str, Any]) -> str:
    """One page that needs nothing else: no script, no picture, nothing fetched."""
    about = ", ".join(f"{name} {value}" for name, value in journal["about"].items())
    requests = "".join(_row([_html(value) for value in item.values()]) for item in journal["requests"])
    heads = "".join(f"<th>{escape(name)}</th>" for name in (journal["requests"] or [{}])[0])
    entries = "".join(_row(_entry(entry)) for entry in journal["entries"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Journal: {escape(about)}</title>\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body>\n<h1>Journal</h1>\n'
        f"<p>{escape(about)}. Made {_html(journal['made'])}; times are UTC.</p>\n"
        f"{_verdict(journal.get('verification'))}"
        f"<h2>Requests</h2>\n<table><thead><tr>{heads}</tr></thead><tbody>{requests}</tbody></table>\n"
        f"<h2>{len(journal['entries'])} entries</h2>\n<table><thead><tr>"
        "<th>at<th>request<th>step<th>subject<th>who<th>what<th>before \N{RIGHTWARDS ARROW} after<th>seal"
        f"</tr></thead><tbody>{entries}</tbody></table>\n</body></html>\n"
    )


def _entry(entry: Mapping[str, Any]) -> list[str]:
    """The cells of an entry: what it changed key by key, and what was noted beneath."""
    before, after = entry["before"] or {}, entry["after"] or {}
    lines = "".join(
        f'<li><span class="key">{escape(key)}:</span> <span class="was">{_value(before.get(key))}</span> \N{RIGHTWARDS ARROW} '
        f'<span class="is">{_value(after.get(key))}</span></li>'
        for key in sorted(before.keys() | after.keys())
    )
    note = f"<li>{escape(entry['note'])}</li>" if entry["note"] else ""
    subject = f"<code>{escape(entry['subject'])}</code>"
    told = [_html(entry["at"]), _html(entry["request"]), f'<span class="tight">{escape(entry["step"])}</span>', subject]
    return [*told, _html(entry["who"]), _html(entry["kind"]), f"<ul>{lines}{note}</ul>", _html(entry["seal"])]


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "absent", True: "yes", False: "no"}[value]
    return _html(", ".join(map(_text, value)) if isinstance(value, list) else value)


def _html(value: Any) -> str:
    """The value as text; a moment to the second, with the whole of it behind."""
    text = _text(value)
    if _MOMENT.fullmatch(text):
        return f'<time datetime="{escape(text)}" title="{escape(text)}">{escape(text[:19].replace("T", " "))}</time>'
    return escape(text)


def _verdict(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "<p>The seals were not verified.</p>\n"
    head = f"<p>Head of the chain: <code>{escape(str(found['head']))}</code>. Not sealed yet: {found['notSealedYet']}. {_exported(found['exported'])}</p>\n"
    if found["holds"]:
        return f'<p class="good">All seals hold: {found["entries"]} entries, {found["seals"]} seals.</p>\n{head}'
    flaws = "".join(
        f"<li>{escape(flaw['where'])} ({escape(flaw['kind'])}): {escape(flaw['why'])}</li>" for flaw in found["flaws"]
    )
    return f'<p class="bad">The seals do not hold:</p>\n<ul>{flaws}</ul>\n{head}'


def _row(cells: list[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _exported(exported: Mapping[str, Any]) -> str:
    if not exported["container"]:
        return "Heads are not exported."
    return f"Compared with {exported['compared']} exported heads in {escape(exported['container'])}."
