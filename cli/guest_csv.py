"""Guests from a CSV file: Microsoft Entra's bulk-invite template, or plain `email,name,groups,until`.

The template: a line `version:v1.0`, then free and localized headers of which only the key in square brackets counts, then a
sample row that begins with `Example:` (https://learn.microsoft.com/entra/external-id/tutorial-bulk-invite; facts section 16).
Spreadsheets add trailing separators, a byte order mark, `;` for `,`, and TRUE for true.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.nouns.errors import Fault

MOST_BYTES = 50_000_000
_VERSION = "version:"
_KNOWN_VERSION = "version:v1.0"
_SAMPLE = "example:"
_PLAIN = {"email": "email", "name": "name", "groups": "groups", "until": "until"}
_BRACKETED = _PLAIN | {
    "inviteeemail": "email",
    "inviteename": "name",
    "inviteredirecturl": "redirectUrl",
    "sendemail": "sendMail",
    "customizedmessagebody": "message",
}
_TEMPLATE_KEYS = "[inviteeEmail], [inviteeName], [inviteRedirectURL], [sendEmail], [customizedMessageBody]"
_KEY = re.compile(r"\[\s*([A-Za-z]+)\s*\]")
# Behind the last line; where a quote is never closed it becomes part of a cell, and that is how it shows.
_END = "\x00end"


@dataclass(frozen=True)
class Column:
    """A column of the file: its number from 1, what to call it, and the guest's field that it fills (None: no field)."""

    number: int
    label: str
    field: str | None


@dataclass
class GuestFile:
    """What a file says: guests as they are written in a request, the line of each, and what is wrong."""

    name: str
    guests: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def place(self, index: int, fault_field: str) -> str:
        """Where the guest at `index` has that field: `guests.csv line 3, column 1 (email)`."""
        column = next((column for column in self.columns if column.field == fault_field), None)
        where = f"{self.name} line {self.lines[index]}"
        return f"{where}, column {column.number} ({column.label})" if column else where

    def fault(self, line: int, reason: str, column: Column | None = None) -> None:
        """One more thing is wrong."""
        where = f"{self.name} line {line}"
        self.faults.append(Fault(f"{where}, column {column.number} ({column.label})" if column else where, reason))


def read_guests(path: Path) -> GuestFile:
    """The guests in the file; everything that is wrong with its form is in `faults`. Raises OSError where it cannot be read."""
    found = GuestFile(path.name)
    text = _text(path, found)
    if text is None:
        return found
    separator = max(",;\t", key=lambda each: _recognized(text, each))
    rows = _rows(text, separator, found)
    header = _header(rows, found)
    if header is None or found.faults:
        return found
    for line, cells in rows:
        if cells and not cells[0].lower().startswith(_SAMPLE):
            guest = _guest(line, cells, found)
            found.guests.append(guest)
            found.lines.append(line)
    return found


def _text(path: Path, found: GuestFile) -> str | None:
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        found.fault(1, f"the file is larger than {MOST_BYTES // 1_000_000} MB; split it")
        return None
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found.fault(line, "is not UTF-8 text; in the spreadsheet, save as 'CSV UTF-8 (comma delimited)'")
        return None


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their first line, blanks around values removed; an empty list for a blank row."""
    reader = csv.reader(io.StringIO(f"{text}\n{_END}", newline=""), delimiter=separator, skipinitialspace=True)
    line = 1
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        yield line, stripped if any(stripped) else []
        line = reader.line_num + 1


def _rows(text: str, separator: str, found: GuestFile) -> Iterator[tuple[int, list[str]]]:
    line = 0
    try:
        for line, cells in _records(text, separator):
            if cells == [_END]:
                return
            if cells and cells[-1].endswith(_END):
                found.fault(line, 'a quotation mark (") is opened in this row and never closed')
                return
            yield line, cells
    except csv.Error as error:
        found.fault(line + 1, f"cannot be read as CSV: {error}")


def _recognized(text: str, separator: str) -> int:
    """How many columns of the header are known if this separates them."""
    sample = text[:20_000]
    try:
        for _, cells in _records(sample, separator):
            if cells and not cells[0].lower().startswith(_VERSION):
                return sum(1 for cell in cells if _field_of(cell, bracketed=_KEY.search(sample) is not None))
    except csv.Error:
        return 0
    return 0


def _header(rows: Iterator[tuple[int, list[str]]], found: GuestFile) -> int | None:
    for line, cells in rows:
        if not cells:
            continue
        if cells[0].lower().startswith(_VERSION):
            if cells[0].lower() != _KNOWN_VERSION:
                found.fault(line, f"says {cells[0][:40]!r}; only version:v1.0 is known")
            continue
        bracketed = any(_KEY.search(cell) for cell in cells)
        found.columns = [_column(number, cell, bracketed=bracketed) for number, cell in enumerate(cells, start=1)]
        _check_header(line, found, bracketed=bracketed)
        return line
    found.fault(1, "the file has no header line; begin it with email,name,groups,until or use the template of Entra's portal")
    return None


def _column(number: int, cell: str, *, bracketed: bool) -> Column:
    key = _KEY.search(cell) if bracketed else None
    return Column(number, key[1] if key else cell[:40] or "no name", _field_of(cell, bracketed=bracketed))


def _field_of(cell: str, *, bracketed: bool) -> str | None:
    if not bracketed:
        return _PLAIN.get(cell.lower())
    key = _KEY.search(cell)
    return _BRACKETED.get(key[1].lower()) if key else None


def _check_header(line: int, found: GuestFile, *, bracketed: bool) -> None:
    fields = [column.field for column in found.columns if column.field]
    known = f"{_TEMPLATE_KEYS}, [groups], [until]" if bracketed else "email, name, groups, until"
    if "email" not in fields:
        needed = "[inviteeEmail]" if bracketed else "email"
        found.fault(line, f"has no column {needed}; known columns are {known}")
    for column in found.columns:
        if column.field and fields.count(column.field) > 1:
            found.fault(line, "stands more than once in the header", column)
        elif column.field is None and not bracketed and column.label != "no name":
            found.fault(line, f"is not a known column; known are {known}", column)


def _guest(line: int, cells: list[str], found: GuestFile) -> dict[str, Any]:
    guest: dict[str, Any] = {"email": ""}
    for column, cell in zip(found.columns, cells, strict=False):
        if not cell:
            continue
        if column.field is None:
            found.fault(line, "is filled, but its header has no key that is known here", column)
        elif _unprintable(cell, column.field):
            found.fault(line, "holds a line break or control character; is a quotation mark not closed?", column)
        elif column.field == "sendMail":
            if cell.lower() not in {"true", "false"}:
                found.fault(line, "must be TRUE or FALSE", column)
            guest["sendMail"] = cell.lower() == "true"
        elif column.field == "groups":
            guest["groups"] = [name for name in re.split(r"[;|\s]+", cell) if name]
        else:
            guest[column.field] = cell
    if not guest["email"]:
        found.fault(line, "is empty", next(column for column in found.columns if column.field == "email"))
    if any(cells[len(found.columns) :]):
        found.fault(line, "has more values than there are columns; put a value that holds the separator in quotation marks")
    return guest


def _unprintable(cell: str, target: str) -> bool:
    """Whether the cell holds a control character; a message may have line breaks and tabs."""
    allowed = "\r\n\t" if target == "message" else ""
    return any(unicodedata.category(char) == "Cc" and char not in allowed for char in cell)
