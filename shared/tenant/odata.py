"""Values that go into a URL or a filter, so that none of them can say more than a value may."""

import re

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def guid(value: str, name: str) -> str:
    """The id in lower case. Raises ValueError where it is no GUID; only GUIDs go into a path."""
    lower = value.lower()
    if not _GUID.fullmatch(lower):
        raise ValueError(f"{name} must be an object id (a GUID)")
    return lower


def literal(value: str) -> str:
    """The value as an OData string literal, with its quotes; apostrophes are doubled. Percent-encoding is the URL's part.

    https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (5.1.1.6.1)
    """
    return "'" + value.replace("'", "''") + "'"
