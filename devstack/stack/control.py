"""What the stack asks of its parts: of the simulated tenant before the app speaks to it, of a host once it is up, of the broker who listens."""

import asyncio
from collections.abc import Set
from typing import Any

import aiohttp

from devstack.stack.child import START_SECONDS
from devstack.stack.errors import StackError

_LOOK_AGAIN_SECONDS = 0.05


async def order(control: str, method: str, path: str, body: Any) -> None:
    """The tenant behaves as ordered. Raises StackError with the tenant's own sentence where it refuses."""
    async with aiohttp.ClientSession() as session, session.request(method, f"{control}/{path}", json=body) as answer:
        if answer.status >= 400:
            raise StackError(f"The simulated tenant refuses {method} /_sim/{path}: {await answer.text()}")


async def start_function(url: str, key: str, name: str) -> None:
    """The host runs the function now. https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http"""
    where, headers = f"{url.removesuffix('/api')}/admin/functions/{name}", {"x-functions-key": key}
    async with aiohttp.ClientSession() as session, session.post(where, json={}, headers=headers) as answer:
        if answer.status != 202:
            raise StackError(f"The host does not start function {name}: it answers {answer.status}")


async def listened(broker: str, queues: Set[str]) -> None:
    """A receiver is attached to each of the queues, or waits there for a session. Raises StackError naming those that have none."""
    deaf = set(queues)
    try:
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"{broker}/_bus/queues") as answer:
                    deaf -= {queue["name"] for queue in (await answer.json())["queues"] if queue["receivers"]}
                if not deaf:
                    return
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise StackError(f"Nobody listened to {', '.join(sorted(deaf))} within {START_SECONDS:.0f} s") from None
