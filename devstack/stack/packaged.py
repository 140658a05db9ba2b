"""The app as the cloud has it: out of its zip, with the requirements in it and no others."""

import importlib.metadata
import re
import shutil
import zipfile
from pathlib import Path

from devstack.stack.errors import StackError

# https://learn.microsoft.com/azure/azure-functions/functions-reference-python#folder-structure
REQUIREMENTS = Path(".python_packages/lib/site-packages")
# What the local host answers HTTP with.
OF_THE_HOST = "aiohttp"
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def unpacked(package: Path, folder: Path) -> Path:
    """The folder that the package is in now. Raises StackError where there is none, or one without its requirements."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with zipfile.ZipFile(package) as zipped:
            zipped.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise StackError(f"{package} cannot be unpacked ({error}). Make it with 'make package'.") from error
    if not (folder / REQUIREMENTS).is_dir():
        raise StackError(f"{package} holds no {REQUIREMENTS}: it is not a package that 'make package' has made.")
    return folder


def search_path(app: Path, project: Path, lent: Path) -> dict[str, str]:
    """What a host of the package has to have in its environment, started with `-S`: the package's requirements, the host itself, and last
    what the host needs that the package has not, linked into the folder `lent`.

    The app's folder comes first of all once the app is indexed, so the project lends it nothing. That the app needs nothing of what is lent
    to its host, tests/infra/test_package.py shows, where there is no host.
    """
    shutil.rmtree(lent, ignore_errors=True)
    lent.mkdir()
    for name in _closure(OF_THE_HOST):
        for place in {
            file.parts[0] for file in importlib.metadata.files(name) or () if file.parts[0] not in {"..", "__pycache__"}
        }:
            there = Path(str(importlib.metadata.distribution(name).locate_file(place)))
            if not (app / REQUIREMENTS / place).exists():
                (lent / place).symlink_to(there)
    return {"PYTHONPATH": f"{app / REQUIREMENTS}:{project}:{lent}"}


def _closure(name: str) -> set[str]:
    """The distribution, and those that it requires on this machine."""
    found, waiting = set[str](), [name]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += [_NAME.findall(line)[0] for line in importlib.metadata.requires(one) or () if ";" not in line]
    return found
