"""The main job: a partner with 25 guests, from the file to the end, twice."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
EXAMPLE = json.loads((ROOT / "examples" / "fabrikam.json").read_text(encoding="utf-8"))


def demo(folder: Path, report: Path, *options: str) -> tuple[int, str, dict[str, Any]]:
    command = [sys.executable, "-m", "devstack", "demo", "--folder", str(folder), "--report", str(report), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=250)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}


def test_the_demo_is_done_and_a_second_run_changes_nothing(up: Any, tmp_path: Path) -> None:
    stack = up()
    record = stack.record()
    code, out, first = demo(stack.folder, tmp_path / "first.json")
    assert code == 0, out
    assert re.fullmatch(r"fabrikam-\d{8}T\d{6}Z", first["request"])
    assert list(first) == ["request", "partner", "state", "seconds", "tasks"]
    assert (first["partner"], first["state"]) == ("Fabrikam", "done")
    assert all(
        list(task) == ["step", "subject", "state", "reason", "attempts", "seconds", "graphRequestIds"] for task in first["tasks"]
    )
    assert all(task["state"] == "done" and task["reason"] and task["graphRequestIds"] for task in first["tasks"])
    steps = [task["step"] for task in first["tasks"]]
    assert steps.count("invite-guest") == len(EXAMPLE["guests"]) == 25
    assert steps.count("set-organization-relationship") == 1
    assert "25 of them invitations" in out
    assert all(guest["email"] in out for guest in EXAMPLE["guests"])
    assert "@" not in (tmp_path / "first.json").read_text(encoding="utf-8")

    before = httpx.get(f"{record['control']}/state").json() | {"time": ""}
    code, out, second = demo(stack.folder, tmp_path / "second.json")
    assert code == 0, out
    assert httpx.get(f"{record['control']}/state").json() | {"time": ""} == before
    assert second["request"] != first["request"]
    assert {(task["step"], task["subject"]) for task in second["tasks"]} == {(t["step"], t["subject"]) for t in first["tasks"]}
    assert all("already" in task["reason"] or "before" in task["reason"] for task in second["tasks"]), second["tasks"]
    assert "Nothing was changed in the tenant: everything was there already." in out
    stack.end()


def test_the_demo_brings_its_own_stack_and_says_why_a_request_is_refused(tmp_path: Path, gone: Any) -> None:
    ours = EXAMPLE | {"partner": {"name": "Ourselves", "domains": ["contoso.com"]}}
    (tmp_path / "ourselves.json").write_text(json.dumps(ours), encoding="utf-8")
    code, out, report = demo(tmp_path / "stack", tmp_path / "report.json", "--file", str(tmp_path / "ourselves.json"))
    assert code == 1
    assert "contoso.com is our own domain" in out
    assert "Refused" in out
    assert (report["state"], report["tasks"]) == ("refused", [])
    assert not (tmp_path / "stack" / "stack.json").exists()
    assert gone(int((tmp_path / "stack" / "lock").read_text(encoding="utf-8")))


def test_a_file_that_is_no_request_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"version": 1', encoding="utf-8")
    code, out, report = demo(tmp_path / "stack", tmp_path / "report.json", "--file", str(tmp_path / "bad.json"))
    assert (code, report) == (1, {})
    assert "is not JSON: line 1, column 14" in out
