"""The modules of msgraph that the app uses, found by running the tests, and the door that lets no others through.

The whole of msgraph-sdk is 16,700 modules, of which building a request takes a few dozen. The list stands in msgraph.txt and is made by
`python -m infra.package.trace`. In every other test run the app meets the error that it would meet in the cloud, if it asks for more.
"""

import inspect
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType

LIST = Path(__file__).with_name("msgraph.txt")
APP = str(Path(__file__).parents[2] / "shared") + "/"
USED = frozenset(LIST.read_text("utf-8").split())


class Door:
    """A finder before all others. What the app imports of msgraph is let through if it is in the package; `seen` has all of it.

    Whatever tests import by themselves, such as Microsoft's own client, is none of its business.
    """

    def __init__(self, known: frozenset[str] | None = USED) -> None:
        self._known = known
        self.seen: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None, so that others find it. Raises ModuleNotFoundError where the package has it not."""
        if name.partition(".")[0] == "msgraph" and _asked_by_app(inspect.currentframe()):
            self.seen.add(name)
            if self._known is not None and name not in self._known:
                raise ModuleNotFoundError(
                    f"{name} is not in the package: run `python -m infra.package.trace`, which writes infra/package/msgraph.txt",
                    name=name,
                )
        return None


def _asked_by_app(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(APP):
            return True
        frame = frame.f_back
    return False
