"""What the Bicep files are told by the code: queues, tables, schedules and secrets, written into infra/topology.json.

`python -m infra.topology` writes it; a test holds it current. The local broker's Config.json is made from the same definition.
"""

import json
from pathlib import Path
from typing import Any

from shared.needs import BESIDES_STEPS, BY_EXCHANGE, BY_THEMSELVES, CLOSING, ON_SHAREPOINT
from shared.nouns.power import Power
from shared.settings import ROOT, Settings
from shared.steps import STEPS
from shared.tables.store import TABLES
from shared.topology import queues

TARGET = ROOT / "infra" / "topology.json"
PERMISSIONS = ROOT / "infra" / "permissions.json"
# Secrets in Key Vault by the setting that is to hold them. Only those that the app really reads are referred to.
SECRETS = {"ENTENTE_PERSON_KEY": "person-key", "ENTENTE_CLIENT_STATE_KEY": "client-state-key", "ENTENTE_LINK_KEY": "link-key"}


def topology() -> dict[str, Any]:
    """What infra/topology.json has to hold. Durations are ISO 8601, as Azure Resource Manager wants them."""
    settings = {field.alias for field in Settings.model_fields.values()}
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    # Whatever is no step's queue belongs to the app that people and other systems call.
    powers: dict[str, Power] = {step.name: step.power for step in STEPS}
    return {
        "queues": [
            {
                "name": queue.name,
                "power": powers.get(queue.name, "guests"),
                "lockDuration": f"PT{queue.lock}S",
                "maxDeliveryCount": queue.max_delivery_count,
                "requiresSession": queue.sessions,
                "duplicateDetectionHistoryTimeWindow": f"PT{queue.duplicate_window}S",
                "defaultMessageTimeToLive": f"P{queue.keep_days}D",
                "forwardDeadLetters": queue.forward_dead_letters,
            }
            for queue in queues()
        ],
        "tables": list(TABLES),
        "schedules": {name: value for name, value in sample.items() if name.endswith("_SCHEDULE")},
        "secrets": {setting: secret for setting, secret in SECRETS.items() if setting in settings},
    }


def written() -> str:
    return json.dumps(topology(), indent=2) + "\n"


def permissions() -> str:
    """What infra/permissions.json has to hold: what each step, and what else the app does, needs of the tenant."""
    steps = {
        step.name: {"power": step.power, "graph": sorted(set(step.permissions) - BY_EXCHANGE)}
        | {
            "always": step.name in BY_THEMSELVES - CLOSING,
            "mailbox": sorted(BY_EXCHANGE & set(step.permissions)),
            "exchangeRoles": sorted(step.exchange_roles),
        }
        for step in STEPS
    }
    besides = [{"of": n.of, "power": n.power, "graph": sorted(n.permissions), "optional": n.optional} for n in BESIDES_STEPS]
    return json.dumps({"steps": steps, "besides": besides, "sharePoint": sorted(ON_SHAREPOINT)}, indent=2) + "\n"


if __name__ == "__main__":
    Path(TARGET).write_text(written(), encoding="utf-8")
    Path(PERMISSIONS).write_text(permissions(), encoding="utf-8")
