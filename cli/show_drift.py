"""How drift looks on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.show import moment, plain

_COLOURS = {
    "open": "yellow",
    "waits": "bold yellow",
    "putting-back": "cyan",
    "put-back": "green",
    "accepted": "green",
    "over": "dim",
}


def listed(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """Every change with what was so before and what is so now."""
    if not found:
        out.print("Nothing that was made true has been changed by others, as far as was looked.")
        return
    for each in found:
        state = plain(each["state"], _COLOURS.get(each["state"], ""))
        users = each.get("users") or {}
        about = [f"group {each['group']}"] if each.get("group") else []
        about += [f"guest {users[each['subject']]}"] if each["subject"] in users else []
        what = plain(" ".join((each["step"], *about)), "bold")
        head = Text.assemble(plain(each["id"], "bold"), "  ", plain(each["partner"]), "  ", what, "  ", state)
        out.print(head, soft_wrap=True)
        said = f"{each['said']}, seen {moment(each['since'])}"
        out.print(plain(f"  {said}" + (f"; request {each['request']}" if each["request"] else ""), "dim"), soft_wrap=True)
        for key in each["before"]:
            line = Text.assemble(
                plain(f"  ~ {users.get(key, key)}: "),
                plain(_told(each["before"][key]), "red"),
                " -> ",
                plain(_told(each["after"].get(key)), "green"),
            )
            out.print(line, soft_wrap=True)
    out.print()
    out.print(plain("Settle one: entente drift --put-back ID, or entente drift --accept ID", "dim"), soft_wrap=True)


def settled(out: Console, each: Mapping[str, Any]) -> None:
    """What has become of one of them."""
    out.print(Text.assemble(plain(each["step"], "bold"), f" of {plain(each['partner'])}: {plain(each['said'])}"), soft_wrap=True)
    if each["repair"]:
        out.print(plain(f"Follow it: entente status {each['repair']}", "dim"), soft_wrap=True)


def _told(value: Any) -> str:
    if value is None:
        return "absent"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
