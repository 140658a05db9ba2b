"""What `GET /api/health` shows about hearing of changes: times and numbers, which anybody may know."""

from collections import Counter
from datetime import datetime
from typing import Any

from shared.verbs.hearing import Hearing, faults, lag
from shared.verbs.world import World


def listening(world: World, found: Hearing) -> dict[str, Any]:
    """`notifications` is `off`, `ok` or `failing`; what fails stands under `faults`, without Microsoft's own words."""
    said = faults(found, world.settings)
    on = bool(world.settings.notification_url)
    return {
        "notifications": ("failing" if said else "ok") if on else "off: ENTENTE_NOTIFICATION_URL is empty",
        "faults": [one.partition(": ")[0] for one in said],
        "lastEvent": _when(found.last),
        "delaySeconds": found.delay,
        "subscriptions": {one.resource: {"expires": _when(one.expires) if one.id else None} for one in found.kept},
        "canary": {
            one.kind: {"sent": _when(one.sent), "heard": _when(one.heard), "delaySeconds": one.delay} for one in found.canaries
        },
        "delta": {
            one.resource: {"known": _when(one.known), "lagSeconds": round(lag(one, found.now).total_seconds())}
            for one in found.rounds
        },
        "counts": dict(sorted((Counter(found.numbers) + world.ears.numbers).items())),
    }


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
