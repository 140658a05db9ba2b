"""Clean-up runs: what one would do, what they came to, and letting a held one go on or end."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import show
from cli.command import Json, api, print_json, told
from cli.errors import STOPPED

cleanup_app = typer.Typer(help="Clean-up of guests who have expired: runs, and the brake.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as 'cleanup runs' lists it.")]
Reason = Annotated[str, typer.Option(help="Why; it stands with the run.")]
LOOK_SECONDS = 1.0
_GOING = {"reading", "deciding"}
_WORDS = {
    "keep": "left",
    "report": "named only",
    "warn": "warned",
    "block": "blocked",
    "delete": "deleted",
    "restore": "let in again",
}


@cleanup_app.command("plan")
def plan(*, as_json: Json = False) -> None:
    """Look at every guest now and show what would become of them. Nothing is changed. Exit code 1: the run failed."""
    with told(as_json=as_json), api() as there:
        name = there.plan_cleanup()["id"]
        found = there.cleanup_run(name)
        while found["state"] in _GOING:
            time.sleep(LOOK_SECONDS)
            found = there.cleanup_run(name)
        _print(there, found, as_json=as_json)
        if found["state"] == "failed":
            raise typer.Exit(STOPPED)


@cleanup_app.command("runs")
def runs(*, as_json: Json = False) -> None:
    """List clean-up runs, the newest first."""
    with told(as_json=as_json), api() as there:
        found = there.cleanup_runs()
        if as_json:
            print_json({"runs": found})
            return
        out = show.console()
        if not found:
            out.print("There was no clean-up run yet. The timer begins one; 'entente cleanup plan' only looks.")
            return
        table = table_of("run", "state", "guests", "to be touched", "started by", "why")
        for run in found:
            counts = run["counts"]
            table.add_row(
                show.plain(run["id"], "bold"),
                show.plain(run["state"] + (" (report only)" if run["reportOnly"] else "")),
                str(counts.get("directory", 0)),
                str(counts.get("touched", 0)),
                show.plain(run["startedBy"]),
                show.plain("; ".join(run["held"]) or run["reason"]),
            )
        out.print(table)


@cleanup_app.command("show")
def show_run(
    name: Run,
    *,
    move: Annotated[str, typer.Option(help="Only those who would be: keep, report, warn, block, delete or restore.")] = "",
    kind: Annotated[str, typer.Option(help="Only guests (guest), or only B2B members (member), who are never touched.")] = "",
    as_json: Json = False,
) -> None:
    """Show a run with every guest that it names and the evidence on each."""
    with told(as_json=as_json), api() as there:
        _print(there, there.cleanup_run(name, move=move, kind=kind), as_json=as_json, move=move, kind=kind)


@cleanup_app.command("release")
def release(name: Run, *, reason: Reason, as_json: Json = False) -> None:
    """Let a held run go on. Somebody else than who changed the rules has to say so."""
    _decide(name, "release", reason, as_json=as_json)


@cleanup_app.command("reject")
def reject(name: Run, *, reason: Reason, as_json: Json = False) -> None:
    """End a held run; nobody is touched by it."""
    _decide(name, "reject", reason, as_json=as_json)


def _decide(name: str, verb: str, reason: str, *, as_json: bool) -> None:
    with told(as_json=as_json), api() as there:
        found = there.decide_cleanup(name, verb, reason)
        if as_json:
            print_json(found)
        else:
            show.console().print(show.plain(f"Clean-up run {found['id']} is {found['state']}, by {found['decidedBy']}"))


def _print(there: Any, found: Mapping[str, Any], *, as_json: bool, move: str = "", kind: str = "") -> None:
    guests = list(found["guests"])
    after = found["next"]
    while after:
        page = there.cleanup_run(found["id"], after=after, move=move, kind=kind)
        guests += page["guests"]
        after = page["next"]
    if as_json:
        print_json({**found, "guests": guests, "next": ""})
        return
    out = show.console()
    _header(out, found)
    _guests(out, guests)


def _header(out: Console, run: Mapping[str, Any]) -> None:
    counts = run["counts"]
    only = ", which only reports" if run["reportOnly"] else ""
    out.print(show.plain(f"Clean-up run {run['id']}{only}: {run['state']}", "bold"))
    words = [f"{counts.get(move, 0)} {word}" for move, word in _WORDS.items() if counts.get(move)]
    read = f"{counts.get('directory', 0)} guests in the directory, {counts.get('unknown', 0)} of them on no record"
    members = f"{counts.get('b2bMembers', 0)} B2B members, who are never touched"
    out.print(show.plain(f"{read}; {members}. Of those on record would be: {', '.join(words) or 'nobody'}."), soft_wrap=True)
    if run["decidedBy"]:
        verb = "rejected" if run["state"] == "rejected" else "released"
        out.print(show.plain(f"It was held, and {verb} by {run['decidedBy']}: {run['reason']}"), soft_wrap=True)
    for why in run["held"]:
        out.print(show.plain(f"! {why}", "yellow"), soft_wrap=True)
    for note in run["notes"]:
        out.print(show.plain(f"- {note}", "dim"), soft_wrap=True)
    for name in run.get("requests", ()):
        out.print(show.plain(f"What became of them: entente status {name}", "dim"), soft_wrap=True)


def _guests(out: Console, guests: Sequence[Mapping[str, Any]]) -> None:
    if not guests:
        out.print("No rule applies to any guest.")
        return
    table = table_of("guest", "would be", "why")
    for each in guests:
        why = show.plain(each["why"]).append("\n").append_text(show.plain(each["evidence"], "dim"))
        for said in each.get("suspicions", ()):
            why.append("\n").append_text(show.plain(f"suspicion, and no reason: {said}", "yellow"))
        table.add_row(show.plain(each["user"] or each["person"]), show.plain(_WORDS.get(each["would"], each["would"])), why)
    out.print(table)
    if any(each["would"] == "delete" for each in guests):
        out.print("What a guest leaves in SharePoint: entente guests show GUEST --sharing", style="dim")
    rules = Counter(each["rule"] for each in guests if each["rule"])
    out.print(
        show.plain("By rule: " + ", ".join(f"{name} {count}" for name, count in rules.most_common()), "dim"), soft_wrap=True
    )


def table_of(*names: str) -> Table:
    """A table with these columns."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table
