"""The step contract: one file in `shared/steps/` says one true sentence about the tenant by filling in a `Step`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied
from shared.nouns.partner import Partner
from shared.nouns.person import Person
from shared.nouns.power import Power
from shared.nouns.request import GuestWish, Header
from shared.nouns.state import State, Value
from shared.nouns.template import Template


@dataclass(frozen=True)
class Intent:
    """An apply that was begun. `answered` is False where no outcome was journalled: its effect is then unknown.

    `before` is what the change was to replace. `journalled` says that the intent has a journal entry of its own; until then
    it stands in the task's row only. `left` are the keys that were to change and certainly were not, because the apply got
    no further: `change` is without them.
    """

    at: datetime
    attempt: int
    change: Mapping[str, Value]
    answered: bool
    before: Mapping[str, Value] = field(default_factory=dict)
    journalled: bool = False
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What a task is about, as a step sees it.

    `id` is opaque: row keys, messages, logs and spans carry it. `name` is what a named subject is called in the request, else
    empty. `person` has the address and comes from the `people`
    table for this one attempt. `group` is an object id; `new_group` says that the same request has made that
    group, so lately that replicas may not have it. `members` maps opaque person ids to directory object ids.
    `details` is what the request says about how to do it (never compared). `ids` are those that earlier applies
    returned; `intents` are all earlier applies of this task, oldest first. `seen` is what `read` has just found, for apply.
    `kept` is, for undo, what the person's own data were before (see `Step.personal`); empty where they were erased.
    `waited` is how long ago the task, or for undo the taking back, was first attempted, in seconds.
    """

    id: str
    partner: Partner
    person: Person | None = None
    group: str | None = None
    new_group: bool = False
    members: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    seen: State = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    waited: float = 0.0

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]


@dataclass(frozen=True)
class Ask:
    """What a request asks of one step for one subject, checked against its template and with its names looked up.

    `settings` is the request's block for the step over the template's. `guest`, `sponsors` (object ids) are there for a person,
    `members` (opaque person ids) for a batch. `name` is there for a named subject, and `settings` is then that name's block.
    """

    header: Header
    template: Template
    partner: Partner
    settings: Mapping[str, Json]
    guest: GuestWish | None = None
    sponsors: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Wish:
    """What must be true of a subject, and the words about how to bring it about (never compared).

    `group` is the group that it is about: a name or object id of the template, or the name of a group that the same request
    creates. The step sees its object id as `Subject.group`, and waits until the group is there.
    """

    state: State
    details: Mapping[str, Json] = field(default_factory=dict)
    group: str | None = None


class Weight(StrEnum):
    """What a finding means for the request."""

    REFUSES = "refuses"
    WARNS = "warns"
    TELLS = "tells"


@dataclass(frozen=True)
class Finding:
    """Something in the tenant that a step will meet. `setting` names it, `value` is what was read (no addresses), `where` says
    where an administrator changes it, `why` is the sentence for people. `grant`: our identity lacks a permission; a request that meets
    this is only planned until somebody has granted it, where anything else that refuses does refuse it."""

    weight: Weight
    setting: str
    value: str
    where: str
    why: str
    grant: bool = False


@dataclass(frozen=True)
class Preflight:
    """What a step looks ahead for: the partner, the request without its guests, the template, the step's settings, how many
    guests there are, their domains, and the application permissions that our token carries."""

    partner: Partner
    header: Header
    template: Template
    settings: Mapping[str, Json]
    guests: int
    guest_domains: tuple[str, ...]
    roles: frozenset[str]


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
    first), `exchange_roles` the Exchange cmdlets' roles. `power` says which app carries it out where there are several, so that no
    identity holds the permissions of all. `lanes` names the workloads whose pace its writes keep. `subject`
    says what a task of this step is about: `partner` (one task), `person`, `batch` (one group and up to 20 guests) or `named` (the
    request's block for the step maps names of lower-case letters, digits and hyphens to settings; one task for each).
    `after` names the steps that must be settled before, for the same subject, a batch it is in, or the partner.
    `deadline` is in seconds. `session` tells whether attempts at the same thing must not run at once; `shared` names that thing
    where it is one for all partners, such as a tenant-wide list. `sensitive` steps need an approver unless the template says
    otherwise. `keeps` names the state keys that hold the ids of the object, kept with the task for the steps after it. A state
    key `ours`, where a step can tell it, says that this very task has created the object. `addresses` names the details that are
    persons' addresses: they are kept in the `people` table alone, and are there again when a task is attempted. What is
    not `reversible`, such as a mail, is left out where a partner's tasks are taken back. `common` names the details that, with the
    group, say which object of ours a task is about, where several partners may ask for the same: whoever leaves first hands over
    what was changed to one who still wants it. It is None where what a task is about is its own partner's.

    `asks_exchange`: its preflight asks Exchange Online though its writes are elsewhere; Exchange takes very few calls at once.

    `personal` names keys that `read` gives besides those that are wanted: data of the person (texts), which apply replaces. No journal
    has them: before the first apply they are kept in the `people` table, with the request, and erased with the person.

    Whether a step that a clean-up run asks for (`by_clock`) is still wanted is asked again just before it is carried out.

    * `wanted(ask)` -> what must be true, or None where the request does not ask for it. Raises Refusal for settings that are wrong.
    * `read(tenant, subject)` -> the state that is there. Raises NotYet or WontWork; an absent thing is `None`, a failed
      read never is.
    * `explain(subject, actual)` -> why nothing can be done with what is there (a sentence), or None.
    * `apply(tenant, subject, change)` -> the ids of what is now there. `change` holds the keys that differ.
    * `undo(tenant, subject, entry)` -> acts only if the current value equals our after-image, else raises WontWork and
      shows both. It bears repetition.
    * `settled(subject, actual)` -> a sentence that says what is true, for people.
    * `preflight(tenant, ahead)` -> what in the tenant will refuse or hinder it; reading only.
    * `instruct(subject, change)` -> where it gives a text, a person does this by hand: nothing is applied, the text is shown,
      and the step is done when `read` shows it.
    """

    name: str
    sentence: str
    subject: str
    permissions: tuple[str, ...]
    power: Power
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
    shared: str = ""
    sensitive: bool = False
    keeps: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    reversible: bool = True
    by_clock: bool = False
    asks_exchange: bool = False
    personal: tuple[str, ...] = ()
    common: tuple[str, ...] | None = None
    preflight: Callable[[Tenant, Preflight], Awaitable[tuple[Finding, ...]]] | None = None
    instruct: Callable[[Subject, Mapping[str, Value]], str | None] | None = None
