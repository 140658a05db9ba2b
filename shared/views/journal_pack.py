"""A journal as files that an auditor can open: CSV for a spreadsheet, and one page of HTML that runs nothing."""

import csv
import io
import json
from collections.abc import Mapping
from html import escape
from typing import Any

COLUMNS = (
    *("at", "begun", "request", "partner", "step", "subject", "kind", "attempt", "who", "before", "after", "ids", "created"),
    *("graphRequestIds", "note", "seal", "key"),
)
# A spreadsheet takes what begins so for a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_SHOWN = ("at", "request", "step", "subject", "kind", "who", "before", "after", "note", "seal")
_STYLE = (
    "body{font:14px/1.45 'Segoe UI',Arial,sans-serif;margin:2em;color:#222}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #ccc;padding:.3em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "th{background:#f3f3f3}.bad{color:#a00;font-weight:600}.good{color:#060}code{font-size:12px}"
    "@media print{body{margin:0}}"
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
    requests = "".join(_row([item[name] for name in item]) for item in journal["requests"])
    heads = "".join(f"<th>{escape(name)}</th>" for name in (journal["requests"] or [{}])[0])
    entries = "".join(_row([entry[name] for name in _SHOWN]) for entry in journal["entries"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Journal: {escape(about)}</title>\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>Journal</h1>\n<p>{escape(about)}. Made {escape(journal['made'])}.</p>\n"
        f"{_verdict(journal.get('verification'))}"
        f"<h2>Requests</h2>\n<table><thead><tr>{heads}</tr></thead><tbody>{requests}</tbody></table>\n"
        f"<h2>{len(journal['entries'])} entries</h2>\n<table><thead><tr>"
        + "".join(f"<th>{name}</th>" for name in _SHOWN)
        + f"</tr></thead><tbody>{entries}</tbody></table>\n</body></html>\n"
    )


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


def _row(values: list[Any]) -> str:
    return "<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in values) + "</tr>\n"


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
