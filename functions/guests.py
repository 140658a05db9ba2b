"""Guests over HTTP: listed, shown, kept, ended, had back, and exempt from clean-up. Addresses go in bodies, never in URLs."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.principal import PERSON_READERS, Caller, answer, needs, note_reading
from functions.reading import body_of, top_said, word
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

POWER = "guests"
LOOK = ("Reader", "Approver", "Operator")
FIELDS = {"guest", "partner", "until", "reason", "owner"}

bp = func.Blueprint()


@bp.function_name("list-guests")
@bp.route(route="guests", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_guests(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """A page of guests (`partner`, `stage`, `endsBefore`, `sponsor`; `top`, up to 1000; `after`, the `next` of the page before). No address
    is told.

    `kind=member` (with `partner`, `after`) lists B2B members instead, under `members`. `counts=true` (with `partner`) counts guests, by
    partner, stage and last day.
    """
    from shared.views.guest_counts import guest_counts
    from shared.views.guests import MOST, Wanted, guests_view

    if req.params.get("counts") == "true":
        return answer(await guest_counts(ours, req.params.get("partner", "")))
    if (kind := req.params.get("kind", "guest")) != "guest":
        return answer(await _members(ours, kind, req.params))
    before = req.params.get("endsBefore", "")
    wanted = Wanted(
        partner=req.params.get("partner", ""),
        stage=req.params.get("stage", ""),
        ends_before=_day(before, "endsBefore") if before else None,
        sponsor=req.params.get("sponsor", ""),
    )
    most = top_said(req.params, str(MOST), MOST, least=1)
    return answer(await guests_view(ours, wanted, behind=req.params.get("after", ""), most=most))


@bp.function_name("show-guest")
@bp.route(route="guests/show", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs(*PERSON_READERS)
async def show_guest(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The guest whom the body names (`{"guest": address, opaque id or object id}`).

    `"sites": [URL, ...]` also lists what they have in SharePoint there; an empty list means the sites that requests have named.
    """
    from shared.views.footprint import footprint_view
    from shared.views.guests import find, shown
    from shared.views.suspicions import suspicions_view

    asked = body_of(req, FIELDS | {"sites"})
    sites = _sites(asked)
    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    note_reading(caller, "guest", guest.person)
    found = shown(guest, await ours.tables.exemptions.get(guest.partner, guest.person))
    found["suspicions"] = await suspicions_view(ours, guest)
    if sites is not None:
        found["sharing"] = await footprint_view(ours, guest, sites)
    return answer(found)


@bp.function_name("decide-guest")
@bp.route(route="guests/{verb}", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def decide_guest(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The guest stays until a day (`extend`), has had their last day (`end`), comes back (`restore`), is exempt or not any more; what is shared
    with them in SharePoint is taken away (`unshare`, on the `sites` or on those that requests have named) or given back (`reshare`)."""
    from shared.verbs.nameless import UNKNOWN, note_nameless
    from shared.views.guests import UnknownGuest

    name = req.route_params["verb"]
    verb = _VERBS.get(name)
    if verb is None:
        return answer({"error": f"a guest can be asked to {', '.join(_VERBS)}"}, 404)
    try:
        return answer(await verb(ours, body_of(req, FIELDS | {"sites"}), caller.name))
    except UnknownGuest:
        await note_nameless(ours, UNKNOWN, caller.name, f"not taken: the guest is on record for no partner; said: {name}")
        raise


@bp.function_name("list-exemptions")
@bp.route(route="exemptions", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_exemptions(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Every exemption, those that are over too, the next to end first."""
    from shared.views.guests import exemption_view

    today = ours.clock().date()
    found = [exemption_view(one) | {"over": one.until < today} async for one in ours.tables.exemptions.all()]
    return answer({"exemptions": sorted(found, key=lambda one: (one["until"], one["person"]))})


async def _members(ours: "World", kind: str, asked: Mapping[str, str]) -> dict[str, Any]:
    from shared.views.members import members_view

    if kind != "member":
        raise Refusal([Fault("kind", "must be guest or member")])
    if others := [name for name in ("stage", "endsBefore", "sponsor") if asked.get(name)]:
        raise Refusal([Fault(others[0], "is not known of B2B members: ask by partner alone")])
    return await members_view(ours, asked.get("partner", ""), behind=asked.get("after", ""))


async def _extend(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.cleanup_decide import keep
    from shared.views.guests import find, shown

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    until = _day(word(asked, "until"), "until")
    kept, request = await keep(ours, guest, until, who, word(asked, "reason"))
    return shown(kept, None) | {"request": request}


async def _end(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.guest_dates import end
    from shared.views.guests import find, shown

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    return shown(await end(ours, guest.partner, guest.person, who, word(asked, "reason")), None)


async def _restore(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.cleanup_decide import restore
    from shared.views.guests import find

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    return {"request": await restore(ours, guest.partner, guest.person, who, word(asked, "reason"))}


async def _unshare(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.unshare import unshare
    from shared.views.guests import find
    from shared.views.sharing import refuse_others

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    request, sites = await unshare(ours, guest, refuse_others(_sites(asked) or []), who, word(asked, "reason"))
    return {"request": request, "sites": list(sites)}


async def _reshare(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.unshare import reshare
    from shared.views.guests import find

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    return {"request": await reshare(ours, guest, who, word(asked, "reason"))}


async def _exempt(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.exempt import exempt
    from shared.views.guests import exemption_view, find

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    until = _day(word(asked, "until"), "until")
    made = await exempt(ours, guest, reason=word(asked, "reason"), owner=word(asked, "owner"), until=until, who=who)
    return exemption_view(made)


async def _unexempt(ours: "World", asked: dict[str, Any], who: str) -> dict[str, Any]:
    from shared.verbs.exempt import unexempt
    from shared.views.guests import find

    guest = await find(ours, word(asked, "guest"), word(asked, "partner", needed=False))
    await unexempt(ours, guest, reason=word(asked, "reason", needed=False), who=who)
    return {"partner": guest.partner, "person": guest.person, "exempt": None}


_VERBS: "dict[str, Callable[[World, dict[str, Any], str], Awaitable[dict[str, Any]]]]" = {
    "extend": _extend,
    "end": _end,
    "restore": _restore,
    "exempt": _exempt,
    "unexempt": _unexempt,
    "unshare": _unshare,
    "reshare": _reshare,
}


def _sites(asked: Mapping[str, Any]) -> list[str] | None:
    sites = asked.get("sites")
    if sites is not None and (not isinstance(sites, list) or any(not isinstance(site, str) for site in sites)):
        raise Refusal([Fault("sites", "must be a list of URLs")])
    return None if sites is None else [site.rstrip("/") for site in sites]


def _day(said: str, field: str) -> date:
    try:
        return datetime.strptime(said, "%Y-%m-%d").date()  # noqa: DTZ007 -- a date has no zone
    except ValueError:
        raise Refusal([Fault(field, "must be a date such as 2027-06-30")]) from None
