"""Chat and calls in Teams: out of the list of allowed domains, or into that of blocked ones where every other domain is allowed."""

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import NOT_READ, Part, shown, split
from shared.tenant import Tenant
from shared.tenant.federation import WHERE, Federation, blocked_by_hand, by_hand

ALL, LIST = "every domain is allowed", "in the list of allowed domains"


async def read(tenant: Tenant, partner: Partner) -> Value:
    """Which domains of the partner are let in, and how."""
    found = await tenant.external_access.federation()
    return NOT_READ if found is None else shown(_open(found, partner))


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """No domain of the partner is let in. Raises WontWork with what to run where a person does it, or where the list would be empty."""
    teams = tenant.external_access
    found = await teams.federation()
    if found is None:
        raise WontWork(f"Teams' external access is neither read nor written here: {to_be_run(found, partner)}")
    before = _open(found, partner)
    domains = tuple(domain for domain, _ in map(split, before))
    if not domains:
        return ()
    if not teams.writes:
        raise WontWork(f"Teams' external access is changed by hand here: {to_be_run(found, partner)}")
    if found.allowed is None:
        await teams.change_blocked(domains, ())
    else:
        await teams.change_allowed((), domains)
    return tuple(before)


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """The domains are let in again in the way of before."""
    teams, was = tenant.external_access, dict(map(split, before))
    found = await teams.federation()
    ways = set(was.values())
    if not was:
        return "Teams let no domain of the partner in before"
    if found is None or not teams.writes:
        raise WontWork(f"Let {', '.join(was)} in again by hand: {_back_by_hand(was)}")
    if ways != {LIST if found.allowed is not None else ALL}:
        raise WontWork(
            f"Teams' list of allowed domains was changed in kind since (before, {' and '.join(sorted(ways))}): decide by hand about "
            f"{', '.join(was)} ({WHERE})"
        )
    if found.allowed is not None:
        await teams.change_allowed(tuple(was), ())
    else:
        await teams.change_blocked((), tuple(was))
    return f"Teams lets {', '.join(was)} in again"


def to_be_run(found: Federation | None, partner: Partner) -> str:
    """What a person runs to shut the partner out."""
    if found is not None and found.allowed is not None:
        return by_hand(remove=tuple(domain for domain in partner.domains if found.allows(domain)))
    if found is not None:
        return blocked_by_hand(add=partner.domains)
    either = f"{by_hand(remove=partner.domains)}\n# Where it says AllowAllKnownDomains:"
    return f"{either}\n{blocked_by_hand(add=partner.domains)}"


def _back_by_hand(was: dict[str, str]) -> str:
    return by_hand(add=tuple(was)) if set(was.values()) == {LIST} else blocked_by_hand(remove=tuple(was))


def _open(found: Federation, partner: Partner) -> list[str]:
    if not found.users:
        return []
    way = ALL if found.allowed is None else LIST
    return [f"{domain}: {way}" for domain in partner.domains if found.allows(domain)]


FEDERATION = Part(
    key="federation",
    title="chat and calls in Teams",
    lasts="it can take up to 24 hours until everybody notices",
    read=read,
    close=close,
    reopen=reopen,
)
