"""What processes have used."""

import psutil


def worked(pid: int) -> float:
    """Seconds of processor time, with what it has started."""
    process = psutil.Process(pid)
    return sum(one.cpu_times().user + one.cpu_times().system for one in (process, *process.children(recursive=True)))
