"""`entente permissions`: what the app's identities need in the tenant, what they have, and the grant.

It speaks to Microsoft Graph as whoever is signed in with `az login`, not to the app: it is what has to be done before the app can do anything.
"""

import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show
from cli.command import Json, print_json, told
from cli.errors import STOPPED, BadInput
from cli.granting import EXCHANGE, GRAPH, NAMES, SHAREPOINT, Compared, Directory, compared, token_of_az
from shared.needs import allowed_by

permissions_app = typer.Typer(
    help="What the app's identities may do in the tenant: needed, granted, missing.", no_args_is_help=True
)
_ROOT = Path(__file__).parent.parent
_POWERS = ("guests", "settings", "mail")

Powers = Annotated[
    str, typer.Option(help="Powers of the app, separated by commas, where apps are split (ENTENTE_POWERS). All by default.")
]
Templates = Annotated[Path, typer.Option(envvar="ENTENTE_TEMPLATES", help="Folder of the templates whose steps are counted.")]
Identity = Annotated[str, typer.Option("--identity", help="The app's managed identity: its principalId or clientId.")]
GraphUrl = Annotated[str, typer.Option("--graph", envvar="ENTENTE_GRAPH_URL", help="Base URL of Microsoft Graph.")]
_GRAPH_URL = "https://graph.microsoft.com/v1.0"


@permissions_app.command("plan")
def plan(powers: Powers = "", templates: Templates = _ROOT / "templates", *, as_json: Json = False) -> None:
    """Show what an app with these powers and templates needs, and what has to be done besides. Asks nobody."""
    with told(as_json=as_json):
        wanted = wants(_chosen(powers), templates)
        if as_json:
            print_json(wanted)
            return
        for service, values in wanted["needed"].items():
            _say(f"{NAMES[service]}: {', '.join(values) or 'nothing'}")
        if wanted["optional"]:
            _say(f"As you like, to see more: {', '.join(wanted['optional'])}")
        for line in wanted["byHand"]:
            _say(f"\n{line}")


@permissions_app.command("check")
def check(
    identity: Identity,
    powers: Powers = "",
    templates: Templates = _ROOT / "templates",
    graph: GraphUrl = _GRAPH_URL,
    *,
    as_json: Json = False,
) -> None:
    """Compare what the identity has with what it needs. Exit code 1: something is missing."""
    with told(as_json=as_json), _looked(identity, powers, templates, graph) as (found, _, _):
        _shown(found, as_json=as_json)
    if found.missing:
        raise typer.Exit(STOPPED)


@permissions_app.command("grant")
def grant(
    identity: Identity,
    powers: Powers = "",
    templates: Templates = _ROOT / "templates",
    graph: GraphUrl = _GRAPH_URL,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take away what nothing here needs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Grant the identity what is missing; with --revoke also take away what is superfluous. Bears repetition."""
    with told(as_json=as_json), _looked(identity, powers, templates, graph) as (found, there, principal):
        _shown(found, as_json=False) if not as_json else None
        gone = found.superfluous if revoke else ()
        if (
            (found.missing or gone)
            and not yes
            and not typer.confirm(f"Grant {len(found.missing)} and take away {len(gone)}?", err=True)
        ):
            raise typer.Exit(STOPPED)
        services = there.services(app for app, _ in found.missing)
        for app, value in found.missing:
            there.grant(principal, services[app], value)
        for one in gone:
            there.revoke(one)
        if as_json:
            print_json({"granted": [value for _, value in found.missing], "revoked": [one.value or one.service for one in gone]})
        elif found.missing or gone:
            _say(
                f"Granted {len(found.missing)}, took away {len(gone)}. Tokens that are out keep what they had, for up to a day: restart the app."
            )


def wants(powers: frozenset[str], templates: Path) -> dict[str, Any]:
    """What is needed, by service; what helps; and what a person does. Raises BadInput where templates cannot be read."""
    known = json.loads((_ROOT / "infra" / "permissions.json").read_text("utf-8"))
    allowed = _allowed(templates)
    if strange := sorted(allowed - known["steps"].keys()):
        raise BadInput(f"The templates in {templates} name unknown steps: {', '.join(strange)}.")
    steps = {
        name: step for name, step in known["steps"].items() if (name in allowed or step["always"]) and step["power"] in powers
    }
    besides = [one for one in known["besides"] if one["power"] in powers]
    graph = {value for one in (*steps.values(), *(one for one in besides if not one["optional"])) for value in one["graph"]}
    roles = sorted({role for step in steps.values() for role in step["exchangeRoles"]})
    needed = {GRAPH: sorted(graph)}
    needed |= {EXCHANGE: ["Exchange.ManageAsApp"]} if roles else {}
    on_sharepoint = sorted(steps.keys() & set(known["sharePoint"]))
    needed |= {SHAREPOINT: ["Sites.FullControl.All"]} if on_sharepoint else {}
    optional = {value for one in besides if one["optional"] for value in one["graph"]} - graph
    mailbox = sorted({value for step in steps.values() for value in step["mailbox"]})
    return {"powers": sorted(powers), "steps": sorted(steps), "needed": needed, "optional": sorted(optional)} | {
        "byHand": list(_by_hand(roles, mailbox, on_sharepoint, steps))
    }


def _by_hand(roles: list[str], mailbox: list[str], on_sharepoint: list[str], steps: dict[str, Any]) -> Iterator[str]:
    if roles:
        named = ", ".join(f'"{role}"' for role in roles)
        yield (
            "In Exchange Online PowerShell, as Exchange Administrator: a role group of the app's own, with these roles and no others.\n"
            "  Connect-ExchangeOnline\n"
            "  New-ServicePrincipal -AppId CLIENT-ID -ObjectId PRINCIPAL-ID -DisplayName Entente\n"
            f"  New-RoleGroup -Name Entente -Roles {named} -Members PRINCIPAL-ID"
        )
    if mailbox:
        yield (
            f"{' and '.join(mailbox)}: never in Entra, where they are for every mailbox, but in Exchange Online for the one of ENTENTE_MAILBOX "
            "(docs/guest-mails.md, The mailbox)."
        )
    if on_sharepoint:
        yield f"Sites.FullControl.All on SharePoint is powerful: leave {', '.join(on_sharepoint)} out of the templates where you can."
    if "add-to-workspace" in steps:
        yield (
            "Fabric: in its admin portal, let service principals use the APIs (for a group that the identity is in), and make the identity Admin "
            "of each workspace. There is no application permission for it."
        )
    if "allow-federation" in steps:
        yield "Teams: a person sets external access by hand, unless ENTENTE_TEAMS_SETTINGS says otherwise (docs/settings.md)."


def _allowed(templates: Path) -> set[str]:
    paths = sorted(templates.glob("*.toml"))
    if not paths:
        raise BadInput(f"There is no template in {templates}: name their folder with --templates.")
    found: set[str] = set()
    for path in paths:
        try:
            found |= allowed_by(tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{path} cannot be read: {error}") from error
    return found


def _chosen(powers: str) -> frozenset[str]:
    named = frozenset(word.strip() for word in powers.split(",")) - {""}
    if strange := sorted(named - set(_POWERS)):
        raise BadInput(f"--powers knows {', '.join(_POWERS)}, not {', '.join(strange)}.")
    return named or frozenset(_POWERS)


@contextmanager
def _looked(identity: str, powers: str, templates: Path, graph: str) -> Iterator[tuple[Compared, Directory, str]]:
    """What the identity has against what it needs, the directory that was asked, and the identity's object id there."""
    wanted = wants(_chosen(powers), templates)
    there = Directory(graph, os.environ.get("ENTENTE_GRAPH_TOKEN") or token_of_az())
    try:
        principal = str(there.principal(identity)["id"])
        held = there.held(principal, there.services(wanted["needed"]))
        liked = {*wanted["optional"]}
        yield (
            compared(wanted["needed"], [one for one in held if not (one.service == GRAPH and one.value in liked)]),
            there,
            principal,
        )
    finally:
        there.close()


def _shown(found: Compared, *, as_json: bool) -> None:
    if as_json:
        missing = [{"service": NAMES[app], "permission": value} for app, value in found.missing]
        superfluous = [{"service": NAMES.get(one.service, one.service), "permission": one.value} for one in found.superfluous]
        print_json({"missing": missing, "superfluous": superfluous})
        return
    for app, value in found.missing:
        _say(f"missing      {value} on {NAMES[app]}")
    for one in found.superfluous:
        _say(f"superfluous  {one.value or 'a permission'} on {NAMES.get(one.service, one.service)}")
    if not found.missing and not found.superfluous:
        _say("The identity has what it needs, and nothing else.")


def _say(line: str) -> None:
    for each in line.split("\n"):
        show.console().print(show.plain(each), soft_wrap=True)
