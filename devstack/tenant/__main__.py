"""`python -m devstack.tenant`: a simulated Microsoft 365 tenant in the foreground, until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from devstack.tenant.server import DEFAULT_SEED, load_seed, running_tenant


def main() -> int:
    """Print one line of JSON with every address and answer until told to stop. 0, or 2 for a seed that does not fit."""
    parser = argparse.ArgumentParser(prog="python -m devstack.tenant", description=__doc__)
    parser.add_argument("--seed", type=Path, default=DEFAULT_SEED, help="JSON file with what the tenant starts with")
    parser.add_argument("--port", type=int, default=0, help="port, 0 for a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options = parser.parse_args()
    try:
        asyncio.run(_run(options.seed, options.host, options.port))
    except (OSError, ValueError, TypeError) as error:
        print(f"The simulated tenant could not start: {error}", file=sys.stderr)
        return 2
    return 0


async def _run(seed: Path, host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_tenant(load_seed(seed), host=host, port=port) as tenant:
        print(json.dumps(tenant.to_json()), flush=True)
        await stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
