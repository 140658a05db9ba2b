"""A request is followed to its end, shown as it ended, and becomes an exit code."""

from collections.abc import Mapping
from typing import Any

import typer

from cli import show
from cli.client import Api
from cli.command import print_json
from cli.errors import DONE, INTERRUPTED, STOPPED, BadInput
from cli.watch import ENDED, Watch, follow


def to_its_end(api: Api, looking: Watch, *, as_json: bool) -> None:
    """Progress until the end, on standard error where standard output is JSON; then the request as it ended, and the exit code."""
    shown = watched(looking, as_json=as_json)
    refused = looking.refused_before is not None and looking.refused_anew(shown)
    finish(api, looking.name, looking.addresses, as_json=as_json, refused=refused)


def watched(looking: Watch, *, as_json: bool) -> Mapping[str, Any]:
    """The request as it ended. Whoever interrupts is told that it goes on."""
    try:
        return follow(looking, show.console(errors=as_json))
    except KeyboardInterrupt:
        show.console(errors=True).print(
            show.plain(f"Request {looking.name} goes on without you. See it again: entente status {looking.name} --watch")
        )
        raise typer.Exit(INTERRUPTED) from None


def finish(api: Api, name: str, people: tuple[str, ...], *, as_json: bool, refused: bool = False) -> None:
    """The request with all its tasks on standard output; exit code 1 where it ended otherwise than done."""
    shown = api.page(name)
    if shown is None:
        raise BadInput(f"There is no request {name} any more.")
    tasks = list(api.tasks(shown))
    if as_json:
        print_json({key: value for key, value in shown.items() if key != "next"} | {"tasks": tasks})
    else:
        show.request(show.console(), shown, tasks, show.names(shown, tasks, people))
    bad = refused or (shown["state"] in ENDED and shown["state"] != "done")
    raise typer.Exit(STOPPED if bad else DONE)


def addresses(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The guests' addresses by their position in the file."""
    return tuple(str(guest.get("email", "")) for guest in raw.get("guests", ()))
