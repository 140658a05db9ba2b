"""What a decision about a guest rests on, for people to check."""

from datetime import date, datetime, timedelta

from shared.nouns.sighting import Sighting
from shared.tables.guests import Guest

# Microsoft does not promise that one sign-in has one time in both.
SAME_SIGN_IN = timedelta(hours=1)


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
        *([f"suspicion: their last attempt to sign in, on {failed}, failed"] if (failed := failed_on(there)) else []),
    ]
    return "; ".join(said)


def failed_on(there: Sighting | None) -> date | None:
    """The day of their last attempt to sign in, if it did not succeed: a suspicion for a person, and never a reason.

    The interactive time is that of an attempt, whether it succeeded or not, and the successful one of either kind of sign-in. Where one is not
    known, nothing is.
    https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    if there is None or there.interactive is None or there.successful is None:
        return None
    return there.interactive.date() if there.interactive - there.successful > SAME_SIGN_IN else None


def _signed_in(interactive: datetime | None, background: datetime | None, successful: datetime | None) -> str:
    kinds = {"interactive": interactive, "non-interactive": background, "successful": successful}
    if not any(kinds.values()):
        return "sign-ins unknown"
    return "signed in " + ", ".join(f"{name} {at.date() if at else 'unknown'}" for name, at in kinds.items())
