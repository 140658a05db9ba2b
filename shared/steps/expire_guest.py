"""The guest whose time is over cannot sign in to our tenant any more; their account, and everything it is in, stays.

The same act as `block-guest`, for another reason, and by the id of the account alone: an address may be somebody else's by now. That
they are still to go, and were warned, is asked again just before (`shared/verbs/still_due.py`).
"""

from dataclasses import replace

from shared.nouns.state import State
from shared.nouns.step import Ask, Step, Subject, Wish
from shared.steps import block_guest
from shared.tenant import Tenant

STEP = "expire-guest"


def wanted(ask: Ask) -> Wish | None:
    """Nothing: only a clean-up run asks for it."""
    return None


async def read(tenant: Tenant, subject: Subject) -> State:
    """Whether the account can sign in, and whose it is."""
    return await block_guest.read(tenant, replace(subject, person=None))


def explain(subject: Subject, actual: State) -> str | None:
    """They are one of our own people or a B2B member, or they administer our tenant."""
    if actual.get("enabled") is True and str(actual.get("people")).lower() != "guest":
        return f"User {actual.get('user')} is no guest (userType {actual.get('people')}): clean-up leaves them alone"
    return block_guest.explain(subject, actual)


EXPIRE_GUEST = Step(
    name=STEP,
    sentence="The guest whose time is over cannot sign in to our tenant any more.",
    subject="person",
    power="guests",
    permissions=(*block_guest.BLOCK_GUEST.permissions, "AuditLog.Read.All"),
    lanes=block_guest.BLOCK_GUEST.lanes,
    wanted=wanted,
    read=read,
    explain=explain,
    apply=block_guest.apply,
    undo=block_guest.undo,
    settled=block_guest.settled,
    keeps=("user", "blockedBy"),
    # Whoever leaves with a partner is not let in again by that.
    reversible=False,
    by_clock=True,
)
