"""Which files are in the package, and where they come from."""

import fnmatch
import importlib.metadata
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from infra.package.used import USED
from shared.settings import ROOT

# What the worker puts on its path. https://learn.microsoft.com/azure/azure-functions/functions-reference-python#folder-structure
SITE = PurePosixPath(".python_packages/lib/site-packages")
APP = ("function_app.py", "host.json", "requirements.txt", "functions", "shared", "templates", "dashboard")
# Files of requirements that nothing reads at run time, and what the installer wrote about this machine.
_NEVER = (
    *("*.pyc", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*.hash", "*/_testcapi*.so"),
    *("*/RECORD", "*/INSTALLER", "*/REQUESTED", "*/direct_url.json", "*.dist-info/sboms/*"),
    # Telemetry that nobody exports, another major version, and what is for a type checker, a test runner, a browser or a library that is not here.
    *("opentelemetry/sdk/*", "opentelemetry/semconv/_incubating/*", "pydantic/v1/*"),
    *(
        "pydantic/mypy.py",
        "*/pytest_plugin.py",
        "aiohttp/test_utils.py",
        "urllib3/contrib/emscripten/*",
        "anyio/_backends/_trio.py",
    ),
    "cffi/*",
)
_PRUNED = "msgraph-sdk"
# Required by another, and never asked for by the app: its connections are its own (docs/decisions/0019), and of cffi only the library
# is loaded.
UNUSED = frozenset({"aiohttp", "h2", "pycparser"})
# The glibc that wheels may need: Azure's image for Python 3.13 is built on Debian 12 (glibc 2.36; not tried).
_GLIBC = (2, 36)
_WANTED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"extra == ['\"]([^'\"]+)['\"]")
_WHEEL = re.compile(r"^Tag: (\S+)$", re.MULTILINE)
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_x86_64|manylinux(?:1|2010|2014)_x86_64")


class WrongEnvironment(Exception):
    """The requirements that are installed here are not those that the cloud needs. The message says which, and what to do."""


def app_files(root: Path = ROOT) -> dict[PurePosixPath, Path]:
    """The app's own files by their place in the package."""
    found: dict[PurePosixPath, Path] = {}
    for name in APP:
        paths = [root / name] if (root / name).is_file() else sorted((root / name).rglob("*"))
        found |= {PurePosixPath(path.relative_to(root)): path for path in paths if path.is_file() and path.suffix != ".pyc"}
    return found


def pinned(root: Path = ROOT) -> dict[str, str]:
    """The locked requirements: name -> version."""
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if line and not line.startswith("#"))


def requirement_files(pins: Mapping[str, str]) -> dict[PurePosixPath, Path]:
    """The files of the pinned requirements, as they are installed in this environment, by their place in the package.

    Raises WrongEnvironment where another version is installed, or one that was built for another machine than the cloud's.
    """
    faults = [fault for name, version in pins.items() for fault in _faults(name, version)]
    if (sys.platform, sysconfig.get_platform(), sys.version_info[:2]) != ("linux", "linux-x86_64", (3, 13)):
        faults.append(f"this is Python {sys.version_info[0]}.{sys.version_info[1]} on {sysconfig.get_platform()}")
    if faults:
        raise WrongEnvironment(
            "The package is made of what is installed, which has to be requirements.txt for Python 3.13 on x86-64 Linux: "
            + "; ".join(faults)
            + ". Run 'make setup' there (a container will do) and 'make package' again"
        )
    return {SITE / place: path for name in needed(pins) for place, path in _installed(name)}


def needed(pins: Mapping[str, str]) -> list[str]:
    """The names of the pinned requirements that are asked for in requirements/runtime.in, or required by one that is."""
    asked = (ROOT / "requirements" / "runtime.in").read_text("utf-8").splitlines()
    waiting = [line for line in asked if line and not line.startswith("#")]
    found: set[tuple[str, str]] = set()
    while waiting:
        said, extras = _WANTED.findall(waiting.pop())[0]
        name = re.sub(r"[-_.]+", "-", said).lower()
        for extra in ("", *extras.split(",")):
            # What only other machines need is not pinned.
            if name in pins and name not in UNUSED and (name, extra) not in found:
                found.add((name, extra))
                waiting += [line for line in importlib.metadata.requires(name) or () if _extra(line) == extra]
    return sorted({name for name, _ in found})


def _extra(requirement: str) -> str:
    """The extra that the requirement is for, or "" for always."""
    named = _EXTRA.search(requirement)
    return named[1] if named else ""


def _faults(name: str, version: str) -> Iterator[str]:
    try:
        there = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        yield f"{name} is not installed"
        return
    if there.version != version:
        yield f"{name} is {there.version}, not {version}"
    tags = _WHEEL.findall(there.read_text("WHEEL") or "")
    if not any(_runs_there(tag) for tag in tags):
        yield f"{name} was built for {', '.join(tags) or 'nobody knows what'}"


def _runs_there(tag: str) -> bool:
    platform = tag.rpartition("-")[2]
    glibc = [(int(major or 2), int(minor or 0)) for major, minor in _MANYLINUX.findall(platform)]
    return platform == "any" or any(version <= _GLIBC for version in glibc)


def _installed(name: str) -> Iterator[tuple[PurePosixPath, Path]]:
    listed = importlib.metadata.distribution(name).files
    for place in sorted(listed or (), key=str):
        path = Path(str(place.locate()))
        outside = ".." in place.parts or not path.is_file()
        if outside or any(fnmatch.fnmatch(str(place), pattern) for pattern in _NEVER):
            continue
        if name == _PRUNED and place.parts[0] == "msgraph" and (place.suffix != ".py" or module_of(place) not in USED):
            continue
        yield PurePosixPath(place), path


def module_of(place: PurePosixPath) -> str:
    """The module that a file holds."""
    parts = place.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
