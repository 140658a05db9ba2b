"""The app as the cloud has it: out of its zip, with the requirements in it and no others."""

import shutil
import zipfile
from pathlib import Path

from devstack.stack.errors import StackError

# https://learn.microsoft.com/azure/azure-functions/functions-reference-python#folder-structure
REQUIREMENTS = Path(".python_packages/lib/site-packages")


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


def search_path(app: Path, project: Path) -> dict[str, str]:
    """What a host of the package has to have in its environment, started with `-S`: the package's requirements, and the host itself.

    The app's folder comes first of all once the app is indexed, so the project lends it nothing.
    """
    return {"PYTHONPATH": f"{app / REQUIREMENTS}:{project}"}
