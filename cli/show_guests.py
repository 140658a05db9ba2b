"""Guests and B2B members as the commands print them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from cli import show
from cli.cleanup import table_of
from cli.show_partners import cell, scope

_COLUMNS = (
    *("partner", "person", "user", "stage", "origin", "lastDay", "decided", "sponsors", "warnings", "warnedAt", "blockedBy"),
    *("blockedAt", "deletedAt", "why", "leftAlone"),
)
_EXEMPT_COLUMNS = ("partner", "person", "until", "over", "owner", "reason", "by", "at")
_MEMBER_COLUMNS = ("partner", "user", "domain", "enabled", "invited", "created", "lastSignIn")
_RULES = {
    "denied": "their domain may not be invited, seen first on",
    "offboarded": "their organization was offboarded on",
    "ended": "their last day was",
    "not_redeemed": "not accepted since",
    "no_sponsor": "nobody answers for them since",
    "not_signed_in": "not signed in since",
}
_LABELS = {
    "lastDay": "last day",
    "decided": "last day decided by a person",
    "warnedAt": "warned at",
    "blockedBy": "blocked by",
    "blockedAt": "blocked at",
    "deletedAt": "deleted at",
    "leftAlone": "left alone",
}


def table(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """The guests, one a line."""
    if not found:
        out.print("No guest is on record that fits.")
        return
    lines = table_of("guest", "stage", "last day", "sponsors", "warned", "why")
    for each in found:
        lines.add_row(
            show.plain(each["user"] or each["person"], "bold"),
            show.plain(each["stage"]),
            show.plain((each["lastDay"] or "none") + (" (decided)" if each["decided"] else "")),
            str(len(each["sponsors"])),
            str(each["warnings"] or ""),
            show.plain(each["leftAlone"] or _why(each["why"])),
        )
    out.print(lines)


def decided(out: Console, found: Mapping[str, Any]) -> None:
    """One guest, a property a line; last what they have in SharePoint, where that was looked for."""
    for name, value in found.items():
        if name not in {"sharing", "suspicions"} and value not in (None, "", [], False):
            words = _why(value) if name == "why" else _worded(value)
            out.print(show.plain(f"{_LABELS.get(name, name)}: {words}"), soft_wrap=True)
    for words in found.get("suspicions", {}).get("found", ()):
        out.print(show.plain(f"suspicion, and no reason: {words}", "yellow"), soft_wrap=True)
    for words in found.get("suspicions", {}).get("notRead", ()):
        out.print(show.plain(f"not read: {words}", "dim"), soft_wrap=True)
    if "sharing" in found:
        _footprint(out, found["sharing"])


def members(out: Console, found: Sequence[Mapping[str, Any]], read: str | None) -> None:
    """The B2B members, one a line, and when the directory was read for that."""
    if read is None:
        out.print("No clean-up run has read the directory yet: 'entente cleanup plan' does, and changes nothing.")
        return
    if found:
        lines = table_of("B2B member", "domain", "partner", "enabled", "last sign-in")
        for each in found:
            enabled = "unknown" if each["enabled"] is None else "yes" if each["enabled"] else "no"
            last = (each["lastSignIn"] or "unknown")[:10]
            words = (each["domain"] or "unknown", each["partner"] or "on no record", enabled, last)
            lines.add_row(show.plain(each["user"], "bold"), *map(show.plain, words))
        out.print(lines)
    out.print(
        show.plain(f"{len(found)} B2B members, as the directory was read at {read[:16]}. Clean-up never touches them.", "dim")
    )


def guests_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """The guests as CSV. A cell that a spreadsheet would compute begins with an apostrophe."""
    return _csv(_COLUMNS, found)


def exemptions(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """The exemptions, one a line."""
    if not found:
        out.print("Nobody is exempt.")
        return
    lines = table_of("guest", "until", "owner", "reason", "by")
    for each in found:
        until = show.plain(each["until"] + (" (over)" if each["over"] else ""), "red" if each["over"] else "")
        lines.add_row(show.plain(each["person"]), until, *(show.plain(each[name]) for name in ("owner", "reason", "by")))
    out.print(lines)


def exemptions_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """The exemptions as CSV, likewise."""
    return _csv(_EXEMPT_COLUMNS, found)


def members_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """The B2B members as CSV, likewise."""
    return _csv(_MEMBER_COLUMNS, found)


def _csv(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for each in found:
        cells = [each[name] for name in columns]
        writer.writerow([cell(" ".join(map(str, one)) if isinstance(one, list) else one) for one in cells])
    return out.getvalue()


def _why(said: str) -> str:
    """What clean-up goes by, in words; what somebody else has noted as it is."""
    rule, _, since = said.partition(":")
    return f"{_RULES[rule]} {since}" if rule in _RULES and since else said


def _worded(value: object) -> str:
    match value:
        case True:
            return "yes"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return f"until {value['until']}, by {value['by']}: {value['reason']}"
        case _:
            return str(value)


def _footprint(out: Console, found: Mapping[str, Any]) -> None:
    for item in found["items"]:
        until = f", until {item['until']}" if item["until"] else ""
        where = item["url"] or f"{item['site']} (a whole library)"
        out.print(show.plain(f"in SharePoint: {where} ({', '.join(item['roles'])}{until})"), soft_wrap=True)
    if not found["items"]:
        out.print("in SharePoint: nothing by name, as far as was looked")
    scope(out, found)
