"""Run as a process of its own: every source named on standard input is compiled next to itself, or with `--instead` in its own place.

The compiled files are not checked against their sources when they are imported, which saves reading those, and hold no path of this machine.
What stands in the place of its source has no docstrings either: a sixth of the libraries, which nobody can read there.
What a compiled file says depends on what its process has compiled before, so it is always the same sources in the same order.
https://docs.python.org/3/reference/import.html#pyc-invalidation
"""

import ast
import marshal
import py_compile
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

# By its source's hash, and never checked. https://peps.python.org/pep-0552/#specification
_UNCHECKED = (0b01).to_bytes(4, "little")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def undocumented(source: bytes) -> ast.Module:
    """The module without its docstrings, each line where it was. Decorated classes keep theirs: a dataclass without one makes one up, which
    takes time at every start."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, _DOCUMENTED) or ast.get_docstring(node, clean=False) is None:
            continue
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            continue
        said = node.body.pop(0)
        if not node.body and not isinstance(node, ast.Module):
            node.body.append(ast.copy_location(ast.Pass(), said))
    return tree


def _compiled_instead(source: Path, place: str) -> None:
    text = source.read_bytes()
    code = compile(undocumented(text), place, "exec", dont_inherit=True)
    source.with_suffix(".pyc").write_bytes(MAGIC_NUMBER + _UNCHECKED + source_hash(text) + marshal.dumps(code))
    source.unlink()


def _compiled_beside(source: Path, place: str) -> None:
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cache_from_source(str(source)), dfile=place, doraise=True, invalidation_mode=unchecked)


if __name__ == "__main__":
    folder, made = Path(sys.argv[1]), _compiled_instead if sys.argv[2:] == ["--instead"] else _compiled_beside
    for line in sys.stdin:
        made(folder / line.rstrip("\n"), line.rstrip("\n"))
