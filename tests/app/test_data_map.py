"""The data map names every table and every property that the code writes, and the holdings that erasing goes by."""

import ast
import re
from pathlib import Path

import pytest

from shared.nouns.holdings import HOLDS
from shared.tables.store import TABLES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "personal-data.md").read_text(encoding="utf-8")
# The modules that write each table; a module that is not here has to be added.
WRITERS = {
    "requests": ("requests",),
    "tasks": ("tasks", "task_rows"),
    "partners": ("partners", "blocks"),
    "drift": ("drift",),
    "guests": ("guests", "guest_index"),
    "people": ("people",),
    "pace": ("pace",),
    "parked": ("parked",),
    "seals": ("seals",),
    "asks": ("asks",),
    "runs": ("runs",),
    "exemptions": ("exemptions",),
    "subscriptions": ("subscriptions",),
    "deltas": ("deltas",),
    "heard": ("heard",),
    "grants": ("grants",),
}
WRITE_NONE = {"__init__", "store", "stored", "transport", "together", "journal", "subjects"}


def properties(module: str) -> set[str]:
    """Every property that the module may write: the text keys of its dictionaries, and what stands in its maps of names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "shared" / "tables" / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            found |= {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.startswith("_")
        if isinstance(node, ast.Assign) and named and isinstance(node.value, ast.Dict):
            found |= {each.value for each in node.value.values if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {name for name in found if re.fullmatch(r"[a-z][A-Za-z_]*", name) and "_" not in name}


def section(table: str) -> str:
    found = re.search(rf"^### `{table}`\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/personal-data.md has no section ### `{table}`"
    return found[1]


def test_every_table_and_module_is_in_the_map() -> None:
    assert set(WRITERS) == set(TABLES) == set(HOLDS)
    modules = {path.stem for path in (ROOT / "shared" / "tables").glob("*.py")}
    assert modules - WRITE_NONE == {module for several in WRITERS.values() for module in several}


@pytest.mark.parametrize("table", TABLES)
def test_every_property_is_in_the_map(table: str) -> None:
    said = set(re.findall(r"`([^`]+)`", section(table)))
    written = {name for module in WRITERS[table] for name in properties(module)}
    assert written - said == set(), f"say in docs/personal-data.md what these of table {table} hold"


@pytest.mark.parametrize("table", TABLES)
def test_the_map_says_what_the_code_holds(table: str) -> None:
    assert (HOLDS[table] or "Nothing about people.") in section(table)


def test_every_setting_of_retention_is_in_the_map() -> None:
    from shared.settings import Settings

    names = [field.alias for field in Settings.model_fields.values() if str(field.alias).startswith("ENTENTE_KEEP_")]
    assert names
    assert [name for name in names if f"`{name}`" not in PAGE] == []
