"""The partner's entries in the sharing policies of mailboxes. An entry for everybody (`*`, `Anonymous`) is not one partner's, and stays."""

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import Part, shown
from shared.steps.exchange_values import within
from shared.tenant import Tenant
from shared.tenant.sharing_policies import EVERYBODY, SharingPolicy, shows_more


async def read(tenant: Tenant, partner: Partner) -> Value:
    """The entries for domains of the partner."""
    return shown([said for policy in await tenant.sharing_policies.all() for said in _open(policy, partner)])


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """The entries are gone. Raises WontWork where the one for everybody would then give the partner more, when all else is done."""
    before: list[str] = []
    wider: list[str] = []
    for policy in await tenant.sharing_policies.all():
        if not (said := _open(policy, partner)):
            continue
        everybody = policy.actions(EVERYBODY) or ""
        mine = [policy.actions(entry.partition(":")[0]) or "" for entry in _entries(policy, partner)]
        if any(shows_more(everybody, actions) for actions in mine):
            wider.append(policy.name)
            continue
        await tenant.sharing_policies.change(policy, remove=_entries(policy, partner))
        before += said
    if wider:
        raise WontWork(
            f"The sharing policy {wider[0]!r} gives everybody more than it gives the partner: without its own entry the partner would get "
            "that. Change the entry for everybody (*) by hand first (Exchange admin center > Organization > Sharing > Individual sharing)"
        )
    return tuple(before)


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """The entries are back in their policies."""
    there = {policy.name: policy for policy in await tenant.sharing_policies.all()}
    for name in dict.fromkeys(_split(said)[0] for said in before):
        if (policy := there.get(name)) is None:
            raise WontWork(f"The sharing policy {name!r} was removed by somebody after us: give the entries to another by hand")
        wanted = [entry for other, entry in map(_split, before) if other == name]
        others = [entry for entry in wanted if policy.of(entry.partition(":")[0]) not in ((), (entry,))]
        if others:
            raise WontWork(f"Somebody has given {others[0]!r} another entry in {name!r} after us: set it by hand as it should be")
        if missing := [entry for entry in wanted if not policy.of(entry.partition(":")[0])]:
            await tenant.sharing_policies.change(policy, add=missing)
    return "The sharing policies have the partner's entries again"


def _entries(policy: SharingPolicy, partner: Partner) -> list[str]:
    return [entry for entry in policy.entries if within(entry.partition(":")[0].strip().lower(), partner.domains)]


def _open(policy: SharingPolicy, partner: Partner) -> list[str]:
    return [f"{policy.name} | {entry}" for entry in _entries(policy, partner)] if policy.enabled else []


def _split(said: str) -> tuple[str, str]:
    name, _, entry = said.rpartition(" | ")
    return name, entry


SHARING_POLICY = Part(
    key="sharingPolicy",
    title="calendars that our people share with the partner",
    lasts="what was shared before goes on until the people concerned take it back",
    read=read,
    close=close,
    reopen=reopen,
)
