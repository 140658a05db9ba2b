"""Partners: who is on record and what they have, what their administrator must set, what is shared with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show, show_partners
from cli.command import Json, PartnerName, api, print_json, told
from cli.errors import STOPPED, BadInput
from cli.plans import CHANGES, NOTHING_TO_DO, REFUSED

partners_app = typer.Typer(help="The partners on record.", no_args_is_help=True)
_PAGES = ("handoff.md", "handoff.ps1")


@partners_app.command("list")
def list_partners(*, as_json: Json = False) -> None:
    """List every partner on record."""
    with told(as_json=as_json), api() as there:
        found = there.partners()
        print_json({"partners": found}) if as_json else show_partners.partners(show.console(), found)


@partners_app.command("show")
def show_partner(partner: PartnerName, *, as_json: Json = False) -> None:
    """Show what is set for a partner, its guests counted, and its open requests."""
    with told(as_json=as_json), api() as there:
        found = there.partner(partner)
        print_json(found) if as_json else show_partners.partner(show.console(), found)


def migrate_relationship(
    partner: PartnerName,
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only compare. Exit codes: 0 nothing to do; 2 changes; 1 it cannot be done.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Set the capabilities, read them back, and retire the relationship.")
    ] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=ID", help="The object id of a group that the relationship names as a scope; once for each."),
    ] = None,
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="The partner may lose what no capability gives.")] = False,
    as_json: Json = False,
) -> None:
    """Move a partner from its organization relationship, which Microsoft switches off, to Microsoft 365 capabilities."""
    with told(as_json=as_json, code=REFUSED if plan else None), api() as there:
        if plan == apply:
            raise BadInput("Say --plan to compare, or --apply to do it.")
        asked = {"apply": apply, "scopes": _scopes(scope or []), "acceptLoss": accept_loss}
        found = there.migration(partner, asked)
        if as_json:
            print_json(found)
        else:
            (show_partners.migrated if apply else show_partners.migration)(show.console(), found)
    if plan:
        raise typer.Exit(REFUSED if found["problem"] else NOTHING_TO_DO if found["finished"] else CHANGES)


def handoff(
    partner: PartnerName,
    *,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write handoff.md, handoff.ps1 and handoff.json there.")] = None,
    template: Annotated[str, typer.Option(help="The template, for a partner that no request was about yet.")] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Tell what of it can be seen from our side. Exit code 1: something is amiss.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell the partner's own administrator what to set in their tenant: a page with a checklist, a script, and JSON."""
    with told(as_json=as_json), api() as there:
        found = there.handoff(partner, template, verify=verify)
        saved = _save(found, out) if out else []
        if as_json:
            print_json(found)
        elif verify:
            show_partners.seen(show.console(), found)
        elif not saved:
            typer.echo(show.safe_lines(found["files"]["handoff.md"]), nl=False)
        if saved and not as_json:
            show.console().print(show.plain(f"Written: {', '.join(map(str, saved))}"), soft_wrap=True)
        if any(line["seen"] == "no" for line in found.get("seen", ())):
            raise typer.Exit(STOPPED)


def report_sharing(
    partner: PartnerName,
    *,
    site: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site to look at; else those that requests have named.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV; the scope goes to standard error.")] = False,
    as_json: Json = False,
) -> None:
    """List what is shared with a partner on some sites, and how much of them was looked at. Object ids only."""
    with told(as_json=as_json), api() as there:
        if as_csv and as_json:
            raise BadInput("Say --csv or --json, not both.")
        found = there.sharing(partner, site or [])
        if as_json:
            print_json(found)
        elif as_csv:
            typer.echo(show_partners.sharing_csv(found), nl=False)
            show_partners.scope(show.console(errors=True), found)
        else:
            show_partners.sharing(show.console(), found)
            show_partners.scope(show.console(), found)


def _scopes(said: list[str]) -> dict[str, str]:
    pairs = [each.rpartition("=") for each in said]
    if wrong := [each for each, (name, _, group) in zip(said, pairs, strict=True) if not name or not group]:
        raise BadInput(f"--scope takes NAME=ID, such as 'Sales=<object id>', not {wrong[0]!r}.")
    return {name: group for name, _, group in pairs}


def _save(found: Mapping[str, Any], folder: Path) -> list[Path]:
    import json

    rest = {key: value for key, value in found.items() if key != "files"}
    files = {name: found["files"][name] for name in _PAGES} | {
        "handoff.json": json.dumps(rest, indent=2, ensure_ascii=False) + "\n"
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with (folder / name).open("w", encoding="utf-8", newline="") as file:
                file.write(text)
    except OSError as error:
        raise BadInput(f"The handoff cannot be written to {folder}: {error.strerror or error}.") from error
    return [folder / name for name in files]
