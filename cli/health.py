"""`entente health`: whether the app can do its work, and whether it still hears of changes."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from cli import show
from cli.command import Json, api, print_json, told
from cli.errors import STOPPED

_GOOD, _BAD = "green", "bold red"


def health(*, as_json: Json = False) -> None:
    """Show whether the app can do its work, what it lacks, and how well it hears of changes. Exit code 1: something is wrong."""
    with told(as_json=as_json), api() as app:
        found = app.health()
        print_json(found) if as_json else _shown(show.console(), found)
        if found["status"] != "ok":
            raise typer.Exit(STOPPED)


def _shown(out: Console, found: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value, style in _lines(found):
        table.add_row(show.plain(name), show.plain(value, style))
    out.print(table)


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What is shown: name, value, style. What this command does not know by name is left to --json."""
    yield "status", f"{found['status']}, version {found['version']}", _GOOD if found["status"] == "ok" else _BAD
    if "tenants" in found:
        several = found["tenants"]
        yield "tenants", f"{several['ok']} of {several['all']} are well; entente --tenant NAME health tells all of one", ""
        return
    for check, good in found["checks"].items():
        yield check, "ok" if good else "failing", _GOOD if good else _BAD
    yield "mode", str(found["mode"]), "" if found["mode"] == "apply" else "yellow"
    missing = found["missingPermissions"]
    listed = ", ".join(missing) if isinstance(missing, list) else str(missing)
    yield "missing permissions", listed or "none", _BAD if listed else ""
    yield "export of seals", str(found["sealExport"]), ""
    yield from _hearing(found.get("listening") or {})


def _hearing(listening: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if not listening:
        return
    yield "notifications", str(listening["notifications"]), _BAD if listening["notifications"] == "failing" else ""
    for fault in listening["faults"]:
        yield "", str(fault), _BAD
    yield "last change heard", _moment(listening["lastEvent"]), ""
    if listening["delaySeconds"] is not None:
        yield "delay of notifications", f"{listening['delaySeconds']} s", ""
    for resource, kept in listening["subscriptions"].items():
        yield f"subscription to {resource}", f"until {_moment(kept['expires'])}" if kept["expires"] else "not there", ""
    for kind, canary in listening["canary"].items():
        took = "not heard yet" if canary["delaySeconds"] is None else f"heard after {canary['delaySeconds']} s"
        yield f"canary of {kind}", f"sent {_moment(canary['sent'])}, {took}", ""
    for resource, delta in listening["delta"].items():
        said = f"known as of {_moment(delta['known'])}" if delta["known"] else "the first round is under way"
        yield f"delta of {resource}", f"{said}, {delta['lagSeconds']} s behind", ""
    for name, number in listening["counts"].items():
        yield name, str(number), ""


def _moment(text: str | None) -> str:
    return show.moment(text) if text else "none yet"
