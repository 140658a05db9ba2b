"""The command line of the local host."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

# What Flex Consumption scales as one, and here what serves all the rest, each function of which it would scale alone.
# https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling
type Group = Literal["all", "http", "others"]


@dataclass(frozen=True, slots=True)
class Options:
    """How one host is started."""

    app: Path
    host: str
    port: int
    state: Path | None
    keys: str
    settings: Path | None
    only: frozenset[str]
    group: Group
    timers: bool
    easy_auth: bool
    strict: bool
    exit_on_timeout: bool
    drain_timeout: float
    log_format: str
    log_level: str


def parse(arguments: list[str] | None = None) -> Options:
    """The options on the command line; ends the process with a usage message where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack.host",
        description="Runs an Azure Functions app locally on Microsoft's Python runtime library. Prints one JSON line when it answers.",
        epilog="Exit codes: 0 drained; 1 drain timed out; 2 refused to start; 4 functionTimeout with --exit-on-timeout.",
    )
    add = parser.add_argument
    add("--app", type=Path, required=True, help="directory of function_app.py and host.json")
    add("--host", default="127.0.0.1", help="address to answer on (default %(default)s)")
    add("--port", type=int, default=0, help="port to answer on; 0 takes a free one (default)")
    add("--state", type=Path, help="directory of the timers' schedule status, shared by the hosts of one app")
    add("--keys", default="random", help="JSON file with master, default and functions, or 'random' (default)")
    add("--settings", type=Path, help="a local.settings.json (default: the app's, if there is one)")
    add("--only", default="", help="names of the functions to listen for, separated by commas (default: all)")
    add(
        "--group",
        choices=get_args(Group.__value__),
        default="all",
        help="serve the functions that Flex Consumption puts on instances of their own: http, or the others (default: all)",
    )
    add("--no-timers", dest="timers", action="store_false", help="do not run timer functions on their schedule")
    add(
        "--easy-auth-from-header",
        dest="easy_auth",
        action="store_true",
        help="let x-ms-client-principal* of requests through; in Azure the platform sets them and strips what clients send",
    )
    add("--no-strict", dest="strict", action="store_false", help="start although the real host would refuse, with warnings")
    add("--exit-on-timeout", action="store_true", help="end with exit code 4 on functionTimeout instead of restarting itself")
    add("--drain-timeout", type=float, default=30.0, help="seconds that running invocations get on SIGTERM (default %(default)s)")
    add("--log-format", choices=("human", "json"), default="human")
    add("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    found = parser.parse_args(arguments)
    found.app = found.app.resolve()
    found.state = found.state and found.state.resolve()
    found.settings = found.settings and found.settings.resolve()
    found.only = frozenset(name.strip() for name in found.only.split(",") if name.strip())
    return Options(**vars(found))
