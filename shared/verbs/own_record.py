"""Journals that are about no partner: of each a request a month, among the ended ones, so that journal, seals and retention find it there."""

from datetime import datetime

from shared.nouns.request import Header, PartnerWish
from shared.tables.requests import Request, RequestState
from shared.verbs.guest_record import TEMPLATE
from shared.verbs.world import World

# By the name under which the journal shows them, as it shows a partner: how their requests are called, and what they say they are.
NOBODY, CLEAN_UP = "nobody", "clean-up"
_CALLED = {
    NOBODY: ("refused", "what was refused and is about nobody on record"),
    CLEAN_UP: ("cleanup-decisions", "what people decided about clean-up runs"),
}
OWN = frozenset(_CALLED)


def request_id(name: str, at: datetime) -> str:
    """The id of the month's request."""
    return f"{_CALLED[name][0]}-{at:%Y%m}"


async def has_request(world: World, name: str, who: str, at: datetime) -> str:
    """The id of the month's request, which stands among the ended ones. Bears repetition."""
    wish = PartnerWish(name=name, domains=(f"{name}.invalid",))
    header = Header(version=1, id=request_id(name, at), action="change", template=TEMPLATE, partner=wish)
    now = world.clock()
    request = Request(
        id=header.id,
        state=RequestState.DONE,
        header=header,
        digest="",
        who=who,
        partner_tenant=name,
        template_version=1,
        received=now,
        finished=now,
        reason=_CALLED[name][1],
    )
    await world.tables.requests.close(request)
    return request.id
