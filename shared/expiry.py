"""Whether a guest is warned, blocked, deleted, let in again or left alone: pure, and the same facts always give the same answer.

What is not known never speaks against a guest. Dates are dates: a last day is over when it is over everywhere on earth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from shared.nouns.expiry import Expiry
from shared.tables.guests import Guest

# The last place where a day ends is twelve hours behind UTC.
WEST = timedelta(hours=12)
# After so many more days than planned the next warning counts as the first again: nobody is blocked for what they were told long ago.
FORGOTTEN_DAYS = 30
# Somebody whom a person has to look at is not tried again before.
LEFT_DAYS = 30
RESTORABLE_DAYS = 30


class Move(StrEnum):
    """What becomes of a guest in a run. KEEP changes nothing; REPORT names them to a person and changes nothing either."""

    KEEP = "keep"
    REPORT = "report"
    WARN = "warn"
    BLOCK = "block"
    DELETE = "delete"
    RESTORE = "restore"


class Rule(StrEnum):
    """Why a guest goes, by the names of the rules in a template; the first that applies is told."""

    DENIED = "denied"
    OFFBOARDED = "offboarded"
    ENDED = "ended"
    NOT_REDEEMED = "not_redeemed"
    NO_SPONSOR = "no_sponsor"
    NOT_SIGNED_IN = "not_signed_in"


@dataclass(frozen=True)
class SignIns:
    """When the guest last signed in, by kind; None where it is not known. A successful one is of either kind before.

    https://learn.microsoft.com/graph/api/resources/signinactivity
    """

    interactive: datetime | None = None
    background: datetime | None = None
    successful: datetime | None = None

    @property
    def last(self) -> datetime | None:
        """The latest of all, or None where one of the two kinds is not known: what is missing may be the latest."""
        if self.interactive is None or self.background is None:
            return None
        return max(self.interactive, self.background, self.successful or self.interactive)


@dataclass(frozen=True)
class Seen:
    """What the directory says of a guest. `redemption` is PendingAcceptance, Accepted or "" where it does not say.

    `synced` says that the account was made by no invitation, while the partner synchronizes its people here. `owner` says in words which of
    Microsoft's own products ends the account, empty where none is known to.
    """

    user_type: str
    enabled: bool | None
    created: datetime | None
    redemption: str = ""
    sign_ins: SignIns = SignIns()
    denied: bool = False
    synced: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What holds for all guests of a partner in a run. `sign_ins_usable` is False where sign-in data is missing or stale. `away` are sponsors who
    have left: whoever has no other has nobody."""

    now: datetime
    rules: Expiry | None
    sign_ins_usable: bool
    offboarded: date | None = None
    denied_since: date | None = None
    away: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reason:
    """`since` is the day from which the rule counts; it also tells one cycle of warnings from the next."""

    rule: Rule
    since: date
    words: str

    @property
    def cycle(self) -> str:
        return f"{self.rule}:{self.since.isoformat()}"


@dataclass(frozen=True)
class Decision:
    """`reason` is None where no rule applies; `words` says why this and nothing else becomes of the guest."""

    move: Move
    words: str
    reason: Reason | None = None


def last_day_over(now: datetime) -> date:
    """The day that it is where days end last: one before it is over everywhere on earth."""
    return (now.astimezone(UTC) - WEST).date()


def decide(guest: Guest, seen: Seen | None, held: str, about: Circumstances) -> Decision:
    """What becomes of the guest now. `held` says what exempts or protects them, else empty."""
    if seen is None or seen.user_type.lower() != "guest":
        what = (
            "is not in the directory any more"
            if seen is None
            else "is a B2B member (no userType Guest), whom clean-up never touches"
        )
        return Decision(Move.KEEP, what)
    about = replace(about, now=about.now.astimezone(UTC))
    reason = next(reasons(guest, seen, about), None)
    if reason is None:
        return _back(guest, seen, about) or Decision(Move.KEEP, "no rule applies")
    if held:
        return Decision(Move.KEEP, held, reason)
    return _with_others(guest, seen, reason, about) or _next(guest, seen, reason, about)


def reasons(guest: Guest, seen: Seen, about: Circumstances) -> Iterator[Reason]:
    """Every rule that applies to the guest, the weightiest first."""
    rules, over = about.rules, last_day_over(about.now)
    if rules is None:
        return
    kept = guest.decided and guest.end is not None and guest.end >= over

    def due(days: int | None, since: date | None) -> bool:
        return days is not None and since is not None and (over - since).days > days

    if seen.denied and due(rules.denied, about.denied_since) and about.denied_since:
        yield Reason(Rule.DENIED, about.denied_since, "their domain may not be invited any more")
    if due(rules.offboarded, about.offboarded) and about.offboarded:
        yield Reason(Rule.OFFBOARDED, about.offboarded, f"their organization was offboarded on {about.offboarded}")
    if due(rules.ended, guest.end) and guest.end:
        yield Reason(Rule.ENDED, guest.end, f"{guest.end} was their last day")
    asked = _asked(guest, seen)
    # A person has said until when they stay, so their own silence is no reason before.
    if not kept and seen.redemption == "PendingAcceptance" and due(rules.not_redeemed, asked) and asked:
        yield Reason(Rule.NOT_REDEEMED, asked, f"they were invited on {asked} and have not accepted")
    if due(rules.no_sponsor, guest.orphaned_since) and about.away.issuperset(guest.sponsors) and guest.orphaned_since:
        yield Reason(Rule.NO_SPONSOR, guest.orphaned_since, f"nobody of ours has answered for them since {guest.orphaned_since}")
    silent = _silent(guest, seen, about)
    if not kept and due(rules.not_signed_in, silent) and silent:
        yield Reason(Rule.NOT_SIGNED_IN, silent, f"they have not signed in since {silent}")


def _asked(guest: Guest, seen: Seen) -> date | None:
    """When they were last asked to accept: by the directory, or by us where that was later."""
    known = [at.date() for at in (seen.created, guest.invited) if at is not None]
    return max(known, default=None) if seen.created is not None else None


def _silent(guest: Guest, seen: Seen, about: Circumstances) -> date | None:
    """Their last sign-in, or when they came where that was later; None where it is not known or cannot be true."""
    last = seen.sign_ins.last if about.sign_ins_usable else None
    if last is None or seen.created is None or seen.redemption == "PendingAcceptance" or last > about.now:
        return None
    known = [at for at in (last, seen.created, guest.redeemed) if at is not None]
    return max(known).date()


def _back(guest: Guest, seen: Seen, about: Circumstances) -> Decision | None:
    """Whom we have blocked for expiry, and whom a person has decided to keep, is let in again."""
    ours = guest.stage == "blocked" and guest.blocked_by == "expiry" and seen.enabled is False
    # By a person alone: that no rule applies any more, perhaps because one was taken out, is no wish to have somebody back.
    if ours and guest.decided and guest.end is not None and guest.end >= last_day_over(about.now):
        return Decision(Move.RESTORE, f"they stay until {guest.end}, as was decided after they had been blocked")
    return None


def _with_others(guest: Guest, seen: Seen, reason: Reason, about: Circumstances) -> Decision | None:
    """Who is somebody else's to decide on is told to a person, and left."""
    if seen.synced:
        return Decision(
            Move.REPORT, "cross-tenant synchronization owns the account: its scope in the partner's tenant decides", reason
        )
    if seen.owner:
        return Decision(Move.REPORT, seen.owner, reason)
    if guest.left_at is not None and (about.now - guest.left_at).days < LEFT_DAYS:
        return Decision(Move.REPORT, f"a person has to look: {guest.left_alone}", reason)
    return None


def _next(guest: Guest, seen: Seen, reason: Reason, about: Circumstances) -> Decision:
    rules = about.rules
    if rules is None:
        return Decision(Move.KEEP, "no rule applies")
    if seen.enabled is not True:
        return _blocked(guest, seen, reason, about, rules)
    warned = warnings_so_far(guest, reason.cycle, about.now, rules)
    since = (about.now.date() - guest.warned_at.date()).days if guest.warned_at is not None else 0
    if warned and since < rules.every:
        return Decision(Move.KEEP, f"{reason.words}; warned {warned} of {rules.warnings} times, {since} days ago", reason)
    if warned < rules.warnings:
        return Decision(Move.WARN, f"{reason.words}; warning {warned + 1} of {rules.warnings}", reason)
    return Decision(Move.BLOCK, f"{reason.words}; warned {warned} times, the last time {since} days ago", reason)


def warnings_so_far(guest: Guest, cycle: str, now: datetime, rules: Expiry) -> int:
    """How often they were warned about this very reason, as far as it still counts."""
    # Whom we had blocked and somebody has let in again is warned from the beginning.
    if guest.warned_for != cycle or guest.warned_at is None or guest.stage == "blocked":
        return 0
    return guest.warnings if (now.date() - guest.warned_at.date()).days <= rules.every + FORGOTTEN_DAYS else 0


def _blocked(guest: Guest, seen: Seen, reason: Reason, about: Circumstances, rules: Expiry) -> Decision:
    """Somebody who cannot sign in: deleted after the grace period, if it was we who blocked them."""
    ours = guest.blocked_by == "expiry" or (guest.blocked_by == "offboard" and reason.rule is Rule.OFFBOARDED)
    if seen.enabled is None or guest.stage != "blocked" or not ours or guest.blocked_at is None:
        return Decision(Move.KEEP, "cannot sign in, by somebody else's decision, which stays so", reason)
    if not rules.delete:
        return Decision(
            Move.KEEP, f"{reason.words}; blocked on {guest.blocked_at.date()}, and the template deletes nobody", reason
        )
    days = (about.now.date() - guest.blocked_at.date()).days
    if days < rules.grace:
        return Decision(Move.KEEP, f"{reason.words}; blocked {days} of {rules.grace} days", reason)
    return Decision(Move.DELETE, f"{reason.words}; blocked {days} days ago", reason)
