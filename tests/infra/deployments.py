"""The deployments that the tests look at: as small as it gets, and with everything on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.check.rendering import Rendered, render
from infra.check.typed import Definitions
from shared.settings import ROOT

INFRA = ROOT / "infra"
TYPES = ROOT.parent / "shared" / "infra-types"
SMALL: dict[str, Any] = {}
WHOLE: dict[str, Any] = {
    "apps": "split",
    "privateNetwork": True,
    "zoneRedundant": True,
    "exactScaling": True,
    "alwaysReady": 1,
    "partnerTopic": "entente-changes",
    "partnerTopicActive": True,
    "signInClientId": "11111111-1111-1111-1111-111111111111",
    "mailbox": "partners@contoso.com",
    "operators": ["operators@contoso.com"],
    "requesters": ["22222222-2222-2222-2222-222222222222"],
}


def deployed(parameters: dict[str, Any], edit: Callable[[Path, str], str] = lambda _, text: text) -> Rendered:
    return render(INFRA / "main.bicep", parameters, edit)


def changed(name: str, old: str, new: str) -> Callable[[Path, str], str]:
    """The file of this name with the first `old` replaced; it has to be there."""

    def edit(path: Path, text: str) -> str:
        if path.name != name:
            return text
        assert old in text, f"{name} has no {old!r}"
        return text.replace(old, new, 1)

    return edit


def definitions() -> Definitions:
    if not TYPES.is_dir():
        pytest.skip(f"Microsoft's type definitions are not beside the checkout ({TYPES.parent.name}/{TYPES.name})")
    return Definitions(TYPES)
