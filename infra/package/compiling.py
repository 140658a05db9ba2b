"""Run as a process of its own: every source named on standard input is compiled next to itself, or with `--instead` in its own place.

The compiled files are not checked against their sources when they are imported, which saves reading those, and hold no path of this machine.
What a compiled file says depends on what its process has compiled before, so it is always the same sources in the same order.
https://docs.python.org/3/reference/import.html#pyc-invalidation
"""

import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path

if __name__ == "__main__":
    folder, instead = Path(sys.argv[1]), sys.argv[2:] == ["--instead"]
    for line in sys.stdin:
        place = line.rstrip("\n")
        source = folder / place
        target = source.with_suffix(".pyc") if instead else Path(cache_from_source(str(source)))
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(target), dfile=place, doraise=True, invalidation_mode=unchecked)
        if instead:
            source.unlink()
