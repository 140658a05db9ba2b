"""What the two steps for mail connectors share: made disabled, read back, mail flow checked, and only then enabled.

https://learn.microsoft.com/exchange/mail-flow-best-practices/use-connectors-to-configure-mail-flow/set-up-connectors-for-secure-mail-flow-with-a-partner
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.nouns.errors import Fault, Refusal
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value, difference
from shared.nouns.step import Ask, Entry, Subject
from shared.steps.exchange_values import after_writing, as_spelled, elements, way_back, within
from shared.tenant import Tenant
from shared.tenant.configured import Configured, ConfiguredObjects

MOST_NAME = 64
BY_HAND, NO_CHECK = "by-hand", "none"
VISIBLE_WAIT = 15.0
WHERE = "Exchange admin center > Mail flow > Connectors"
ENABLED = "Enabled"


@dataclass(frozen=True)
class Direction:
    """Inbound or outbound. `domains` is the parameter that has the partner's domains. `parameters` are the cmdlets' that can be
    asked for. `check` tells why mail does not flow by the connector with this identity, or None; `checked` is set with enabling."""

    step: str
    title: str
    objects: Callable[[Tenant], ConfiguredObjects]
    domains: str
    parameters: tuple[str, ...]
    check: Callable[[Tenant, Subject, str], Awaitable[str | None]]
    checked: Callable[[Subject], Mapping[str, Value]]


def details(ask: Ask, name: str | None, check: str, parameters: Mapping[str, Value]) -> dict[str, Json]:
    """What a task remembers of its block. The comment marks a connector as made by this very request (facts 4.5)."""
    own = name or f"Entente {ask.partner.name[:40]} {ask.partner.tenant_id[:8]}"
    asked: dict[str, Json] = {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()}
    return {"name": own, "check": check, "comment": f"Made by Entente, request {ask.header.id}", "parameters": asked}


def refuse_foreign(step: str, parameter: str, asked: tuple[str, ...], ours: tuple[str, ...]) -> None:
    """Raises Refusal where a domain is not the partner's."""
    if foreign := [domain for domain in asked if not within(domain, ours)]:
        raise Refusal(
            [Fault(f"steps.{step}.{parameter}", f"{', '.join(foreign)} is not among the partner's domains: add it there")]
        )


async def read(direction: Direction, tenant: Tenant, subject: Subject) -> State:
    """The connector's parameters, `connector` (its identity), `ours` (this request made it), and `conflict`: enabled connectors
    of others for the same domains."""
    everything = await direction.objects(tenant).all()
    mine = _mine(subject, everything)
    asked = asked_of(subject)
    others = [one for one in everything if one is not mine and one.values.get(ENABLED) is True]
    shared = sorted(one.name for one in others if elements(asked, direction.domains) & elements(one.values, direction.domains))
    if mine is None:
        return dict.fromkeys(direction.parameters) | {"connector": None, "ours": False, "conflict": tuple(shared)}
    shown = {key: as_spelled(asked.get(key), mine.values.get(key)) for key in direction.parameters}
    ours = mine.values.get("Comment") == subject.details.get("comment")
    return shown | {"connector": mine.identity, "ours": ours, "conflict": tuple(shared)}


def explain(direction: Direction, subject: Subject, actual: State) -> str | None:
    """Somebody else's connector serves these domains already, and there is none of this name."""
    conflict = actual.get("conflict")
    if actual.get("connector") is not None or not isinstance(conflict, tuple) or not conflict:
        return None
    names = " and ".join(repr(name) for name in conflict)
    return (
        f"The {direction.title} {names} is enabled for domains of {subject.partner.name} already: name it in the request "
        f"(steps.{direction.step}.Name) to have it changed, or disable it in {WHERE}"
    )


async def apply(direction: Direction, tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The connector has what is to change. A new one is made disabled and read back; it is enabled once mail was seen to flow.

    Raises WontWork where mail does not flow: a connector made for this is then gone again, and any other is as it was.
    """
    actual = subject.seen or await read(direction, tenant, subject)
    if why := explain(direction, subject, actual):
        raise WontWork(why)
    objects, asked = direction.objects(tenant), asked_of(subject)
    identity, new = actual.get("connector"), False
    sent = {key: _union(value, actual.get(key)) for key, value in change.items() if key != ENABLED or value is False}
    if not isinstance(identity, str):
        identity, new = await _made(objects, subject, asked), True
    elif sent:
        await objects.set(identity, sent)
    fresh = new or (actual.get("ours") is True and actual.get(ENABLED) is not True)
    with after_writing(wrote=new or bool(sent), left=(ENABLED,)):
        try:
            if new:
                await _read_back(direction, objects, identity, asked)
            enabled = await _let_flow(direction, tenant, subject, identity, on=not new and actual.get(ENABLED) is True)
        except WontWork as error:
            raise WontWork(f"{error.reason}. {await _taken_back(objects, identity, actual, sent, fresh=fresh)}") from None
    return Applied(ids={"connector": identity}, created=new, note="" if enabled else "The connector is there, and disabled")


async def undo(direction: Direction, tenant: Tenant, _subject: Subject, entry: Entry) -> Applied:
    """The connector that we made is gone, or the values that we changed are those of before."""
    objects = direction.objects(tenant)
    identity = entry.ids.get("connector") or str(entry.after.get("connector") or "")
    there = await objects.one(identity) if identity else None
    if there is None:
        return Applied(note="The connector is gone already")
    back = way_back(entry, there.values, direction.parameters)
    # A connector that somebody has disabled since has no effect on mail, so taking it away widens nothing.
    changed = [said for said in back.changed if not (entry.created and said.startswith(f"{ENABLED} "))]
    added = [key for key in direction.parameters if _added(entry, there, key)] if entry.created else []
    if changed or added:
        said = "; ".join([*changed, *(f"{key} has more than we gave it" for key in added)])
        raise WontWork(
            f"The {direction.title} {there.name!r} was changed by somebody after us ({said}): set it by hand as it should be"
        )
    if entry.created:
        await objects.remove(there.identity)
        return Applied(note="The connector that we had made was removed")
    emptied = [key for key, value in back.to_set.items() if value == () and entry.before.get(key)]
    if emptied:
        raise WontWork(
            f"{emptied[0]} of the {direction.title} {there.name!r} would be empty, and so open to all: somebody took out what was there "
            "before us. Set it by hand as it should be"
        )
    if back.to_set:
        await objects.set(there.identity, back.to_set)
    note = "The values of before are set again" if back.to_set else "The values are those of before already"
    return Applied(ids={"connector": there.identity}, note=note)


def settled(direction: Direction, subject: Subject, actual: State) -> str:
    """Whether the connector is on, and for which domains."""
    state = "enabled" if actual.get(ENABLED) else "disabled"
    already = "" if subject.intents else " already"
    return f"the {direction.title} is{already} {state} for {', '.join(sorted(elements(actual, direction.domains)))}"


def instruct(direction: Direction, check: str, subject: Subject, change: Mapping[str, Value]) -> str | None:
    """What a person has to do, where all that is left is to enable a connector whose mail flow no supported API can check."""
    if subject.details.get("check") != BY_HAND or dict(change) != {ENABLED: True}:
        return None
    name = subject.details.get("name")
    return (
        f"The {direction.title} {name!r} for {subject.partner.name} is ready and disabled. {check} Then enable it in {WHERE}, or with "
        f"Set-{direction.title.title().replace(' ', '')} -Identity '{name}' -Enabled $true. It is seen when that is done."
    )


def asked_of(subject: Subject) -> dict[str, Value]:
    """All parameters that the task wants, whatever of them differs now."""
    given = subject.details.get("parameters")
    found = given if isinstance(given, dict) else {}
    return {
        key: tuple(str(item) for item in value) if isinstance(value, list) else value
        for key, value in found.items()
        if isinstance(value, str | bool | int | list)
    }


async def _made(objects: ConfiguredObjects, subject: Subject, asked: Mapping[str, Value]) -> str:
    """The identity of a new, disabled connector."""
    whole = {"Name": subject.details.get("name"), "Comment": subject.details.get("comment"), "ConnectorType": "Partner"}
    plain = {key: str(value) for key, value in whole.items()}
    return (await objects.new({**plain, **asked, ENABLED: False})).identity


async def _read_back(direction: Direction, objects: ConfiguredObjects, identity: str, asked: Mapping[str, Value]) -> None:
    """The new connector is there and is as asked. Raises NotYet where it is not visible, WontWork where it is otherwise."""
    there = await objects.one(identity)
    if there is None:
        raise NotYet(f"The new {direction.title} is not visible yet", after=VISIBLE_WAIT)
    shown = {key: as_spelled(value, there.values.get(key)) for key, value in asked.items()}
    if differs := difference({key: value for key, value in asked.items() if key != ENABLED}, shown):
        said = "; ".join(f"{key} {value!r} was kept as {shown.get(key)!r}" for key, value in differs.items())
        raise WontWork(f"Exchange Online did not take the {direction.title} as it was asked for: {said}")


async def _let_flow(direction: Direction, tenant: Tenant, subject: Subject, identity: str, *, on: bool) -> bool:
    """Whether the connector is enabled now: after its check, unless it was before or is to stay disabled or to be enabled by hand.

    What was changed at one that is on is checked too. Raises WontWork where mail does not flow.
    """
    check = subject.details.get("check")
    if asked_of(subject).get(ENABLED) is not True or check == BY_HAND:
        return on
    if check != NO_CHECK and (failed := await direction.check(tenant, subject, identity)):
        raise WontWork(failed)
    if not on:
        passed = {} if check == NO_CHECK else direction.checked(subject)
        await direction.objects(tenant).set(identity, {ENABLED: True, **passed})
    return True


async def _taken_back(objects: ConfiguredObjects, identity: str, actual: State, sent: Mapping[str, Value], *, fresh: bool) -> str:
    if fresh:
        await objects.remove(identity)
        return "The connector that was made for it was never enabled, and was removed again"
    if sent:
        await objects.set(identity, {key: actual.get(key) for key in sent})
    return "The connector is as it was"


def _mine(subject: Subject, everything: tuple[Configured, ...]) -> Configured | None:
    """The connector of an earlier apply, else the one that has the name asked for."""
    known, name = subject.ids.get("connector"), str(subject.details.get("name")).casefold()
    by_id = next((one for one in everything if one.identity == known), None)
    return by_id or next((one for one in everything if one.name.casefold() == name), None)


def _union(value: Value, there: Value) -> Value:
    """A list keeps what others have put into it."""
    return tuple(sorted({*value, *there})) if isinstance(value, tuple) and isinstance(there, tuple) else value


def _added(entry: Entry, there: Configured, key: str) -> bool:
    return isinstance(entry.after.get(key), tuple) and bool(elements(there.values, key) - elements(entry.after, key))
