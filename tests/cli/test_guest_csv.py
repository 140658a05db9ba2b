"""CSV files as people have them: each case is a file and what is to be read from it, or what is to be said about it."""

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.errors import BadInput
from cli.files import load
from cli.guest_csv import read_guests

CASES = sorted((Path(__file__).parent / "csv_cases").glob("*.csv"))


@pytest.mark.parametrize("path", CASES, ids=[case.stem for case in CASES])
def test_case(path: Path, write: Any) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if "guests" in wanted:
        raw, parts = load(Path(write()), path)
        assert raw["guests"][1:] == wanted["guests"]
        assert len(parts) == 1
        return
    with pytest.raises(BadInput) as raised:
        load(Path(write()), path)
    found = [(fault.field, fault.reason) for fault in raised.value.faults]
    assert [field for field, _ in found] == [field for field, _ in wanted["faults"]]
    for (_, reason), (_, expected) in zip(found, wanted["faults"], strict=True):
        assert expected in reason


def test_cells_larger_than_any_spreadsheet_makes_them_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "guests.csv"
    path.write_text(f"email,name\nann@fabrikam.com,{'x' * 140_000}\n", encoding="utf-8")
    assert [str(fault) for fault in read_guests(path).faults] == [
        "guests.csv line 2: cannot be read as CSV: field larger than field limit (131072)"
    ]


word = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
name = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40).map(str.strip)
guest = st.fixed_dictionaries(
    {"email": st.builds("{}@{}.com".format, word, word)},
    optional={
        "name": name.filter(lambda text: text and not text.lower().startswith(("example:", "version:"))),
        "groups": st.lists(st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True), min_size=1, max_size=4),
        "until": st.dates(date(2030, 1, 1)).map(date.isoformat),
    },
)


@settings(max_examples=150, deadline=None)
@given(
    guests=st.lists(guest, max_size=8),
    columns=st.permutations(["email", "name", "groups", "until"]),
    separator=st.sampled_from(",;\t"),
    between=st.sampled_from([";", "|", " ", " ; "]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    template=st.booleans(),
)
def test_what_is_written_is_read(
    guests: list[dict[str, Any]],
    columns: list[str],
    separator: str,
    between: str,
    line_end: str,
    mark: bool,
    template: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    keys = {"email": "Correo [inviteeEmail]", "name": "[inviteeName] x", "groups": "[groups]", "until": "[until]"}
    text = io.StringIO(newline="")
    rows = csv.writer(text, delimiter=separator, lineterminator=line_end)
    if template:
        rows.writerow(["version:v1.0", "", "", ""])
    rows.writerow([keys[column] if template else column for column in columns])
    for each in guests:
        cells = {**each, "groups": between.join(each.get("groups", []))}
        rows.writerow([cells.get(column, "") for column in columns])
    path = tmp_path_factory.mktemp("csv") / "guests.csv"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    found = read_guests(path)
    assert found.faults == []
    assert found.guests == guests


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_file_is_read_or_answered_with_a_place(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("csv") / "guests.csv"
    path.write_bytes(b"email,name\n" + content)
    found = read_guests(path)
    assert len(found.lines) == len(found.guests)
    for fault in found.faults:
        assert re.match(r"guests\.csv line \d+", fault.field)
        assert fault.reason
