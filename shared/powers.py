"""The powers that this app has: all of the settings that the finding of its functions has to know, and read without importing the rest."""

import os
from collections.abc import Mapping

from shared.nouns.errors import SettingsMissing
from shared.nouns.power import POWERS, Power


def read_powers(environment: Mapping[str, str] | None = None) -> frozenset[Power]:
    """The powers of this app. Raises SettingsMissing where one is not known."""
    given = os.environ if environment is None else environment
    named = {word.strip() for word in given.get("ENTENTE_POWERS", "").split(",")} - {""}
    if strange := sorted(named - set(POWERS)):
        raise SettingsMissing(f"App setting ENTENTE_POWERS names {', '.join(strange)}; there are: {', '.join(POWERS)}")
    return frozenset(power for power in POWERS if not named or power in named)
