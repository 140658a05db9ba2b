"""What the pages, scripts and workflow around the deployment say is so."""

import json
import os
import re
import subprocess
from typing import Any, get_args

import pytest
import yaml

from infra.check.reading import read
from infra.costs import PAGE, written
from shared.settings import ROOT, Role
from tests.infra.deployments import INFRA

SCRIPTS = ["infra/keys.sh", "infra/publish.sh"]


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    return loaded


def test_the_costs_are_current() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), "run `python -m infra.costs`"


def test_parameters_that_the_page_names_exist_and_every_parameter_says_what_it_means() -> None:
    parameters = {one.name: one for one in read((INFRA / "main.bicep").read_text("utf-8"), "main.bicep") if one.kind == "param"}
    table = PAGE.read_text("utf-8").partition("| parameter | default |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert len(named) > 5
    assert named <= parameters.keys()
    assert all("description" in one.decorators for one in parameters.values())


def test_files_that_the_page_names_exist() -> None:
    page = PAGE.read_text("utf-8")
    for path in re.findall(r"(?:infra|docs|\.github)/[\w./-]+\.\w+", page):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)", page):
        assert (PAGE.parent / link).exists(), link


def test_app_roles_are_those_of_the_code() -> None:
    roles = json.loads((INFRA / "app-roles.json").read_text("utf-8"))
    assert {role["value"] for role in roles} == set(get_args(Role))
    assert len({role["id"] for role in roles}) == len(roles)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_sound_and_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["sh", "-n", str(ROOT / script)], check=False).returncode == 0
    assert "set -eu" in (ROOT / script).read_text("utf-8")


def test_azd_does_what_the_page_says() -> None:
    azd = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
    assert (ROOT / azd["infra"]["path"] / f"{azd['infra']['module']}.bicep").exists()
    assert [line.split()[0] for line in azd["hooks"]["postprovision"]["run"].splitlines()[1:]] == [
        "infra/keys.sh",
        "make",
        "infra/publish.sh",
    ]


def test_the_workflow_holds_no_secret_and_little_power() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert "secrets." not in text
    assert "pull_request_target" not in text
    jobs = workflow()["jobs"]
    assert workflow()["permissions"] == {"contents": "read"}
    for name, job in jobs.items():
        signs_in = any(step.get("uses", "").startswith("azure/login@") for step in job["steps"])
        wanted = {"contents": "read", "id-token": "write"} if signs_in else None
        assert job.get("permissions") == wanted, name
        assert ("environment" in job) == signs_in, name
        assert job["timeout-minutes"] <= 45
    assert set(jobs["deploy"]["needs"]) == {"check", "infra", "package"}


def test_every_action_is_pinned_by_its_version() -> None:
    used = [step["uses"] for job in workflow()["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", one) for one in used)


def test_what_people_write_never_becomes_a_command_of_the_workflow() -> None:
    for job in workflow()["jobs"].values():
        assert all("${{" not in step.get("run", "") for step in job["steps"]), "expressions go through env, not into the shell"
