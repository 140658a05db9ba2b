"""Guests: who is there, until when, at what stage; kept, ended, had back, and exempt from clean-up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show, show_guests
from cli.client import Api
from cli.command import Json, api, print_json, told
from cli.errors import BadInput

guests_app = typer.Typer(help="The guests on record, and how long they stay.", no_args_is_help=True)
exempt_app = typer.Typer(help="Guests whom clean-up leaves alone for a while.", no_args_is_help=True)
Guest = Annotated[str, typer.Argument(metavar="GUEST", help="Their address, opaque id or object id.")]
Partner = Annotated[str, typer.Option("--partner", help="Tenant id, domain or name of the partner.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the journal.")]


def _wanted(partner: str, stage: str, ends_before: str, sponsor: str) -> dict[str, str]:
    asked = {"partner": partner, "stage": stage, "endsBefore": ends_before, "sponsor": sponsor}
    return {key: value for key, value in asked.items() if value}


@guests_app.command("list")
def list_guests(
    partner: Partner = "",
    stage: Annotated[str, typer.Option(help="invited, redeemed, warned, blocked, deleted or gone.")] = "",
    ends_before: Annotated[str, typer.Option(metavar="DATE", help="Only those whose last day is before this day.")] = "",
    sponsor: Annotated[str, typer.Option(metavar="ID", help="Only those of this sponsor (object id).")] = "",
    kind: Annotated[str, typer.Option(help="guest, or member: B2B members, whom clean-up never touches.")] = "guest",
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """List guests: stage, last day, who answers for them. No address is told."""
    with told(as_json=as_json), api() as there:
        if as_csv and as_json:
            raise BadInput("Say --csv or --json, not both.")
        if kind not in {"guest", "member"}:
            raise BadInput("--kind is guest or member.")
        if kind == "member":
            if stage or ends_before or sponsor:
                raise BadInput("B2B members have no stage, last day or sponsor on record: list them by --partner alone.")
            _members(there, partner, as_csv=as_csv, as_json=as_json)
            return
        found = there.guests(_wanted(partner, stage, ends_before, sponsor))
        if as_json:
            print_json({"guests": list(found)})
        elif as_csv:
            typer.echo(show_guests.guests_csv(found), nl=False)
        else:
            show_guests.table(show.console(), list(found))


@guests_app.command("export")
def export_guests(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the CSV is written.")],
    partner: Partner = "",
    stage: Annotated[str, typer.Option(help="invited, redeemed, warned, blocked, deleted or gone.")] = "",
    ends_before: Annotated[str, typer.Option(metavar="DATE", help="Only those whose last day is before this day.")] = "",
    sponsor: Annotated[str, typer.Option(metavar="ID", help="Only those of this sponsor (object id).")] = "",
    *,
    as_json: Json = False,
) -> None:
    """Write guests to a CSV file that no spreadsheet computes anything of."""
    with told(as_json=as_json), api() as there:
        found = list(there.guests(_wanted(partner, stage, ends_before, sponsor)))
        try:
            file.write_text(show_guests.guests_csv(found), encoding="utf-8", newline="")
        except OSError as error:
            raise BadInput(f"The guests cannot be written to {file}: {error.strerror or error}.") from error
        if as_json:
            print_json({"file": str(file), "guests": len(found)})
        else:
            show.console().print(show.plain(f"Written: {file}, {len(found)} guests"))


@guests_app.command("show")
def show_guest(
    guest: Guest,
    partner: Partner = "",
    *,
    sharing: Annotated[bool, typer.Option("--sharing", help="Also what they have in SharePoint: takes a while.")] = False,
    site: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site to look at; else those that requests have named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one guest."""
    asked = {"guest": guest, "partner": partner} | ({"sites": site or []} if sharing or site else {})
    _said("show", asked, as_json=as_json)


@guests_app.command("extend")
def extend(
    guest: Guest,
    *,
    until: Annotated[str, typer.Option(metavar="DATE", help="Their last day, such as 2027-06-30.")],
    reason: Reason,
    partner: Partner = "",
    as_json: Json = False,
) -> None:
    """Let a guest stay until a day. Whom clean-up has blocked or deleted comes back."""
    _said("extend", {"guest": guest, "partner": partner, "until": until, "reason": reason}, as_json=as_json)


@guests_app.command("end")
def end(guest: Guest, *, reason: Reason, partner: Partner = "", as_json: Json = False) -> None:
    """End a guest's time: the next clean-up run warns them, then blocks them."""
    _said("end", {"guest": guest, "partner": partner, "reason": reason}, as_json=as_json)


@guests_app.command("restore")
def restore(guest: Guest, *, reason: Reason, partner: Partner = "", as_json: Json = False) -> None:
    """Have back a guest whom clean-up has blocked, or deleted less than 30 days ago."""
    _said("restore", {"guest": guest, "partner": partner, "reason": reason}, as_json=as_json)


@guests_app.command("unshare")
def unshare(
    guest: Guest,
    *,
    reason: Reason,
    site: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A site to look at; else those that requests have named.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Give back what was taken, where nobody has given anything since.")
    ] = False,
    partner: Partner = "",
    as_json: Json = False,
) -> None:
    """Take away what is shared with a guest by name in SharePoint. 'show --sharing' lists it before."""
    asked = {"guest": guest, "partner": partner, "reason": reason}
    if undo and site:
        with told(as_json=as_json):
            raise BadInput("What is given back is on record: --undo goes without --site.")
    _said("reshare" if undo else "unshare", asked if undo else asked | {"sites": site or []}, as_json=as_json)


@exempt_app.command("add")
def exempt_add(
    guest: Guest,
    *,
    reason: Reason,
    owner: Annotated[str, typer.Option(help="Who of our people answers for it: object id or user principal name.")],
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day of the exemption, within two years.")],
    partner: Partner = "",
    as_json: Json = False,
) -> None:
    """Leave a guest alone until a day, whatever the rules say."""
    asked = {"guest": guest, "partner": partner, "reason": reason, "owner": owner, "until": until}
    _said("exempt", asked, as_json=as_json)


@exempt_app.command("remove")
def exempt_remove(
    guest: Guest, *, reason: Annotated[str, typer.Option(help="Why.")] = "", partner: Partner = "", as_json: Json = False
) -> None:
    """Take a guest's exemption away."""
    _said("unexempt", {"guest": guest, "partner": partner, "reason": reason}, as_json=as_json)


@exempt_app.command("list")
def exempt_list(
    *,
    over: Annotated[bool, typer.Option("--over", help="Only those that are over.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """List exemptions, the next to end first; those that are over are marked."""
    with told(as_json=as_json), api() as there:
        if as_csv and as_json:
            raise BadInput("Say --csv or --json, not both.")
        found = [each for each in there.exemptions() if each["over"] or not over]
        if as_json:
            print_json({"exemptions": found})
        elif as_csv:
            typer.echo(show_guests.exemptions_csv(found), nl=False)
        else:
            show_guests.exemptions(show.console(), found)


def _members(there: Api, partner: str, *, as_csv: bool, as_json: bool) -> None:
    found, read = there.members(partner)
    if as_json:
        print_json({"members": found, "read": read})
    elif as_csv:
        typer.echo(show_guests.members_csv(found), nl=False)
    else:
        show_guests.members(show.console(), found, read)


def _said(verb: str, asked: Mapping[str, Any], *, as_json: bool) -> None:
    with told(as_json=as_json), api() as there:
        found = there.guest(verb, asked)
        if as_json:
            print_json(found)
        else:
            show_guests.decided(show.console(), found)
