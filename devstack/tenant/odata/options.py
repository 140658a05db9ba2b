"""Query options of one request, read and checked."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from devstack.tenant.errors import bad_request, unsupported_query

_KNOWN = ("filter", "select", "expand", "top", "skip", "count", "orderby", "search", "skiptoken", "format")
_EXPANSION = re.compile(r"\s*(?P<name>[\w.]+)(?:\((?P<options>[^)]*)\))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Options:
    """$-options by name without `$`, decoded. `eventual` says that `ConsistencyLevel: eventual` was sent."""

    given: dict[str, str] = field(default_factory=dict)
    eventual: bool = False

    @property
    def advanced(self) -> bool:
        """Whether the request may use the advanced query capabilities of directory objects."""
        return self.eventual and self.counted

    @property
    def counted(self) -> bool:
        """Whether `$count=true` was asked for."""
        return self.given.get("count", "").lower() == "true"

    @property
    def select(self) -> tuple[str, ...]:
        """The selected names, empty for the default set."""
        return tuple(name.strip() for name in self.given.get("select", "").split(",") if name.strip())

    @property
    def expand(self) -> dict[str, tuple[str, ...]]:
        """Each expanded relation and the names selected in it."""
        text, found, position = self.given.get("expand", ""), {}, 0
        while position < len(text):
            match = _EXPANSION.match(text, position)
            if match is None:
                raise bad_request(f"Parsing OData Select and Expand failed: '{text}'.", "BadRequest")
            inner = re.fullmatch(r"\s*\$select=([\w,\s]*)\s*", match["options"] or "$select=")
            if inner is None:
                raise unsupported_query(f"Only $select is supported inside $expand, not '{match['options']}'.")
            found[match["name"]] = tuple(name.strip() for name in inner[1].split(",") if name.strip())
            position = match.end()
        return found

    def top(self, default: int, maximum: int) -> int:
        """The page size; raises GraphError 400 outside 1..maximum."""
        text = self.given.get("top", str(default))
        if not text.isdecimal() or not 1 <= int(text) <= maximum:
            raise unsupported_query(f"Invalid page size specified: '{text}'. Must be between 1 and {maximum} inclusive.")
        return int(text)


def read_options(query: str, consistency_level: str, *, also: tuple[str, ...] = ()) -> Options:
    """The options of a raw query string. Raises GraphError 400 for an unknown, repeated or unsupported $-option.

    `also` are options that this path alone has.
    """
    given: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        name = key.lstrip("$").lower()
        if name not in _KNOWN and name not in also:
            if key.startswith("$"):
                raise bad_request(f"The query parameter '{key}' is not supported.", "BadRequest")
            continue
        if name in given:
            raise bad_request(
                f"Query option '${name}' was specified more than once, but it must be specified at most once.", "BadRequest"
            )
        given[name] = value
    if "skip" in given:
        raise unsupported_query("'$skip' is not supported by the service.")
    return Options(given, consistency_level.lower() == "eventual")
