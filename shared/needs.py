"""Which permissions the app needs for what it is set to do: those of the steps its templates allow, and of what it does besides. Pure.

`entente permissions` grants by it, `GET /api/health` and plans tell what of it is missing, and a test holds it against what a whole run uses.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.nouns.grants import covers
from shared.nouns.power import Power
from shared.nouns.step import Step


@dataclass(frozen=True)
class Need:
    """What a part of the app needs that is no step. `optional`: without it less is seen or told, and nothing fails."""

    of: str
    power: Power
    permissions: tuple[str, ...]
    optional: bool = False


INTAKE_NEEDS = Need(
    "taking requests in", "guests", ("CrossTenantInformation.ReadBasic.All", "Organization.Read.All", "User.Read.All")
)
BESIDES_STEPS = (
    INTAKE_NEEDS,
    Need(
        "looking ahead of invitations",
        "guests",
        ("Policy.Read.All", "Policy.Read.B2BManagementPolicy", "Agreement.Read.All"),
        optional=True,
    ),
    Need("hearing of changes", "guests", ("User.Read.All", "GroupMember.Read.All")),
    Need("finding guests who no longer come", "guests", ("AuditLog.Read.All", "User.Read.All"), optional=True),
    Need(
        "leaving guests to whoever ends their accounts",
        "guests",
        ("AccessReview.Read.All", "LifecycleWorkflows.Read.All", "EntitlementManagement.Read.All"),
        optional=True,
    ),
)
# Exchange grants these for single mailboxes, which no token shows; the step itself tries the mailbox.
# https://learn.microsoft.com/exchange/permissions-exo/application-rbac
BY_EXCHANGE = frozenset({"Mail.Send", "Mail.ReadBasic.All"})

# Steps that no template names: leaving, closing and clean-up bring them.
BY_THEMSELVES = frozenset(
    {"block-guest", "close-partner", "prove-closed", "warn-guest", "expire-guest", "delete-guest", "restore-guest"}
)
# Of those, what comes only where a template's partners end closed (`offboard`). Closing looks into Exchange Online whatever the steps were.
CLOSING = frozenset({"close-partner", "prove-closed"})
# Comes by itself where a template wants it (`expiry.unshare`), or by a person's wish.
UNSHARING = "unshare-with-guest"
# Steps that speak to SharePoint itself, where the role is SharePoint's own Sites.FullControl.All.
ON_SHAREPOINT = frozenset({"limit-site", "share-site"})


def steps_allowed(templates: Path) -> frozenset[str]:
    """The names of the steps that some template in the folder allows, or that come by themselves. What cannot be read allows none: who uses it is told why."""
    found = set(BY_THEMSELVES - CLOSING)
    for path in templates.glob("*.toml"):
        try:
            found |= allowed_by(tomllib.loads(path.read_text("utf-8")))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
    return frozenset(found)


def allowed_by(template: Mapping[str, Any]) -> frozenset[str]:
    """The names of the steps that this template allows, and of those that come because of what it says besides."""
    found = {str(name) for key in ("steps", "optional") for name in template.get(key) or ()}
    expiry = template.get("expiry")
    if isinstance(expiry, dict) and expiry.get("unshare", "no") != "no":
        found.add(UNSHARING)
    return frozenset(found | CLOSING if template.get("offboard", "closed") == "closed" else found)


def needed(steps: Iterable[Step[Any]], allowed: Collection[str], powers: Collection[Power]) -> frozenset[str]:
    """The application permissions on Microsoft Graph that must be there, without those that Exchange grants for a mailbox."""
    of_steps = {one for step in steps if step.name in allowed and step.power in powers for one in step.permissions}
    besides = {one for need in BESIDES_STEPS if need.power in powers and not need.optional for one in need.permissions}
    return frozenset((of_steps | besides) - BY_EXCHANGE)


def lacking(permissions: Iterable[str], roles: Collection[str]) -> tuple[str, ...]:
    """Which of the permissions a token with these roles does not carry, without those that Exchange grants for a mailbox."""
    return tuple(sorted({one for one in permissions if one not in BY_EXCHANGE and not covers(roles, one)}))


def in_exchange(step: Step[Any]) -> bool:
    """Whether the step is nothing without Exchange Online."""
    return bool(step.exchange_roles)
