"""Values that go into a URL or a filter, so that none of them can say more than a value may."""

import re

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_IDENTIFIER = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~=-]{1,512}")


def guid(value: str, name: str) -> str:
    """The id in lower case. Raises ValueError where it is no GUID; only GUIDs go into a path."""
    lower = value.lower()
    if not _GUID.fullmatch(lower):
        raise ValueError(f"{name} must be an object id (a GUID)")
    return lower


def identifier(value: str, name: str) -> str:
    """The id as it is, of a service whose ids are no GUIDs. Raises ValueError where it could say more in a path than an id."""
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(f"{name} must be an id as the service gave it: letters, digits and -._~= only")
    return value


def literal(value: str) -> str:
    """The value as an OData string literal, with its quotes; apostrophes are doubled. Percent-encoding is the URL's part.

    https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (5.1.1.6.1)
    """
    return "'" + value.replace("'", "''") + "'"
