"""How long the request with every option takes through the whole stack: its plan, itself, the plan after it, and its end."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from bench.principal import signed_in
from bench.processes import worked
from devstack.stack.stack import ROOT, Stack

APPLY: dict[str, Any] = json.loads((ROOT / "examples" / "joint-project-full.json").read_text(encoding="utf-8"))
LANES = ("ENTRA_WRITES", "INVITATIONS", "EXCHANGE", "SHAREPOINT", "TEAMS", "FABRIC", "MAIL")
SIGNED_IN = {"WEBSITE_AUTH_ENABLED": "true"}
UNPACED = {**{f"ENTENTE_{lane}_PER_SECOND": "0" for lane in LANES}, **SIGNED_IN}
APPROVER = "99999999-0000-4000-8000-000000000001"
# What we promise of a local stack, with lag, limits and faults off.
PLAN_SECONDS = 5
WHOLE_SECONDS = 90
LOOK_AGAIN_SECONDS = 0.2


async def measure() -> AsyncIterator[dict[str, Any]]:
    """Seconds, and as a share of what is promised; the tenant's calls of each. At last the request at the pace of a new installation."""
    whole = (
        ("plan", {**APPLY, "mode": "plan"}, PLAN_SECONDS),
        ("apply", APPLY, WHOLE_SECONDS),
        ("plan-again", {**APPLY, "mode": "plan"}, PLAN_SECONDS),
        ("offboard", {**APPLY, "action": "offboard", "guests": []}, WHOLE_SECONDS),
    )
    for settings, requests in ((UNPACED, whole), (SIGNED_IN, (("apply-at-default-pace", APPLY, WHOLE_SECONDS),))):
        async for row in _measured(settings, requests):
            yield row


async def _measured(
    settings: Mapping[str, str], requests: Iterable[tuple[str, Mapping[str, Any], int]]
) -> AsyncIterator[dict[str, Any]]:
    """The requests one after the other, by name, with the seconds promised of each."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Stack(settings=settings, lag=0, throttle=False, folder=Path(folder) / "stack") as stack,
            httpx.AsyncClient(timeout=60) as http,
        ):
            asked = Asked(stack, http)
            for name, request, promised in requests:
                before = await asked.calls()
                begun, spent = time.monotonic(), asked.processor_seconds()
                state = await asked.through({**request, "id": name})
                seconds = time.monotonic() - begun
                yield {
                    "what": name,
                    "guests": len(APPLY["guests"]),
                    "state": state,
                    "seconds": round(seconds, 2),
                    "shareOfPromise": round(seconds / promised, 3),
                    "processorSeconds": round(asked.processor_seconds() - spent, 2),
                    "tenantCalls": await asked.calls() - before,
                }


class Asked:
    """The app of a stack, asked by one person and approved by another."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        where = stack.addresses.to_json()
        self._stack = stack
        self._http = http
        self.control: str = where["control"]
        self._key = {"x-functions-key": where["functionKeys"]["default"]}

    @property
    def _url(self) -> str:
        """At the host that was started last."""
        return f"{self._stack.addresses.functions[-1]}/api/partner-requests"

    async def through(self, request: dict[str, Any]) -> str:
        """The state in which the request has ended."""
        (await self._http.post(self._url, json=request, headers=self._key)).raise_for_status()
        while True:
            # A host that answers may be killed.
            with contextlib.suppress(httpx.TransportError, IndexError):
                answer = await self._http.get(f"{self._url}/{request['id']}?top=0", headers=self._key)
                state = str(answer.json()["state"]) if answer.status_code == 200 else "queued"
                if state == "awaiting-approval":
                    headers = {**self._key, **signed_in(APPROVER, "Approver")}
                    body = {"decision": "approve", "reason": "a measurement"}
                    (
                        await self._http.post(f"{self._url}/{request['id']}/decision", json=body, headers=headers)
                    ).raise_for_status()
                elif state not in {"queued", "running"}:
                    return state
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def processor_seconds(self) -> float:
        """Processor time that the stack has used, which others on the machine add less to than to the time that passes."""
        pids = self._stack.addresses.to_json()["pids"]
        parts = [pid for part, pid in pids.items() if part not in {"hosts", "stack"}]
        return sum(worked(pid) for pid in (*pids["hosts"], *parts))

    async def calls(self) -> int:
        """How many requests the tenant has answered."""
        summary = (await self._http.get(f"{self.control}/requests/summary")).json()
        return int(summary["requests"])
