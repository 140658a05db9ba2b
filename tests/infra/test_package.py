"""The package: what is in it, that it is small and the same each time, and that the app runs from it with nothing else."""

import asyncio
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import typing_extensions

from devstack.stack.errors import StackError
from devstack.stack.packaged import REQUIREMENTS, search_path, unpacked
from devstack.tenant.server import running_tenant
from infra.package import contents
from infra.package.binaries import stripped
from infra.package.building import MOST_BYTES, Package, TooLarge, build
from infra.package.compiling import undocumented
from infra.package.contents import UNUSED, WrongEnvironment, app_files, needed, pinned, requirement_files
from infra.package.used import APP, USED, Door
from shared.settings import ROOT
from tests.infra.test_powers import NEEDED

# Imports every module of the app from the package alone, and asks Microsoft Graph something; what is loaded from where goes to stdout.
FROM_PACKAGE = """
import asyncio, importlib, json, os, pkgutil, sys
from pathlib import Path
app = os.getcwd()
sys.path.insert(0, app)
import azure_functions_runtime, function_app, functions, shared
for package in (functions, shared):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name not in ("shared.emergency", "shared.schemas"):
            importlib.import_module(found.name)
import azure.data.tables.aio, azure.servicebus.aio
from shared.root import world, close
async def main():
    ours = await world()
    name = (await ours.tenant.organizations.ours()).initial_domain
    await close(ours)
    return name
name = asyncio.run(main())
files = {key: module.__file__ for key, module in list(sys.modules.items()) if getattr(module, "__file__", None)}
print(json.dumps({"name": name, "files": files}))
"""


# Who comes too near to the limit is told before the package cannot be made.
ROOM = 2_000_000
DOCUMENTED = b'''"""Module."""
from __future__ import annotations
from dataclasses import dataclass

class Plain:
    """Plain."""

@dataclass
class Made:
    """Made."""
    n: int = 1

def nothing():
    """Only said."""

async def raises():
    "Said."
    raise ValueError("here")
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package of the code as it is. Its requirements are laid out once, in the project's .package."""
    try:
        return build(tmp_path_factory.mktemp("package") / "entente.zip")
    except WrongEnvironment as error:
        pytest.skip(str(error))


def test_it_is_small_and_made_of_what_is_asked_for(made: Package) -> None:
    assert made.size <= MOST_BYTES - ROOM, "there is room for what comes next"
    with zipfile.ZipFile(made.path) as zipped:
        names = [PurePosixPath(name) for name in zipped.namelist()]
        assert sum(info.file_size for info in zipped.infolist()) == made.size
        assert {info.date_time for info in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    roots = {name.parts[0] for name in names}
    assert roots == {*contents.APP, ".python_packages", "__pycache__"}
    sources = [name for name in names if name.suffix == ".py"]
    compiled = {name for name in names if name.suffix == ".pyc"}
    own = {name for name in compiled if name.parts[0] != ".python_packages"}
    assert {name.parent / "__pycache__" / f"{name.stem}.cpython-313.pyc" for name in sources} == own, (
        "our sources are there, and compiled"
    )
    assert len(compiled - own) > 1_000, "of the requirements only what is compiled is there"


def test_compiled_files_are_not_checked_and_name_no_folder_of_this_machine(made: Package) -> None:
    with zipfile.ZipFile(made.path) as zipped:
        for name in zipped.namelist():
            if name.endswith(".pyc"):
                content = zipped.read(name)
                assert int.from_bytes(content[4:8], "little") == 0b01, f"{name} is checked against its source at every start"
                assert str(ROOT).encode() not in content, name


def test_docstrings_go_and_lines_stay() -> None:
    scope: dict[str, Any] = {"__name__": __name__}
    exec(compile(undocumented(DOCUMENTED), "documented", "exec", dont_inherit=True), scope)
    assert [scope[name].__doc__ for name in ("Plain", "Made", "nothing", "raises")] == [None, "Made.", None, None]
    assert scope.get("__doc__") is None
    assert scope["nothing"]() is None
    assert scope["Made"]().n == 1
    with pytest.raises(ValueError, match="here") as caught:
        asyncio.run(scope["raises"]())
    assert caught.traceback[-1].lineno + 1 == DOCUMENTED[: DOCUMENTED.index(b"raise V")].count(b"\n") + 1


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requirements that are quickly laid out, over and over."""
    monkeypatch.setattr("infra.package.building.pinned", dict)
    paths = sorted(Path(typing_extensions.__file__).parent.glob("kiota_abstractions/**/*.py"))
    listed = {contents.SITE / path.relative_to(Path(typing_extensions.__file__).parent): path for path in paths}
    monkeypatch.setattr("infra.package.building.requirement_files", lambda _: listed)


@pytest.mark.usefixtures("few")
def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (build(tmp_path / name / "entente.zip", tmp_path / name / "cache") for name in ("one", "two"))
    assert first.digest == second.digest
    assert first.files > 200


@pytest.mark.usefixtures("few")
def test_it_is_refused_where_it_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.package.building.MOST_BYTES", 100_000)
    monkeypatch.setattr("infra.package.building.app_files", dict)
    with pytest.raises(TooLarge, match=r"0\.\d MB unpacked, of 0; most is kiota_abstractions 0\.\d MB"):
        build(tmp_path / "large.zip", tmp_path / "cache")
    assert not (tmp_path / "large.zip").exists()


async def test_the_app_runs_from_it_with_nothing_else(made: Package, tmp_path: Path) -> None:
    app = unpacked(made.path, tmp_path / "app")
    async with running_tenant() as tenant:
        where = tenant.to_json()
        process = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-S", "-P", "-c", FROM_PACKAGE],
            cwd=app,
            capture_output=True,
            text=True,
            check=False,
            env=NEEDED
            | {
                "PYTHONPATH": str(app / REQUIREMENTS),
                "IDENTITY_ENDPOINT": where["identity"],
                "IDENTITY_HEADER": where["identityHeader"],
            }
            | {"ENTENTE_GRAPH_URL": where["graph"], "ENTENTE_TENANT_ID": where["tenantId"], "PATH": os.environ["PATH"]},
        )
    assert process.returncode == 0, process.stderr[-3_000:]
    found = json.loads(process.stdout)
    assert found["name"]
    standard = Path(os.__file__).parent
    strange = {
        name: file
        for name, file in found["files"].items()
        if not Path(file).is_relative_to(app) and not Path(file).is_relative_to(standard)
    }
    assert strange == {}, "is taken from somewhere else than the package"


def test_what_funcignore_leaves_out_is_what_the_package_leaves_out() -> None:
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
    command = ["git", "-c", f"core.excludesFile={ROOT / '.funcignore'}", "check-ignore", "--no-index", "--stdin"]
    ignored = subprocess.run(command, cwd=ROOT, input=tracked, capture_output=True, text=True, check=False).stdout
    left = set(tracked.split()) - set(ignored.split())
    packed = {str(place) for place in app_files()}
    assert left - packed == set()
    assert (packed & set(tracked.split())) - left == set()


def test_requirements_follow_from_what_is_asked_for() -> None:
    names = set(needed(pinned()))
    assert {"azure-functions-runtime", "cryptography", "httpx", "msgraph-sdk", "httptools"} <= names
    assert not names & (UNUSED | {"aiosignal", "hpack", "pytest"})


def test_another_environment_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongEnvironment, match=r"httpx is [\d.]+, not 0.1"):
        requirement_files({"httpx": "0.1"})
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(WrongEnvironment, match="x86-64 Linux"):
        requirement_files({})


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        ("py3-none-any", True),
        ("cp313-cp313-manylinux_2_17_x86_64", True),
        ("cp313-cp313-manylinux2014_x86_64", True),
        ("cp313-cp313-manylinux_2_39_x86_64", False),
        ("cp313-cp313-linux_x86_64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
        ("cp313-cp313-manylinux_2_17_aarch64", False),
    ],
)
def test_wheels_that_run_in_the_cloud(tag: str, runs: bool) -> None:
    assert contents._runs_there(tag) == runs


def test_a_library_without_symbols_is_still_one() -> None:
    library = importlib.import_module("httptools.parser.parser")
    whole = Path(str(library.__file__)).read_bytes()
    assert len(stripped(whole)) < len(whole)
    assert stripped(stripped(whole)) == stripped(whole)
    with pytest.raises(ValueError, match="not a library"):
        stripped(b"MZ")


def test_what_the_package_lacks_the_app_cannot_import_in_any_test() -> None:
    assert any(isinstance(finder, Door) for finder in sys.meta_path)
    absent = "msgraph.generated.admin.admin_request_builder"
    assert absent not in USED
    scope = {"door": Door()}
    exec(compile("def ask(name): return door.find_spec(name)", f"{APP}tenant/new.py", "exec"), scope)
    ask = scope["ask"]
    assert callable(ask)
    with pytest.raises(ModuleNotFoundError, match=r"infra\.package\.trace"):
        ask(absent)
    assert ask("msgraph.generated") is None
    assert ask("json") is None
    nobody: ModuleSpec | None = Door().find_spec(absent)
    assert nobody is None, "what a test imports by itself is none of its business"


def test_the_list_names_what_there_is_and_what_the_clients_import() -> None:
    there = {contents.module_of(PurePosixPath(str(place))) for place in importlib.metadata.files("msgraph-sdk") or ()}
    folders = {name.rpartition(".")[0] for name in there}
    assert {
        name for name in USED if name not in there and not any(f"{folder}.".startswith(f"{name}.") for folder in folders)
    } == set()
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "shared" / "tenant").glob("*.py"))
    assert set(re.findall(r"from (msgraph[\w.]*) import", sources)) <= USED


def test_a_package_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no")
    with pytest.raises(StackError, match="make package"):
        unpacked(tmp_path / "text.zip", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as empty:
        empty.writestr("function_app.py", "")
    with pytest.raises(StackError, match="holds no"):
        unpacked(tmp_path / "empty.zip", tmp_path / "out")
    own, project, lent = search_path(tmp_path, ROOT, tmp_path / "lent")["PYTHONPATH"].split(":")
    assert (own, project) == (str(tmp_path / REQUIREMENTS), str(ROOT)), "what the package has comes first"
    assert {"aiohttp", "yarl"} <= {path.name for path in Path(lent).iterdir()}
