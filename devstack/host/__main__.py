"""`python -m devstack.host`: see options.py for the command line."""

import time

_STARTED = time.perf_counter()

import asyncio  # noqa: E402 - the clock starts before the imports that it measures
import gc  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from devstack.host import keys, logs, options  # noqa: E402
from devstack.host.host import Host  # noqa: E402
from devstack.host.startup import App, RefusedError, prepare  # noqa: E402

_log = logging.getLogger("host")
_REFUSED, _TIMED_OUT = 2, 4
# What a restarted host takes over from itself: its port and its keys. Removed before the app can see it.
_TAKEOVER = "DEVSTACK_HOST_TAKEOVER"


def main() -> int:
    """The process's exit code."""
    given = options.parse()
    environment, directory = dict(os.environ), Path.cwd()
    takeover = json.loads(os.environ.pop(_TAKEOVER, "{}"))
    environment.pop(_TAKEOVER, None)
    # The one line on stdout is the host's; whatever the app prints goes to stderr.
    announcement = os.dup(1)
    os.dup2(2, 1)
    logs.configure(given.log_format, given.log_level)
    imported = time.perf_counter()
    try:
        return asyncio.run(_serve(given, takeover, announcement, imported, (environment, directory)))
    except (RefusedError, keys.BadKeysError, OSError) as error:
        sentences = error.sentences if isinstance(error, RefusedError) else [str(error)]
        for sentence in sentences:
            _log.error("%s", sentence)
        _log.error("The host does not start: %d problem(s).", len(sentences))
        return _REFUSED


async def _serve(
    given: options.Options, takeover: dict[str, object], announcement: int, imported: float, origin: tuple[dict[str, str], Path]
) -> int:
    known = takeover.get("keys") or (None if given.keys == "random" else keys.read(Path(given.keys)))
    app = await prepare(given)
    for sentence in app.warnings:
        _log.warning("%s", sentence)
    indexed = time.perf_counter()
    # Everything imported so far lives as long as the process; the collector need not look at it again.
    gc.freeze()
    access = keys.made((each.name for each in app.functions if each.kind == "httpTrigger"), known)  # type: ignore[arg-type] # JSON

    def die(port: int) -> None:
        _restart(given, {"port": port, "keys": access.as_json()}, origin)

    host = Host(app, given, access, die)
    port = takeover.get("port", given.port)
    url = await host.start(port if isinstance(port, int) else 0)
    listening = time.perf_counter()
    seconds = {
        "imports": round(imported - _STARTED, 3),
        "index": round(indexed - imported, 3),
        "listen": round(listening - indexed, 3),
        "total": round(listening - _STARTED, 3),
    }
    if not takeover:
        line = {"url": url, "keys": access.as_json(), "functions": _listed(app), "pid": os.getpid(), "startSeconds": seconds}
        os.write(announcement, json.dumps(line).encode() + b"\n")
    os.close(announcement)
    _log.info("%s answers for %d functions (%s).", url, len(app.active), ", ".join(f"{k} {v} s" for k, v in seconds.items()))
    code = await host.run()
    if code:
        # Threads of functions that do not end would keep the interpreter from ending.
        logging.shutdown()
        os._exit(code)
    return code


def _listed(app: App) -> list[dict[str, object]]:
    entities = ("route", "methods", "authLevel", "schedule", "queueName", "topicName", "subscriptionName")
    return [
        {"name": each.name, "trigger": each.kind, "disabled": each not in app.active}
        | {key: each.trigger[key] for key in entities if key in each.trigger}
        for each in app.functions
    ]


def _restart(given: options.Options, takeover: dict[str, object], origin: tuple[dict[str, str], Path]) -> None:
    """The process is replaced by itself, with the same id, port and keys; or it ends with code 4, if so told."""
    logging.shutdown()
    if given.exit_on_timeout:
        os._exit(_TIMED_OUT)
    environment, directory = origin
    os.chdir(directory)
    os.execve(sys.executable, sys.orig_argv, environment | {_TAKEOVER: json.dumps(takeover)})  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    sys.exit(main())
