"""`python -m infra.package [FILE]`: the package is in FILE (dist/entente.zip)."""

import sys
from pathlib import Path

from infra.package.building import TARGET, TooLarge, build
from infra.package.contents import WrongEnvironment


def main() -> int:
    """0, or 1 with the reason on standard error."""
    try:
        made = build(Path(sys.argv[1]) if sys.argv[1:] else TARGET)
    except (WrongEnvironment, TooLarge) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    zipped = made.path.stat().st_size
    sys.stdout.write(
        f"{made.path}: {made.files} files, {made.size / 1e6:.1f} MB unpacked, {zipped / 1e6:.1f} MB as a zip, SHA-256 {made.digest}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
