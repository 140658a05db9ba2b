"""How partners look on a terminal."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.show import moment, plain, state_text
from shared.nouns.counted import counted

_SEEN = {"yes": "green", "no": "bold red", "cannot be seen": "dim"}
_VERDICTS = {"equal": "green", "more": "yellow", "less": "bold red"}
_WHOM = {"anonymous": "anybody with the link", "group": "members of a group"}
_COLUMNS = ("site", "url", "how", "roles", "people", "count", "until", "drive", "item")


def partners(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """A line a partner."""
    if not found:
        out.print("No partner is on record yet. Submit a request: entente submit FILE")
        return
    table = _table("partner", "domains", "template", "state", "latest request")
    for each in found:
        template = each["template"]
        table.add_row(
            plain(each["name"], "bold"),
            plain(", ".join(each["domains"])),
            plain(f"{template['name']} {template['version']}" if template else ""),
            _state(each),
            moment(each["latest"]) if each["latest"] else "",
        )
    out.print(table)


def partner(out: Console, found: Mapping[str, Any]) -> None:
    """One partner with all that is set."""
    template = found["template"]
    by = f", template {template['name']} version {template['version']}" if template else ""
    out.print(Text.assemble(plain(found["name"], "bold"), ": ", _state(found)), soft_wrap=True)
    out.print(plain(f"Tenant {found['tenantId']}, {', '.join(found['domains'])}{by}", "dim"), soft_wrap=True)
    guests = ", ".join(f"{number} {stage}" for stage, number in found["guests"].items())
    out.print(plain(f"People: {guests or 'none'}"))
    for request in found["openRequests"]:
        said = f" - {request['reason']}" if request["reason"] else ""
        out.print(
            Text.assemble("Open: ", plain(request["id"], "bold"), " ", state_text(request["state"]), plain(said)), soft_wrap=True
        )
    if not found["set"]:
        out.print("Nothing is set for it.")
        return
    out.print()
    table = _table("step", "what is so", "since", "request")
    for each in found["set"]:
        name = f" {each['name']}" if each["name"] else ""
        since = moment(each["since"]) if each["since"] else ""
        table.add_row(plain(f"{each['step']}{name}", "bold"), plain(each["reason"]), since, plain(each["request"]))
    out.print(table)


def migration(out: Console, found: Mapping[str, Any]) -> None:
    """The comparison, line by line."""
    if found["problem"]:
        out.print(plain(found["problem"], "red"), soft_wrap=True)
    if found["relationship"] is None and not found["problem"]:
        out.print(plain(f"{found['partner']} is in no organization relationship: there is nothing to move."))
        return
    if found["relationship"] is not None:
        off = "" if found["enabled"] else ", which is disabled already"
        out.print(plain(f"The relationship {found['relationship']!r} of {found['partner']}{off}", "bold"), soft_wrap=True)
    if found["lines"]:
        table = _table("what", "now", "then", "is", "why")
        for line in found["lines"]:
            verdict = Text(line["verdict"], style=_VERDICTS[line["verdict"]])
            table.add_row(plain(line["field"]), plain(line["old"]), plain(line["new"]), verdict, plain(line["why"]))
        out.print(table)
    for name, value in found["opens"].items():
        out.print(Text.assemble(("  + ", "green"), plain(f"{name}: {value}")), soft_wrap=True)
    if found["trustMissing"]:
        out.print(Text.assemble(("  + ", "green"), "m365CollaborationInbound: users allowed: AllUsers"), soft_wrap=True)
    if found["enabled"]:
        kept = (
            f"loses the partner's domains and stays for {', '.join(found['keptDomains'])}"
            if found["keptDomains"]
            else "is disabled"
        )
        out.print(
            Text.assemble(("  ~ ", "yellow"), plain(f"the relationship {kept}, once the capabilities were read back")),
            soft_wrap=True,
        )
    out.print(plain(f"{found['note']}.", "dim"), soft_wrap=True)
    if found["loses"]:
        out.print(plain("The partner would lose something: --apply needs --accept-loss.", "bold red"))
    out.print("Nothing is left to do." if found["finished"] else "Nothing was changed. Do it: --apply", style="dim")


def migrated(out: Console, found: Mapping[str, Any]) -> None:
    """What was done."""
    for line in found["done"]:
        out.print(plain(line), soft_wrap=True)
    if found["request"]:
        out.print(plain(f"{found['note']}. On record as {found['request']}.", "dim"), soft_wrap=True)


def seen(out: Console, found: Mapping[str, Any]) -> None:
    """What can be told of the partner's side, and what cannot."""
    table = _table("what", "seen", "how, or why not")
    for line in found["seen"]:
        table.add_row(plain(line["what"]), Text(line["seen"], style=_SEEN[line["seen"]]), plain(line["how"]))
    out.print(table)
    hidden = sum(line["seen"] == "cannot be seen" for line in found["seen"])
    if hidden:
        out.print(f"{hidden} of these only the partner can tell: ask for what handoff.ps1 -WhatIf says there.", style="dim")


def sharing(out: Console, found: Mapping[str, Any]) -> None:
    """What lets the partner's people at something."""
    if not found["items"]:
        out.print(plain(f"Nothing was found that is shared with {found['partner']['name']}."))
        return
    table = _table("what", "how", "role", "whom", "until")
    for item in found["items"]:
        whom = ", ".join(item["people"]) or _WHOM.get(item["how"]) or f"{item['count']} of their people"
        until = moment(item["until"]) if item["until"] else ""
        table.add_row(plain(item["url"] or item["site"]), plain(item["how"]), plain(", ".join(item["roles"])), plain(whom), until)
    out.print(table)


def scope(out: Console, found: Mapping[str, Any]) -> None:
    """How much was looked at, without which the rest says little."""
    out.print("\nLooked at, and nothing else:", style="bold")
    for one in found["scope"]:
        read = f"{counted(one['libraries'], 'library', 'libraries')}, {counted(one['items'], 'item')}, permissions of {one['permissions']}"
        out.print(plain(f"  {one['site']}: {read}"), soft_wrap=True)
        if not one["complete"]:
            out.print(plain(f"      not complete: {one['stopped']}", "yellow"), soft_wrap=True)
    if found.get("notLookedAt"):
        out.print(plain(f"Not looked at, on these sites and all others: {found['notLookedAt']}", "dim"), soft_wrap=True)


def sharing_csv(found: Mapping[str, Any]) -> str:
    """The items as CSV. A cell that a spreadsheet would compute begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for item in found["items"]:
        cells = [item[name] for name in _COLUMNS]
        writer.writerow([cell(" ".join(map(str, one)) if isinstance(one, list) else one) for one in cells])
    return out.getvalue()


def cell(value: Any) -> str:
    """The value as a cell that no spreadsheet computes anything of."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _state(each: Mapping[str, Any]) -> Text:
    if each["blocked"]:
        return Text("blocked", style="bold red")
    if each["open"]:
        return Text(f"{each['open']} open", style="cyan")
    return Text("settled", style="green")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table
