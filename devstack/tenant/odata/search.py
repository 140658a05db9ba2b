"""$search: `"property:words"` joined by AND and OR, on properties that Graph tokenizes."""

import re
from collections.abc import Callable
from typing import Any

from devstack.tenant.errors import bad_request, unsupported_query

_CLAUSE = re.compile(r'\s*"(?P<name>\w+):(?P<words>[^"]+)"\s*')
_JOIN = re.compile(r"\s*(AND|OR)\s*", re.IGNORECASE)
# Words are tokenized in these, every other property is searched as starts-with.
# https://learn.microsoft.com/graph/search-query-parameter#using-search-on-directory-object-collections
_TOKENIZED = ("displayname", "description")


def parse_search(text: str, searchable: tuple[str, ...], resource: str) -> Callable[[dict[str, Any]], bool]:
    """A predicate for the search; AND binds stronger than OR. Raises GraphError 400 for what Graph refuses."""
    groups: list[list[Callable[[dict[str, Any]], bool]]] = [[]]
    position = 0
    while True:
        clause = _CLAUSE.match(text, position)
        if clause is None:
            raise bad_request(
                f"Syntax error: character '{text[position : position + 1]}' is not valid in '{text}'.", "BadRequest"
            )
        groups[-1].append(_clause(clause["name"], clause["words"], searchable, resource))
        position = clause.end()
        if position == len(text):
            break
        join = _JOIN.match(text, position)
        if join is None:
            raise bad_request(f"AND or OR was expected after '{text[:position]}'.", "BadRequest")
        if join[1].upper() == "OR":
            groups.append([])
        position = join.end()
    return lambda record: any(all(clause(record) for clause in group) for group in groups)


def _clause(name: str, words: str, searchable: tuple[str, ...], resource: str) -> Callable[[dict[str, Any]], bool]:
    known = {item.lower(): item for item in searchable}
    if name.lower() not in known:
        raise unsupported_query(f"Property '{name}' of resource '{resource}' does not support $search.")
    actual, wanted = known[name.lower()], words.lower().split()

    def matches(record: dict[str, Any]) -> bool:
        value = record.get(actual)
        if not isinstance(value, str):
            return False
        if name.lower() not in _TOKENIZED:
            return value.lower().startswith(words.lower())
        tokens = re.split(r"[\W_]+", value.lower())
        return all(any(token.startswith(word) for token in tokens) for word in wanted)

    return matches
