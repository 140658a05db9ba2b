"""What people send with a request, read and checked."""

import json
import re
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from shared.nouns.errors import Fault, Refusal

MOST_CHARACTERS = 1_000
# As long as a domain may be, which is longer than a name.
MOST_PARTNER = 253


def body_of(req: func.HttpRequest, known: set[str]) -> dict[str, Any]:
    """The JSON object in the body. Raises Refusal where it is none, or has fields that are not among `known`."""
    try:
        body = json.loads(req.get_body() or b"{}")
    except ValueError as error:
        raise Refusal([Fault("", "the body must be a JSON object")]) from error
    if not isinstance(body, dict):
        raise Refusal([Fault("", "the body must be a JSON object")])
    if strange := sorted(set(body) - known):
        raise Refusal([Fault(name, f"is not known here; there are: {', '.join(sorted(known))}") for name in strange])
    return body


def word(body: dict[str, Any], name: str, *, needed: bool = True) -> str:
    """The field's text; empty where it is not there and not needed. Raises Refusal."""
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= MOST_CHARACTERS:
        raise Refusal([Fault(name, "is needed, as text")])
    return value


def top_said(asked: Mapping[str, str], otherwise: str, most: int, *, least: int = 0) -> int:
    """How many are to be on a page, from `least` to `most`. Raises Refusal."""
    top = asked.get("top", otherwise)
    if not re.fullmatch(r"[0-9]{1,4}", top) or not least <= int(top) <= most:
        raise Refusal([Fault("top", f"must be a number from {least} to {most}")])
    return int(top)


def partner_said(said: str) -> str:
    """A tenant id, domain or name of a partner, without spaces around it. Raises Refusal."""
    said = said.strip()
    if not said or len(said) > MOST_PARTNER or "@" in said:
        raise Refusal([Fault("partner", "must be a tenant id, a domain or a partner's name")])
    return said
