"""What others find in our files: an independent parser of Bicep, and checkov. Both skip where they are not installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.check.arm import template
from infra.check.rendering import render
from tests.infra.deployments import INFRA, SMALL, WHOLE, deployed


@pytest.mark.parametrize("path", sorted(INFRA.rglob("*.bicep")), ids=lambda path: path.name)
def test_another_parser_reads_it_too(path: Path) -> None:
    pycep = pytest.importorskip("pycep", reason="pycep-parser is not installed (requirements/dev.in)")
    read = pycep.BicepParser().parse(text=path.read_text("utf-8"))
    assert read.get("resources") or read.get("modules")


def _checkov(*words: str) -> subprocess.CompletedProcess[str]:
    checkov = shutil.which("checkov", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if checkov is None:
        pytest.skip("checkov is not installed; the workflow runs it (CONTRIBUTING.md says how to have it here)")
    return subprocess.run([checkov, *words], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("parameters", [SMALL, WHOLE], ids=["small", "whole"])
def test_checkov_finds_nothing_but_what_we_reasoned_away(tmp_path: Path, parameters: dict[str, object]) -> None:
    rendered = tmp_path / "deployment.json"
    rendered.write_text(template(deployed(parameters)), "utf-8")
    found = _checkov("--config-file", str(INFRA / "checkov.yaml"), "--file", str(rendered))
    assert found.returncode == 0, found.stdout


def test_every_exception_is_for_something_that_checkov_does_find(tmp_path: Path) -> None:
    failed: set[str] = set()
    for number, parameters in enumerate((SMALL, WHOLE)):
        rendered = tmp_path / f"{number}.json"
        rendered.write_text(template(deployed(parameters)), "utf-8")
        said = json.loads(_checkov("--framework", "arm", "--skip-download", "--output", "json", "--file", str(rendered)).stdout)
        failed |= {one["check_id"] for one in said["results"]["failed_checks"]}
    excepted = set(re.findall(r"CKV_AZURE_\d+", (INFRA / "checkov.yaml").read_text("utf-8")))
    assert excepted - failed == set(), "take out of infra/checkov.yaml what is not found any more"


def test_the_template_for_others_names_each_resource_once() -> None:
    resources = json.loads(template(deployed(WHOLE)))["resources"]
    named = [(one["type"], one["name"], one.get("scope")) for one in resources]
    assert len(set(named)) == len(named)
    for one in resources:
        segments = one["type"].count("/") if not one.get("scope") else 1
        assert one["name"].count("/") == segments - 1, f"{one['type']} {one['name']}"


def test_rendering_twice_gives_the_same() -> None:
    first, second = (template(render(INFRA / "main.bicep", WHOLE)) for _ in range(2))
    assert first == second
