"""Reading decoded JSON that others wrote: a field of another type counts as absent."""

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.nouns.json_text import Json


def entry(value: Json, key: str) -> Json:
    """The field `key` of an object, or None."""
    return value.get(key) if isinstance(value, dict) else None


def text(value: Json, key: str) -> str:
    """The field's string, or ""."""
    found = entry(value, key)
    return found if isinstance(found, str) else ""


def flag(value: Json, key: str) -> bool | None:
    """The field's truth value, or None."""
    found = entry(value, key)
    return found if isinstance(found, bool) else None


def objects(value: Json, key: str) -> list[dict[str, Json]]:
    """The objects in the field's list."""
    found = entry(value, key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def texts(value: Json, key: str) -> tuple[str, ...]:
    """The strings in the field's list."""
    found = entry(value, key)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def instant(value: Json, key: str) -> datetime | None:
    """The field's date and time, with its zone (UTC where it has none), or None."""
    try:
        found = datetime.fromisoformat(text(value, key))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def header(headers: Mapping[str, str], name: str) -> str:
    """The header's value whatever the case of its name, or ""."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")
