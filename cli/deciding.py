"""Before anything changes: seeing what a request would do, agreeing to it or not, and letting a partner go."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.prompt import Confirm
from typer.core import TyperCommand

from cli import show, show_plan
from cli.client import Api
from cli.command import Json, PartnerName, RequestName, api, print_json, told
from cli.ending import addresses, to_its_end, watched
from cli.errors import STOPPED, BadInput
from cli.files import checked, load
from cli.plans import CHANGES, REFUSED, Plan, plan_of
from cli.watch import Watch

Everything = Annotated[bool, typer.Option("--all", help="List every guest instead of counting them.")]
# An id has 64 characters at most, and so has that of its plan.
_MOST_NAME = 46
# Typer has a Click of its own, which it does not name; what it does name comes of this.
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[1]


class Deciding(TyperCommand):
    """A command whose exit code 2 says that there are changes: wrong usage is 1."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments; what is wrong with them ends with 1."""
        try:
            return super().parse_args(ctx, args)
        except _WrongUsage as error:
            vars(error)["exit_code"] = REFUSED
            raise


def plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The partner request, JSON; - is standard input.")],
    guests: Annotated[Path | None, typer.Option(help="Guests from a CSV, as for submit.")] = None,
    *,
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """Show what a request would change, and change nothing. Exit codes: 0 nothing to do; 2 changes; 1 error, or something is refused."""
    with told(as_json=as_json, code=REFUSED), api() as there:
        raw, _ = load(file, guests)
        found = _show(there, raw, everything=everything, as_json=as_json)
    raise typer.Exit(found.exit_code)


def approve(
    name: RequestName,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    as_json: Json = False,
) -> None:
    """Agree to a request of somebody else's, which then runs."""
    _decide(name, "approve", reason, as_json=as_json)


def reject(
    name: RequestName, *, reason: Annotated[str, typer.Option(help="Why; whoever asked is told.")], as_json: Json = False
) -> None:
    """Turn a request of somebody else's down: nothing of it is done."""
    _decide(name, "reject", reason, as_json=as_json)


def offboard(
    partner: PartnerName,
    *,
    template: Annotated[
        str, typer.Option(help="The template that says how the partner ends; else that of its latest request.")
    ] = "",
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Only show what would be taken back; exit codes as for plan.")
    ] = False,
    name: Annotated[
        str, typer.Option("--id", help="The request's id; else it is made from the partner's name and the time.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    everything: Everything = False,
    as_json: Json = False,
) -> None:
    """Take a partner out: what requests have given it is taken back, and it ends as its template says. Shows the plan and asks first."""
    with told(as_json=as_json, code=REFUSED if only_plan else None), api() as there:
        raw = _offboarding(there.partner(partner), template, name)
        parts = checked(raw)
        if only_plan:
            found = _show(there, raw, everything=everything, as_json=as_json)
            raise typer.Exit(found.exit_code)
        if as_json and not yes:
            raise BadInput("With --json nobody can be asked: look at it with --plan, then say --yes.")
        if not yes:
            confirmed(there, raw, everything=everything)
        there.submit(parts)
        to_its_end(there, Watch(there, raw["id"]), as_json=as_json)


def confirmed(there: Api, raw: Mapping[str, Any], *, everything: bool = False) -> None:
    """The plan was shown, and somebody said yes to it. Ends the command where nobody did, or nobody can."""
    if not show.console().is_terminal:
        raise BadInput("Nobody can be asked here: look at it with 'entente plan' or --plan, then say --yes.")
    found = _show(there, raw, everything=everything, as_json=False)
    if found.exit_code == REFUSED:
        raise BadInput("What is refused above has to be settled first; nothing was sent.")
    question = "Submit this request?" if found.exit_code == CHANGES else "There is nothing to do. Submit it all the same?"
    if not Confirm.ask(f"\n{question}", console=show.console(), default=False):
        show.console().print("Nothing was sent.")
        raise typer.Exit(STOPPED)


def _show(there: Api, raw: Mapping[str, Any], *, everything: bool, as_json: bool) -> Plan:
    """The request has been planned under an id of its own, and the plan shown."""
    own = f"{str(raw['id'])[:_MOST_NAME]}.plan-{secrets.token_hex(6)}"
    asked = {**raw, "id": own, "mode": "plan"}
    there.submit(checked(asked), plan=True)
    people = addresses(raw)
    watched(Watch(there, own, people), as_json=True)
    shown = there.page(own) or {"id": own, "refusals": ["The app does not know the plan any more: try again"]}
    tasks = list(there.tasks(shown))
    found = plan_of(shown, tasks)
    if as_json:
        print_json(found.shown)
    else:
        show_plan.plan(show.console(), found, show.names(shown, tasks, people), everything=everything)
    return found


def _decide(name: str, decision: str, reason: str, *, as_json: bool) -> None:
    with told(as_json=as_json), api() as there:
        found = there.decide(name, decision, reason)
        print_json(found) if as_json else show.header(show.console(), found)


def _offboarding(partner: Mapping[str, Any], template: str, name: str) -> dict[str, Any]:
    """The request that takes the partner out, from what is on record of it."""
    chosen = template or str((partner.get("template") or {}).get("name") or "")
    if not chosen:
        raise BadInput(f"No request on record says what {partner['name']} was given: name a template with --template.")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    label = "".join(char if char.isascii() and char.isalnum() else "-" for char in str(partner["domains"][0]).lower())
    return {
        "version": 1,
        "id": name or f"offboard-{label.strip('-')[:32]}-{stamp}",
        "action": "offboard",
        "template": chosen,
        "partner": {"name": partner["name"], "domains": list(partner["domains"])},
    }
