"""The package, laid out in a folder and put into a zip: the same input gives the same bytes."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.package.binaries import stripped
from infra.package.contents import SITE, app_files, pinned, requirement_files
from shared.settings import ROOT

TARGET = ROOT / "dist" / "entente.zip"
CACHE = ROOT / ".package"
# Flex Consumption copies the package to every new instance.
MOST_BYTES = 40_000_000
# The first day that a zip can hold, so that a package does not tell when it was made.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16


@dataclass(frozen=True)
class Package:
    """`size` is in bytes, unpacked; `digest` is the zip's SHA-256."""

    path: Path
    files: int
    size: int
    digest: str


class TooLarge(Exception):
    """The package is larger than it may be. The message says by how much, and what is large in it."""


def build(target: Path = TARGET, cache: Path = CACHE) -> Package:
    """The zip is at `target`. Requirements are laid out and compiled once, in `cache`, until they change.

    Raises WrongEnvironment for requirements that are not the cloud's, TooLarge for more than 40 MB.
    """
    requirements = _requirements(cache)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        app = Path(folder)
        _laid_out(app, app_files())
        found = {str(path.relative_to(root)): path for root in (requirements, app) for path in root.rglob("*") if path.is_file()}
        size = sum(path.stat().st_size for path in found.values())
        if size > MOST_BYTES:
            raise TooLarge(f"The package is {size / 1e6:.1f} MB unpacked, of {MOST_BYTES / 1e6:.0f}; most is {_largest(found)}")
        _zip(target, dict(sorted(found.items())))
    return Package(target, len(found), size, hashlib.sha256(target.read_bytes()).hexdigest())


def _requirements(cache: Path) -> Path:
    files = requirement_files(pinned())
    parts = [f"{place} {path.stat().st_size}\n".encode() for place, path in files.items()]
    # Who makes it in another way makes another.
    parts += [path.read_bytes() for path in (ROOT / "requirements.txt", *sorted(Path(__file__).parent.glob("*.py")))]
    folder = cache / hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    if not folder.exists():
        shutil.rmtree(cache, ignore_errors=True)
        unfinished = folder.with_suffix(".unfinished")
        # Their sources would be a third of the package. A traceback names file and line all the same.
        _laid_out(unfinished, files, "--instead")
        unfinished.rename(folder)
    return folder


def _laid_out(folder: Path, files: Mapping[PurePosixPath, Path], *options: str) -> None:
    for place, path in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(_lean(place, path.read_bytes()))
    sources = "".join(f"{place}\n" for place in sorted(files, key=str) if place.suffix == ".py")
    # A set in compiled code is in the order of its hashes.
    command = [sys.executable, "-m", "infra.package.compiling", str(folder), *options]
    subprocess.run(command, input=sources, text=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": "0"})


def _lean(place: PurePosixPath, content: bytes) -> bytes:
    if place.suffix == ".so":
        return stripped(content)
    # Behind its headers stands the project's readme.
    return content.partition(b"\n\n")[0] + b"\n" if place.match("*.dist-info/METADATA") else content


def _zip(target: Path, places: Mapping[str, Path]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w") as package:
        for place, path in places.items():
            info = zipfile.ZipInfo(place, _LONG_AGO)
            info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _READABLE, 3
            package.writestr(info, path.read_bytes())
    unfinished.replace(target)


def _largest(found: Mapping[str, Path]) -> str:
    sizes: Counter[str] = Counter()
    for place, path in found.items():
        parts = Path(place).relative_to(SITE).parts if place.startswith(f"{SITE}/") else Path(place).parts
        sizes[parts[0]] += path.stat().st_size
    return ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.most_common(5))
