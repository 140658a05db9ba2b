"""What is done about what others changed: one readable table, from which docs/reactions.md is made. Pure.

A notification says only that something may have changed. What was known is compared with what is there now, so that copies, other
orders and replays of a notification change nothing: when every rule has had its say, what is known is what is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["guest", "member"]
There = Literal["there", "deleted", "gone"]
INVITED, REDEEMED, WARNED, BLOCKED, DELETED, GONE = "invited", "redeemed", "warned", "blocked", "deleted", "gone"
BY_OTHERS = "other"


@dataclass(frozen=True)
class Known:
    """What our tables say of a guest. `sponsors` are those on record whom the directory has named before, and `named` all whom it is
    known to have named or are on record (None before it was read for the first time). `fresh` says that this was written less than the
    consistency horizon ago, and `was` the stage before ("" where that is not known): a read that shows it again may be from then."""

    stage: str
    kind: Kind = "guest"
    blocked_by: str = ""
    redeemed: bool = False
    sponsors: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    fresh: bool = False
    was: str = ""


@dataclass(frozen=True)
class Now:
    """What the directory says of the same person. `by` is who of ours blocked or deleted them as far as that is known, else other."""

    there: There
    kind: Kind = "guest"
    enabled: bool = True
    accepted: bool = False
    sponsors: tuple[str, ...] = ()
    by: str = BY_OTHERS


@dataclass(frozen=True)
class Rule:
    """One row of the table. `event` is the name in the journal. `setting` names the fields of a template that decide more. `applies`
    and `becomes` are there for guests; other rules say what functions of their own do. `waits` says that a fresh record
    is believed rather than what is read; `tells` that a person should know."""

    event: str
    about: str
    condition: str
    reaction: str
    setting: str = ""
    applies: Callable[[Known, Now], bool] | None = None
    becomes: Callable[[Known, Now], Known] | None = None
    waits: bool = False
    tells: bool = False


def _alive(now: Now) -> str:
    """The stage of a guest who can sign in."""
    return REDEEMED if now.accepted else INVITED


def _unsponsored(known: Known, now: Now) -> bool:
    return bool(set(known.sponsors) - set(now.sponsors))


def _newly_named(known: Known, now: Now) -> bool:
    return known.named is not None and bool(set(now.sponsors) - set(known.named))


RULES: tuple[Rule, ...] = (
    Rule(
        "guest-gone",
        "guest",
        "the guest is neither among the users nor among the deleted ones any more",
        "the guest's stage is `gone`; a person is told where it was not the clean-up",
        applies=lambda known, now: now.there == "gone" and known.stage != GONE,
        becomes=lambda known, now: replace(known, stage=GONE),
        waits=True,
        tells=True,
    ),
    Rule(
        "guest-deleted",
        "guest",
        "the guest is among the deleted users",
        "stage `deleted`, with the day; nothing is restored by itself. What the guest had is shown as drift",
        setting="drift",
        applies=lambda known, now: now.there == "deleted" and known.stage != DELETED,
        becomes=lambda known, now: replace(known, stage=DELETED),
        waits=True,
        tells=True,
    ),
    Rule(
        "guest-restored",
        "guest",
        "a guest on record as deleted is among the users again",
        "the stage is what the directory says; the last day stands, and the next clean-up looks at them like at anybody",
        applies=lambda known, now: now.there == "there" and known.stage in {DELETED, GONE},
        becomes=lambda known, now: replace(known, stage=_alive(now), blocked_by=""),
        waits=True,
        tells=True,
    ),
    Rule(
        "guest-became-member",
        "guest",
        "userType was Guest and is Member",
        "put on record, and a person is told: somebody has given them what our own people have. The clean-up leaves them alone",
        applies=lambda known, now: now.there == "there" and (known.kind, now.kind) == ("guest", "member"),
        becomes=lambda known, now: replace(known, kind="member"),
        tells=True,
    ),
    Rule(
        "member-became-guest",
        "guest",
        "userType was Member and is Guest",
        "put on record; they are a guest like others again",
        applies=lambda known, now: now.there == "there" and (known.kind, now.kind) == ("member", "guest"),
        becomes=lambda known, now: replace(known, kind="guest"),
    ),
    Rule(
        "guest-disabled",
        "guest",
        "the account is switched off, and it was not us",
        "stage `blocked`, blocked by `other`: nothing of ours ever switches it on again. While something of ours that "
        "blocks is under way for the partner, it is looked at again when that has ended",
        applies=lambda known, now: now.there == "there" and not now.enabled and known.stage not in {BLOCKED, DELETED, GONE},
        becomes=lambda known, now: replace(known, stage=BLOCKED, blocked_by=now.by),
        waits=True,
    ),
    Rule(
        "guest-enabled",
        "guest",
        "a guest on record as blocked can sign in again",
        "the stage is what the directory says, and a person is told where the block was ours; it is never blocked again by itself",
        applies=lambda known, now: now.there == "there" and now.enabled and known.stage == BLOCKED,
        becomes=lambda known, now: replace(known, stage=_alive(now), blocked_by=""),
        waits=True,
        tells=True,
    ),
    Rule(
        "invitation-redeemed",
        "guest",
        "externalUserState is Accepted for the first time, or the record has fallen back to invited",
        "stage `redeemed`, with the day; a mail that says what is open to them, where the template says so; tasks that were "
        "waiting for them are attempted at once",
        setting="redemption.welcome",
        applies=lambda known, now: now.there == "there" and now.accepted and (not known.redeemed or known.stage == INVITED),
        becomes=lambda known, now: replace(known, redeemed=True, stage=REDEEMED if known.stage == INVITED else known.stage),
    ),
    Rule(
        "redemption-reset",
        "guest",
        "externalUserState was Accepted and is PendingAcceptance",
        "stage `invited` again: somebody has reset the redemption",
        applies=lambda known, now: (
            now.there == "there" and not now.accepted and known.redeemed and known.stage not in {DELETED, GONE}
        ),
        becomes=lambda known, now: replace(known, redeemed=False, stage=INVITED if known.stage == REDEEMED else known.stage),
        waits=True,
    ),
    Rule(
        "sponsors-changed",
        "guest",
        "somebody who stood for the guest does not any more",
        "the sponsors on record are those of the directory; where nobody is left, the guest is without sponsor since then, and a person is told",
        applies=lambda known, now: now.there == "there" and _unsponsored(known, now),
        becomes=lambda known, now: replace(known, sponsors=tuple(one for one in known.sponsors if one in now.sponsors)),
        waits=True,
    ),
    Rule(
        "sponsor-named",
        "guest",
        "the directory names somebody for the guest who did not stand for them before",
        "they are on record as a sponsor too; whoever was listed for having none is off the list",
        applies=lambda known, now: now.there == "there" and _newly_named(known, now),
        becomes=lambda known, now: replace(known, sponsors=now.sponsors, named=now.sponsors),
        waits=True,
    ),
    Rule(
        "guest-appeared",
        "stranger",
        "a guest whom no request has named, of a partner on record (by the home tenant of the address, else by its domain)",
        "adopted: on record with `origin` adopted. The sponsor is who invited them (directory audit), else an owner of a group they "
        "are in; where neither is known they are adopted without, and listed for a person",
        setting="adoption",
    ),
    Rule(
        "unknown-guest",
        "stranger",
        "a guest of no partner on record",
        "listed for a person (`entente parked list`), once; never touched",
    ),
    Rule(
        "owned-elsewhere",
        "stranger",
        "a guest whom cross-tenant synchronization or entitlement management has brought in",
        "left alone: their own product follows them",
        setting="adoption.leave_alone",
    ),
    Rule(
        "own-person",
        "stranger",
        "one of our own people, who stands for nobody",
        "nothing",
    ),
    Rule(
        "left-group",
        "group",
        "a guest was taken out of a group that a request had put them into",
        "drift of that task: before and after on record; put back only by a person, because it widens",
        setting="drift",
    ),
    Rule(
        "group-deleted",
        "group",
        "a group of a partner's guests is gone",
        "a person is told, once, and it stands among the drift until it is there again or that is accepted; nothing where no request "
        "wants anybody in it any more",
        tells=True,
    ),
    Rule(
        "group-restored",
        "group",
        "a group that was on record as deleted is there again",
        "the entries among the drift and among what waits for a person are over",
    ),
    Rule(
        "sponsor-left",
        "sponsor",
        "somebody who stands for guests is disabled or gone",
        "on record since when. If it is still so after the grace period, somebody else is asked: the manager they last had (a copy is "
        "kept), else owners of the guests' groups; nobody is given more than so many, and who cannot be placed is listed for a person",
        setting="succession",
    ),
    Rule(
        "sponsor-back",
        "sponsor",
        "they can sign in again before the grace period is over",
        "nothing is asked of anybody",
        setting="succession.grace_days",
    ),
    Rule(
        "setting-changed",
        "setting",
        "what a finished task has made true is not so any more",
        "drift: reported, put back, or accepted, as the template says for the step; put back by itself only where that narrows",
        setting="drift",
    ),
    Rule(
        "domain-moved",
        "partner",
        "a domain of the partner belongs to another tenant, or to ours",
        "stop and tell: the partner's requests are paused but for one that takes it out, new ones are refused (also one that names the domain "
        "under its new owner, before we have noticed), nothing is put back or adopted for it, and it is listed for a person",
        tells=True,
    ),
)


def decide(known: Known, now: Now) -> tuple[tuple[Rule, Known], ...]:
    """The rules about a guest that apply, one after another, each with what is known afterwards.

    Where they would go back to what was before a fresh record, those that wait are left out: whoever asks has to look again later
    (`to_be_seen` says so).
    """
    found = _in_turn(known, now, RULES)
    goes_back = known.fresh and bool(found) and _state(found[-1][1].stage) == _state(known.was)
    return _in_turn(known, now, tuple(rule for rule in RULES if not rule.waits)) if goes_back else found


def _state(stage: str) -> str:
    """Blocked, deleted, gone, or able to sign in, whatever the process makes of them; nothing known counts as the last."""
    return stage if stage in {BLOCKED, DELETED, GONE} else ""


def _in_turn(known: Known, now: Now, rules: tuple[Rule, ...]) -> tuple[tuple[Rule, Known], ...]:
    found: list[tuple[Rule, Known]] = []
    for rule in rules:
        if rule.applies is not None and rule.becomes is not None and rule.applies(known, now):
            known = rule.becomes(known, now)
            found.append((rule, known))
    return tuple(found)


def to_be_seen(known: Known, now: Now) -> bool:
    """Something differs that is not believed yet."""
    return known.fresh and len(decide(known, now)) < len(decide(replace(known, fresh=False), now))


def by_event() -> Mapping[str, Rule]:
    """Every rule by its event."""
    return {rule.event: rule for rule in RULES}
