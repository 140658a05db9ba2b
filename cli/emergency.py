"""`entente block` and `entente release`: a partner shut out by one person, released by two."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show
from cli.command import Json, PartnerName, api, print_json, said, told
from cli.errors import STOPPED, BadInput

# A composition root of its own: this command knows the HTTP API, and that it can be done without.
_DIRECT = (sys.executable, "-m", "shared.emergency")
_ROOT = Path(__file__).parents[1]

_STATES = {
    "asked": "is still blocked: the release waits for somebody else to run the same command",
    "releasing": "is still blocked in part: run the release again",
}
Reason = Annotated[str, typer.Option("--reason", help="Why: it stands in the journal.")]
Direct = Annotated[
    bool,
    typer.Option(
        "--direct",
        help="Without the function app and Service Bus, with the identity of this machine or of `az login` (docs/emergency.md). "
        "The report is JSON on standard output: keep it.",
    ),
]


def block(partner: PartnerName, reason: Reason, *, direct: Direct = False, as_json: Json = False) -> None:
    """Shut a partner out now: no approval, nothing deleted. Exit code 1: something remains open, and is listed."""
    if direct:
        _directly("block", partner, reason, as_json=as_json)
    with told(as_json=as_json), api() as there:
        _shown(there.block(partner, reason), as_json=as_json)


def release(partner: PartnerName, reason: Reason, *, direct: Direct = False, as_json: Json = False) -> None:
    """Ask for the release of a blocked partner, or confirm what somebody else has asked for; then it is carried out."""
    if direct:
        _directly("release", partner, reason, as_json=as_json)
    with told(as_json=as_json), api() as there:
        _shown(there.release(partner, reason), as_json=as_json)


def _directly(verb: str, partner: str, reason: str, *, as_json: bool) -> None:
    """Carried out by this machine itself, which tells its steps on standard error; always ends the command."""
    with told(as_json=as_json):
        if said():
            raise BadInput("--as is for an app on this machine; the direct way goes by the identity that it signs in with.")
    sys.stdout.flush()
    raise typer.Exit(subprocess.run([*_DIRECT, verb, f"--reason={reason}", "--", partner], check=False, cwd=_ROOT).returncode)


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
