"""Application permissions that a step needs and our token does not carry."""

from collections.abc import Iterable

from shared.nouns.grants import covers
from shared.nouns.step import Finding, Weight

WHERE = "the managed identity's app roles on Microsoft Graph (a new role is in a token after up to 24 h)"


def missing(step: str, permissions: Iterable[str], roles: frozenset[str]) -> tuple[Finding, ...]:
    """One refusal for each permission that is not there."""
    return tuple(
        Finding(
            Weight.REFUSES,
            permission,
            "not in our token",
            WHERE,
            f"Step {step} needs the application permission {permission}, which our token does not carry: grant it",
            grant=True,
        )
        for permission in permissions
        if not covers(roles, permission)
    )


def unread(what: str, permission: str) -> Finding:
    """That something could not be looked at, and what would allow it."""
    return Finding(
        Weight.TELLS,
        permission,
        "not in our token",
        WHERE,
        f"{what} could not be looked at: that needs the application permission {permission}",
    )
