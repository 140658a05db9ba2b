"""`python -m bench [NAME ...]`: measures, and prints one JSON object a line. Ratios are within one run on one machine."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from bench import cleanup, coldstart, listening, onboarding, storm, whole

BENCHES: dict[str, Callable[[], AsyncIterator[dict[str, Any]]]] = {
    "coldstart": coldstart.measure,
    "speed": onboarding.speed,
    "cost": onboarding.cost,
    "limits": onboarding.limits,
    "whole": whole.measure,
    "storm": storm.measure,
    "cleanup": cleanup.planning,
    "reactions": listening.reactions,
    "wake": listening.wake,
    "resync": listening.resync,
    "missed": listening.missed,
}


async def main(names: list[str]) -> int:
    strange = [name for name in names if name not in BENCHES]
    if strange:
        print(f"there is no benchmark {', '.join(strange)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or list(BENCHES):
        async for line in BENCHES[name]():
            print(json.dumps({"bench": name, **line}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1:])))
