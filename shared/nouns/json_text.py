"""JSON that comes from outside: what it can be, and that it can be."""

import json
from typing import Any

from shared.nouns.errors import Fault, Refusal

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None


def decoded(body: bytes) -> Any:
    """The value in a JSON text. Raises Refusal where there is none, or one that no JSON text in UTF-8 can hold."""
    try:
        value = json.loads(body)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refusal([Fault("", "has half a character (a lone surrogate), which is not text")]) from error
    except (ValueError, RecursionError) as error:
        raise Refusal([Fault("", f"is not JSON: {error}")]) from error
    return value
