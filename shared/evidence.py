"""What a decision about a guest rests on, for people to check."""

from datetime import date, datetime

from shared.nouns.sighting import Sighting
from shared.tables.guests import Guest


def evidence(guest: Guest, there: Sighting | None) -> str:
    """What the decision rests on, in words and days; a day that is not known is said to be unknown."""
    if there is None:
        return "not in the directory"

    def word(at: datetime | date | None) -> str:
        return "unknown" if at is None else at.isoformat()[:10]

    state = "enabled" if there.enabled else "disabled" if there.enabled is False else "enabled or not: unknown"
    warned = f"warned {guest.warnings} times, last {word(guest.warned_at)}" if guest.warnings else "not warned"
    said = [
        *([f"userType {there.user_type or 'unknown'}"] if there.user_type != "Guest" else []),
        state,
        {"PendingAcceptance": "not accepted", "Accepted": "accepted"}.get(there.redemption, "accepted or not: unknown"),
        f"created {word(there.created)}",
        _signed_in(there.interactive, there.background, there.successful),
        f"last day {guest.end or 'none'}{' (decided)' if guest.decided else ''}",
        f"sponsors: {len(guest.sponsors)}",
        warned,
    ]
    return "; ".join(said)


def _signed_in(interactive: datetime | None, background: datetime | None, successful: datetime | None) -> str:
    kinds = {"interactive": interactive, "non-interactive": background, "successful": successful}
    if not any(kinds.values()):
        return "sign-ins unknown"
    return "signed in " + ", ".join(f"{name} {at.date() if at else 'unknown'}" for name, at in kinds.items())
