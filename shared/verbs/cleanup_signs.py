"""Suspicions about the guests whom a run names: our last mail to them came back, signing in failed. For a person to judge, and never reasons.

What it costs is bounded: the mailbox is read once a run, by headers alone, and the sign-in log only for candidates whose last attempt failed, so
many at once, at the pace of a run's pages, and no more than a few times.
"""

from dataclasses import replace
from datetime import date, timedelta

from shared.log import log
from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.runs import Candidate, Run
from shared.tenant.calls import low_priority
from shared.tenant.evidence import MOST_USERS
from shared.verbs.world import World

LOOKED_BACK = timedelta(days=30)
LONGEST_MAIL = timedelta(days=90)
MOST_LOOKS = 10
# In a run's counts: whose last attempt failed, and how often the log was asked.
FAILED, LOOKS = "signInFailed", "signInLooks"
# What a few of the errors mean. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_MEANS = {
    50034: "their own organization does not know the account any more",
    50053: "the account is locked",
    50055: "the password has expired",
    50057: "their own organization has disabled the account",
    50126: "wrong name or password",
}


async def mails_returned(world: World) -> tuple[list[str], str]:
    """A line for each mail of ours that came back, and what of it could not be read, a sentence, or empty. Raises NotYet."""
    if not world.settings.mailbox:
        return [], "mails that came back are not looked for, because ENTENTE_MAILBOX is not set"
    if "mail" not in world.settings.powers:
        return [], "mails that came back are not looked for, because another app than this one may read the mailbox"
    try:
        with low_priority():
            found = await world.tenant.mailbox.returned(world.clock() - LONGEST_MAIL, about="a clean-up run")
    except WontWork as error:
        return [], f"mails that came back cannot be looked for: {error.reason}"
    lines = [f"{mark} {at.date().isoformat()}" for mark, at in found.marks.items()]
    return lines, "" if found.complete else "mails that came back were looked for among the mailbox's latest alone"


def came_back(lines: list[str]) -> dict[str, date]:
    """By mark, the day when a mail came back."""
    return {mark: date.fromisoformat(day) for mark, _, day in (line.partition(" ") for line in lines)}


def is_due(run: Run) -> bool:
    """There are candidates whose failed attempts have not been looked up."""
    return run.sign_ins and bool(run.counts.get(FAILED)) and run.counts.get(LOOKS, 0) < MOST_LOOKS


async def look_up(world: World, run: Run, cursor: str) -> tuple[Run, str]:
    """The next candidates have with them what the log says of their failed attempts; and behind whom to go on, empty at the end. Bears repetition."""
    some, more = await _some(world, run, cursor)
    if not some:
        return run, ""
    since = run.started - LOOKED_BACK
    try:
        with low_priority():
            found = await world.tenant.evidence.failures_of([one.user for one in some], since)
    except (NotYet, WontWork) as error:
        # Hints are not worth a run that waits.
        log.warning("sign-in errors not read", run=run.id, reason=error.reason)
        note = f"errors of sign-ins that failed cannot be read: {error.reason}"
        return replace(run, notes=(*run.notes, note)), ""
    named = [replace(one, error=_words(found.get(one.user, ()))) for one in some]
    await world.tables.runs.name(run.id, [one for one in named if one.error])
    looks = run.counts.get(LOOKS, 0) + 1
    run = replace(run, counts={**run.counts, LOOKS: looks})
    if more and looks >= MOST_LOOKS:
        note = f"errors of sign-ins that failed were read for the first {looks * MOST_USERS} candidates alone"
        return replace(run, notes=(*run.notes, note)), ""
    return run, some[-1].key if more else ""


async def _some(world: World, run: Run, cursor: str) -> tuple[list[Candidate], bool]:
    """The next candidates to ask for, and whether there are more."""
    oldest, found = (run.started - LOOKED_BACK).date(), list[Candidate]()
    async for one in world.tables.runs.candidates(run.id, behind=cursor):
        if one.failed is None or one.failed < oldest or not one.user:
            continue
        if len(found) == MOST_USERS:
            return found, True
        found.append(one)
    return found, False


def _words(failures: tuple[tuple[object, int], ...]) -> str:
    if not failures:
        return ""
    _, code = failures[0]
    means = f", {_MEANS[code]}" if code in _MEANS else ""
    return f"error {code}{means}; {len(failures)} times since their last success"
