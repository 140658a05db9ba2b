"""Clean-up runs for people: what each came to, and the guests it names with the evidence on each."""

from typing import Any

from shared.nouns.errors import Fault, Refusal
from shared.tables.runs import Candidate, Run
from shared.verbs.cleanup_request import request_id
from shared.verbs.cleanup_send import FIRST, REST
from shared.verbs.world import World

PAGE = 500
KINDS = ("guest", "member")
MOVES = ("keep", "report", "warn", "block", "delete", "restore")


async def runs_view(world: World) -> list[dict[str, Any]]:
    """Every run, the newest first."""
    return [_run(run) for run in await world.tables.runs.latest()]


async def run_view(world: World, name: str, *, behind: str = "", move: str = "", kind: str = "") -> dict[str, Any] | None:
    """The run and a page of its guests, those of one `move` or `kind` only where it is given; None where there is no such run."""
    if move and move not in MOVES:
        raise Refusal([Fault("move", f"must be one of {', '.join(MOVES)}")])
    if kind and kind not in KINDS:
        raise Refusal([Fault("kind", f"must be one of {', '.join(KINDS)}")])
    run = await world.tables.runs.get(name)
    if run is None:
        return None
    found: list[Candidate] = []
    async for one in world.tables.runs.candidates(run.id, behind=behind):
        if move in {"", one.move} and kind in {"", one.kind}:
            found.append(one)
        if len(found) > PAGE:
            break
    more = found[PAGE - 1].key if len(found) > PAGE else ""
    return _run(run) | {"guests": [_guest(one) for one in found[:PAGE]], "next": more, "requests": await _requests(world, run)}


async def _requests(world: World, run: Run) -> list[str]:
    """The requests that do what the run came to, as far as they were sent: their status tells what became of each guest."""
    partners = dict.fromkeys([partner async for partner, _ in world.tables.runs.chunks(run.id)])
    names = [request_id(run.id, partner, wave) for partner in partners for wave in (FIRST, REST)]
    return [name for name in names if await world.tables.requests.get(name) is not None] if run.apply else []


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": run.state.value,
        "started": run.started.isoformat(),
        "startedBy": run.who,
        "reportOnly": not run.apply,
        "counts": dict(run.counts),
        "held": list(run.held),
        "notes": list(run.notes),
        "strange": sorted(run.strange),
        "canary": len(run.canary),
        "canaryUntil": run.canary_until.isoformat() if run.canary_until else None,
        "decidedBy": run.decided_by,
        "reason": run.why,
        "finished": run.finished.isoformat() if run.finished else None,
    }


def _suspicions(one: Candidate) -> list[str]:
    """What a person may know more about; never a reason. That an attempt failed stands in the evidence."""
    found = [f"their last attempt to sign in, on {one.failed}, failed: {one.error}"] if one.error else []
    return found + ([f"our last mail to them came back on {one.bounced}"] if one.bounced else [])


def _guest(one: Candidate) -> dict[str, Any]:
    return {
        "partner": one.partner,
        "person": one.person,
        "user": one.user,
        "kind": one.kind,
        "would": one.move,
        "rule": one.rule,
        "why": one.words,
        "evidence": one.evidence,
        "suspicions": _suspicions(one),
    }
