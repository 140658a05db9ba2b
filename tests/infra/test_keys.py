"""infra/keys.sh makes keys that are missing and never replaces one: run against an `az` that notes what it is asked."""

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.topology import SECRETS
from shared.settings import ROOT

AZ = """#!/bin/sh
case "$*" in
  "keyvault list"*) echo "$VAULTS" ;;
  *"--method get"*) test -z "$BROKEN" || exit 1; printf '%s\\n' $THERE ;;
  *"--method put"*)
    for word in "$@"; do
      case "$word" in
        @*) cat "${word#@}" >> "$NOTED"; echo >> "$NOTED" ;;
        */secrets/*) echo "$word" >> "$NOTED" ;;
      esac
    done ;;
esac
"""


@dataclass(frozen=True)
class Run:
    code: int
    said: str
    made: dict[str, str]


def keys(
    folder: Path,
    there: tuple[str, ...] = (),
    vaults: str = "/vaults/kv-x",
    broken: str = "",
    tenants: tuple[str, ...] = (),
    listed: str = "",
) -> Run:
    az = folder / "az"
    az.write_text(AZ, "utf-8")
    az.chmod(0o700)
    noted = folder / "noted"
    noted.touch()
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "NOTED": str(noted), "TMPDIR": str(folder)}
    environment |= {"THERE": " ".join(there), "VAULTS": vaults, "BROKEN": broken, "ENTENTE_TENANT_LIST": listed}
    run = subprocess.run(
        ["sh", str(ROOT / "infra/keys.sh"), "entente", *tenants],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    lines = noted.read_text("utf-8").splitlines()
    made = {
        url.rpartition("/secrets/")[2].partition("?")[0]: json.loads(body)["properties"]["value"]
        for url, body in zip(lines[::2], lines[1::2], strict=True)
    }
    assert sorted(path.name for path in folder.iterdir()) == ["az", "noted"], "the key was left on the disk"
    return Run(run.returncode, run.stdout + run.stderr, made)


@pytest.mark.parametrize("there", [(), ("person-key",), ("client-state-key",), ("person-key", "client-state-key", "other")])
def test_only_what_is_missing_is_made(tmp_path: Path, there: tuple[str, ...]) -> None:
    run = keys(tmp_path, there)
    assert run.code == 0
    assert run.made.keys() == set(SECRETS.values()) - set(there)
    assert all(len(base64.b64decode(key, validate=True)) == 32 for key in run.made.values())
    assert not any(key in run.said for key in run.made.values())


def test_a_list_that_cannot_be_read_makes_nothing(tmp_path: Path) -> None:
    run = keys(tmp_path, broken="yes")
    assert run.code != 0
    assert run.made == {}


def test_without_a_vault_it_says_what_comes_first(tmp_path: Path) -> None:
    run = keys(tmp_path, vaults="")
    assert run.code == 1
    assert "deploy infra/main.bicep first" in run.said


def test_a_list_of_tenants_that_cannot_be_read_makes_nothing(tmp_path: Path) -> None:
    run = keys(tmp_path, listed="contoso, tailspin")
    assert run.code != 0
    assert run.made == {}


@pytest.mark.parametrize(
    "said",
    [{"tenants": ("contoso", "tailspin")}, {"listed": '[{"name": "contoso"}, {"name": "tailspin"}]'}],
    ids=["named", "as deployed"],
)
def test_each_of_several_tenants_has_keys_of_its_own(tmp_path: Path, said: dict[str, Any]) -> None:
    run = keys(tmp_path, there=("person-key-contoso",), **said)
    assert run.code == 0, run.said
    wanted = {f"{secret}-{tenant}" for secret in SECRETS.values() for tenant in ("contoso", "tailspin")}
    assert run.made.keys() == wanted - {"person-key-contoso"}
    assert len(set(run.made.values())) == len(run.made)
