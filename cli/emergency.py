"""`entente block` and `entente release`: a partner shut out by one person, released by two."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import show
from cli.command import Json, PartnerName, api, print_json, told
from cli.errors import STOPPED

_STATES = {
    "asked": "is still blocked: the release waits for somebody else to run the same command",
    "releasing": "is still blocked in part: run the release again",
}
Reason = Annotated[str, typer.Option("--reason", help="Why: it stands in the journal.")]


def block(partner: PartnerName, reason: Reason, *, as_json: Json = False) -> None:
    """Shut a partner out now: no approval, nothing deleted. Exit code 1: something remains open, and is listed.

    Without the function app: python -m shared.emergency block PARTNER --reason ...
    """
    with told(as_json=as_json), api() as there:
        _shown(there.block(partner, reason), as_json=as_json)


def release(partner: PartnerName, reason: Reason, *, as_json: Json = False) -> None:
    """Ask for the release of a blocked partner, or confirm what somebody else has asked for; then it is carried out."""
    with told(as_json=as_json), api() as there:
        _shown(there.release(partner, reason), as_json=as_json)


def _shown(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        console = show.console()
        for line in found["lines"]:
            console.print(show.plain(line), soft_wrap=True)
        for title, key, style in (("Remains open", "remains", "red"), ("Goes on for a while", "lasting", "")):
            if found[key]:
                console.print(show.plain(f"{title}:", style), soft_wrap=True)
                for line in found[key]:
                    console.print(show.plain(f"  {line}"), soft_wrap=True)
        name = found["partner"]["name"]
        if not found["recorded"] and found["state"] == "blocked":
            console.print(show.plain(f"It could not be recorded: {found['unrecorded']}.", "red"), soft_wrap=True)
        said = _STATES.get(found["state"], f"is {found['state']}")
        console.print(show.plain(f"{name} {said}. See it: entente journal {found['partner']['tenantId']}"), soft_wrap=True)
    if found["remains"]:
        raise typer.Exit(STOPPED)
