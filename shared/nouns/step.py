"""The step contract: one file in `shared/steps/` says one true sentence about the tenant by filling in a `Step`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.nouns.outcomes import Applied
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.request import GuestWish, Header
from shared.nouns.state import State, Value
from shared.nouns.template import Template

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


@dataclass(frozen=True)
class Intent:
    """An apply that was begun. `answered` is False where no outcome was journalled: its effect is then unknown.

    `before` is what the change was to replace. `journalled` says that the intent has a journal entry of its own; until then
    it stands in the task's row only.
    """

    at: datetime
    attempt: int
    change: Mapping[str, Value]
    answered: bool
    before: Mapping[str, Value] = field(default_factory=dict)
    journalled: bool = False


@dataclass(frozen=True)
class Subject:
    """What a task is about, as a step sees it.

    `id` is opaque: row keys, messages, logs and spans carry it. `person` has the address and comes from the `people`
    table for this one attempt. `group` is an object id. `members` maps opaque person ids to directory object ids.
    `details` is what the request says about how to do it (never compared). `ids` are those that earlier applies
    returned; `intents` are all earlier applies of this task, oldest first. `seen` is what `read` has just found, for apply.
    """

    id: str
    partner: Partner
    person: Person | None = None
    group: str | None = None
    members: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    seen: State = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """What a request asks of one step for one subject, checked against its template and with its names looked up.

    `settings` is the request's block for the step over the template's. `guest`, `sponsors` (object ids) are there for a person,
    `members` (opaque person ids) for a batch.
    """

    header: Header
    template: Template
    partner: Partner
    settings: Mapping[str, Json]
    guest: GuestWish | None = None
    sponsors: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What must be true of a subject, and the words about how to bring it about (never compared)."""

    state: State
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A journal entry as an undo needs it: what was so before, what we made of it, and what we created."""

    before: State
    after: State
    ids: Mapping[str, str]
    created: bool


@dataclass(frozen=True)
class Step[Tenant]:
    """A kind of thing that must be true of the tenant.

    `name` is also its function and its queue. `permissions` are the Microsoft Graph application permissions it needs (least
    first), `exchange_roles` the Exchange cmdlets' roles. `lanes` names the workloads whose pace its writes keep. `subject`
    says what a task of this step is about. `after` names the steps that must be settled before, for the same subject.
    `deadline` is in seconds. `session` tells whether attempts at the same thing must not run at once. `keeps` names the
    state keys that hold the ids of the object, kept with the task for the steps after it. A state key `ours`, where a step can
    tell it, says that this very task has created the object.

    * `wanted(ask)` -> what must be true, or None where the request does not ask for it. Raises Refusal for settings that are wrong.
    * `read(tenant, subject)` -> the state that is there. Raises NotYet or WontWork; an absent thing is `None`, a failed
      read never is.
    * `explain(subject, actual)` -> why nothing can be done with what is there (a sentence), or None.
    * `apply(tenant, subject, change)` -> the ids of what is now there. `change` holds the keys that differ.
    * `undo(tenant, subject, entry)` -> acts only if the current value equals our after-image, else raises WontWork and
      shows both. It bears repetition.
    * `settled(subject, actual)` -> a sentence that says what is true, for people.
    """

    name: str
    sentence: str
    subject: str
    permissions: tuple[str, ...]
    lanes: tuple[str, ...]
    wanted: Callable[[Ask], Wish | None]
    read: Callable[[Tenant, Subject], Awaitable[State]]
    explain: Callable[[Subject, State], str | None]
    apply: Callable[[Tenant, Subject, Mapping[str, Value]], Awaitable[Applied]]
    undo: Callable[[Tenant, Subject, Entry], Awaitable[Applied]]
    settled: Callable[[Subject, State], str]
    after: tuple[str, ...] = ()
    exchange_roles: tuple[str, ...] = ()
    deadline: float = 24 * 3600
    session: bool = False
    keeps: tuple[str, ...] = ()
