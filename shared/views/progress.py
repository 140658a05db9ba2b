"""How far a request is, step by step, in the order in which steps wait for one another: what a picture of it is drawn from."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from shared.nouns.task import TaskState
from shared.verbs.world import World

# Steps about guests wait for guests' steps, and the partner's for the partner's.
_GUESTS = frozenset({"person", "batch"})

type Node = tuple[str, bool]
type Progress = Mapping[tuple[str, bool, TaskState], int]


def steps_view(world: World, progress: Progress) -> list[dict[str, Any]]:
    """Each step of the request with its tasks counted by state, those that wait for others behind them.

    `takesBack` tells the taking back of a step from the step. `after` has the places in this list of what it waits for.
    """
    nodes = _ordered(world, {(step, back) for step, back, _ in progress})
    places = {node: place for place, node in enumerate(nodes)}
    return [
        {
            "step": step,
            "takesBack": back,
            "after": sorted(places[node] for node in _before(world, (step, back), nodes)),
            "states": {
                state.value: count for (name, was, state), count in sorted(progress.items()) if (name, was) == (step, back)
            },
        }
        for step, back in nodes
    ]


def states_of(progress: Progress) -> dict[str, int]:
    """The tasks of all steps together, by state."""
    found = Counter[str]()
    for (_, _, state), count in progress.items():
        found[state.value] += count
    return dict(found)


def _ordered(world: World, found: set[Node]) -> list[Node]:
    """What is taken back first, then the steps as they are listed, each behind what it waits for."""
    listed = [step.name for step in world.steps]
    known = {name: place for place, name in enumerate(listed)}
    waiting = sorted(found, key=lambda node: (not node[1], known.get(node[0], len(listed)), node[0]))
    ordered: list[Node] = []
    while waiting:
        # No step waits for itself by way of others, so there is always one.
        first = next((node for node in waiting if not _before(world, node, waiting)), waiting[0])
        waiting.remove(first)
        ordered.append(first)
    return ordered


def _before(world: World, node: Node, among: list[Node]) -> list[Node]:
    """What the node waits for, as `ready_now` has it: taking back goes the other way round, and waits for nothing else."""
    step, back = node
    after, kinds = world.after, {one.name: one.subject in _GUESTS for one in world.steps}
    if back:
        names = {name for name, before in after.items() if step in before}
        return [(name, was) for name, was in among if was and name in names]
    names = {name for name in after.get(step, ()) if kinds.get(name) == kinds.get(step)}
    return [(name, was) for name, was in among if name in names]
