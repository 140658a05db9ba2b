"""`python -m infra.package.trace`: what the app imports of msgraph while its tests run, written into msgraph.txt.

Tests that use Microsoft's own client are left out: what they have imported already, the app would not be seen to import.
"""

import sys

import pytest

from infra.package.used import LIST, Door
from shared.settings import ROOT

TESTS = ("tests/tenant_clients", "tests/steps", "tests/app")


def main() -> int:
    """The list is current; 1 where tests failed, and the list is as it was."""
    door = Door(known=None)
    sys.meta_path.insert(0, door)
    code = pytest.main(["-n", "0", *(str(ROOT / part) for part in sys.argv[1:] or TESTS)])
    if code != pytest.ExitCode.OK:
        sys.stderr.write("Tests failed, so the list stays as it is.\n")
        return 1
    LIST.write_text("".join(f"{name}\n" for name in sorted(door.seen)), encoding="utf-8")
    sys.stdout.write(f"{len(door.seen)} modules are in {LIST.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
