"""What the demo leaves behind: `.demo/report.json`, and a sentence on what changed in the tenant."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TASK_FIELDS = ("step", "subject", "state", "reason", "attempts", "seconds", "graphRequestIds")
# Cmdlets that only read begin so; every other call to Exchange changes something.
_READING = ("Get-", "Test-")


def report(shown: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """The report: `seconds` from sending the request to its end. Persons are the app's opaque ids, so that it can be passed on."""
    return {
        "request": shown["id"],
        "partner": shown.get("partner", {}).get("name", ""),
        "state": shown["state"],
        "seconds": round(seconds, 3),
        "tasks": [{name: task[name] for name in _TASK_FIELDS} for task in tasks],
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """The file holds the report, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def changes(summary: Mapping[str, Any]) -> int:
    """How many writes the tenant has counted: Graph's, invitations among them, and cmdlets of Exchange that do not only read.

    `summary` is the answer of the simulated tenant's `/_sim/requests/summary`.
    """
    operations: Mapping[str, int] = summary.get("operations", {})
    cmdlets = sum(count for name, count in operations.items() if "-" in name.split()[0] and not name.startswith(_READING))
    return int(summary.get("writes", 0)) + cmdlets


def closing(before: Mapping[str, Any], after: Mapping[str, Any], *, done: bool) -> str:
    """What this run did to the tenant, in a sentence; `done` says that all that was asked for is so."""
    writes = changes(after) - changes(before)
    invited = int(after.get("invitations", 0)) - int(before.get("invitations", 0))
    calls = int(after.get("requests", 0)) - int(before.get("requests", 0))
    if writes == 0:
        why = ": everything was there already" if done else ""
        return f"Nothing was changed in the tenant{why}. {calls} requests looked, none wrote."
    mails = f", {invited} of them invitations" if invited else ""
    return f"The tenant was changed by {writes} writes{mails}, in {calls} requests altogether."
