"""A small stand-in for the app's HTTP API: answers as it is told, and remembers what it was asked."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner, Result

from cli.main import app

KEY = "the-function-key"
ROOT = Path(__file__).parents[2]


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeApp:
    """Answers are taken in turn, the last one again and again; what has none gets 404, as unknown ids do."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)

    def says(self, method: str, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[method, path] = list(answers)

    def sent(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        path = request.path.removeprefix("/api/")
        body = json.loads(text) if text else None
        self.asked.append(Asked(request.method, path, dict(request.query), dict(request.headers), body))
        turns = self.answers.get((request.method, path), [(404, {"error": "there is no such request"})])
        status, found = turns.pop(0) if len(turns) > 1 else turns[0]
        return web.json_response(found, status=status) if not isinstance(found, str) else web.Response(text=found, status=status)


@pytest.fixture
def fake() -> Iterator[FakeApp]:
    """The stand-in, in a thread of its own: the command runs in the test's."""
    told = FakeApp()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stopping = asyncio.Event()

    async def serve() -> None:
        site = web.Application(client_max_size=100_000_000)
        site.router.add_route("*", "/{tail:.*}", told.answer)
        runner = web.AppRunner(site)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stopping.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield told
    loop.call_soon_threadsafe(stopping.set)
    thread.join()
    loop.close()


type Entente = Callable[..., Result]


@pytest.fixture
def entente(fake: FakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Entente:
    """The command, connected to the stand-in, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENTENTE_URL", fake.url)
    monkeypatch.setenv("ENTENTE_KEY", KEY)
    monkeypatch.delenv("ENTENTE_TOKEN", raising=False)

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, list(words), input=stdin)

    return run


def request_of(**changes: Any) -> dict[str, Any]:
    """A small request that is well formed."""
    return {
        "version": 1,
        "id": "fabrikam",
        "template": "joint-project",
        "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
        "guests": [{"email": "first@fabrikam.com"}],
        **changes,
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a request file with the given changes; its path."""

    def written(text: str | None = None, **changes: Any) -> str:
        path = tmp_path / "request.json"
        path.write_text(json.dumps(request_of(**changes)) if text is None else text, encoding="utf-8")
        return str(path)

    return written


def status_of(state: str = "running", **changes: Any) -> dict[str, Any]:
    """A request as the app shows it."""
    return {
        "id": "fabrikam",
        "state": state,
        "paused": False,
        "reason": "",
        "mode": "apply",
        "template": {"name": "joint-project", "version": 1},
        "partner": {"name": "Fabrikam", "tenantId": "2" * 8, "domains": ["fabrikam.com"]},
        "requestedBy": "function key",
        "received": "2026-11-22T11:13:07.123456+00:00",
        "finished": None,
        "counts": {"ready": 1},
        "tasks": [task_of()],
        "refusals": [],
        **changes,
    }


def task_of(state: str = "ready", **changes: Any) -> dict[str, Any]:
    """A task as the app shows it."""
    return {
        "key": "t|p001c0000|invite-guest|0123abcd",
        "step": "invite-guest",
        "subject": "0123abcd",
        "position": 0,
        "state": state,
        "reason": "was invited and has not accepted yet" if state == "done" else "",
        "attempts": 1,
        "seconds": 0.5 if state == "done" else None,
        "graphRequestIds": [],
        "ids": {},
        "next": None,
        **changes,
    }


@pytest.fixture(name="status_of")
def _status_of() -> Callable[..., dict[str, Any]]:
    return status_of


@pytest.fixture(name="task_of")
def _task_of() -> Callable[..., dict[str, Any]]:
    return task_of


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking again comes at once; how long to wait is not what these tests are about."""
    monkeypatch.setattr("cli.watch.LOCAL_SECONDS", 0.01)
    monkeypatch.setattr("cli.watch.REFUSAL_SECONDS", 0.3)
