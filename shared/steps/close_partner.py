"""The partner is shut out explicitly: no access, no chat, nothing shown, nothing trusted.

Not the same as taking back what was set up: that gives the partner the default again, which is often open (facts 15).
"""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, NotYet, WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.closings import PARTS
from shared.steps.closings.federation import FEDERATION, to_be_run
from shared.steps.closings.part import CLOSED, NOT_READ, open_in
from shared.tenant import Tenant

STEP = "close-partner"
# The id by which a person has said that a change was made that nobody can read.
CONFIRMED = "confirmed"


class ClosePartner(BaseModel):
    """There is nothing to choose: closed is closed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


def wanted(ask: Ask) -> Wish | None:
    """Every part is closed, for every domain that we know of the partner."""
    checked(ClosePartner, dict(ask.settings), ("steps", STEP))
    return Wish({part.key: CLOSED for part in PARTS}, {"domains": list(ask.partner.domains)})


async def read(tenant: Tenant, subject: Subject) -> State:
    """For each part `closed`, or what is open. `byHand` says that a person has to change Teams, and `run` what to run there."""
    partner = partner_of(subject)
    state: dict[str, Value] = {part.key: await part.read(tenant, partner) for part in PARTS}
    if state[FEDERATION.key] == NOT_READ and subject.ids.get(CONFIRMED):
        state[FEDERATION.key] = CLOSED
    run = None
    if state[FEDERATION.key] != CLOSED and not tenant.external_access.writes:
        run = to_be_run(await tenant.external_access.federation(), partner)
    return state | {"byHand": run is not None, "run": run}


def explain(subject: Subject, actual: State) -> str | None:
    """Nothing stands in the way of closing."""
    return None


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """Every part that is open is closed, whatever becomes of the others; those that cannot be are told. What a person does in Teams
    is left to them."""
    refused: dict[str, str] = {}
    waits: list[NotYet] = []
    done = 0
    for part in PARTS:
        if part.key not in change or (part is FEDERATION and not tenant.external_access.writes):
            continue
        try:
            await part.close(tenant, partner_of(subject))
            done += 1
        except WontWork as error:
            refused[part.key] = f"{part.title}: {error.reason}"
        except NotYet as error:
            waits.append(error)
    if waits:
        last = max(waits, key=lambda error: error.after)
        unknown = done > 0 or any(error.effect_unknown for error in waits)
        moves = any(error.moves_lane for error in waits)
        raise NotYet(last.reason, after=last.after, moves_lane=moves, effect_unknown=unknown)
    return Applied(refused=refused)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """Every part that we closed is as before, where it is still as we left it; the others are told."""
    notes: list[str] = []
    problems: list[str] = []
    restored: list[str] = []
    for part in reversed(PARTS):
        if not (before := open_in(entry.before, part.key)):
            continue
        try:
            notes.append(await part.reopen(tenant, partner_of(subject), before))
        except WontWork as error:
            problems.append(error.reason)
        else:
            restored.append(part.key)
    if problems:
        raise WontWork("; ".join(problems), restored)
    return Applied(note="; ".join(notes) or "Nothing was closed, so nothing is opened")


def settled(subject: Subject, actual: State) -> str:
    """What is closed, and for how long what was open goes on."""
    lasting = "; ".join(f"{part.title}: {part.lasts}" for part in PARTS) if subject.intents else "it was so already"
    confirmed = "; that Teams is closed was confirmed by a person and not read" if subject.ids.get(CONFIRMED) else ""
    return f"the partner is closed ({lasting}){confirmed}"


def instruct(subject: Subject, change: Mapping[str, Value]) -> str | None:
    """What a person runs in Teams, when all else is closed."""
    if set(change) != {FEDERATION.key} or subject.seen.get("byHand") is not True:
        return None
    end = (
        "It cannot be read here: confirm it when it is done."
        if subject.seen.get(FEDERATION.key) == NOT_READ
        else "This is seen by itself once it is done."
    )
    return f"All else is closed. In Teams PowerShell, as Teams Administrator:\n{subject.seen.get('run')}\n{end}"


def partner_of(subject: Subject) -> Partner:
    """The partner with every domain that is on record."""
    named = subject.details.get("domains")
    known = (str(name) for name in named) if isinstance(named, list) else ()
    return replace(subject.partner, domains=tuple(dict.fromkeys((*known, *subject.partner.domains))))


CLOSE_PARTNER = Step(
    name=STEP,
    sentence="The partner is shut out explicitly.",
    subject="partner",
    permissions=("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess", "Policy.ReadWrite.CrossTenantCapability"),
    power="settings",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    # Only where an earlier request's are taken back at the same time: they change the same objects.
    after=(
        "set-organization-relationship",
        "set-sharing-policy",
        "set-inbound-connector",
        "set-outbound-connector",
        "set-remote-domain",
        "allow-federation",
    ),
    exchange_roles=("Federated Sharing", "Remote and Accepted Domains"),
    session=True,
    instruct=instruct,
)
