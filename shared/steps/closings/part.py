"""What every way of closing a partner has in common."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.tenant import Tenant

CLOSED = "closed"
# Nothing lets us see whether it is open.
NOT_READ = "not read"
# What was open before could not be read when it was closed, so nothing can be given back.
UNKNOWN = "what was open before could not be read"


@dataclass(frozen=True)
class Part:
    """`key` is its key in states and in the journal, `title` what it is called in a sentence, `lasts` how long what was open goes on
    after it is closed (a sentence's end; sources: facts 1.6, 3.1, 6.1, 15).

    * `read(tenant, partner)` -> `closed`, or what is open (a tuple of sentences that `reopen` understands), or `not read`.
    * `close(tenant, partner)` -> what was open before. It bears repetition. Raises NotYet, or WontWork for what a person has to do.
    * `reopen(tenant, partner, before)` -> a sentence. What was open before is open again, where it is still as we left it; raises
      WontWork, showing both, where somebody has changed it since. It bears repetition.
    """

    key: str
    title: str
    lasts: str
    read: Callable[[Tenant, Partner], Awaitable[Value]]
    close: Callable[[Tenant, Partner], Awaitable[tuple[str, ...]]]
    reopen: Callable[[Tenant, Partner, tuple[str, ...]], Awaitable[str]]


def shown(found: list[str] | tuple[str, ...]) -> Value:
    """What is open as a state has it."""
    return tuple(sorted(found)) or CLOSED


def split(said: str) -> tuple[str, str]:
    """`name: value`, where the name may have colons and the value has none."""
    name, _, value = said.rpartition(": ")
    return name, value


def open_in(state: Mapping[str, Value], key: str) -> tuple[str, ...]:
    """What a state says is open."""
    value = state.get(key)
    return value if isinstance(value, tuple) else ()
