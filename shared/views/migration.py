"""A migration from an organization relationship to capabilities, as people see it before it is done."""

from typing import Any

from shared.migration import BOTH_SIDES, MigrationPlan
from shared.nouns.partner import Partner


def migration_view(partner: Partner, plan: MigrationPlan) -> dict[str, Any]:
    """Line by line what the partner has and would have, what would be written, and what stands in the way."""
    old = plan.relationship
    return {
        "partner": partner.name,
        "tenantId": partner.tenant_id,
        "relationship": old.name if old else None,
        "enabled": old is not None and not plan.retired,
        "lines": [
            {"field": line.field, "old": line.old, "new": line.new, "verdict": line.verdict.value, "why": line.why}
            for line in plan.lines
        ],
        "opens": dict(plan.opens or {}),
        "trustMissing": plan.trust_missing,
        "keptDomains": list(plan.kept_domains),
        "loses": plan.loses,
        "problem": plan.problem or None,
        "finished": plan.finished,
        "note": BOTH_SIDES,
    }
