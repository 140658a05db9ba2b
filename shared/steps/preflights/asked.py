"""What the same request asks of the partner configuration, as far as other steps must know it beforehand."""

from collections.abc import Mapping
from typing import Any

from shared.nouns.template import Template

_STEP = "set-partner-configuration"


def partner_settings(steps: Mapping[str, Mapping[str, Any]], template: Template) -> dict[str, Any]:
    """The request's block for the partner configuration over the template's; empty where the request does not get the step."""
    if _STEP not in template.steps and not (_STEP in template.optional and _STEP in steps):
        return {}
    return {**template.defaults.get(_STEP, {}), **steps.get(_STEP, {})}


def opens(settings: Mapping[str, Any], block: str) -> bool:
    """The settings open the block for somebody."""
    asked = settings.get(block)
    if isinstance(asked, Mapping):
        return any(isinstance(part, Mapping) and part.get("accessType") == "allowed" for part in asked.values())
    return bool(asked == "allowed")


def trusts(settings: Mapping[str, Any], switch: str) -> bool | None:
    """What the settings say about a switch of inboundTrust; None where they do not touch it."""
    asked = settings.get("inboundTrust")
    return asked.get(switch) is True if isinstance(asked, Mapping) else None
