"""Signs that a guest may not be where they were: for a person to judge, and never a reason for clean-up."""

from datetime import timedelta
from typing import Any

from shared.nouns.outcomes import NotYet, WontWork
from shared.tables.guests import Guest
from shared.verbs.world import World

# Entra ID keeps sign-ins for 30 days. https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
LOOKED_BACK = timedelta(days=30)
LONGEST_MAIL = timedelta(days=90)


async def suspicions_view(world: World, guest: Guest) -> dict[str, Any]:
    """What was found, a sentence each, and what could not be looked at."""
    found: list[str] = []
    unread: list[str] = []
    for what, look in (("sign-ins", _sign_ins), ("mails that came back", _mails)):
        try:
            found += await look(world, guest)
        except (NotYet, WontWork) as error:
            unread.append(f"{what}: {error.reason}")
    return {"found": found, "notRead": unread}


async def _sign_ins(world: World, guest: Guest) -> list[str]:
    if not guest.user:
        raise WontWork("no account of the guest is known")
    failures = await world.tenant.evidence.failures(guest.user, world.clock() - LOOKED_BACK)
    if not failures:
        return []
    at, code = failures[0]
    return [f"signing in failed {len(failures)} times since their last success, the last time on {at.date()} (error {code})"]


async def _mails(world: World, guest: Guest) -> list[str]:
    """What became of mails that we have sent to the guest, as far as reports of it are in our mailbox."""
    marks: set[str] = set()
    for name, _ in await world.tables.people.requests_of(guest.person):
        async for task in world.tables.tasks.all(name):
            if task.subject == guest.person and task.ids.get("sent"):
                marks.add(task.ids["sent"])
    back = await world.tenant.mailbox.came_back(marks, world.clock() - LONGEST_MAIL, about=f"guest {guest.person}")
    return [f"a mail to them came back on {at.date()}" for at in sorted(back.values())]
