"""Run as a script: `tether.py PARENT COMMAND...` becomes the command, tied to the life of its parent.

On Linux the kernel kills the command when the process PARENT is gone, however that ended (prctl(2), PR_SET_PDEATHSIG; the
setting survives exec). It is set here and not between fork and exec, where Python code may deadlock. Other systems have no
such call: there a parent killed hard leaves the command running.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """The process is the command; it ends at once with status 1 where the parent is gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the call above; then nobody would tell.
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
