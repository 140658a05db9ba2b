"""The demo from start to end."""

import argparse
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from cli import show
from cli.client import Api
from cli.connection import Connection
from cli.errors import CommandError
from cli.files import load
from cli.watch import Watch, follow
from devstack.demo import report
from devstack.demo.running import Running, stack
from devstack.stack import ROOT, StackError
from shared.nouns.errors import Refusal
from shared.steps import STEPS
from shared.templates import load_template

EXAMPLE = ROOT / "examples" / "fabrikam.json"
REPORT = ROOT / ".demo" / "report.json"
_FAILED = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """The parser knows what `demo` takes."""
    parser.add_argument("--file", type=Path, default=EXAMPLE, help="the partner request (default examples/fabrikam.json)")
    parser.add_argument("--report", type=Path, default=REPORT, help="where the report goes (default .demo/report.json)")
    parser.add_argument("--package", type=Path, help="run the app from this package (make package), on a stack of its own")
    parser.add_argument("--folder", type=Path, default=ROOT / ".stack", help="work folder of the stack (default .stack)")


def run(options: argparse.Namespace) -> int:
    """0 when everything that the request asks for is done, else 1; 130 after Ctrl-C."""
    console = show.console()
    try:
        with stack(options.folder.resolve(), console, options.package) as up:
            return _carry_out(options, up, console)
    except CommandError as error:
        show.faults(console, str(error), error.faults)
    except StackError as error:
        console.print(Text(str(error), style="red"), soft_wrap=True)
    except KeyboardInterrupt:
        console.print("Interrupted. What has begun may be half done; on a stack that is still up, the request goes on.")
        return 130
    return _FAILED


def _carry_out(options: argparse.Namespace, up: Running, console: Console) -> int:
    where = up.addresses
    name = f"{options.file.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    raw, parts = load(options.file, name=name)
    console.print(
        show.plain(f"Request {name}: {raw['partner']['name']}, {len(raw['guests'])} guests, template {raw['template']}", "bold")
    )
    before, begun = _summary(where), time.monotonic()
    with Api(Connection(where["functions"][0], where["functionKeys"]["default"])) as api:
        api.submit(parts)
        addresses = tuple(str(guest["email"]) for guest in raw["guests"])
        watch = Watch(api, name, addresses, names=_groups(raw["template"]), pause=up.wait)
        shown = follow(watch, console)
        seconds = time.monotonic() - begun
        tasks = list(api.tasks(shown))
    known = {**watch.names, **show.names(shown, tasks, addresses)}
    report.write(options.report, report.report(shown, tasks, seconds))
    show.header(console, shown)
    console.print()
    console.print(show.task_table(tasks, known))
    console.print()
    console.print(show.steps(tasks))
    console.print()
    done = shown["state"] == "done"
    console.print(show.plain(report.closing(before, _summary(where), done=done)))
    console.print(_verdict(shown["state"], seconds, own_stack=up.process is not None))
    console.print(show.plain(f"Report: {_short(options.report)}", "dim"))
    return 0 if done else _FAILED


def _verdict(state: str, seconds: float, *, own_stack: bool) -> str:
    look = (
        "start a stack that stays ('make up') and run this again"
        if own_stack
        else "'entente parked list' has what needs a person"
    )
    match state:
        case "done":
            return f"[green]Done[/] in {seconds:.1f} s."
        case "refused":
            return "[red]Refused[/]: the app does not take this request, for the reasons above."
        case _:
            return f"[red]Not done[/] after {seconds:.1f} s. The reasons are above; to look closer, {look}."


def _summary(where: Mapping[str, Any]) -> dict[str, Any]:
    """What the tenant has counted so far."""
    answer = httpx.get(f"{where['control']}/requests/summary", trust_env=False, timeout=30)
    found: dict[str, Any] = json.loads(answer.raise_for_status().text)
    return found


def _groups(template: str) -> dict[str, str]:
    """The template's names of groups by their object ids."""
    try:
        found = load_template(ROOT / "templates", template, STEPS)
    except Refusal:
        return {}
    return {identifier.lower(): name for name, identifier in found.groups.items()}


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
