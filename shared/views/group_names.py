"""Groups by the names that requests use for them; an object id says nothing to people."""

from collections.abc import Iterable, Mapping

from shared.nouns.errors import Refusal
from shared.nouns.task import NEW_GROUP, Task
from shared.templates import load_template
from shared.verbs.world import World


def group_names(world: World, templates: Iterable[str]) -> dict[str, str]:
    """Names by object id, as these installed templates give them now; one that is not there or cannot be read names nothing."""
    names: dict[str, str] = {}
    for template in templates:
        try:
            found = load_template(world.settings.templates, template, world.steps).groups
        except Refusal:
            continue
        names |= {group.lower(): name for name, group in found.items()}
    return names


def group_of(task: Task) -> str:
    """The group of a batch, as its row names it; where the batch is taken back, only its subject tells."""
    return task.group or task.subject.partition(".")[0]


def group_name(group: str, names: Mapping[str, str]) -> str:
    """What people call the group; its object id where nobody has named it."""
    return group.removeprefix(NEW_GROUP) if group.startswith(NEW_GROUP) else names.get(group.lower(), group)
