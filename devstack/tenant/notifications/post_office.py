"""Which notices are due to whom, how often each was tried, and what became of it. Decides only; the courier acts."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from devstack.tenant.chance import Chance
from devstack.tenant.clock import TenantClock
from devstack.tenant.directory.changes import Change
from devstack.tenant.notifications.endpoints import Endpoints
from devstack.tenant.notifications.faults import NoticeFaults, NoticeRule
from devstack.tenant.notifications.notice import Notice
from devstack.tenant.notifications.settings import NoticeSettings
from devstack.tenant.notifications.subscriptions import Subscription, Subscriptions
from devstack.tenant.notifications.topics import EVENT_GRID, REAUTHORIZE, PartnerTopics

LIFECYCLE_EVENTS = ("reauthorizationRequired", "subscriptionRemoved", "missed")
_KEPT = 10_000
_LONGEST_GAP = 3_600.0


@dataclass(slots=True)
class Parcel:
    """Notices for one address that travel together, and travel again together if it does not answer."""

    notices: list[Notice]
    due: float
    first: float
    attempts: int = 0

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.notices[0].url

    @property
    def by_event_grid(self) -> bool:
        return self.url.startswith(EVENT_GRID)


@dataclass(slots=True)
class PostOffice:
    """Everything under way, and the last 10,000 outcomes."""

    tenant_id: str
    clock: TenantClock
    chance: Chance
    subscriptions: Subscriptions
    faults: NoticeFaults
    settings: NoticeSettings = field(default_factory=NoticeSettings)
    endpoints: Endpoints = field(default_factory=Endpoints)
    topics: PartnerTopics = field(default_factory=PartnerTopics)
    wake: Callable[[], None] = lambda: None
    under_way: int = 0
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    outcomes: Counter[str] = field(default_factory=Counter)
    _waiting: list[Notice] = field(default_factory=list)
    _again: list[Parcel] = field(default_factory=list)
    _topics: dict[tuple[str, str, str | None, bool], Notice] = field(default_factory=dict)
    _last: int = 0

    def changed(self, change: Change) -> None:
        """Everybody who subscribed to the change will be told."""
        now = self.clock.now()
        for subscription in self.subscriptions.by_id.values():
            if subscription.wants(change, now):
                self._tell(subscription, change)

    def announce(self, subscription: Subscription, event: str) -> None:
        """The lifecycle event goes to the subscription's lifecycle URL, if it has one; Event Grid has but one of these events."""
        by_event_grid = (subscription.lifecycle_url or "").startswith(EVENT_GRID)
        if subscription.lifecycle_url is not None and (event == REAUTHORIZE or not by_event_grid):
            self._post(Notice(self._number(), subscription, self.clock.seconds(), lifecycle=event))

    def remind(self) -> None:
        """Expired subscriptions are gone; those about to expire have been told."""
        now = self.clock.now()
        for subscription in list(self.subscriptions.reminders(now)):
            if subscription.expires > now:
                self.announce(subscription, "reauthorizationRequired")
        self.subscriptions.expire(now)

    def due(self) -> list[Parcel]:
        """What is to be sent now; it is the caller's from here on, until `answered`."""
        self.remind()
        now = self.clock.seconds()
        parcels = [parcel for parcel in self._again if parcel.due <= now]
        self._again = [parcel for parcel in self._again if parcel.due > now]
        urls = {notice.url for notice in self._waiting if notice.due <= now}
        ready = [
            n for n in self._waiting if n.due <= now or (n.due <= now + self.settings.window and n.url in urls and not n.alone)
        ]
        if ready:
            taken = {id(notice) for notice in ready}
            self._waiting = [notice for notice in self._waiting if id(notice) not in taken]
            self._topics = {topic: notice for topic, notice in self._topics.items() if id(notice) not in taken}
        parcels += self._packed(ready, now)
        self.under_way += len(parcels)
        return parcels

    def hurry(self) -> None:
        """Everything that waits is due."""
        now = self.clock.seconds()
        for notice in self._waiting:
            notice.due = min(notice.due, now)
        for parcel in self._again:
            parcel.due = min(parcel.due, now)

    def next_moment(self) -> float | None:
        """When something is due next, in the tenant's seconds; None if nothing waits."""
        own = [notice.due for notice in self._waiting] + [parcel.due for parcel in self._again]
        other = self.subscriptions.next_moment()
        return min([*own, *([other.timestamp()] if other else [])], default=None)

    @property
    def pending(self) -> int:
        """How many notices wait or are under way."""
        return len(self._waiting) + sum(len(parcel.notices) for parcel in self._again) + self.under_way

    def body(self, parcel: Parcel) -> dict[str, Any]:
        """What is sent."""
        return {"value": [notice.body(self.tenant_id, times=self.settings.times) for notice in parcel.notices]}

    def answered(self, parcel: Parcel, status: int | None, seconds: float) -> None:
        """The address answered with the status (None: not, or not in time) after so many seconds of real time."""
        now, settings = self.clock.seconds(), self.settings
        self.under_way -= 1
        parcel.attempts += 1
        if not parcel.by_event_grid:
            self.endpoints.heard(parcel.url, now, slow=seconds > settings.slow_after)
        lost = [notice for notice in parcel.notices if notice.reply_lost]
        if status is not None and 200 <= status < 300 and not lost:
            self._note(parcel.notices, "delivered", parcel, status, seconds)
            return
        gap = min(settings.retry * 2 ** (parcel.attempts - 1), _LONGEST_GAP)
        if now + gap > parcel.first + settings.retry_for:
            self._note(parcel.notices, "given-up", parcel, status, seconds)
            self._missed(parcel.notices)
            return
        self._note(parcel.notices, "reply-lost" if lost else "failed", parcel, status, seconds)
        for notice in lost:
            notice.reply_lost = False
        parcel.due = now + gap
        self._again.append(parcel)
        self.wake()

    def to_json(self, since: int = 0, outcome: str | None = None) -> dict[str, Any]:
        """The outcomes after number `since`, what still waits, and counts."""
        now = self.clock.seconds()
        return {
            "value": [entry for entry in self.log if entry["n"] > since and outcome in (None, entry["outcome"])],
            "pending": self.pending,
            "counts": dict(sorted(self.outcomes.items())),
            "endpoints": self.endpoints.to_json(now, self.settings.sample),
        }

    def _tell(self, subscription: Subscription, change: Change) -> None:
        low, high = self.settings.delay
        number = self._number()
        delay = low + (high - low) * self.chance.fraction("notice", number)
        notice = Notice(number, subscription, self.clock.seconds() + delay, change, members=dict(change.members))
        waiting = self._topics.get(notice.topic)
        if self.settings.coalesce and waiting is not None:
            waiting.absorb(change)
            return
        self._post(notice)

    def _post(self, notice: Notice) -> None:
        now = self.clock.seconds()
        by_event_grid = notice.url.startswith(EVENT_GRID)
        state = "ok" if by_event_grid else self.endpoints.state(notice.url, now, self.settings.sample)
        if state == "drop" or (by_event_grid and self.topics.of(notice.url) is None):
            self._note([notice], "dropped")
            self._missed([notice])
            return
        if state == "slow":
            notice.due += self.settings.slow_delay
        rule = self.faults.strike(notice)
        copies = 0
        if rule is not None:
            notice.fault = rule.number
            if rule.effect == "lose":
                self._note([notice], "lost")
                return
            copies = self._spoil(notice, rule)
        self._waiting.append(notice)
        if notice.change is not None and not notice.alone:
            self._topics[notice.topic] = notice
        for _ in range(copies):
            members = dict(notice.members)
            twin = Notice(self._number(), notice.subscription, notice.due, notice.change, notice.lifecycle, members, alone=True)
            twin.fault = notice.fault
            self._waiting.append(twin)
        self.wake()

    def _spoil(self, notice: Notice, rule: NoticeRule) -> int:
        """What the rule does to the notice is done to it; how many more of it there are to be."""
        given = rule.given
        if rule.effect == "delay":
            notice.due += float(given.get("seconds", 0))
        elif rule.effect == "reorder":
            notice.due += float(given.get("seconds", 5)) * self.chance.fraction("reorder", rule.number, rule.hits)
            notice.alone = True
        elif rule.effect == "reply-lost":
            notice.reply_lost = True
        return int(given.get("copies", 1)) if rule.effect == "duplicate" else 0

    def _packed(self, ready: list[Notice], now: float) -> list[Parcel]:
        """The notices in parcels by address; those whose subscription ended meanwhile reach nobody."""
        live = self.subscriptions.by_id
        gone = [n for n in ready if n.subscription.id not in live and n.lifecycle != "subscriptionRemoved"]
        if gone:
            self._note(gone, "unsubscribed")
        left = {id(notice) for notice in gone}
        by_url: dict[str, list[Notice]] = {}
        parcels = []
        for notice in ready:
            if id(notice) in left:
                continue
            if notice.alone or notice.url.startswith(EVENT_GRID):
                parcels.append(Parcel([notice], now, now))
            else:
                by_url.setdefault(notice.url, []).append(notice)
        for notices in by_url.values():
            if self.settings.shuffle:
                notices.sort(key=lambda notice: self.chance.fraction("order", notice.number))
            size = self.settings.batch
            parcels += [Parcel(notices[at : at + size], now, now) for at in range(0, len(notices), size)]
        return parcels

    def _missed(self, notices: list[Notice]) -> None:
        if self.settings.missed:
            for subscription in {n.subscription.id: n.subscription for n in notices if not n.lifecycle}.values():
                self.announce(subscription, "missed")

    def _note(
        self, notices: list[Notice], outcome: str, parcel: Parcel | None = None, status: int | None = None, seconds: float = 0
    ) -> None:
        self.outcomes[outcome] += len(notices)
        moment: datetime = self.clock.now()
        for notice in notices:
            change = notice.change
            self.log.append(
                {
                    "n": self._number(),
                    "time": moment.isoformat(),
                    "outcome": outcome,
                    "url": notice.url,
                    "subscriptionId": notice.subscription.id,
                    "lifecycleEvent": notice.lifecycle,
                    "changeType": notice.change_type,
                    "resource": notice.resource,
                    "members": notice.members,
                    "changed": change and change.moment.isoformat(),
                    "attempt": parcel.attempts if parcel else 0,
                    "together": len(parcel.notices) if parcel else 0,
                    "status": status,
                    "seconds": round(seconds, 3),
                    "fault": notice.fault,
                }
            )

    def _number(self) -> int:
        self._last += 1
        return self._last


def remove(office: PostOffice, subscription: Subscription, *, told: bool) -> None:
    """The subscription is gone by Microsoft's doing; its owner is told, or not."""
    if told:
        office.announce(subscription, "subscriptionRemoved")
    office.subscriptions.by_id.pop(subscription.id, None)
    office.wake()


def challenge(office: PostOffice, subscription: Subscription, pauses_after: float | None) -> None:
    """The owner must reauthorize; if `pauses_after` is given, nothing is sent from so many seconds on until that is done."""
    if pauses_after is not None:
        subscription.pauses = office.clock.now() + timedelta(seconds=pauses_after)
    office.announce(subscription, "reauthorizationRequired")
