"""What stands in the tables of a partner besides the journal, for an audit pack that tables can be rebuilt from. No guest's address or name."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shared.nouns.redaction import masked
from shared.nouns.request import InvitationWish
from shared.tables.guests import Guest
from shared.tables.requests import CLOSED, Request, encoded
from shared.tables.task_rows import encoded as encoded_task
from shared.verbs.world import World

VERSION = 1
# A text that somebody wrote to the guest.
_FREE_TEXT = frozenset({"message"})
# Colleagues of ours, named as the request names them: taking back tells by it which owners of a group were added by us.
_TOLD_APART_BY = frozenset({"owners"})


async def records(world: World, requests: Iterable[Request]) -> dict[str, Any]:
    """The partners' rows, the requests with their tasks, and the guests with their claims, by opaque ids."""
    listed = list(requests)
    tenants = dict.fromkeys(request.partner_tenant for request in listed)
    partners, guests = [], []
    for tenant in tenants:
        if (known := await world.tables.partners.get(tenant)) is not None:
            partners.append({"tenantId": tenant, "name": known.partner.name, "domains": list(known.partner.domains)})
        exempt = await world.tables.exemptions.of_partner(tenant)
        async for guest in world.tables.guests.of_partner(tenant):
            found = _guest(guest)
            if (one := exempt.get(guest.person)) is not None:
                held = {
                    "reason": one.reason,
                    "owner": one.owner,
                    "until": one.until.isoformat(),
                    "by": one.by,
                    "at": one.at.isoformat(),
                }
                found["exempt"] = held
            guests.append(found)
    return {
        "version": VERSION,
        "partners": partners,
        "requests": [await _request(world, request) for request in listed],
        "guests": guests,
    }


async def _request(world: World, request: Request) -> dict[str, Any]:
    # Sponsors may be named by address, and what a guest was written is nobody else's business.
    header = request.header.model_copy(update={"sponsors": (), "invitation": InvitationWish()})
    row = {name: _masked(value) for name, value in encoded(replace(request, header=header), CLOSED).items()}
    tasks = []
    async for task in world.tables.tasks.all(request.id):
        kept = {
            name: value if name in _TOLD_APART_BY else _masked(value)
            for name, value in task.details.items()
            if name not in _FREE_TEXT
        }
        tasks.append(encoded_task(replace(task, details=kept)))
    return {"row": row, "tasks": tasks}


def _masked[Value](value: Value) -> Value:
    """The same without the addresses that settings of steps are given by: who is to get a connector's test mail."""
    found: Value = json.loads(masked(json.dumps(value, ensure_ascii=False)))
    return found


def _guest(guest: Guest) -> dict[str, Any]:
    return {
        "partner": guest.partner,
        "person": guest.person,
        "user": guest.user,
        "stage": guest.stage,
        "origin": guest.origin,
        "ends": guest.ends.isoformat() if guest.ends else None,
        "overrules": sorted(guest.overrules),
        "blockedBy": guest.blocked_by,
        "why": guest.why,
        "claims": {claim.request: claim.until.isoformat() if claim.until else None for claim in guest.claims},
    }
