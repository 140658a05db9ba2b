"""`python -m devstack.broker`: serves until SIGTERM or SIGINT; prints its addresses as one JSON line when it is ready."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from devstack.broker import config
from devstack.broker.server import Broker
from devstack.broker.tokens import ALL_RIGHTS, Key


def _key(text: str) -> tuple[str, Key]:
    name, separator, rest = text.partition("=")
    secret, _, rights = rest.partition(":")
    allowed = frozenset(rights.split(",")) if rights else ALL_RIGHTS
    if not (name and separator and secret) or not allowed <= ALL_RIGHTS:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=SECRET or NAME=SECRET:Send,Listen,Manage")
    return name, Key(secret, allowed)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.broker", description="A local Service Bus broker (queues).")
    parser.add_argument("--config", type=Path, help="Config.json in the format of Microsoft's emulator")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="AMQP port; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0, help="HTTP port of the control plane; 0 takes a free one")
    parser.add_argument(
        "--key",
        type=_key,
        action="append",
        default=[],
        metavar="NAME=SECRET[:RIGHTS]",
        help="a shared access key; given once or more, tokens must be signed with one. RIGHTS: Send,Listen,Manage",
    )
    parser.add_argument("--emulator-limits", action="store_true", help="defaults and ranges of the official emulator")
    return parser.parse_args(argv)


async def _serve(broker: Broker) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with broker:
        print(json.dumps(broker.addresses()), flush=True)
        await stopped.wait()


def main(argv: list[str] | None = None) -> int:
    """0 after a signal to stop; 2 with a sentence on stderr when it cannot start."""
    options = _arguments(argv)
    try:
        queues = config.load(options.config, emulator_limits=options.emulator_limits) if options.config else config.EMPTY
        broker = Broker(queues, host=options.host, port=options.port, control_port=options.control_port, keys=dict(options.key))
        asyncio.run(_serve(broker))
    except (config.ConfigError, OSError) as error:
        print(f"The broker cannot start.\n{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
