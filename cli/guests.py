"""Guests: who is there, until when, at what stage; kept, ended, had back, and exempt from clean-up."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show
from cli.cleanup import table_of
from cli.command import Json, api, print_json, told
from cli.errors import BadInput
from cli.show_partners import cell

guests_app = typer.Typer(help="The guests on record, and how long they stay.", no_args_is_help=True)
exempt_app = typer.Typer(help="Guests whom clean-up leaves alone for a while.", no_args_is_help=True)
Guest = Annotated[str, typer.Argument(metavar="GUEST", help="Their address, opaque id or object id.")]
Partner = Annotated[str, typer.Option("--partner", help="Tenant id, domain or name of the partner.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the journal.")]
_COLUMNS = (
    *("partner", "person", "user", "stage", "origin", "lastDay", "decided", "sponsors", "warnings", "warnedAt", "blockedBy"),
    *("blockedAt", "deletedAt", "why", "leftAlone"),
)
_LABELS = {
    "lastDay": "last day",
    "decided": "last day decided by a person",
    "warnedAt": "warned at",
    "blockedBy": "blocked by",
    "blockedAt": "blocked at",
    "deletedAt": "deleted at",
    "leftAlone": "left alone",
}


_MEMBER_COLUMNS = ("partner", "user", "domain", "enabled", "invited", "created", "lastSignIn")


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
            _members(*there.members(partner), as_csv=as_csv, as_json=as_json)
            return
        found = there.guests(_wanted(partner, stage, ends_before, sponsor))
        if as_json:
            print_json({"guests": list(found)})
        elif as_csv:
            typer.echo(guests_csv(found), nl=False)
        else:
            _print(list(found))


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
            file.write_text(guests_csv(found), encoding="utf-8", newline="")
        except OSError as error:
            raise BadInput(f"The guests cannot be written to {file}: {error.strerror or error}.") from error
        if as_json:
            print_json({"file": str(file), "guests": len(found)})
        else:
            show.console().print(show.plain(f"Written: {file}, {len(found)} guests"))


@guests_app.command("show")
def show_guest(guest: Guest, partner: Partner = "", *, as_json: Json = False) -> None:
    """Show one guest."""
    _said("show", {"guest": guest, "partner": partner}, as_json=as_json)


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
def exempt_list(*, as_json: Json = False) -> None:
    """List exemptions, the next to end first; those that are over are marked."""
    with told(as_json=as_json), api() as there:
        found = there.exemptions()
        if as_json:
            print_json({"exemptions": found})
            return
        table = table_of("guest", "until", "owner", "reason", "by")
        for each in found:
            until = show.plain(each["until"] + (" (over)" if each["over"] else ""), "red" if each["over"] else "")
            table.add_row(
                show.plain(each["person"]), until, show.plain(each["owner"]), show.plain(each["reason"]), show.plain(each["by"])
            )
        show.console().print(table if found else "Nobody is exempt.")


def _members(found: Sequence[Mapping[str, Any]], read: str | None, *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        print_json({"members": found, "read": read})
    elif as_csv:
        typer.echo(_csv(_MEMBER_COLUMNS, found), nl=False)
    elif read is None:
        show.console().print("No clean-up run has read the directory yet: 'entente cleanup plan' does, and changes nothing.")
    else:
        _print_members(found, read)


def _print_members(found: Sequence[Mapping[str, Any]], read: str) -> None:
    out = show.console()
    if found:
        table = table_of("B2B member", "domain", "partner", "enabled", "last sign-in")
        for each in found:
            enabled = "unknown" if each["enabled"] is None else "yes" if each["enabled"] else "no"
            last = (each["lastSignIn"] or "unknown")[:10]
            words = (each["domain"] or "unknown", each["partner"] or "on no record", enabled, last)
            table.add_row(show.plain(each["user"], "bold"), *map(show.plain, words))
        out.print(table)
    out.print(
        show.plain(f"{len(found)} B2B members, as the directory was read at {read[:16]}. Clean-up never touches them.", "dim")
    )


def guests_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """The guests as CSV. A cell that a spreadsheet would compute begins with an apostrophe."""
    return _csv(_COLUMNS, found)


def _csv(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for each in found:
        cells = [each[name] for name in columns]
        writer.writerow([cell(" ".join(map(str, one)) if isinstance(one, list) else one) for one in cells])
    return out.getvalue()


def _said(verb: str, asked: Mapping[str, str], *, as_json: bool) -> None:
    with told(as_json=as_json), api() as there:
        found = there.guest(verb, asked)
        if as_json:
            print_json(found)
            return
        for name, value in found.items():
            if value not in (None, "", [], False):
                show.console().print(show.plain(f"{_LABELS.get(name, name)}: {_worded(value)}"), soft_wrap=True)


def _worded(value: object) -> str:
    match value:
        case True:
            return "yes"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return f"until {value['until']}, by {value['by']}: {value['reason']}"
        case _:
            return str(value)


def _print(found: list[Mapping[str, Any]]) -> None:
    if not found:
        show.console().print("No guest is on record that fits.")
        return
    table = table_of("guest", "stage", "last day", "sponsors", "warned", "why")
    for each in found:
        table.add_row(
            show.plain(each["user"] or each["person"], "bold"),
            show.plain(each["stage"]),
            show.plain((each["lastDay"] or "none") + (" (decided)" if each["decided"] else "")),
            str(len(each["sponsors"])),
            str(each["warnings"] or ""),
            show.plain(each["leftAlone"] or each["why"]),
        )
    show.console().print(table)
