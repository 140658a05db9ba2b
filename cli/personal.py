"""`entente guests export-subject` and `forget`: one person's data, told or erased."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli import show
from cli.command import Json, api, print_json, told
from cli.errors import BadInput

Person = Annotated[str, typer.Argument(metavar="PERSON", help="Their address, or their opaque id.")]


def export_subject(
    person: Person,
    *,
    file: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write the JSON there, readable by you alone.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Export everything on record about one person. The export itself is on record."""
    with told(as_json=as_json), api() as there:
        if file is not None and file.exists():
            raise BadInput(f"{file} is there already; give another name.")
        found = there.export_subject(person)
        if file is None:
            print_json(found)
            return
        try:
            file.touch(mode=0o600, exist_ok=False)
            file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"The export cannot be written to {file}: {error.strerror or error}.") from error
        if as_json:
            print_json({"file": str(file), "rows": len(found["rows"])})
        else:
            show.console().print(show.plain(f"Written: {file}, {len(found['rows'])} rows"))


def forget(
    person: Person,
    *,
    reason: Annotated[str, typer.Option(help="Why; it stands in the journal. No address.")],
    force: Annotated[bool, typer.Option("--force", help="Also where their account is still in the directory.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase who a person is. What was done stays in the journal, under an opaque id; it cannot be taken back."""
    with told(as_json=as_json), api() as there:
        if not yes and not as_json and show.console().is_terminal:
            typer.confirm("Erase everything that says who they are? This cannot be taken back.", abort=True)
        found = there.forget(person, reason, force=force)
        if as_json:
            print_json(found)
            return
        out = show.console()
        for name, number in found["erased"].items():
            out.print(show.plain(f"erased in {name}: {number}"))
        for name, number in found["kept"].items():
            out.print(show.plain(f"kept, under an opaque id: {number} {name}"))
        for each in found["account"]:
            out.print(show.plain(f"account {each['user']}: {each['state']}"))
        out.print("What may still hold data:")
        for line in found["elsewhere"]:
            out.print(show.plain(f"  - {line}"), soft_wrap=True)
