"""What the dashboard is made of: two functions that only read, and files that make no HTML of data and load nothing from elsewhere."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import azure.functions as func

from functions import dashboard
from shared.settings import ROOT

FOLDER = ROOT / "dashboard"
FILES = sorted(path.name for path in FOLDER.iterdir())


def test_two_routes_that_only_read_and_need_no_function_key() -> None:
    app = func.FunctionApp()
    app.register_functions(dashboard.bp)
    found: dict[str, Any] = {str(one.get_function_name()): one.get_trigger() for one in app.get_functions()}
    told = {name: (trigger.route, [str(method) for method in trigger.methods]) for name, trigger in found.items()}
    assert {name: (route, [method.rpartition(".")[2] for method in methods]) for name, (route, methods) in told.items()} == {
        "show-dashboard": ("dashboard/{file?}", ["GET"]),
        "read-for-dashboard": ("dashboard/status/{what}/{id?}", ["GET"]),
    }


def test_finding_the_functions_loads_nothing_of_the_dashboard() -> None:
    script = "import sys, function_app; print(*(name for name in sys.modules if 'dashboard' in name))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert found.split() == ["functions.dashboard"]


def test_the_page_makes_no_html_of_data_and_loads_nothing_from_elsewhere() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    for path, text in sources.items():
        for never in (
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "sessionStorage",
        ):
            assert never not in text, (path.name, never)
        others = [line for line in text.splitlines() if "://" in line and "http://www.w3.org/2000/svg" not in line]
        assert others == [], f"{path.name} names another place"
        assert len(text.splitlines()) <= 250, path.name
    page = sources[FOLDER / "index.html"]
    assert "style=" not in page
    assert all(Path(name).suffix != ".js" or f"/api/dashboard/{name}" in page or _imported(name, sources) for name in FILES)


def _imported(name: str, sources: dict[Path, str]) -> bool:
    return any(f'from "./{name}"' in text for text in sources.values())
