"""Somebody else than the requester agrees to a request, or does not; without a decision it is cancelled when its time is over."""

import hashlib
from dataclasses import replace

from shared.log import log
from shared.notify import notify
from shared.nouns.errors import Fault, Refusal
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.redaction import without_addresses
from shared.nouns.request import GUID
from shared.tables.requests import Request, RequestState
from shared.tables.store import Changed
from shared.verbs.control import cancel
from shared.verbs.finish import begin_next
from shared.verbs.world import World


async def approve(world: World, name: str, who: str, reason: str = "") -> Request:
    """The request may run, and does when it is the partner's turn. Raises Refusal for whoever asked for it themselves."""
    why = f": {without_addresses(reason)}" if reason else ""
    while True:
        request = await _decidable(world, name, who)
        said = replace(request, state=RequestState.QUEUED, decided_by=who, reason=f"approved by {who}{why}")
        try:
            approved = await world.tables.requests.save(said)
        except Changed:
            continue
        log.info("approved", request=name, who=who)
        await _tell(world, approved, "request-approved", "")
        await begin_next(world, approved.partner_tenant)
        return approved


async def reject(world: World, name: str, who: str, reason: str = "") -> Request:
    """The request will not run. Raises Refusal for whoever asked for it themselves: they can cancel it."""
    request = await _decidable(world, name, who)
    await world.tables.requests.save(replace(request, decided_by=who))
    rejected = await cancel(world, name, who, reason=f"rejected by {who}" + (f": {reason}" if reason else ""))
    await _tell(world, rejected, "request-rejected", reason)
    return rejected


async def expire(world: World) -> None:
    """Requests that nobody has decided on in time are cancelled."""
    async for request in world.tables.requests.all_open():
        late = request.decide_by is not None and world.clock() >= request.decide_by
        if late and request.state is RequestState.AWAITING_APPROVAL and not request.cancelled:
            reason = f"nobody had decided on it by {request.decide_by:%Y-%m-%d}"
            await _tell(world, await cancel(world, request.id, "the clock", reason=reason), "request-rejected", reason)


async def ask_approvers(world: World, request: Request) -> None:
    """Those who may approve have been told by mail, once, where a mailbox and their addresses are set."""
    to = world.settings.approvers
    if not to or not world.settings.mailbox or request.state is not RequestState.AWAITING_APPROVAL:
        return
    until = f"{request.decide_by:%Y-%m-%d}" if request.decide_by else ""
    await _mail(
        world, request, "approval-wanted", to, reasons="\n".join(f"- {why}" for why in request.needs_approval), until=until
    )


async def _decidable(world: World, name: str, who: str) -> Request:
    request = await world.tables.requests.get(name)
    if request is None:
        raise Refusal([Fault("", f"there is no request {name}")])
    if request.state is not RequestState.AWAITING_APPROVAL or request.cancelled:
        raise Refusal([Fault("", f"request {name} waits for no decision: it is {request.state}")])
    if request.who == who:
        raise Refusal([Fault("", f"request {name} was asked for by {who}: somebody else has to decide")])
    return request


async def _tell(world: World, request: Request, mail: str, reason: str) -> None:
    """Whoever asked hears the decision, where they are a person whom the directory knows and a mailbox is set."""
    kind, _, subject = request.who.partition(" ")
    if kind != "user" or not GUID.match(subject) or not world.settings.mailbox:
        return
    try:
        asker = await world.tenant.redemption.guest(subject)
    except (NotYet, WontWork) as error:
        log.warning("requester not told", request=request.id, reason=error.reason)
        return
    if asker is not None and asker.mail:
        await _mail(world, request, mail, (asker.mail,), who=request.decided_by, reason=reason)


async def _mail(world: World, request: Request, mail: str, to: tuple[str, ...], **values: str) -> None:
    """Sent once, or said in the log why not: a decision does not wait for a mail."""
    mark = hashlib.sha256(f"{mail}\n{request.id}".encode()).hexdigest()
    link = f"{world.settings.link}/{request.id}" if world.settings.link else request.id
    known = {"partner": request.header.partner.name, "request": request.id, "who": request.who, "link": link, **values}
    try:
        await notify(world.tenant, mail, world.settings.language, known, to=to, mark=mark, about=f"request {request.id}")
    except (NotYet, WontWork) as error:
        log.warning("mail not sent", request=request.id, mail=mail, reason=error.reason)
