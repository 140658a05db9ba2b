"""The partner may see of ours, in Microsoft 365, what was asked: calendars, MailTips, profiles.

First choice over an organization relationship, whose road (Exchange Web Services) Microsoft is closing (facts 3.7).
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.preflights.capabilities import PERMISSIONS, TRUST, asks_for_trust, preflight
from shared.tenant import Tenant
from shared.tenant.blocks import permits_nothing, plain
from shared.tenant.capability_texts import ALL, CAPABILITIES, NOT_ALLOWED, going_back, scope_text

STEP = "set-capabilities"
_SCOPE = r"^(All|(user|group):[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
TRUST_WAIT = 15.0
Scope = Annotated[str, Field(pattern=_SCOPE)]


class Scopes(BaseModel):
    """Whose things are shown: `All`, or our users and groups as `user:<object id>` and `group:<object id>`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    included: Annotated[list[Scope], Field(min_length=1, max_length=100)]
    excluded: Annotated[list[Scope], Field(max_length=100)] = []


@cache
def settings_model() -> type[BaseModel]:
    """The block of a request: each capability by Graph's name, true for everybody, false for nobody, or its scopes."""
    fields: dict[str, Any] = dict.fromkeys(CAPABILITIES, (bool | Scopes | None, None))
    config = ConfigDict(strict=True, extra="forbid", frozen=True)
    model: type[BaseModel] = create_model("CapabilitiesSettings", __config__=config, **fields)
    return model


def wanted(ask: Ask) -> Wish | None:
    """The capabilities that are asked for; None where none is. Others are not touched."""
    asked = checked(settings_model(), dict(ask.settings), ("steps", STEP))
    named: dict[str, Value] = {name: _text(value) for name, value in asked if value is not None}
    details: dict[str, Json] = {
        "capabilities": {name: str(text) for name, text in named.items()},
        "trustAsked": asks_for_trust(ask.header.steps, ask.template),
    }
    return Wish(named, details) if named else None


async def read(tenant: Tenant, subject: Subject) -> State:
    """What holds for each capability, the partner's own or else the default's, and whether Microsoft 365 collaboration with the
    partner is allowed at all (`m365CollaborationInbound`), without which no capability works."""
    found = await tenant.capabilities.read(subject.partner.tenant_id)
    trust = (await tenant.partner_configurations.read(subject.partner.tenant_id)).effective(TRUST)
    asked = _asked(subject)
    shown: dict[str, Value] = {name: asked[name] if asked[name] == found.effective(name) else found.shown(name) for name in asked}
    return shown | {TRUST: trust}


def explain(subject: Subject, actual: State) -> str | None:
    """Nothing would work, because Microsoft 365 collaboration with the partner is off and this request does not turn it on."""
    opens = any(value.startswith("allowed") for value in _asked(subject).values())
    if not opens or not permits_nothing(str(actual.get(TRUST))) or subject.details.get("trustAsked") is True:
        return None
    return (
        f"Capabilities work only where the partner configuration allows {TRUST}, and that of {subject.partner.name} does not "
        f'({actual.get(TRUST)}): ask for "{TRUST}": "allowed" in steps.set-partner-configuration as well'
    )


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """Each capability that differs is set, one write for each. Raises NotYet while the configuration it needs is not there."""
    opening = [name for name, value in change.items() if str(value).startswith("allowed")]
    if opening and permits_nothing(str(subject.seen.get(TRUST, "nothing"))):
        raise NotYet(f"{TRUST} of {subject.partner.name} is not allowed yet, and {', '.join(opening)} need it", after=TRUST_WAIT)
    left = dict.fromkeys(change)
    for name, value in change.items():
        if not isinstance(value, str):
            continue
        try:
            await tenant.capabilities.set(subject.partner.tenant_id, name, value)
        except NotYet as error:
            # Those before this one are there now, which must not be recorded as nothing done.
            partly = error.effect_unknown or left.keys() != change.keys()
            kept = () if error.effect_unknown else left
            raise NotYet(error.reason, after=error.after, moves_lane=error.moves_lane, effect_unknown=partly, left=kept) from None
        del left[name]
    return Applied()


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """Each capability that we changed is as before; our own entry goes where there was none. What others changed is told when the
    rest is put back."""
    found = await tenant.capabilities.read(subject.partner.tenant_id)
    plans: dict[str, str | None] = {}
    problems: list[str] = []
    for name in CAPABILITIES:
        before, after = entry.before.get(name), entry.after.get(name)
        if not isinstance(before, str) or not isinstance(after, str) or before == after:
            continue
        try:
            due, back = going_back(found, name, before, after)
        except WontWork as error:
            problems.append(error.reason)
            continue
        if due:
            plans[name] = back
    for name, back in plans.items():
        if back is None:
            await tenant.capabilities.remove(subject.partner.tenant_id, name)
        else:
            await tenant.capabilities.set(subject.partner.tenant_id, name, back)
    if problems:
        raise WontWork("; ".join(problems), restored=plans)
    return Applied(note="The capabilities are as before" if plans else "The capabilities are as before already")


def settled(subject: Subject, actual: State) -> str:
    """What holds of what was asked for."""
    already = "" if subject.intents else " already"
    held = ", ".join(f"{name} {plain(str(actual.get(name)))}" for name in sorted(_asked(subject)))
    return f"the partner's capabilities are{already} as asked ({held}); the partner has to open its own to us"


def _asked(subject: Subject) -> dict[str, str]:
    asked = subject.details.get("capabilities")
    return {name: str(text) for name, text in asked.items()} if isinstance(asked, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, Scopes):
        lower = [[_lower(scope) for scope in scopes] for scopes in (value.included, value.excluded)]
        return scope_text(tuple(lower[0]), tuple(lower[1]))
    return scope_text((ALL,)) if value else NOT_ALLOWED


def _lower(scope: str) -> str:
    return scope if scope == "All" else scope.lower()


SET_CAPABILITIES = Step(
    name=STEP,
    sentence="The partner may see of ours in Microsoft 365 what was asked.",
    subject="partner",
    permissions=PERMISSIONS,
    power="settings",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    after=("set-partner-configuration",),
    session=True,
    sensitive=True,
    asks_exchange=True,
    preflight=preflight,
)
