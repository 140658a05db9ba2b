"""Which of the partner's domains a step is about."""

from collections.abc import Iterable

from shared.nouns.errors import Fault, Refusal
from shared.nouns.partner import Partner


def asked_domains(step: str, asked: Iterable[str] | None, partner: Partner) -> tuple[str, ...]:
    """The domains asked for, or all of the partner's, sorted. Raises Refusal for one that is not the partner's."""
    named = tuple(asked or ())
    foreign = [domain for domain in named if not _within(domain, partner.domains)]
    if foreign:
        raise Refusal([Fault(f"steps.{step}.domains", f"{', '.join(foreign)} is not among the partner's domains: add it there")])
    return tuple(sorted(set(named or partner.domains)))


def _within(domain: str, domains: tuple[str, ...]) -> bool:
    return any(domain == one or domain.endswith(f".{one}") for one in domains)
