"""The control plane's paths. Answers are JSON; an error is `{"error": "a sentence"}` with 400, 404 or 405."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devstack.tenant.control import notifications
from devstack.tenant.control.act import act, redeem
from devstack.tenant.control.state import state
from devstack.tenant.directory.lag import LagSettings
from devstack.tenant.identity import token_of_registration, vouched
from devstack.tenant.seed import options_to_json, plant, set_options
from devstack.tenant.tenant import SimulatedTenant


@dataclass(frozen=True, slots=True)
class Order:
    """A request to the control plane. `reset` replaces the tenant by a fresh one, `settle` delivers what waits."""

    tenant: SimulatedTenant
    body: Any
    query: dict[str, str]
    reset: Callable[[Any], None]
    settle: Callable[[], Awaitable[None]]


def _mapping(order: Order) -> dict[str, Any]:
    if not isinstance(order.body, dict):
        raise TypeError("the body must be a JSON object")
    return order.body


def _reset(order: Order) -> Any:
    order.reset(None)
    return {"reset": True}


def _seed(order: Order) -> Any:
    seed = dict(_mapping(order))
    if seed.pop("replace", False):
        order.reset(seed)
    else:
        plant(order.tenant, seed)
    return {"seeded": sorted(seed)}


def _requests(order: Order) -> Any:
    return {
        "value": order.tenant.journal.select(order.query.get("path"), order.query.get("method"), int(order.query.get("since", 0)))
    }


def _faults(order: Order) -> Any:
    return {"value": [rule.to_json() for rule in order.tenant.faults.rules]}


def _add_faults(order: Order) -> Any:
    given = order.body["rules"] if isinstance(order.body, dict) and "rules" in order.body else order.body
    return {"value": [rule.to_json() for rule in order.tenant.faults.add(given)]}


def _clear_faults(order: Order) -> Any:
    order.tenant.faults.clear()
    return {"value": []}


def _throttle(order: Order) -> Any:
    return order.tenant.throttle.to_json(order.tenant.users())


def _set_throttle(order: Order) -> Any:
    order.tenant.throttle.configure(_mapping(order))
    return _throttle(order)


def _set_lag(order: Order) -> Any:
    order.tenant.lag.settings = LagSettings.from_json(order.body)
    order.tenant.lag.clear()
    return order.tenant.lag.settings.to_json()


def _set_options(order: Order) -> Any:
    set_options(order.tenant, order.body)
    return options_to_json(order.tenant.behaviour)


def _mails(order: Order) -> Any:
    to, kind = order.query.get("to", "").lower(), order.query.get("kind", "")
    found = [mail for mail in order.tenant.outbox if to in ("", mail["to"].lower()) and kind in ("", mail["kind"])]
    return {"value": found}


def _set_clock(order: Order) -> Any:
    given, clock = _mapping(order), order.tenant.clock
    if given.keys() == {"advance"} and isinstance(given["advance"], int | float):
        clock.advance(given["advance"])
    elif given.keys() == {"set"}:
        moment = datetime.fromisoformat(given["set"])
        clock.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    else:
        raise ValueError('the clock takes {"advance": seconds} or {"set": "2026-12-01T00:00:00Z"}')
    order.tenant.purge_expired()
    order.tenant.post_office.remind()
    return _clock(order)


def _notifications(order: Order) -> Any:
    return order.tenant.post_office.to_json(int(order.query.get("since", 0)), order.query.get("outcome"))


async def _flush(order: Order) -> Any:
    await order.settle()
    return _notifications(order)


def _set_notices(order: Order) -> Any:
    office = order.tenant.post_office
    office.settings = office.settings.merged(order.body)
    return office.settings.to_json()


def _notice_faults(order: Order) -> Any:
    return {"value": [rule.to_json() for rule in order.tenant.post_office.faults.rules]}


def _add_notice_faults(order: Order) -> Any:
    given = order.body["rules"] if isinstance(order.body, dict) and "rules" in order.body else order.body
    return {"value": [rule.to_json() for rule in order.tenant.post_office.faults.add(given)]}


def _clear_notice_faults(order: Order) -> Any:
    order.tenant.post_office.faults.rules.clear()
    return {"value": []}


def _clock(order: Order) -> Any:
    return {"now": order.tenant.clock.now().isoformat(), "ahead": order.tenant.clock.offset.total_seconds()}


def _token(order: Order) -> Any:
    return token_of_registration(order.tenant, str(order.body["application"]), str(order.body["resource"]))


ROUTES: dict[str, dict[str, Callable[[Order], Any]]] = {
    "reset": {"POST": _reset},
    "seed": {"POST": _seed},
    "requests": {"GET": _requests},
    "requests/summary": {"GET": lambda order: order.tenant.journal.summary()},
    "faults": {"GET": _faults, "POST": _add_faults, "DELETE": _clear_faults},
    "throttle": {"GET": _throttle, "PUT": _set_throttle},
    "lag": {"GET": lambda order: order.tenant.lag.settings.to_json(), "PUT": _set_lag},
    "options": {"GET": lambda order: options_to_json(order.tenant.behaviour), "PUT": _set_options},
    "clock": {"GET": _clock, "POST": _set_clock},
    "redeem": {"POST": lambda order: redeem(order.tenant, _mapping(order))},
    "act": {"POST": lambda order: act(order.tenant, _mapping(order))},
    "mails": {"GET": _mails},
    "notifications": {"GET": _notifications},
    "notifications/flush": {"POST": _flush},
    "notifications/settings": {"GET": lambda order: order.tenant.post_office.settings.to_json(), "PUT": _set_notices},
    "notifications/faults": {"GET": _notice_faults, "POST": _add_notice_faults, "DELETE": _clear_notice_faults},
    "notifications/endpoint": {"POST": lambda order: notifications.order_endpoint(order.tenant, _mapping(order))},
    "notifications/topic": {"POST": lambda order: order.tenant.post_office.topics.change(_mapping(order))},
    "lifecycle": {"POST": lambda order: notifications.lifecycle(order.tenant, _mapping(order))},
    "expire-subscription": {"POST": lambda order: notifications.expire(order.tenant, _mapping(order))},
    "expire-delta": {"POST": lambda order: notifications.expire_delta(order.tenant, order.body or {})},
    "tokens": {"POST": _token},
    "tokens/check": {"POST": lambda order: vouched(order.tenant, str(order.body["token"]))},
    "state": {"GET": lambda order: state(order.tenant)},
}


def carry_out(method: str, path: str, order: Order) -> tuple[int, Any]:
    """Status and body for the order."""
    methods = ROUTES.get(path.strip("/"))
    if methods is None:
        return 404, {"error": f"there is no /_sim/{path}; there are {', '.join(ROUTES)}"}
    # Settings are set by either verb.
    verb = methods.get(method) or methods.get({"POST": "PUT", "PUT": "POST"}.get(method, ""))
    if verb is None:
        return 405, {"error": f"/_sim/{path} takes {', '.join(methods)}, not {method}"}
    try:
        return 200, verb(order)
    except LookupError as error:
        return (404, {"error": str(error)}) if type(error) is LookupError else (400, {"error": f"missing or unknown: {error}"})
    except (ValueError, TypeError, AttributeError, re.error) as error:
        return 400, {"error": str(error)}
