"""A whole transaction on the rig: the example with every option, decisions, and what the tenant looks like."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from devstack.tenant.control.state import state
from devstack.tenant.server import RunningTenant
from shared.tables.requests import Request, RequestState
from shared.verbs.approve import approve
from shared.verbs.control import redrive
from tests.rig import Rig

ROOT = Path(__file__).parents[2]
FULL: dict[str, Any] = json.loads((ROOT / "examples" / "joint-project-full.json").read_text(encoding="utf-8"))
# What a change leaves behind that nobody can take back, or that says only when something was touched.
TRACES = ("outbox", "deletedItems", "engagementOperations", "time")
# The smallest request that changes a tenant in two ways.
ONE_GUEST: dict[str, Any] = {
    "version": 1,
    "id": "r1",
    "template": "joint-project",
    "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]},
    "sponsors": ["mia@contoso.com"],
    "guests": [{"email": "ana@fabrikam.com", "name": "Ana", "groups": ["fabrikam-project"]}],
}
TOUCHED = frozenset({"WhenChanged", "WhenChangedUTC", "lastModifiedDateTime", "etag"})


def templates(folder: Path) -> Path:
    """Templates as shipped, but also joint-project as `put-back`, which puts everything back as it was when the partner
    goes, as `freely`, which does so without approval, and as `shut`, which shuts the partner out without approval."""
    for path in (ROOT / "templates").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(text, encoding="utf-8")
        if path.stem == "joint-project":
            back = text.replace('offboard = "closed"', 'offboard = "restore-before"').replace('"joint-project"', '"put-back"')
            (folder / "put-back.toml").write_text(back, encoding="utf-8")
            freely = back.replace('"put-back"', '"freely"').replace("[approval]", "[approval]\nsteps = []")
            (folder / "freely.toml").write_text(freely, encoding="utf-8")
            shut = text.replace('"joint-project"', '"shut"').replace("[approval]", "[approval]\nsteps = []")
            (folder / "shut.toml").write_text(shut, encoding="utf-8")
    return folder


def few(guests: int, **changes: Any) -> dict[str, Any]:
    """The example with so many guests, and these changes."""
    return {**FULL, "guests": FULL["guests"][:guests], **changes}


def picture(running: RunningTenant) -> dict[str, Any]:
    """What an administrator would find, without the traces that every change leaves."""
    found = json.loads(json.dumps(state(running.services.tenant)))
    for name in TRACES:
        del found[name]
    groups = {group["id"] for group in found["groups"]}
    found["teams"] = [team for team in found["teams"] if team["group"] in groups]
    # Whoever was deleted is a member of nothing, until they are restored.
    there = groups | {user["id"] for user in found["users"]}
    for name in ("users", "groups"):
        for item in found[name]:
            related = {key: value for key, value in item.items() if key in {"members", "owners", "memberOf", "sponsors"}}
            item |= {key: sorted(there & set(value)) for key, value in related.items()}
    found["sharepoint"]["permissions"] = {item: held for item, held in found["sharepoint"]["permissions"].items() if held}
    for site in found["sharepoint"]["sites"]:
        del site["users"]  # who was ever known to the site stays known
    plain: dict[str, Any] = _untouched({**found, "users": [u for u in found["users"] if u["userType"] == "Guest"]})
    return plain


def _untouched(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _untouched(inner) for key, inner in value.items() if key not in TOUCHED or (key == "users" and "time" in value)
        }
    return [_untouched(inner) for inner in value] if isinstance(value, list) else value


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two pictures differ, in words."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in {**before, **after} for line in differences(before.get(key), after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for place, pair in pairs for line in differences(*pair, f"{path}[{place}]")]
    return [] if before == after else [f"{path}: {str(before)[:500]} -> {str(after)[:500]}"]


async def carried_out(rig: Rig, request: dict[str, Any], state: str = "done") -> Request:
    """The request has ended so, approved by somebody else where it waits for that."""
    await rig.settle(request)
    found = await rig.world.tables.requests.get(request["id"])
    assert found is not None, refusals(rig)
    if found.state is RequestState.AWAITING_APPROVAL:
        await approve(rig.world, request["id"], "user somebody-else")
        await rig.deliver_all()
        found = await rig.world.tables.requests.get(request["id"])
        assert found is not None
    assert found.state == state, (found.reason, unfinished(rig, request["id"]))
    return found


def rows(rig: Rig, request: str) -> list[dict[str, Any]]:
    """The task rows of the request."""
    return [row for (home, key), row in rig.tables["tasks"].content.items() if home == request and key.startswith("t|")]


def unfinished(rig: Rig, request: str) -> list[tuple[str, str, str]]:
    return [(row["RowKey"], row["state"], row["reason"]) for row in rows(rig, request) if row["state"] != "done"]


def refusals(rig: Rig) -> list[str]:
    return [str(row["reason"]) for row in rig.tables["parked"].content.values()]


def sights(rig: Rig, request: str) -> Counter[str]:
    """What a plan saw, by kind."""
    return Counter(json.loads(row["seen"])["sight"] for row in rows(rig, request))


async def tried_again(rig: Rig, step: str) -> None:
    """What is parked of the step has been tried again, with all that follows."""
    (item,) = [item for item in await rig.world.tables.parked.all() if item.step == step]
    await redrive(rig.world, item, "user somebody-else")
    await rig.deliver_all()
