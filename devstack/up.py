"""`python -m devstack up`: the local stack in the foreground, until SIGTERM, SIGINT (Ctrl-C) or SIGHUP."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from devstack.stack import ROOT, Addresses, AlreadyUpError, Stack, StackError
from shared.nouns.tenants import TENANTS, tenant_names

_FAILED, _ALREADY_UP = 1, 3
_NEXT = """
Try in another terminal, in this folder:
  make demo                     a partner with 25 guests, from start to end
  .venv/bin/entente submit examples/fabrikam.json --watch
  .venv/bin/entente status      all requests; see also: entente --help
Logs are in {logs}. Ctrl-C stops the stack."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The parser knows what `up` takes."""
    add = parser.add_argument
    add("--json", action="store_true", help="print exactly one JSON object with every address")
    add("--hosts", type=_count, default=1, metavar="N", help="how many hosts of the function app to start (default 1)")
    add(
        "--apart",
        action="store_true",
        help="answer HTTP in a process of its own, and serve all else in N others, as Flex Consumption does",
    )
    add("--functions-port", type=int, default=0, metavar="P", help="port of the first host; 0 takes a free one (default)")
    add(
        "--tenants",
        type=_names,
        default=(),
        metavar="NAMES",
        help="one app for several simulated tenants, such as contoso,tailspin (docs/several-tenants.md)",
    )
    add("--seed", type=Path, metavar="FILE", help="what the simulated tenant starts with (default: the one that examples/ use)")
    add("--no-lag", action="store_true", help="the tenant's reads are never behind its writes")
    add("--no-throttle", action="store_true", help="the tenant has no limits")
    add(
        "--no-notifications",
        action="store_true",
        help="the tenant does not tell the app of changes; the hourly catch-up finds them",
    )
    add(
        "--faults", type=_rules, default=[], metavar="FILE", help="JSON file with fault rules, as the tenant's /_sim/faults takes"
    )
    add(
        "--set",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an app setting of the hosts",
    )
    add("--package", type=Path, metavar="ZIP", help="run the app from this package (make package), on its own requirements")
    add("--folder", type=Path, default=ROOT / ".stack", help="work folder: logs, addresses (default .stack)")


def run(options: argparse.Namespace) -> int:
    """0 after a signal; 1 when a part cannot start or has ended by itself; 3 when a stack is up in the folder already."""
    console = Console(stderr=True, highlight=False)
    try:
        return asyncio.run(_up(options, console))
    except StackError as error:
        console.print(Text(str(error), style="red"), soft_wrap=True)
        return _ALREADY_UP if isinstance(error, AlreadyUpError) else _FAILED


async def _up(options: argparse.Namespace, console: Console) -> int:
    stopped = asyncio.Event()
    stack = Stack(
        hosts=options.hosts,
        apart=options.apart,
        settings=dict(options.settings),
        lag=0 if options.no_lag else None,
        throttle=not options.no_throttle,
        faults=options.faults,
        functions_port=options.functions_port,
        notifications=not options.no_notifications,
        tenants=options.tenants,
        seed=options.seed and options.seed.resolve(),
        package=options.package and options.package.resolve(),
        folder=options.folder.resolve(),
        say=lambda words: console.print(f"{words} ...", style="dim"),
    )

    def stop() -> None:
        if stopped.is_set():
            stack.hurry()
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    async with _unless(stopped, stack) as up:
        if not up:
            return 0
        _announce(stack.addresses, stack.folder, as_json=options.json)
        failed = asyncio.create_task(stack.failure())
        told = asyncio.create_task(stopped.wait())
        await asyncio.wait((failed, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        failed.cancel()
        if not stopped.is_set():
            raise failed.result()
        console.print("Stopping: hosts finish what they have begun. Once more to stop at once ...", style="dim")
    return 0


@contextlib.asynccontextmanager
async def _unless(stopped: asyncio.Event, stack: Stack) -> AsyncIterator[bool]:
    """The stack is up, or False: it was told to stop while it was starting, and is down again."""
    starting = asyncio.create_task(stack.__aenter__())
    told = asyncio.create_task(stopped.wait())
    await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if stopped.is_set() and not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        yield False
        return
    await starting
    try:
        yield True
    finally:
        await stack.__aexit__(None, None, None)


def _announce(where: Addresses, folder: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(where.to_json()), flush=True)
        return
    rows = [(f"function app, host {number}", url) for number, url in enumerate(where.functions, start=1)]
    rows += [
        ("dashboard", f"{where.functions[0]}/api/dashboard"),
        ("function key", str(where.function_keys["default"])),
        ("service bus", where.service_bus),
        ("service bus, control", where.service_bus_control),
        ("tables", where.tables),
        ("simulated tenant", where.tenant),
        ("simulated tenant, control", where.control),
        ("managed identity", where.identity),
    ]
    for name, one in where.tenants.items():
        rows += [(f"tenant {name}", one["tenant"]), (f"tenant {name}, control", one["control"])]
    out = Console(highlight=False)
    out.print("[green]The local stack is up.[/] Everything is on this machine, and gone when it stops.\n")
    for name, value in rows:
        # Not folded, so that a connection string can be copied whole.
        out.print(Text.assemble((f"{name:<27}", "bold"), value), soft_wrap=True)
    out.print(_NEXT.format(logs=_short(folder / "logs")), markup=False)
    sys.stdout.flush()


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 20:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 20")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    try:
        names = tenant_names({TENANTS: text})
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if len(names) < 2:
        raise argparse.ArgumentTypeError(f"{text} must name two tenants or more; without the option there is one")
    return names


def _setting(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name, value


def _rules(text: str) -> list[Any]:
    try:
        found = json.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be read as JSON: {error}") from error
    rules = found.get("rules") if isinstance(found, dict) else found
    if not isinstance(rules, list):
        raise argparse.ArgumentTypeError(f"{text} must hold a list of rules")
    return rules
