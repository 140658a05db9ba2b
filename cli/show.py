"""What the command prints. Whatever comes from outside is shown as text: it colours nothing and moves no cursor."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.nouns.errors import Fault

MOST_FAULTS = 100
MOST_TASKS = 60
WIDE = 200
NAME_WIDTH = 36
STATES = ("done", "ready", "waiting", "stopped", "cancelled", "undone")
_COLOURS = {
    "done": "green",
    "running": "cyan",
    "ready": "cyan",
    "queued": "yellow",
    "waiting": "yellow",
    "awaiting-approval": "yellow",
    "stopped": "red",
    "refused": "red",
    "cancelled": "magenta",
    "undone": "magenta",
}
# Format characters (Cf) would let text reorder or hide what stands around it.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})

type Names = Mapping[str, str]


def console(*, errors: bool = False) -> Console:
    """Standard output, or standard error; where that is no terminal, wide enough that a file or pipe gets whole lines."""
    made = Console(stderr=errors, highlight=False)
    return made if made.is_terminal else Console(stderr=errors, highlight=False, width=WIDE)


def safe(value: Any) -> str:
    """The text with every control and format character replaced, so that a terminal shows it and does not obey it."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _HIDDEN else char for char in str(value))


def safe_lines(text: str) -> str:
    """The text with its lines kept, and all else that a terminal would obey replaced."""
    return "\n".join(safe(line) for line in text.split("\n"))


def plain(value: Any, style: str = "") -> Text:
    """The value as rich text without markup."""
    return Text(safe(value), style=style)


def state_text(state: str) -> Text:
    """A state in its colour."""
    return plain(state, _COLOURS.get(state, ""))


def names(shown: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]], addresses: Sequence[str]) -> dict[str, str]:
    """What opaque ids stand for: the partner's tenant, and guests for whoever has the file that the request was made from.

    The app tells the guests' positions in the file, never their addresses.
    """
    partner = shown.get("partner") or {}
    known = {str(partner["tenantId"]): str(partner["name"])} if partner.get("tenantId") else {}
    return known | {
        str(task["subject"]): addresses[task["position"]]
        for task in tasks
        if isinstance(task.get("position"), int) and 0 <= task["position"] < len(addresses)
    }


def subject(task: Mapping[str, Any], known: Names) -> str:
    """Who or what a task is about: `4 guests in fabrikam-project`, `ana@fabrikam.com`, `plans`, or the opaque id."""
    members = list(task.get("members") or ())
    if not members:
        return known.get(str(task["subject"]), str(task.get("name") or task["subject"]))
    group = task.get("groupName") or task.get("group")
    who = known.get(members[0], members[0]) if len(members) == 1 else f"{len(members)} guests"
    return f"{who} in {group}"


def faults(out: Console, message: str, found: Sequence[Fault]) -> None:
    """What is wrong, one line a field."""
    out.print(plain(message, "red"), soft_wrap=True)
    if len(found) == 1 and str(found[0]) == message:
        return
    for fault in found[:MOST_FAULTS]:
        out.print(
            Text.assemble("  ", plain(fault.field, "bold"), ": " if fault.field else "", plain(fault.reason)), soft_wrap=True
        )
    if len(found) > MOST_FAULTS:
        out.print(f"  and {len(found) - MOST_FAULTS} more; --json lists all of them")


def requests(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """The newest requests, a line each."""
    if not found:
        out.print("There are no requests yet. Submit one: entente submit FILE")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("request", "partner", "state", "reason", "received"):
        table.add_column(name, no_wrap=name in {"request", "state", "received"}, overflow="fold")
    for each in found:
        state = state_text(f"{each['state']}{' (paused)' if each.get('paused') else ''}")
        state.style = _COLOURS.get(str(each["state"]), "")
        table.add_row(plain(each["id"]), plain(each["partner"]["name"]), state, plain(each["reason"]), moment(each["received"]))
    out.print(table)


def mode(out: Console, found: Mapping[str, Any]) -> None:
    """That requests are only planned now, and for want of what; nothing where they are carried out."""
    if found.get("mode", "apply") == "apply":
        return
    out.print(Text.assemble("The app is in mode ", plain(found["mode"], "yellow"), "."), soft_wrap=True)
    for what, lacks in (found.get("reportOnly") or {}).items():
        out.print(plain(f"  {what}: only planned, without {', '.join(map(str, lacks))}", "dim"), soft_wrap=True)


def request(out: Console, shown: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], known: Names) -> None:
    """One request: what it is, how far each step is, and the tasks that somebody may want to read."""
    if shown.get("mode") == "plan" and shown["state"] in {"done", "stopped"}:
        from cli import show_plan
        from cli.plans import plan_of

        show_plan.plan(out, plan_of(shown, tasks), known, everything=False)
        return
    header(out, shown)
    if not tasks:
        return
    out.print(steps(tasks))
    notable = tasks if len(tasks) <= MOST_TASKS else [task for task in tasks if task["state"] != "done"]
    if notable:
        out.print()
        out.print(task_table(notable[:MOST_TASKS], known))
    if len(notable) > MOST_TASKS:
        out.print(f"and {len(notable) - MOST_TASKS} more; entente status {safe(shown['id'])} --json lists all", style="dim")


def header(out: Console, shown: Mapping[str, Any]) -> None:
    """The request in a few lines."""
    state = state_text(str(shown["state"]))
    paused = " (paused)" if shown.get("paused") else ""
    # What is waited for is told below, with what to do.
    waits = shown["state"] == "awaiting-approval"
    reason = "" if waits else safe(shown.get("reason") or "")
    out.print(Text.assemble("Request ", plain(shown["id"], "bold"), ": ", state, paused, f" - {reason}".rstrip(" -")))
    if "partner" in shown:
        partner, template = shown["partner"], shown["template"]
        out.print(
            plain(
                f"Partner {partner['name']} (tenant {partner['tenantId']}), template {template['name']} version "
                f"{template['version']}, asked for by {shown['requestedBy']}, received {moment(shown['received'])}"
                + (f", finished {moment(shown['finished'])}" if shown.get("finished") else ""),
                "dim",
            )
        )
    if why := shown.get("onlyPlanned"):
        out.print(plain(f"{str(why)[:1].upper()}{str(why)[1:]}.", "yellow"), soft_wrap=True)
    if waits:
        awaiting(out, shown)
    if behind := shown.get("behind"):
        out.print(
            plain(f"Waits until request {behind} of the same partner has ended: entente status {behind}", "dim"), soft_wrap=True
        )
    for reason in shown.get("refusals") or ():
        out.print(Text.assemble(("Refused: ", "red"), plain(reason)))


def awaiting(out: Console, shown: Mapping[str, Any]) -> None:
    """What is waited for, and who may do it."""
    approval = shown.get("approval") or {}
    out.print(Text.assemble(("Waits for a decision: ", "yellow"), plain(waits_for(shown))), soft_wrap=True)
    if needed := approval.get("needed"):
        out.print(plain(f"  because of {', '.join(needed)}"), soft_wrap=True)
    name = safe(shown["id"])
    out.print(f"  entente approve {name}   or   entente reject {name} --reason WHY", style="dim", markup=False)


def waits_for(shown: Mapping[str, Any]) -> str:
    """Who may decide, and until when."""
    until = (shown.get("approval") or {}).get("decideBy")
    by = f", until {moment(until)}, when it is cancelled" if until else ""
    return f"anybody with the role Approver but {shown.get('requestedBy')}{by}"


def steps(tasks: Sequence[Mapping[str, Any]]) -> Table:
    """How many tasks of each step are in which state."""
    counts: dict[str, Counter[str]] = {}
    for task in tasks:
        counts.setdefault(str(task["step"]), Counter())[str(task["state"])] += 1
    states = [state for state in STATES if any(count[state] for count in counts.values())]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step")
    for state in states:
        table.add_column(state, justify="right", header_style=f"bold {_COLOURS[state]}")
    for step, count in sorted(counts.items()):
        table.add_row(plain(step), *(str(count[state] or "") for state in states))
    return table


def task_table(tasks: Iterable[Mapping[str, Any]], known: Names) -> Table:
    """A line a task under its step's name, in the words that the app gives as reason."""
    listed = sorted(tasks, key=_order)
    # Names stay whole on a narrow terminal; it is the reasons that go over several lines.
    longest = max((len(subject(task, known)) for task in listed), default=0)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("who or what", overflow="fold", min_width=min(longest + 2, NAME_WIDTH))
    table.add_column("state", no_wrap=True)
    table.add_column("reason", overflow="fold", ratio=1)
    table.add_column("tries", justify="right", min_width=5)
    table.add_column("seconds", justify="right", min_width=7)
    step = ""
    for task in listed:
        if task["step"] != step:
            step = str(task["step"])
            table.add_row(plain(step, "bold"))
        seconds = task.get("seconds")
        table.add_row(
            plain(f"  {subject(task, known)}"),
            state_text(str(task["state"])),
            plain(task["reason"]),
            str(task["attempts"]),
            "" if seconds is None else f"{seconds:.1f}",
        )
    return table


def parked(out: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """What waits for a person."""
    if not found:
        out.print("Nothing is parked.")
        return
    for item in found:
        what = " ".join(safe(item[name]) for name in ("request", "step", "queue") if item.get(name))
        out.print(Text.assemble(plain(item["id"], "bold"), f"  {what}, since {moment(item['since'])}"), soft_wrap=True)
        out.print(Text.assemble("  ", plain(item["reason"])), soft_wrap=True)
    out.print("\nTry one again: entente parked redrive ID", style="dim")


def moment(text: Any) -> str:
    """A time of the app's in this machine's zone, to the second."""
    try:
        return datetime.fromisoformat(str(text)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return safe(text)


def _order(task: Mapping[str, Any]) -> tuple[str, int, str]:
    position = task.get("position")
    return ("" if task["step"] == "invite-guest" else str(task["step"]), -1 if position is None else position, str(task["key"]))
