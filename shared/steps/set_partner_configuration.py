"""The partner's cross-tenant access configuration is as asked."""

from collections.abc import Mapping

from pydantic import BaseModel

from shared.nouns.checked import checked
from shared.nouns.json_text import Json
from shared.nouns.outcomes import Applied
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.partner_settings import PartnerConfigurationSettings, Whole
from shared.steps.preflights.partner_configuration import PERMISSIONS, preflight
from shared.tenant import Tenant
from shared.tenant.blocks import (
    BLOCKS,
    EVERYBODY,
    EVERYTHING,
    NO_PARTNER,
    PARTS,
    PartnerConfiguration,
    permits_nothing,
    plain,
    written,
)

STEP = "set-partner-configuration"
# What was taken from the configuration a moment ago is still shown by replicas that are behind: so long, it is not left for that.
BEHIND_SECONDS = 300.0


def wanted(ask: Ask) -> Wish | None:
    """The blocks that are asked for; None where none is."""
    asked = checked(PartnerConfigurationSettings, dict(ask.settings), ("steps", STEP))
    blocks: dict[str, Value] = {name: _text(name, block) for name in BLOCKS if (block := getattr(asked, name)) is not None}
    details: dict[str, Json] = {"blocks": {name: str(text) for name, text in blocks.items()}, "reopen": asked.reopen}
    return Wish(blocks, details) if blocks else None


async def read(tenant: Tenant, subject: Subject) -> State:
    """What holds for each block, the partner's own or else the default's; `closed` names the blocks that were shut for this
    very partner, `partner` is its configuration's id."""
    found = await tenant.partner_configurations.read(subject.partner.tenant_id)
    asked = _asked(subject)
    shown: dict[str, Value] = {
        name: asked[name] if asked.get(name) == found.effective(name) else found.shown(name) for name in BLOCKS
    }
    return shown | {
        "partner": found.tenant_id if found.exists else None,
        "closed": _closed(found),
        "ours": _is_ours(subject, found),
    }


def explain(subject: Subject, actual: State) -> str | None:
    """Somebody has closed for this partner what is to be opened, and the request does not say that it knows."""
    closed = actual.get("closed")
    asked = _asked(subject)
    against = [
        name for name in (closed if isinstance(closed, tuple) else ()) if name in asked and not permits_nothing(asked[name])
    ]
    if not against or subject.details.get("reopen") is True:
        return None
    return (
        f"Somebody has closed {' and '.join(against)} for {subject.partner.name} (tenant {subject.partner.tenant_id}): find out who and "
        f"why; if it is to be opened again, say reopen: true in steps.{STEP}"
    )


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """The blocks that differ are written as a whole, in one write; others are left as they are."""
    blocks = {name: value for name, value in change.items() if name in BLOCKS and isinstance(value, str)}
    exists = subject.seen.get("partner") is not None if subject.seen else True
    created = await tenant.partner_configurations.set_blocks(subject.partner.tenant_id, blocks, exists=exists)
    return Applied(ids={"partner": subject.partner.tenant_id}, created=created)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """The blocks that we changed are those of before; the configuration goes only where we created it and nothing else is in it."""
    before = {name: value for name, value in entry.before.items() if name in BLOCKS and isinstance(value, str)}
    after = {
        name: value for name, value in entry.after.items() if name in before and isinstance(value, str) and value != before[name]
    }
    created = entry.created or any(value.endswith(NO_PARTNER) for value in before.values())
    patient = subject.waited < BEHIND_SECONDS
    note = await tenant.partner_configurations.restore(subject.partner.tenant_id, before, after, created=created, patient=patient)
    return Applied(note=note)


def settled(subject: Subject, actual: State) -> str:
    """What holds of what was asked for."""
    already = "" if subject.intents else " already"
    held = ", ".join(f"{name}: {plain(str(actual.get(name)))}" for name in _asked(subject))
    return f"cross-tenant access is{already} as asked ({held})"


def _asked(subject: Subject) -> dict[str, str]:
    blocks = subject.details.get("blocks")
    return {name: str(text) for name, text in blocks.items()} if isinstance(blocks, dict) else {}


def _closed(found: PartnerConfiguration) -> tuple[str, ...]:
    return tuple(name for name in PARTS if name in found.own and permits_nothing(found.own[name]))


def _is_ours(subject: Subject, found: PartnerConfiguration) -> bool:
    before = [str(value) for intent in subject.intents for value in intent.before.values()]
    return found.exists and any(value.endswith(NO_PARTNER) for value in before)


def _text(name: str, block: Whole | BaseModel) -> str:
    if isinstance(block, BaseModel):
        return written(name, block.model_dump())
    everything = {"users": EVERYBODY, "applications": EVERYTHING}
    return "; ".join(f"{word} {block}: {everything[word]}" for word in PARTS[name])


SET_PARTNER_CONFIGURATION = Step(
    name=STEP,
    sentence="The partner's cross-tenant access configuration is as asked.",
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
    session=True,
    sensitive=True,
    keeps=("partner",),
    preflight=preflight,
)
