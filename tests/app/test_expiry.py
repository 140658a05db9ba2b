"""The rules of clean-up: each by itself, dates as dates, and over random histories never a guest blocked or deleted by mistake."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.expiry import Circumstances, Decision, Move, Rule, Seen, SignIns, decide
from shared.nouns.expiry import Expiry
from shared.nouns.sighting import Sighting, packed, unpacked
from shared.tables.guests import Claim, Guest, claim_key

NOW = datetime(2028, 3, 10, 6, 0, tzinfo=UTC)
CHANGER = "99999999-0000-4000-8000-000000000001"
RULES = Expiry(
    changed_by=CHANGER,
    ended=0,
    not_redeemed=30,
    not_signed_in=90,
    no_sponsor=14,
    offboarded=0,
    denied=0,
    warnings=2,
    every=7,
    grace=30,
)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def guest(until: date | None = None, **more: object) -> Guest:
    known = {"sponsors": ("s",), "stage": "redeemed", **more}
    return Guest("p", "g", user="u", claims=(Claim("r", until),), **known)  # type: ignore[arg-type]  # as the table reads it


def active(**more: object) -> Seen:
    known = {"sign_ins": SignIns(ago(1), ago(2), ago(2)), "redemption": "Accepted", **more}
    return Seen("Guest", True, ago(900), **known)  # type: ignore[arg-type]  # spelled out by each test


def about(now: datetime = NOW, **more: Any) -> Circumstances:
    return Circumstances(**{"now": now, "rules": RULES, "sign_ins_usable": True, **more})


def judged(one: Guest, seen: Seen | None, held: str = "", **more: Any) -> Decision:
    return decide(one, seen, held, about(**more))


def test_who_is_wanted_and_active_is_left() -> None:
    assert judged(guest(), active()).reason is None


SILENT = SignIns(ago(200), ago(150), ago(150))


@pytest.mark.parametrize(
    ("one", "seen", "more", "rule"),
    [
        (guest(date(2028, 3, 1)), active(), {}, Rule.ENDED),
        (guest(), replace(active(redemption="PendingAcceptance"), created=None), {}, None),
        (guest(), replace(active(redemption="PendingAcceptance"), created=ago(31.5)), {}, Rule.NOT_REDEEMED),
        (guest(), replace(active(redemption="PendingAcceptance"), created=ago(29)), {}, None),
        (guest(), active(sign_ins=SILENT), {}, Rule.NOT_SIGNED_IN),
        (guest(), active(sign_ins=SignIns(ago(200), ago(3), None)), {}, None),
        (guest(), active(sign_ins=SignIns(ago(3), ago(200), None)), {}, None),
        (guest(), active(sign_ins=SignIns(ago(200), ago(200), ago(3))), {}, None),
        (guest(), active(sign_ins=SignIns()), {}, None),
        (guest(), active(sign_ins=SignIns(ago(200), None, ago(200))), {}, None),
        (guest(), active(sign_ins=SignIns(None, ago(200), ago(200))), {}, None),
        (guest(), active(sign_ins=SignIns(None, None, ago(200))), {}, None),
        (guest(), active(sign_ins=SILENT), {"sign_ins_usable": False}, None),
        (guest(redeemed=ago(5)), active(sign_ins=SILENT), {}, None),
        (guest(ends=date(2028, 9, 1), overrules=frozenset({claim_key("r")})), active(sign_ins=SILENT), {}, None),
        (guest(sponsors=(), orphaned_since=date(2028, 2, 1)), active(), {}, Rule.NO_SPONSOR),
        (guest(orphaned_since=date(2028, 2, 1)), active(), {}, None),
        (guest(orphaned_since=date(2028, 2, 1)), active(), {"away": frozenset({"s", "t"})}, Rule.NO_SPONSOR),
        (guest(sponsors=("s", "u"), orphaned_since=date(2028, 2, 1)), active(), {"away": frozenset({"s", "t"})}, None),
        (guest(), active(), {"away": frozenset({"s"})}, None),
        (guest(sponsors=()), active(), {}, None),
        (guest(), active(), {"offboarded": date(2028, 3, 1)}, Rule.OFFBOARDED),
        (guest(), active(denied=True), {"denied_since": date(2028, 3, 1)}, Rule.DENIED),
        (guest(), active(denied=True), {}, None),
        (guest(date(2020, 1, 1)), active(), {"rules": None}, None),
    ],
)
def test_each_rule_by_itself(one: Guest, seen: Seen, more: dict[str, Any], rule: Rule | None) -> None:
    reason = judged(one, seen, **more).reason
    assert (reason.rule if reason else None) == rule


@pytest.mark.parametrize("seen", [None, replace(active(), user_type="Member"), replace(active(), user_type="")])
def test_only_guests_are_touched(seen: Seen | None) -> None:
    assert judged(guest(date(2020, 1, 1)), seen).move is Move.KEEP


def test_who_is_held_or_synchronized_is_not_touched() -> None:
    late = guest(date(2020, 1, 1))
    assert judged(late, active(), "is exempt").move is Move.KEEP
    assert judged(late, active(synced=True)).move is Move.REPORT
    owned = judged(late, active(owner="access review 1 owns the account"))
    assert (owned.move, owned.words) == (Move.REPORT, "access review 1 owns the account")
    # Blocked by us or not, whoever else ends the account does it.
    shut = replace(late, stage="blocked", blocked_by="expiry", blocked_at=ago(90))
    assert judged(shut, replace(active(), enabled=False)).move is Move.DELETE
    assert judged(shut, replace(active(owner="access review 1 owns the account"), enabled=False)).move is Move.REPORT
    assert judged(replace(late, left_alone="admin", left_at=ago(10)), active()).move is Move.REPORT
    assert judged(replace(late, left_alone="admin", left_at=ago(40)), active()).move is Move.WARN


@pytest.mark.parametrize(
    ("last", "now", "over"),
    [
        # The day ends last at twelve hours behind UTC.
        (date(2028, 3, 9), datetime(2028, 3, 10, 11, 59, tzinfo=UTC), False),
        (date(2028, 3, 9), datetime(2028, 3, 10, 12, 0, tzinfo=UTC), True),
        # The night in which clocks change, in Europe and in America, is a night like any other.
        (date(2028, 3, 25), datetime(2028, 3, 26, 11, 59, tzinfo=UTC), False),
        (date(2028, 3, 25), datetime(2028, 3, 26, 12, 0, tzinfo=UTC), True),
        (date(2028, 2, 29), datetime(2028, 2, 29, 23, 59, tzinfo=UTC), False),
        (date(2028, 2, 29), datetime(2028, 3, 1, 12, 0, tzinfo=UTC), True),
        (date(2027, 12, 31), datetime(2028, 1, 1, 13, 0, tzinfo=UTC), True),
        # The same instant, told elsewhere on earth.
        (date(2028, 3, 9), datetime.fromisoformat("2028-03-10T01:00:00-12:00"), True),
        (date(2028, 3, 9), datetime.fromisoformat("2028-03-11T01:59:00+14:00"), False),
    ],
)
def test_a_last_day_is_over_when_it_is_over_everywhere(last: date, now: datetime, over: bool) -> None:
    seen = active(sign_ins=SignIns())
    assert (judged(guest(last), seen, now=now).reason is not None) is over


def test_warned_then_blocked_then_deleted() -> None:
    late = guest(date(2028, 3, 1))
    cycle = "ended:2028-03-01"
    assert judged(late, active()).move is Move.WARN
    once = replace(late, stage="warned", warnings=1, warned_at=ago(6), warned_for=cycle)
    assert judged(once, active()).move is Move.KEEP
    assert judged(replace(once, warned_at=ago(7)), active()).move is Move.WARN
    twice = replace(once, warnings=2, warned_at=ago(7))
    assert judged(twice, active()).move is Move.BLOCK
    # Told long ago, told of something else, or let in again since: from the beginning.
    assert judged(replace(twice, warned_at=ago(60)), active()).move is Move.WARN
    assert judged(replace(twice, warned_for="ended:2027-01-01"), active()).move is Move.WARN
    assert judged(replace(twice, stage="blocked", blocked_by="expiry", blocked_at=ago(1)), active()).move is Move.WARN
    shut = replace(twice, stage="blocked", blocked_by="expiry", blocked_at=ago(29))
    assert judged(shut, replace(active(), enabled=False)).move is Move.KEEP
    assert judged(replace(shut, blocked_at=ago(30)), replace(active(), enabled=False)).move is Move.DELETE
    for other in ("emergency", "offboard", "other", ""):
        by_others = replace(shut, blocked_at=ago(900), blocked_by=other)
        assert judged(by_others, replace(active(), enabled=False)).move is Move.KEEP
    assert judged(replace(shut, blocked_at=ago(900)), replace(active(), enabled=None)).move is Move.KEEP


def test_whom_a_person_keeps_after_the_block_is_let_in_again() -> None:
    shut = guest(date(2028, 3, 1), stage="blocked", blocked_by="expiry", blocked_at=ago(3))
    kept = replace(shut, ends=date(2028, 9, 1), overrules=frozenset({claim_key("r")}))
    assert judged(kept, replace(active(), enabled=False)).move is Move.RESTORE
    assert judged(replace(kept, blocked_by="other"), replace(active(), enabled=False)).move is Move.KEEP
    assert judged(kept, active()).move is Move.KEEP


@dataclass
class World:
    """A guest, the directory and what has been done, with no more code than it takes to say what must never happen."""

    guest: Guest
    seen: Seen
    now: datetime = NOW
    held: str = ""
    usable: bool = True
    offboarded: date | None = None
    warned: list[tuple[datetime, str]] = field(default_factory=list)
    shut: datetime | None = None
    gone: bool = False

    def decide(self) -> Decision:
        return decide(self.guest, None if self.gone else self.seen, self.held, self._about())

    def _about(self) -> Circumstances:
        return Circumstances(self.now, RULES, self.usable, self.offboarded)

    def run(self) -> None:
        """A run, and what its tasks make of the guest; what must never happen is held against the history."""
        decision = self.decide()
        move, reason = decision.move, decision.reason
        if move in {Move.KEEP, Move.REPORT, Move.RESTORE}:
            if move is Move.RESTORE:
                assert self.guest.blocked_by == "expiry"
                self.seen, self.shut = replace(self.seen, enabled=True), None
                self.guest = replace(self.guest, stage="redeemed", blocked_by="", warnings=0, warned_for="")
            return
        assert reason is not None
        assert not self.held, "an exempt or protected guest was touched"
        assert self.seen.user_type == "Guest"
        if reason.rule is Rule.NOT_SIGNED_IN:
            self._is_silent()
        if move is Move.WARN:
            self.warned.append((self.now, reason.cycle))
            number = self.guest.warnings + 1 if self.guest.warned_for == reason.cycle else 1
            self.guest = replace(
                self.guest, stage="warned", warnings=number, warned_at=self.now, warned_for=reason.cycle, why=reason.cycle
            )
        elif move is Move.BLOCK:
            recent = [at for at, cycle in self.warned if cycle == reason.cycle]
            assert len(recent) >= RULES.warnings, "blocked without its warnings"
            last = recent[-RULES.warnings :]
            assert all((late - soon).days >= RULES.every - 1 for soon, late in zip(last, [*last[1:], self.now], strict=True))
            self.seen, self.shut = replace(self.seen, enabled=False), self.now
            self.guest = replace(self.guest, stage="blocked", blocked_by="expiry", blocked_at=self.now)
        else:
            assert self.shut is not None, "deleted without having been blocked by us"
            assert (self.now.date() - self.shut.date()).days >= RULES.grace, "deleted without its grace"
            self.gone = True
            self.guest = replace(self.guest, stage="deleted", deleted_at=self.now)

    def _is_silent(self) -> None:
        times = self.seen.sign_ins
        assert self.usable
        assert times.interactive is not None
        assert times.background is not None
        assert all(self.now - at > timedelta(days=90) for at in vars(times).values() if at is not None)


def _wait(days: int) -> Callable[[World], None]:
    def wait(world: World) -> None:
        world.now += timedelta(days=days)

    return wait


def _sign_in(kind: str) -> Callable[[World], None]:
    def sign_in(world: World) -> None:
        if not world.gone and world.seen.enabled:
            world.seen = replace(world.seen, sign_ins=replace(world.seen.sign_ins, **{kind: world.now}))

    return sign_in


def _extend(days: int) -> Callable[[World], None]:
    def extend(world: World) -> None:
        ends = world.now.date() + timedelta(days=days)
        stage = "redeemed" if world.guest.stage == "warned" else world.guest.stage
        world.guest = replace(
            world.guest, ends=ends, overrules=frozenset(claim_key(claim.request) for claim in world.guest.claims), stage=stage
        )

    return extend


def _invite(days: int | None) -> Callable[[World], None]:
    def invite(world: World) -> None:
        until = None if days is None else world.now.date() + timedelta(days=days)
        claims = (*world.guest.claims, Claim(f"r{len(world.guest.claims)}", until))
        world.guest = replace(world.guest, claims=claims)

    return invite


def _others(enabled: bool) -> Callable[[World], None]:
    def switch(world: World) -> None:
        world.seen = replace(world.seen, enabled=enabled)
        if not enabled and world.shut is None:
            world.guest = replace(world.guest, stage="blocked", blocked_by="other", blocked_at=world.now)
        if enabled:
            world.shut = None

    return switch


def _hold(why: str) -> Callable[[World], None]:
    return lambda world: setattr(world, "held", why)


def _evidence(usable: bool) -> Callable[[World], None]:
    return lambda world: setattr(world, "usable", usable)


def _restore(world: World) -> None:
    if world.gone or world.guest.blocked_by == "expiry":
        world.gone, world.shut = False, None
        world.seen = replace(world.seen, enabled=True)
        world.guest = replace(world.guest, stage="redeemed", blocked_by="", warnings=0, warned_for="", deleted_at=None)


EVENTS = st.one_of(
    st.builds(_wait, st.sampled_from([0, 1, 6, 7, 8, 29, 30, 31, 45, 200])),
    st.builds(_sign_in, st.sampled_from(["interactive", "background", "successful"])),
    st.builds(_extend, st.sampled_from([-1, 0, 5, 90])),
    st.builds(_invite, st.sampled_from([0, 10, 100, None])),
    st.builds(_others, st.booleans()),
    st.builds(_hold, st.sampled_from(["", "is exempt"])),
    st.builds(_evidence, st.booleans()),
    st.just(_restore),
    st.just(World.run),
    st.just(World.run),
    st.just(World.run),
)
SINCE = st.one_of(st.none(), st.sampled_from([1, 89, 91, 400]).map(ago))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([None, -40, -1, 0, 3, 60]),
    st.builds(SignIns, SINCE, SINCE, SINCE),
    st.sampled_from(["Accepted", "PendingAcceptance", ""]),
    st.lists(EVENTS, max_size=60),
)
def test_no_history_ends_with_a_guest_blocked_or_deleted_by_mistake(
    until: int | None, sign_ins: SignIns, redemption: str, events: list[Callable[[World], None]]
) -> None:
    last = None if until is None else NOW.date() + timedelta(days=until)
    world = World(guest(last), active(sign_ins=sign_ins, redemption=redemption))
    for event in events:
        event(world)


@given(
    st.uuids().map(str),
    st.sampled_from(["Guest", "Member"]),
    st.sampled_from([True, False, None]),
    st.sampled_from(["PendingAcceptance", "Accepted", ""]),
    st.booleans(),
    st.lists(st.one_of(st.none(), st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1))), min_size=4, max_size=4),  # noqa: DTZ001
    st.sampled_from(["", "fabrikam.com"]),
    st.sampled_from(["", "northwind.com"]),
)
def test_what_a_run_keeps_of_a_guest_is_what_it_read(
    user: str,
    kind: str,
    enabled: bool | None,
    redemption: str,
    invited: bool,
    times: list[datetime | None],
    denied: str,
    domain: str,
) -> None:
    instants = [at.replace(tzinfo=UTC, second=0, microsecond=0) if at else None for at in times]
    created, *signed = instants
    one = Sighting(user, kind, enabled, created, redemption, invited, denied, signed[0], signed[1], signed[2], domain)
    assert unpacked(packed(one)) == one
