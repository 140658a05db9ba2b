"""The powers that this app has, and the hub that it listens to: all of the settings that the finding of its functions has to know, and read
without importing the rest."""

import os
import re
from collections.abc import Mapping

from shared.nouns.errors import SettingsMissing
from shared.nouns.power import POWERS, Power

# The form with Entra's roles; that with a connection string in a vault is deprecated.
# https://learn.microsoft.com/graph/change-notifications-delivery-event-hubs
HUB = re.compile(
    r"EventHub:https://[a-z0-9.-]+\.servicebus\.[a-z.]+/eventhubname/(?P<hub>[A-Za-z0-9._-]{1,256})\?tenantId=[A-Za-z0-9.-]+\Z"
)


def read_powers(environment: Mapping[str, str] | None = None) -> frozenset[Power]:
    """The powers of this app. Raises SettingsMissing where one is not known."""
    given = os.environ if environment is None else environment
    named = {word.strip() for word in given.get("ENTENTE_POWERS", "").split(",")} - {""}
    if strange := sorted(named - set(POWERS)):
        raise SettingsMissing(f"App setting ENTENTE_POWERS names {', '.join(strange)}; there are: {', '.join(POWERS)}")
    return frozenset(power for power in POWERS if not named or power in named)


def read_hub(environment: Mapping[str, str] | None = None) -> str:
    """The name of the event hub that Microsoft Graph tells of changes in, "" where it tells otherwise.

    Raises SettingsMissing where several tenants name several.
    """
    given = os.environ if environment is None else environment
    urls = [value for name, value in given.items() if name.startswith("ENTENTE_NOTIFICATION_URL")]
    hubs = {found["hub"] for found in map(HUB.match, urls) if found}
    if len(hubs) > 1:
        raise SettingsMissing(
            f"ENTENTE_NOTIFICATION_URL names several event hubs, and an app listens to one: {', '.join(sorted(hubs))}"
        )
    return hubs.pop() if hubs else ""
