"""`entente drift`: what others have changed in the tenant, and what becomes of it."""

from typing import Annotated

import typer

from cli import show, show_drift
from cli.command import Json, api, print_json, told
from cli.errors import BadInput
from cli.plans import CHANGES, NOTHING_TO_DO, REFUSED


def drift(
    partner: Annotated[
        str, typer.Argument(metavar="[PARTNER]", help="The partner's tenant id, or one of its domains; all if left out.")
    ] = "",
    *,
    put_back: Annotated[
        str,
        typer.Option(
            "--put-back", metavar="ID", help="Make this as it was before, by a request of its own, whatever that opens."
        ),
    ] = "",
    accept: Annotated[str, typer.Option("--accept", metavar="ID", help="What is there now is the new wish.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="List what is settled, too.")] = False,
    as_json: Json = False,
) -> None:
    """List what others have changed of what was made true, before and after, or settle one of these changes.

    Exit codes: 0 nothing was changed, or it is settled; 2 there are changes; 1 an error.
    """
    with told(as_json=as_json, code=REFUSED), api() as there:
        if put_back and accept:
            raise BadInput("Say --put-back or --accept, not both.")
        if name := put_back or accept:
            settled = there.settle_drift(name, "accept" if accept else "put-back")
            print_json(settled) if as_json else show_drift.settled(show.console(), settled)
            return
        found = there.drift(partner, everything=everything)
        print_json({"drift": found}) if as_json else show_drift.listed(show.console(), found)
    unsettled = [each for each in found if each["state"] in {"open", "waits", "putting-back"}]
    raise typer.Exit(CHANGES if unsettled else NOTHING_TO_DO)
