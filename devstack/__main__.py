"""`python -m devstack`: the local stack (`up`) and the main job on it (`demo`)."""

import argparse
import sys

from devstack import demo, up


def main(arguments: list[str] | None = None) -> int:
    """The process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in (("up", up), ("demo", demo)):
        text = (module.__doc__ or "").strip()
        one = commands.add_parser(name, help=text.partition(": ")[2].splitlines()[0], description=text)
        module.add_options(one)
        one.set_defaults(run=module.run)
    given = parser.parse_args(arguments)
    code: int = given.run(given)
    return code


if __name__ == "__main__":
    sys.exit(main())
