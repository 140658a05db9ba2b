"""`entente journal`: what was done for a partner or a person, whether the record still is what it was, and the audit pack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.errors import BadInput
from cli.show import plain
from cli.show_plan import values
from shared.nouns.request import GUID

FILES = ("journal.json", "journal.csv", "journal.html")


def asked(subject: str, *, verify: bool, head: str, export: bool) -> dict[str, Any]:
    """What the app is asked: an address or an opaque id of 32 hexadecimal digits is a person's, all else a partner's."""
    is_person = "@" in subject or (len(subject) == 32 and not set(subject.lower()) - set("0123456789abcdef"))
    question: dict[str, Any] = {"person" if is_person else "partner": subject, "verify": verify or bool(head), "export": export}
    return question | ({"head": head} if head else {})


def save(found: Mapping[str, Any], folder: Path) -> list[Path]:
    """The audit pack is in the folder, which is made if need be. Raises BadInput where it cannot be written."""
    files = dict(found.get("files") or {})
    rest = {key: value for key, value in found.items() if key != "files"}
    files["journal.json"] = json.dumps(rest, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            with (folder / name).open("w", encoding="utf-8", newline="") as file:
                file.write(str(files.get(name, "")))
    except OSError as error:
        raise BadInput(f"The audit pack cannot be written to {folder}: {error.strerror or error}.") from error
    return [folder / name for name in FILES]


def show(console: Console, found: Mapping[str, Any]) -> None:
    """The entries in the order of time, and what was found about the seals."""
    table = Table("when", "request", "step", "about", "what", "by", "change")
    for entry in found["entries"]:
        change = "; ".join(values(entry["before"], entry["after"]))
        cells = (entry["at"][:19], entry["request"], entry["step"], _about(entry["subject"]), entry["kind"], entry["who"])
        table.add_row(*(plain(cell) for cell in cells), plain(entry["note"] or change))
    console.print(table)
    verdict = found.get("verification")
    if verdict is None:
        return
    if verdict["holds"]:
        console.print(plain(f"All seals hold: {verdict['entries']} entries, {verdict['seals']} seals.", "green"))
    else:
        console.print(plain("The seals do not hold:", "red"))
        for flaw in verdict["flaws"]:
            console.print(plain(f"  {flaw['where']} ({flaw['kind']}): {flaw['why']}", "red"))
    console.print(plain(f"Head: {verdict['head'] or 'none yet'}. {_kept(verdict.get('exported') or {})}"))


def _about(subject: str) -> str:
    """What a partner was given by name, by that name; all else as it is on record."""
    tenant, _, name = subject.partition(".")
    return name if name and GUID.match(tenant) else subject


def _kept(exported: Mapping[str, Any]) -> str:
    if not exported.get("container"):
        return "Heads are not exported (ENTENTE_SEAL_CONTAINER is empty): keep it elsewhere, and give it back with --head."
    waiting = f", {exported['notExported']} not exported yet" if exported.get("notExported") else ""
    return f"Compared with {exported['compared']} exported heads in {exported['container']}{waiting}."
