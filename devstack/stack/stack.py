"""The stack: starts its parts together, keeps watch over them, and takes them down again, hosts first."""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from devstack.stack.addresses import Addresses
from devstack.stack.azurite import connection_string, free_port, start_azurite
from devstack.stack.child import Child
from devstack.stack.control import listened, order, start_function
from devstack.stack.errors import StackError
from devstack.stack.folder import KEYS, RECORD, WorkFolder
from devstack.stack.packaged import search_path, unpacked
from devstack.stack.queues import config
from devstack.stack.settings import app_settings, host_environment, part_environment, partner_topic
from devstack.stack.tenants import of_tenant, platform, seeds, settings_of_several
from devstack.tenant.server import DEFAULT_SEED, load_seed
from shared.tables import create_all
from shared.topology import NOTIFICATIONS, PARKED, queues

ROOT = Path(__file__).parents[2]
# A host drains for up to 30 s by itself before it gives up.
HOST_GRACE = 40.0
PART_GRACE = 10.0


@dataclass
class Stack:
    """A local stack, up inside `async with`.

    `settings` are app settings that win over everything. `lag` and `faults` are what the tenant's `/_sim/lag` and
    `/_sim/faults` take; None leaves the tenant as it is by itself, `lag=0` and `throttle=False` switch them off.
    `functions_port` is the first host's port, 0 for a free one. With `apart`, what answers HTTP is in a process of its own, the first
    host, and `hosts` others serve the rest: as Flex Consumption places them, where nothing else keeps the HTTP functions waiting.
    With `tenants`, names as in ENTENTE_TENANTS, there is a simulated tenant of each, and the app is for all of them by settings.
    `package` is a zip that the hosts run instead of `app`, on its own requirements. With `notifications` the tenant tells the app of
    changes: at the first host's address, which a host that is started after it has gone takes over. `folder` is held by this stack
    alone. Its parts end with the thread that entered it, so that has to be one that lives as long as the stack is wanted.
    """

    hosts: int = 1
    apart: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    lag: Any = None
    throttle: bool = True
    faults: Sequence[Mapping[str, Any]] = ()
    functions_port: int = 0
    notifications: bool = False
    tenants: tuple[str, ...] = ()
    seed: Path | None = None
    app: Path = ROOT
    package: Path | None = None
    folder: Path = ROOT / ".stack"
    say: Callable[[str], None] = lambda _: None

    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)
    _parts: list[Child] = field(default_factory=list, repr=False)
    _hosts: list[Child] = field(default_factory=list, repr=False)
    _watches: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _failed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _failure: StackError | None = None
    _where: Addresses | None = None
    _environment: dict[str, str] = field(default_factory=dict, repr=False)
    _keys: dict[str, Any] = field(default_factory=dict, repr=False)
    _hosts_begun: int = 0
    _front: int = 0
    _up: bool = False

    async def __aenter__(self) -> Self:
        try:
            self._work = self._held.enter_context(WorkFolder(self.folder))
            self._front = self.functions_port or (free_port() if self.notifications or self.apart else 0)
            told = f"http://127.0.0.1:{self._front}" if self.notifications else ""
            ours = await self._start_parts(told)
            self._environment = host_environment(os.environ, ours, self.settings)
            hears = self._environment.get("ENTENTE_NOTIFICATION_URL", "")
            if (topic := partner_topic(hears)) is not None:
                await self.lead_on(topic)
            if self.package:
                self.app = await asyncio.to_thread(unpacked, self.package, self._work.path / "package")
                self._environment |= search_path(self.app, ROOT, self._work.path / "lent")
            self._keys = {"master": secrets.token_urlsafe(32), "default": secrets.token_urlsafe(32)}
            self.say("Starting the function app")
            await _all(_create_tables(self.addresses.tables, self.tenants), self._start_hosts())
            await self._listened()
            if hears:
                await self.subscribe()
            self._up = True
            self._record()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stop()

    @property
    def addresses(self) -> Addresses:
        """Where everything answers now, hosts that were killed left out."""
        assert self._where is not None, "the stack is not up"
        pids = {part.name: part.pid for part in self._parts}
        return replace(
            self._where,
            functions=tuple(str(host.announced["url"]) for host in self._hosts),
            function_keys=self._keys,
            pids={"stack": os.getpid(), **pids, "hosts": [host.pid for host in self._hosts]},
        )

    @property
    def running_hosts(self) -> tuple[Child, ...]:
        """The hosts that are up: with `apart` the one for HTTP, then the oldest first."""
        return tuple(self._hosts)

    async def start_host(self) -> Child:
        """One more host of the same app answers, on a port of its own, with the same keys; with `apart`, first of all the one for HTTP."""
        self._hosts_begun += 1
        number = self._hosts_begun
        keys = self._work.write(KEYS, self._keys)
        # An empty settings file in place of the app's own, which may point at somebody's Azure.
        nothing = self._work.write("local.settings.json", {"IsEncrypted": False, "Values": {}})
        taken = {urlsplit(str(host.announced["url"])).port for host in self._hosts}
        first = number == 1 or ((self.notifications or self.apart) and self._front not in taken)
        group = ("http" if first else "others") if self.apart else "all"
        alone = ["-S"] if self.package else []
        command = [
            sys.executable,
            *alone,
            "-m",
            "devstack.host",
            "--app",
            str(self.app),
            "--port",
            str(self._front if first else 0),
            "--group",
            group,
            "--keys",
            str(keys),
        ]
        command += ["--settings", str(nothing), "--state", str(self._work.path / "timers")]
        # On this machine there is no platform that signs people in: whoever has a key says who they are.
        command.append("--easy-auth-from-header")
        host = await self._start(f"host-{number}", command, self._environment)
        # The first host has made up the keys of single functions; those that follow take the same.
        self._keys = self._keys if "functions" in self._keys else dict(host.announced["keys"])
        # The one for HTTP is the first again where it had gone.
        self._hosts.insert(0 if group == "http" else len(self._hosts), host)
        self._record()
        return host

    def kill_host(self, host: Child) -> None:
        """The host is killed (SIGKILL) in the middle of whatever it is doing."""
        host.kill()
        self._forget(host)

    async def stop_host(self, host: Child) -> None:
        """The host has drained and ended."""
        await host.stop(HOST_GRACE)
        self._forget(host)

    async def failure(self) -> StackError:
        """What went wrong, once a part has ended that should not have."""
        await self._failed.wait()
        assert self._failure is not None
        return self._failure

    def hurry(self) -> None:
        """Every part is killed at once; leaving the stack has nothing more to wait for."""
        for child in (*self._hosts, *self._parts):
            child.kill()

    async def _start_parts(self, told: str) -> dict[str, str]:
        """The app's settings, once tables, broker, tenants and what signs in to several are up."""
        self.say("Starting tables, broker and simulated tenant")
        around = part_environment(os.environ)
        entities = config(queues(), PARKED)
        entitled = self._work.write("Config.json", entities)
        port, broker, *tenants = await _all(
            self._start_tables(around),
            self._start("broker", [sys.executable, "-m", "devstack.broker", "--config", str(entitled)], around),
            *(self._start(*one, around) for one in self._tenant_commands()),
        )
        bus, first = broker.announced, tenants[0].announced
        await _all(*(self._set_behaviour(str(tenant.announced["control"])) for tenant in tenants))
        self._where = Addresses(
            functions=(),
            function_keys={},
            service_bus=str(bus["connectionString"]),
            service_bus_control=str(bus["control"]),
            tables=connection_string(port),
            identity=str(first["identity"]),
            identity_header=str(first["identityHeader"]),
            **of_tenant(first),
            pids={},
        )
        if not self.tenants:
            return app_settings(self._where, str(first["graph"]), told)
        each = {name: one.announced for name, one in zip(self.tenants, tenants, strict=True)}
        asked = self._work.write("platform.json", platform(each))
        login = await self._start("login", [sys.executable, "-m", "devstack.login", "--platform", str(asked)], around)
        self._where = replace(self._where, tenants={name: of_tenant(one) for name, one in each.items()})
        own = {name: app_settings(replace(self._where, **of_tenant(one)), str(one["graph"]), told) for name, one in each.items()}
        for name in own:
            shutil.copytree(self.app / "templates", self._work.path / "templates" / name, dirs_exist_ok=True)
        return settings_of_several(own, login.announced, self._work.path / "templates")

    def _tenant_commands(self) -> list[tuple[str, list[str]]]:
        """Name and command of each simulated tenant."""
        command = [sys.executable, "-m", "devstack.tenant"]
        if not self.tenants:
            return [("tenant", [*command, *(("--seed", str(self.seed)) if self.seed else ())])]
        made = seeds(self.tenants, load_seed(self.seed or DEFAULT_SEED))
        written = {name: self._work.write(f"seed-{name}.json", seed) for name, seed in made.items()}
        return [(f"tenant-{name}", [*command, "--seed", str(path)]) for name, path in written.items()]

    async def _set_behaviour(self, control: str) -> None:
        if self.lag is not None:
            await order(control, "PUT", "lag", self.lag)
        if not self.throttle:
            await order(control, "PUT", "throttle", {"enabled": False})
        if self.faults:
            await order(control, "POST", "faults", {"rules": list(self.faults)})

    async def _start_tables(self, environment: Mapping[str, str]) -> int:
        log = self._work.logs / "tables.log"
        child, port = await start_azurite(ROOT, log=log, environment=environment, folder=self._work.path)
        self._parts.append(child)
        self._watch(child)
        return port

    async def _start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        child = await Child.start(name, command, log=self._work.logs / f"{name}.log", environment=environment, folder=ROOT)
        try:
            await child.announcement()
        except BaseException:
            await child.stop(0)
            raise
        if not name.startswith("host-"):
            self._parts.append(child)
        self._watch(child)
        return child

    async def _start_hosts(self) -> None:
        if self.hosts < 1:
            return
        await self.start_host()
        await _all(*(self.start_host() for _ in range(self.hosts - (not self.apart))))

    async def _listened(self) -> None:
        """Somebody listens to every queue that a function is for: whoever asks from now on waits for the app alone."""
        assert self._where is not None
        functions = [function for host in self._hosts for function in host.announced["functions"]]
        queues = {function["queueName"] for function in functions if "queueName" in function and not function["disabled"]}
        await listened(self._where.service_bus_control, queues)

    async def lead_on(self, topic: str) -> None:
        """The partner topic leads to the app's queue as soon as Graph has made it, as an administrator of Azure would have it do."""
        assert self._where is not None, "the stack is not up"
        wanted = {"name": topic, "activated": True, "serviceBus": self._where.service_bus, "queue": NOTIFICATIONS}
        await order(self._where.control, "POST", "notifications/topic", wanted)

    async def subscribe(self) -> None:
        """The app subscribes now, as its timer would within a quarter of an hour."""
        if self._hosts:
            url, key = str(self._hosts[-1].announced["url"]), str(self._keys["master"])
            await start_function(url, key, "renew-subscriptions")

    def _watch(self, child: Child) -> None:
        async def watch() -> None:
            await child.process.wait()
            if not child.expected and self._failure is None:
                self._failure = child.ended()
                self._failed.set()

        task = asyncio.create_task(watch())
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    def _forget(self, host: Child) -> None:
        self._hosts.remove(host)
        self._record()

    def _record(self) -> None:
        if self._up:
            self._work.write(RECORD, self.addresses.to_json())

    async def _stop(self) -> None:
        try:
            await asyncio.gather(*(host.stop(HOST_GRACE) for host in self._hosts))
            await asyncio.gather(*(part.stop(PART_GRACE) for part in self._parts))
            await asyncio.gather(*self._watches)
        finally:
            self._up = False
            self._hosts.clear()
            self._parts.clear()
            self._held.close()


async def _create_tables(connection: str, tenants: tuple[str, ...]) -> None:
    try:
        for prefix in tenants or ("",):
            await create_all(connection, prefix)
    except AzureError as error:
        raise StackError(f"The local tables are up but cannot be created: {error}") from error


async def _all(*starting: Any) -> list[Any]:
    """The results of all; where one fails, the others are given up, and its own error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in starting]
    except* StackError as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
