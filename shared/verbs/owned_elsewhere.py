"""Guests whose accounts Microsoft's own products disable and delete: a run names them, and leaves them to those products; and whoever became one
of them since is left just before the deed."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from shared.log import log
from shared.nouns.outcomes import WontWork
from shared.tenant.calls import low_priority
from shared.verbs.world import World

REVIEW, WORKFLOW, ENTITLEMENT = "review", "workflow", "entitlement"
_NAMES = MappingProxyType({REVIEW: "access reviews", WORKFLOW: "lifecycle workflows", ENTITLEMENT: "entitlement management"})


async def owned_elsewhere(world: World) -> tuple[list[str], str]:
    """A line for each user that such a product owns, and what of it could not be read, a sentence, or empty. Raises NotYet."""
    governance = world.tenant.governance
    asked: Mapping[str, Callable[[], Awaitable[dict[str, str]]]] = {
        REVIEW: lambda: governance.reviewed(world.clock()),
        WORKFLOW: governance.in_workflows,
        ENTITLEMENT: governance.governed,
    }
    lines: dict[str, str] = {}
    unread: list[str] = []
    with low_priority():
        for kind, ask in asked.items():
            try:
                found = await ask()
            except WontWork as error:
                unread.append(f"{_NAMES[kind]} ({error.reason})")
                continue
            lines = {user: f"{user} {kind} {by}" for user, by in found.items()} | lines
    note = f"guests whom these own cannot be told apart, and are treated as any other: {'; '.join(unread)}" if unread else ""
    return list(lines.values()), note


async def owner_now(world: World, user: str) -> str:
    """In words, who owns the user's account now, as far as this process has read it within minutes; empty where nobody is known to.

    What cannot be read any more is told in the log: then what the run had read counts. Raises NotYet.
    """
    owners = world.owners
    # Of many who are about to do something, one reads it for all.
    async with owners.reading:
        if not owners.known(world.clock()):
            lines, unread = await owned_elsewhere(world)
            if unread:
                log.warning("owners not read", reason=unread)
            owners.keep(dict(map(owner_of, lines)), world.clock())
    return owners.words.get(user, "")


def owner_of(line: str) -> tuple[str, str]:
    """The user of a line, and in words who owns their account."""
    user, kind, by = line.split(" ", 2)
    words = {
        REVIEW: f"access review {by} owns the account: it disables whom it denies, and deletes them 30 days later",
        WORKFLOW: f"lifecycle workflow {by} owns the account: it disables or deletes whoever is in its scope",
        ENTITLEMENT: f"entitlement management owns the account ({by} after their last access package)",
    }
    return user, words[kind]
