"""How a plan looks on a terminal: grouped by step, what is there before what would be, and why."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.plans import BY_HAND, NO, NOTHING, Change, Plan, alike
from cli.show import Names, plain

MARKS = {"create": "+", "change": "~", "remove": "-", NOTHING: "=", BY_HAND: "*", NO: "!"}
_COLOURS = {"create": "green", "change": "yellow", "remove": "red", NOTHING: "dim", BY_HAND: "magenta", NO: "bold red"}
_WEIGHTS = {"refuses": "bold red", "warns": "yellow", "tells": "dim"}
_GUESTS = {
    "create": "would be made so",
    "change": "would be changed",
    "remove": "would be taken back",
    BY_HAND: "a person does this",
    NOTHING: "as they should be",
}
NEW_GROUP = "new-"
_MOST_REFUSED = 20
_MOST_ITEMS = 6


def plan(out: Console, found: Plan, known: Names, *, everything: bool) -> None:
    """The whole plan; `everything` lists every guest, else they are counted."""
    _title(out, found)
    if found.only:
        out.print(Text.assemble(("! ", "yellow"), plain(found.only)), soft_wrap=True)
    for reason in found.refusals:
        out.print(Text.assemble(("! ", "bold red"), plain(reason)), soft_wrap=True)
    refused = 0
    for step, changes in groupby(found.changes, key=lambda change: change.step):
        mark = "  (needs approval)" if step in found.approval else ""
        out.print(Text.assemble("\n", plain(step, "bold"), (mark, "magenta")))
        for some in alike(list(changes)) if not everything else [[change] for change in changes]:
            refused += some[0].guests > 0 and some[0].sight == NO
            if everything or refused <= _MOST_REFUSED or some[0].sight != NO:
                _some(out, some, known)
    if refused > _MOST_REFUSED and not everything:
        out.print(f"\n  and {refused - _MOST_REFUSED} more refused guests; --all lists them", style="dim")
    _findings(out, found.findings)
    _needs(out, found)
    out.print(Text.assemble("\n", plain(f"{found.summary}.", "bold red" if found.refused else "bold")))
    if found.changes:
        out.print("Nothing was changed.", style="dim")


def _title(out: Console, found: Plan) -> None:
    what = f"Plan to {found.action or 'onboard'} " if found.partner else "Plan "
    if not found.partner:
        out.print(plain(f"Plan {found.name}", "bold"))
        return
    out.print(
        Text.assemble(
            what,
            plain(found.partner.get("name", ""), "bold"),
            plain(
                f" (tenant {found.partner.get('tenantId')}) by template {found.template.get('name')} version "
                f"{found.template.get('version')}"
            ),
        ),
        soft_wrap=True,
    )
    legend = ", ".join(f"{mark} {'as it should be' if sight == NOTHING else sight}" for sight, mark in MARKS.items())
    out.print(legend, style="dim")


def _some(out: Console, some: Sequence[Change], known: Names) -> None:
    first = some[0]
    line = Text.assemble("  ", (MARKS[first.sight], _COLOURS[first.sight]), " ", plain(_about(some, known)))
    why = _why(some)
    if why:
        line.append_text(plain(f": {why}", "dim" if first.sight == NOTHING else ""))
    out.print(line, soft_wrap=True)
    if not first.guests and first.sight != NOTHING:
        for text in values(first.before, first.after, whole=first.takes_back):
            out.print(Text.assemble("      ", plain(text)), soft_wrap=True)


def _about(some: Sequence[Change], known: Names) -> str:
    first, count = some[0], sum(max(change.guests, 1) for change in some)
    where = f" in {_group(first)}" if first.group and first.guests else ""
    if not first.guests:
        tenant, _, name = first.subject.partition(".")
        return name or known.get(tenant, tenant)
    if len(some) == 1 and count == 1:
        who = known.get(first.who[0], "")
        return (who or ("a guest" if first.position is None else f"guest {first.position}")) + where
    return f"{count} guests{where}"


def _group(change: Change) -> str:
    return f"the new group {change.group_name}" if change.group.startswith(NEW_GROUP) else change.group_name


def _why(some: Sequence[Change]) -> str:
    first = some[0]
    if not first.guests or first.sight == NO or len(some) == 1:
        return first.why
    reasons = list(dict.fromkeys(change.why for change in some))
    return reasons[0] if len(reasons) == 1 else _GUESTS.get(first.sight, "")


def values(before: Mapping[str, Any], after: Mapping[str, Any], *, whole: bool = False) -> list[str]:
    """One line a key, `key: before -> after`; of a list, what would come. `whole` says that both sides are given as a whole, as where
    something is taken back: then what goes can be told too."""
    lines = []
    for key in dict.fromkeys((*after, *before)):
        old, new = before.get(key), after.get(key)
        if old == new or key == "present":
            continue
        if isinstance(old, list) and isinstance(new, list):
            lines.append(f"{key}: {_elements(old, new, whole=whole)}")
        elif old is None or (whole and new is None):
            lines.append(f"{key}: {_value(new if old is None else old)}")
        else:
            lines.append(f"{key}: {_value(old)} -> {_value(new)}")
    return lines


def _elements(old: list[Any], new: list[Any], *, whole: bool) -> str:
    """A wanted list is what is ours within a list of everybody's: what is there stays."""
    added, gone = [item for item in new if item not in old], [item for item in old if item not in new]
    if whole:
        return "; ".join(f"{mark} {_value(some)}" for mark, some in (("+", added), ("-", gone)) if some)
    there = f" (beside {len(old)} that {'is' if len(old) == 1 else 'are'} there)" if old else ""
    return f"+ {_value(added)}{there}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list():
            rest = f" and {len(value) - _MOST_ITEMS} more" if len(value) > _MOST_ITEMS else ""
            between = " | " if any("," in str(item) for item in value) else ", "
            return between.join(str(item) for item in value[:_MOST_ITEMS]) + rest if value else "none"
        case str():
            return value or '""'
        case _:
            return str(value)


def _findings(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    out.print("\nWhat it will meet in the tenant", style="bold")
    for each in sorted(found, key=lambda one: (list(_WEIGHTS).index(str(one["weight"])), str(one["step"]))):
        weight = str(each["weight"])
        out.print(Text.assemble("  ", (weight, _WEIGHTS[weight]), plain(f"  {each['step']}: {each['why']}")), soft_wrap=True)
        out.print(plain(f"      {each['setting']} is {each['value']}; change it in {each['where']}", "dim"), soft_wrap=True)


def _needs(out: Console, found: Plan) -> None:
    if found.permissions or found.exchange_roles:
        out.print("\nWhat it needs", style="bold")
        if found.permissions:
            out.print(plain(f"  Permissions: {', '.join(found.permissions)}"), soft_wrap=True)
            missing = f"  Missing: {', '.join(found.missing)}" if found.missing else "  None of them is missing."
            out.print(plain(missing, "bold red" if found.missing else "dim"), soft_wrap=True)
        if found.exchange_roles:
            out.print(plain(f"  Exchange roles: {', '.join(found.exchange_roles)}"), soft_wrap=True)
    if found.approval:
        out.print(
            Text.assemble(
                "  ", plain("Approval by somebody else than who asks", "magenta"), plain(f": {', '.join(found.approval)}")
            ),
            soft_wrap=True,
        )
