"""`entente rebuild`: tables put together again from audit packs and the tenant, after they were lost."""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import show
from cli.command import Json, api, print_json, told
from cli.errors import BadInput

# A piece is one call, which must be over long before App Service ends it (230 s).
MOST_TASKS, MOST_GUESTS = 1_000, 200


def rebuild(
    pack: Annotated[
        Path, typer.Argument(metavar="FILE", help="journal.json of an audit pack (entente journal PARTNER --export DIR).")
    ],
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Put it on record. Without, only what that would be is shown.")] = False,
    as_json: Json = False,
) -> None:
    """Show what of an audit pack is missing in the tables, or put it there again. Nothing is changed in the tenant."""
    with told(as_json=as_json), api() as app:
        counts: Counter[str] = Counter()
        notes: list[str] = []
        for piece, again in _pieces(_read(pack)):
            done = app.rebuild(piece, apply=apply)
            # A request that comes in several pieces is one.
            counts.update({name: number for name, number in done["rebuilt"].items() if not (again and name == "requests")})
            notes += done["notes"]
        found = {"applied": apply, "rebuilt": dict(counts), "notes": notes}
        print_json(found) if as_json else _shown(found)


def _pieces(pack: dict[str, Any]) -> list[tuple[dict[str, Any], bool]]:
    """The pack in parts, each of which is complete in itself, and whether a part before had to do with its requests. A pack without records
    is left as it is, for the app to say what is wrong."""
    try:
        return list(_parts(pack)) if isinstance(pack.get("records"), dict) else [(pack, False)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(f"The audit pack is damaged: {type(error).__name__} {error}.") from error


def _parts(pack: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    records = pack["records"]
    empty = {**records, "partners": [], "requests": [], "guests": []}
    yield {"records": {**empty, "partners": records["partners"]}, "entries": []}, False
    entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for entry in pack["entries"]:
        _, cohort, step, subject, *_ = entry["key"].split("|")
        entries.setdefault((entry["request"], f"t|{cohort}|{step}|{subject}"), []).append(entry)
    for one in records["requests"]:
        name = one["row"]["RowKey"]
        for number, tasks in enumerate(batched(one["tasks"], MOST_TASKS, strict=False) if one["tasks"] else [()]):
            mine = [entry for task in tasks for entry in entries.pop((name, task["RowKey"]), ())]
            yield {"records": {**empty, "requests": [{**one, "tasks": list(tasks)}]}, "entries": mine}, number > 0
    # Entries whose tasks are on record no more.
    if rest := [entry for some in entries.values() for entry in some]:
        asked = [{**one, "tasks": []} for one in records["requests"]]
        yield {"records": {**empty, "requests": asked}, "entries": rest}, True
    for guests in batched(records["guests"], MOST_GUESTS, strict=False):
        yield {"records": {**empty, "guests": list(guests)}, "entries": []}, True


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: give journal.json of an audit pack.") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} is no audit pack.")
    return found


def _shown(found: dict[str, Any]) -> None:
    out = show.console()
    listed = ", ".join(f"{number} {name}" for name, number in found["rebuilt"].items())
    if not listed:
        out.print(show.plain("Everything in the pack is on record already."))
    elif found["applied"]:
        out.print(show.plain(f"On record again: {listed}. Nothing was changed in the tenant.", "green"))
    else:
        out.print(show.plain(f"Missing in the tables: {listed}. Nothing was changed; --apply puts it there."))
    for note in found["notes"]:
        out.print(show.plain(f"- {note}"), soft_wrap=True)
