"""`python -m devstack.login --platform FILE`: the sign-in platform in the foreground, until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import signal
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from devstack.login.certificate import self_signed
from devstack.login.exchange import Platform, Registration

HOST = "127.0.0.1"


def main() -> int:
    """Print one line of JSON (`authority`, `certificate`) and answer until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m devstack.login", description=__doc__)
    parser.add_argument(
        "--platform",
        type=Path,
        required=True,
        help="JSON file: {tenants: {id: address of its control plane}, registrations: [{app, home, issuer, subject, audience}]}",
    )
    options = parser.parse_args()
    given = json.loads(options.platform.read_text(encoding="utf-8"))
    registrations = {one["app"]: Registration(**one) for one in given["registrations"]}
    asyncio.run(_run(Platform(given["tenants"], registrations), options.platform.parent))
    return 0


async def _run(platform: Platform, folder: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    certificate, key = self_signed(folder, HOST)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with aiohttp.ClientSession() as client:

        async def ask(control: str, path: str, body: Mapping[str, str]) -> tuple[int, Any]:
            async with client.post(f"{control}/{path}", json=dict(body)) as answer:
                return answer.status, await answer.json()

        async def token(request: web.Request) -> web.Response:
            form = {name: str(value) for name, value in (await request.post()).items()}
            status, body = await platform.answer(request.match_info["tenant"], form, ask)
            return web.json_response(body, status=status)

        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", token)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
            port = runner.addresses[0][1]
            print(json.dumps({"authority": f"https://{HOST}:{port}", "certificate": str(certificate)}), flush=True)
            await stopped.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
