"""A running local stack, as people and other systems see it: HTTP, queues, and the tenant's control plane."""

import asyncio
import io
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from azure.data.tables.aio import TableServiceClient
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from devstack.stack import Stack
from devstack.stack.child import Child

# Only something broken reaches it, on however slow a machine.
DEADLINE_SECONDS = 240.0
LOOK_AGAIN_SECONDS = 0.1
# How long a message is locked for who has received it: as short as Service Bus allows.
LOCK = "PT5S"
ENDED = frozenset({"done", "stopped", "cancelled", "refused"})
PROJECT = "aaaaaaaa-0000-4000-8000-000000000001"
READERS = "aaaaaaaa-0000-4000-8000-000000000002"
GROUPS = {"fabrikam-project": PROJECT, "partner-readers": READERS}
MIA = "bbbbbbbb-0000-4000-8000-000000000001"


class NeverSoError(AssertionError):
    """A condition did not come true before the deadline."""


async def until[Found](look: Callable[[], Awaitable[Found]], what: str, seconds: float = DEADLINE_SECONDS) -> Found:
    """What `look` finds, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NeverSoError(f"never came true: {what}; last seen: {found!r}")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


@dataclass(frozen=True)
class Partner:
    """An organization that the simulated tenant knows, of a test's own."""

    name: str
    domain: str
    tenant: str

    def request(self, guests: list[dict[str, Any]], *, template: str = "joint-project", **changes: Any) -> dict[str, Any]:
        """A request of the partner's name, with these guests."""
        return {
            "version": 1,
            "id": self.name,
            "template": template,
            "partner": {"name": self.name.capitalize(), "domains": [self.domain]},
            "sponsors": ["mia@contoso.com"],
            "guests": guests,
            **changes,
        }

    def guests(self, count: int, *groups: str) -> list[dict[str, Any]]:
        """So many guests, each to be in all of `groups`."""
        return [{"email": self.address(n), "name": f"Guest {n}", "groups": list(groups)} for n in range(count)]

    def address(self, who: int | str) -> str:
        return f"{f'guest{who:05}' if isinstance(who, int) else who}@{self.domain}"


@dataclass
class Local:
    """`made` names every partner of this stack, so that its traces can be looked for afterwards."""

    stack: Stack
    http: aiohttp.ClientSession
    client: ServiceBusClient
    senders: dict[str, ServiceBusSender] = field(default_factory=dict)
    made: list[Partner] = field(default_factory=list)

    # --- the app over HTTP

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON of an answer of the app. `body` is sent as it is where it is bytes, else as JSON."""
        where = self.stack.addresses
        headers = {"x-functions-key": str(where.function_keys["default"]), **options.pop("headers", {})}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{where.functions[-1]}/api/{path}"
        async with self.http.request(method, url, data=io.BytesIO(content or b""), headers=headers, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def submit(self, request: dict[str, Any]) -> str:
        """The request is on the queue; its id."""
        status, body = await self.call("POST", "partner-requests", request)
        assert status == 202, body
        return str(request["id"])

    async def control(self, verb: str, name: str) -> dict[str, Any]:
        """The request was asked to pause, resume or cancel."""
        status, body = await self.call("POST", f"partner-requests/{name}/{verb}")
        assert status == 200, body
        found: dict[str, Any] = body
        return found

    async def redrive(self, item: str) -> str:
        status, body = await self.call("POST", "parked/redrive", {"id": item})
        assert status == 200, body
        return str(body["what"])

    async def seen(self, name: str, top: int = 0) -> dict[str, Any] | None:
        """The request as it is shown, with its first `top` tasks; None while no host can tell."""
        try:
            status, body = await self.call("GET", f"partner-requests/{name}?top={top}")
        except (aiohttp.ClientError, IndexError):
            return None
        return body if status == 200 else None

    async def tasks(self, name: str) -> list[dict[str, Any]]:
        """Every task of the request."""
        found: list[dict[str, Any]] = []
        behind = ""
        while True:
            status, page = await self.call("GET", f"partner-requests/{name}", params={"top": "1000", "after": behind})
            assert status == 200, page
            found += page["tasks"]
            behind = page.get("next", "")
            if not behind:
                return found

    async def ended(self, name: str, state: str = "done", seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """The request with its tasks, when it has ended in that state."""

        async def look() -> bool:
            shown = await self.seen(name)
            return shown is not None and shown["state"] in ENDED

        try:
            await until(look, f"request {name} ends", seconds)
        except NeverSoError as error:
            open_ones = [f"{t['key']} {t['state']}: {t['reason']}" for t in await self.tasks(name) if t["state"] != "done"]
            raise NeverSoError(f"{error}\n" + "\n".join(open_ones[:20])) from None
        shown = await self.seen(name)
        assert shown is not None
        tasks = await self.tasks(name) if shown["state"] != "refused" else []
        wrong = [(task["key"], task["reason"]) for task in tasks if task["state"] != state]
        assert shown["state"] == state, f"{shown['reason']}: {wrong[:10]}"
        return shown | {"tasks": tasks}

    async def parked(self, request: str | None = None) -> list[dict[str, Any]]:
        """What is parked, of one request or at all."""
        status, body = await self.call("GET", "parked")
        assert status == 200, body
        return [item for item in body["parked"] if request in {None, item["request"]}]

    # --- the tenant

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """What the tenant's control plane answers."""
        async with self.http.request(method, f"{self.stack.addresses.control}/{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status == 200, found
            return found

    async def state(self) -> dict[str, Any]:
        """The truth about the tenant."""
        found: dict[str, Any] = await self.sim("GET", "state")
        return found

    async def partner(self, name: str, **changes: Any) -> Partner:
        """A partner that no other test has."""
        made = Partner(name, f"{name}.example", str(uuid.uuid5(uuid.NAMESPACE_DNS, name)))
        known = {"tenantId": made.tenant, "displayName": name.capitalize(), "defaultDomainName": made.domain}
        await self.sim("POST", "seed", {"tenants": {made.domain: known}, **changes})
        self.made.append(made)
        return made

    async def writes(self, partner: Partner) -> list[dict[str, Any]]:
        """Everything that was written in the tenant for the partner: invitations, its relationship, and changes of its guests."""
        ids = [user["id"] for user in (await self.state())["users"] if str(user.get("mail")).endswith(partner.domain)]
        journal = (await self.sim("GET", "requests"))["value"]
        about = (partner.domain, partner.name.capitalize(), *ids)
        return [
            entry
            for entry in journal
            if (entry["kind"] in {"write", "invitation"} or not str(entry["cmdlet"] or "Get").startswith("Get"))
            and any(word in json.dumps([entry["path"], entry["request"]]) for word in about)
        ]

    # --- the bus

    async def bus(self, method: str, path: str, body: Any = None) -> Any:
        """What the broker's control plane answers."""
        async with self.http.request(method, f"{self.stack.addresses.service_bus_control}/_bus/{path}", json=body) as answer:
            found = await answer.json()
            assert answer.status < 300, found
            return found

    async def queues(self) -> dict[str, dict[str, int]]:
        """Counts of messages, by queue."""
        return {queue["name"]: queue["counts"] for queue in (await self.bus("GET", "queues"))["queues"]}

    async def lock_for(self, duration: str) -> None:
        """Messages of every queue that are received from now on are locked for so long (ISO 8601)."""
        for queue in await self.queues():
            held = (await self.bus("GET", f"queues/{queue}"))["properties"]
            await self.bus("PUT", f"queues/{queue}", {**held, "LockDuration": duration})

    async def waiting(self, queue: str) -> list[dict[str, Any]]:
        """The messages in the queue, locked and scheduled ones too."""
        found: list[dict[str, Any]] = (await self.bus("GET", f"queues/{queue}/messages?top=1000"))["messages"]
        return found

    async def send(self, queue: str, *bodies: Any, session: str | None = None, **properties: str) -> None:
        """Messages of ids of their own, as anybody sends them who may send to the queue."""
        if queue not in self.senders:
            self.senders[queue] = self.client.get_queue_sender(queue)
        for body in bodies:
            content = body if isinstance(body, bytes | str) else json.dumps(body)
            named: Any = dict(properties)
            message = ServiceBusMessage(content, message_id=str(uuid.uuid4()), session_id=session, application_properties=named)
            await self.senders[queue].send_messages(message)

    # --- the tables and processes

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table."""
        async with TableServiceClient.from_connection_string(self.stack.addresses.tables) as service:
            return [dict(row) async for row in service.get_table_client(table).list_entities()]

    def logs(self) -> dict[str, str]:
        """The text of every log of the stack, by file name."""
        folder = self.stack.folder / "logs"
        return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in folder.iterdir()}

    def logged(self, words: str) -> int:
        """How often the hosts have logged these words."""
        return sum(text.count(words) for name, text in self.logs().items() if name.startswith("host-"))

    @property
    def host(self) -> Child:
        """The host that was started last."""
        return self.stack.running_hosts[-1]

    async def start_afresh(self) -> None:
        """One host runs, which has done nothing yet."""
        await asyncio.gather(*(self.stack.stop_host(host) for host in self.stack.running_hosts))
        await self.stack.start_host()

    # --- what must be so in the end

    async def assert_brought_in(self, request: dict[str, Any], shown: dict[str, Any], *, mails_lost: bool = False) -> None:
        """Everybody is in once, with the one mail they are to get, in every group; nothing is parked or lost.

        `mails_lost` says that invitations failed without effect and without an answer: then nobody can tell whether a mail
        went out, and none is sent rather than two.
        """
        state = await self.state()
        mails = [mail["to"] for mail in state["outbox"]]
        groups = {group["id"]: set(group["members"]) for group in state["groups"]}
        by_mail: dict[str, list[dict[str, Any]]] = {}
        for user in state["users"]:
            by_mail.setdefault(str(user.get("mail")).lower(), []).append(user)
        for guest in request["guests"]:
            users = by_mail.get(guest["email"], [])
            assert len(users) == 1, f"{guest['email']} is there {len(users)} times"
            sent = guest.get("sendMail", request.get("invitation", {}).get("sendMail", True))
            count = mails.count(guest["email"])
            assert count in ({0, int(sent)} if mails_lost else {int(sent)}), f"{guest['email']} got {count} mails"
            wanted = {GROUPS[name] for name in guest.get("groups", request.get("groups", []))}
            assert {group for group, members in groups.items() if users[0]["id"] in members} == wanted, guest["email"]
        domain = request["partner"]["domains"][0]
        relations = [item for item in state["organizationRelationships"] if domain in item["DomainNames"]]
        assert len(relations) == (1 if request["template"] == "joint-project" else 0)
        assert {task["state"] for task in shown["tasks"]} == {"done"}
        assert await self.parked(request["id"]) == []
        assert all(counts["deadLetter"] == 0 for counts in (await self.queues()).values())
