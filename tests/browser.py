"""A real browser, spoken to by its own protocol (https://chromedevtools.github.io/devtools-protocol/): no driver, and pages' scripts
run only where a test asks for it."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: apt-get install chromium-headless-shell"


def executable() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One tab. `ask` is the test's question to what is shown."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self.complaints: list[str] = []

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif said.get("method") == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        body = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**body, "sessionId": self._session} if self._session else body)
        said = await answer
        assert "error" not in said, said
        return said["result"]

    async def open(self, url: str) -> None:
        """The page has been loaded."""
        self._loaded.clear()
        found = await self.call("Page.navigate", url=url)
        assert not found.get("errorText"), found
        await self._loaded.wait()

    async def ask(self, expression: str) -> Any:
        """What the expression is on the page that is shown."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """The expression has come true on the page that is shown, whose own scripts run; looked at with every picture of it."""
        look = f"(go) => {{ const look = () => ({expression}) ? go(true) : requestAnimationFrame(look); look() }}"
        found = await self.call("Runtime.evaluate", expression=f"new Promise({look})", awaitPromise=True)
        assert "exceptionDetails" not in found, found

    async def press(self, *keys: str) -> None:
        """The keys, one after another, as from a keyboard."""
        codes = {"Tab": 9, "Enter": 13, "Space": 32, "ArrowDown": 40}
        for key in keys:
            text = {"Enter": "\r", "Space": " "}.get(key)
            said: dict[str, Any] = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": codes[key]}
            await self.call("Input.dispatchKeyEvent", type="keyDown", **said, **({"text": text} if text else {}))
            await self.call("Input.dispatchKeyEvent", type="keyUp", **said)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def send(self, *keys: str) -> None:
        """The keys are pressed, and the page that they lead to has been loaded."""
        self._loaded.clear()
        await self.press(*keys)
        await self._loaded.wait()

    async def screen(self, width: int, height: int = 900, *, scale: float = 1, dark: bool = False, paper: bool = False) -> None:
        """The size and kind of what the page is shown on; `scale` is the zoom, `width` what is left of the screen at that zoom."""
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", media="print" if paper else "screen", features=features)

    async def picture(self, file: Path) -> None:
        """What is shown, the whole page, as PNG."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(found["data"]))

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])


@asynccontextmanager
async def browser_tab(folder: Path, headers: dict[str, str], *, scripts: bool = False) -> AsyncIterator[Tab]:
    """A tab of a fresh browser that sends these headers with every request, and runs pages' `scripts` only where that is asked for."""
    found = executable()
    assert found, MISSING
    command = [
        *(
            found,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--log-level=3",
        ),
        *("--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank"),
    ]
    with await asyncio.to_thread(_started, command) as process:
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(await asyncio.to_thread(_address, process), max_msg_size=0) as socket,
            ):
                yield await _tab(socket, headers, scripts=scripts)
        finally:
            # Where its command is a script, the browser itself is a child.
            os.killpg(process.pid, signal.SIGTERM)


def _started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def _address(process: subprocess.Popen[str]) -> str:
    """Where the browser listens, as it says itself once it does."""
    assert process.stderr
    for line in process.stderr:
        if line.startswith("DevTools listening on "):
            return line.split()[-1]
    raise AssertionError("the browser ended before it listened")


async def _tab(socket: aiohttp.ClientWebSocketResponse, headers: dict[str, str], *, scripts: bool) -> Tab:
    root = Tab(socket, "")
    target = await root.call("Target.createTarget", url="about:blank")
    attached = await root.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    await root.close()
    tab = Tab(socket, attached["sessionId"])
    for domain in ("Page", "Network", "Log", "Runtime"):
        await tab.call(f"{domain}.enable")
    await tab.call("Emulation.setScriptExecutionDisabled", value=not scripts)
    await tab.call("Network.setExtraHTTPHeaders", headers=headers)
    return tab
