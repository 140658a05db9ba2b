"""What the stack asks of the simulated tenant's control plane before the app speaks to it."""

from typing import Any

import aiohttp

from devstack.stack.errors import StackError


async def order(control: str, method: str, path: str, body: Any) -> None:
    """The tenant behaves as ordered. Raises StackError with the tenant's own sentence where it refuses."""
    async with aiohttp.ClientSession() as session, session.request(method, f"{control}/{path}", json=body) as answer:
        if answer.status >= 400:
            raise StackError(f"The simulated tenant refuses {method} /_sim/{path}: {await answer.text()}")
