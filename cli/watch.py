"""Looking at a request until it has ended."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from cli import show
from cli.client import PAGE, Api
from cli.errors import NotLetIn, OutOfReach

ENDED = frozenset({"done", "stopped", "cancelled", "refused"})
SETTLED = frozenset({"done", "stopped", "cancelled", "undone"})
# An app that is being replaced answers again within this time; a local one is asked more often than one in Azure.
PATIENCE_SECONDS = 60.0
LOCAL_SECONDS, REMOTE_SECONDS = 0.4, 2.0
# The refusal of a message that reuses an id appears beside the request that has ended long ago.
REFUSAL_SECONDS = 5.0
_LATEST = 5
_MOST_IN_A_LINE = 6

type Snapshot = Mapping[str, Any] | None


@dataclass
class Watch:
    """How one request is looked at. `names` are addresses by position; `refused_before` counts refusals that are no news."""

    api: Api
    name: str
    addresses: tuple[str, ...] = ()
    names: show.Names = field(default_factory=dict)
    refused_before: int | None = None
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def snapshots(self) -> Iterator[Snapshot]:
        """The request again and again, None while it is not known yet, until it has ended. Raises OutOfReach."""
        begun = heard = self.clock()
        every = LOCAL_SECONDS if self.api.local else REMOTE_SECONDS
        top = PAGE
        while True:
            try:
                shown = self.api.page(self.name, top=top)
            except NotLetIn:
                raise
            except OutOfReach:
                if self.clock() - heard > PATIENCE_SECONDS:
                    raise
            else:
                heard = self.clock()
                yield shown
                if shown is not None and shown.get("next"):
                    # Too many tasks to look at each of them so often: from here on the app counts.
                    top = 0
                if shown is not None and self._is_over(shown, heard - begun):
                    return
            self.pause(every)

    def _is_over(self, shown: Mapping[str, Any], seconds: float) -> bool:
        if shown["state"] not in ENDED:
            return False
        again = self.refused_before is not None
        return not again or self.refused_anew(shown) or seconds > REFUSAL_SECONDS

    def refused_anew(self, shown: Mapping[str, Any]) -> bool:
        """Whether what was submitted under a known id has been refused since."""
        return len(shown.get("refusals") or ()) > (self.refused_before or 0)


def follow(watch: Watch, console: Console) -> Mapping[str, Any]:
    """Progress is shown until the request has ended; its last snapshot."""
    picture = _Picture(watch)
    if console.is_terminal:
        with Live(picture.draw(), console=console, refresh_per_second=8, transient=True) as live:
            for shown in watch.snapshots():
                picture.take(shown)
                live.update(picture.draw())
    else:
        said: _Stage | None = None
        for shown in watch.snapshots():
            picture.take(shown)
            if (now := picture.stage()).is_news(said):
                said = now
                console.print(picture.line(), soft_wrap=True, markup=False)
    return picture.shown or {}


@dataclass(frozen=True)
class _Stage:
    """How far a request is, as coarsely as a log wants it: `tenths` of its tasks are settled, `tasks` says that there are any."""

    state: str
    paused: bool
    tasks: bool
    tenths: int

    def is_news(self, said: Self | None) -> bool:
        """Whether this is worth a line after what was `said`; tasks that come late make no news by shrinking what is settled."""
        if said is None or (self.state, self.paused, self.tasks) != (said.state, said.paused, said.tasks):
            return True
        return self.tenths > said.tenths


@dataclass
class _Picture:
    """What is on the screen while a request runs."""

    watch: Watch
    shown: Snapshot = None
    latest: deque[Text] = field(default_factory=lambda: deque(maxlen=_LATEST))
    _reasons: dict[str, tuple[str, str]] = field(default_factory=dict)
    _people: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self.watch.clock()

    def take(self, shown: Snapshot) -> None:
        """A newer snapshot; what changed is the latest news."""
        self.shown = shown
        tasks = (shown or {}).get("tasks", [])
        self._people = {**self.watch.names, **show.names(shown or {}, tasks, self.watch.addresses)}
        for task in tasks:
            now = (str(task["state"]), str(task["reason"]))
            if self._reasons.get(task["key"]) != now and task["reason"]:
                who = show.subject(task, self._people)
                line = Text.assemble("  ", show.state_text(now[0]), " ", show.plain(f"{who}: {now[1]}"))
                line.no_wrap, line.overflow = True, "ellipsis"
                self.latest.append(line)
            self._reasons[task["key"]] = now

    def draw(self) -> RenderableType:
        """The picture for a terminal."""
        title = Text.assemble("Request ", show.plain(self.watch.name, "bold"), f"  {self.watch.clock() - self.begun:.0f} s  ")
        if self.shown is None:
            return Group(title + Text("on its way: the app has not accepted it yet", style="yellow"))
        title += show.state_text(str(self.shown["state"])) + (" (paused)" if self.shown.get("paused") else "")
        if self.shown["state"] == "awaiting-approval":
            return Group(title, show.plain(f"  waits for a decision of {show.waits_for(self.shown)}", "yellow"))
        bars = Progress(TextColumn("  {task.description}"), BarColumn(bar_width=32), MofNCompleteColumn())
        for step, (settled, total) in _counts(self.shown).items():
            bars.add_task(show.safe(step), total=total, completed=settled)
        return Group(title, bars, *self.latest)

    def stage(self) -> _Stage:
        """What decides whether the line is worth printing."""
        if self.shown is None:
            return _Stage("", paused=False, tasks=False, tenths=0)
        counts = _counts(self.shown).values()
        settled, total = sum(one for one, _ in counts), sum(every for _, every in counts)
        return _Stage(str(self.shown["state"]), bool(self.shown.get("paused")), total > 0, settled * 10 // max(total, 1))

    def line(self) -> str:
        """The picture for a file or pipe."""
        if self.shown is None:
            return f"{self.watch.name}: not accepted yet"
        if self.shown["state"] == "awaiting-approval":
            return f"{self.watch.name}: waits for a decision of {show.safe(show.waits_for(self.shown))}"
        steps = _counts(self.shown)
        if len(steps) > _MOST_IN_A_LINE:
            steps = {"tasks": (sum(settled for settled, _ in steps.values()), sum(total for _, total in steps.values()))}
        counts = ", ".join(f"{show.safe(step)} {settled}/{total}" for step, (settled, total) in steps.items())
        return f"{self.watch.name}: {self.shown['state']}{' (paused)' if self.shown.get('paused') else ''}  {counts}".rstrip()


def _counts(shown: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Settled and all tasks by step; of a request larger than a page, by all steps together."""
    tasks = shown.get("tasks", [])
    if tasks and not shown.get("next"):
        total = Counter(str(task["step"]) for task in tasks)
        settled = Counter(str(task["step"]) for task in tasks if task["state"] in SETTLED)
        return {step: (settled[step], total[step]) for step in sorted(total, key=lambda step: (-total[step], step))}
    counts = shown.get("counts") or {}
    return {"tasks": (sum(counts.get(state, 0) for state in SETTLED), sum(counts.values()))}
