"""From a record to what Graph answers: selected properties, expanded relations, pages."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_simulated, unsupported_query
from devstack.tenant.graph.kinds import EXPANSIONS_NOT_SIMULATED, NOT_SIMULATED, Kind
from devstack.tenant.graph.operation import GUID, Call, Reply, kind_of
from devstack.tenant.odata.filter import Filter, Filterable, parse_filter
from devstack.tenant.odata.search import parse_search

PAGE = 100
LARGEST_PAGE = 999
# "Requests with $top set higher than 500 return pages with up to 500 users": https://learn.microsoft.com/graph/api/user-list
LARGEST_PAGE_WITH_SIGN_INS = 500
_SIGN_INS = "signInActivity"
_EXPANDED_AT_MOST = 20  # https://learn.microsoft.com/graph/known-limits: $expand on directory objects
type Found = list[tuple[Entry, Record]]


def chosen(kind: Kind, names: Iterable[str]) -> tuple[str, ...]:
    """The properties to answer, spelled as Graph spells them; raises 400 for one that Graph does not have, 501 for one we do not."""
    spelled = []
    for name in names:
        actual = kind.names.get(name.lower())
        if actual is None:
            if name.lower() in {absent.lower() for absent in NOT_SIMULATED[kind.name]}:
                raise not_simulated(f"Property '{name}' of {kind.name}", "devstack/tenant/graph/kinds.py")
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{kind.odata_type[17:]}'.",
                code="BadRequest",
            )
        spelled.append(actual)
    return tuple(spelled) or kind.default


def shown(kind: Kind, record: Record, names: tuple[str, ...]) -> Record:
    """The record with these properties, unset ones as Graph shows them.

    `signInActivity` "isn't returned for a user who never signed in": https://learn.microsoft.com/graph/api/resources/user#properties
    """
    properties = kind.properties
    return {
        name: record[name] if name in record else properties[name].empty
        for name in names
        if name != _SIGN_INS or record.get(name) is not None
    }


def _selected(call: Call, names: tuple[str, ...]) -> str:
    """The selected names in `@odata.context`, as Graph spells them."""
    return f"({','.join(names)})" if call.options.select else ""


def one(call: Call, entry: Entry, record: Record, *, status: int = 200) -> Reply:
    """The answer with one object."""
    kind = kind_of(entry)
    names = chosen(kind, call.options.select)
    context = {"@odata.context": call.context(f"{kind.collection}{_selected(call, names)}/$entity")}
    if _SIGN_INS in names:
        require_sign_in_activity(call)
        if not GUID.fullmatch(call.parameters["id"]):
            # Another service keeps them, which knows ids alone: many field reports have these words.
            raise bad_request("Get By Key only supports UserId and the key has to be a valid Guid", "BadRequest")
    return Reply(status, {**context, **shown(kind, record, names), **expanded(call, kind, entry)})


def require_sign_in_activity(call: Call) -> None:
    """`signInActivity` may be read: it needs AuditLog.Read.All and a premium tenant (facts 1.5)."""
    call.require("AuditLog.Read.All")
    if not call.tenant.premium:
        raise GraphError(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )


def expanded(call: Call, kind: Kind, entry: Entry) -> Record:
    """Each relation in $expand with at most 20 objects."""
    answer: Record = {}
    for name, select in call.options.expand.items():
        if name in EXPANSIONS_NOT_SIMULATED[kind.name]:
            raise not_simulated(f"$expand={name} on {kind.collection}", "devstack/tenant/graph/show.py")
        if name not in kind.expandable:
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{kind.name}'.",
                code="BadRequest",
            )
        relations = call.tenant.relations
        ids = relations.read_sources("members", entry.id) if name == "memberOf" else relations.read_targets(name, entry.id)
        found = related(call, ids)[:_EXPANDED_AT_MOST]
        answer[name] = [tagged(other, record, select) for other, record in found]
    return answer


def tagged(entry: Entry, record: Record, select: tuple[str, ...] = ()) -> Record:
    """The object with its `@odata.type`, as collections of mixed types show it."""
    kind = kind_of(entry)
    # In a collection of mixed types each object shows those of the selected properties that its type has.
    names = tuple(kind.names[name.lower()] for name in select if name.lower() in kind.names) if select else kind.default
    return {"@odata.type": kind.odata_type, **shown(kind, record, names)}


def related(call: Call, identifiers: Iterable[str], kind: str | None = None) -> Found:
    """The objects that are not deleted, as this reader's replica has them, oldest first."""
    found = []
    for identifier in identifiers:
        seen = call.tenant.objects.read(identifier)
        if seen and not seen[1].get("deletedDateTime") and kind in (None, seen[0].kind):
            found.append(seen)
    return sorted(found, key=lambda pair: pair[0].number)


def requested(call: Call, kind: Kind, *, relation: bool) -> Filter | None:
    """The filter of directory objects of the kind, checked."""
    return checked_filter(call, kind.filterable, relation=relation)


def checked_filter(call: Call, filterable: Filterable, *, relation: bool = False) -> Filter | None:
    """The filter, checked against the rules for advanced queries (https://aka.ms/graph-docs/advanced-queries).

    On relations (members, owners, memberOf) every filter, search and order is an advanced query.
    """
    options = call.options
    text = options.given.get("filter")
    parsed = parse_filter(text, filterable) if text is not None else None
    if "search" in options.given and not options.eventual:
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'"
        )
    needs = parsed.advanced if parsed else None
    if relation and (parsed or "orderby" in options.given):
        needs = needs or "$filter"
    if "orderby" in options.given and parsed:
        needs = needs or "$orderby"
    if needs and not options.advanced:
        what = f"Operator '{needs}' is" if needs in ("endswith", "ne", "not") else f"The specified use of '{needs}' is"
        raise unsupported_query(
            f"{what} not supported because the required parameters might be missing. Try adding $count=true query parameter and "
            "ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information"
        )
    if parsed and "signInActivity/lastSignInDateTime" in parsed.names:
        require_sign_in_activity(call)
        if len(parsed.names) > 1:
            raise unsupported_query("Filter by signInActivity cannot be combined with other filters.")
    return parsed


def predicate(call: Call, kind: Kind, parsed: Filter | None) -> Callable[[Record], bool]:
    """Filter and search together."""
    search = call.options.given.get("search")
    tests = [parsed.matches] if parsed else []
    if search is not None:
        tests.append(parse_search(search, kind.searchable, kind.resource))
    if not tests:
        return lambda _: True
    return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)


def collection(call: Call, kind: Kind | None, found: Found, fragment: str) -> Reply:
    """One page of the objects. `kind` None means mixed types, which carry `@odata.type`."""
    names = chosen(kind, call.options.select) if kind else call.options.select
    largest = LARGEST_PAGE
    if _SIGN_INS in names or _SIGN_INS in call.options.given.get("filter", ""):
        require_sign_in_activity(call)
        largest = LARGEST_PAGE_WITH_SIGN_INS
    if kind is None and "expand" in call.options.given:
        raise not_simulated("$expand on a collection of several types", "devstack/tenant/graph/show.py")

    def item(entry: Entry, record: Record) -> Record:
        if kind is None:
            return tagged(entry, record, call.options.select)
        return (
            {**shown(kind, record, names), **expanded(call, kind, entry)}
            if "expand" in call.options.given
            else shown(kind, record, names)
        )

    return page(call, found, item, f"{fragment}{_selected(call, names)}", largest)


def page(call: Call, found: Found, item: Callable[[Entry, Record], Any], fragment: str, largest: int = LARGEST_PAGE) -> Reply:
    """One page in Graph's envelope, with `@odata.nextLink` while there is more and `@odata.count` where it was asked for.

    It never has more than `largest` objects, whatever `$top` says.
    """
    options = call.options
    size = min(options.top(PAGE, LARGEST_PAGE), largest)
    ordered = "orderby" in options.given
    if ordered:
        found = _in_order(found, options.given["orderby"])
    start = _start(found, options.given["skiptoken"], ordered=ordered) if "skiptoken" in options.given else 0
    body: dict[str, Any] = {"@odata.context": call.context(fragment)}
    if options.advanced and start == 0:
        body["@odata.count"] = len(found)
    rest = found[start : start + size]
    if start + size < len(found):
        mark = {"o": start + size} if ordered else {"a": rest[-1][0].number}
        body["@odata.nextLink"] = next_link(call, base64.urlsafe_b64encode(json.dumps(mark).encode()).decode())
    body["value"] = [item(entry, record) for entry, record in rest]
    return Reply(200, body)


def counting(run: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
    """How many objects the collection has, as plain text; 400 unless the request may be answered from the index.

    https://learn.microsoft.com/graph/aad-advanced-queries#error-handling-for-advanced-queries-on-directory-objects
    """

    def count(call: Call) -> Reply:
        if not call.options.eventual:
            raise bad_request("$count is not currently supported.")
        options = replace(call.options, given={**call.options.given, "count": "true", "top": "1"})
        answered = run(replace(call, options=options)).body or {}
        return Reply(200, text=str(answered["@odata.count"]))

    return count


def next_link(call: Call, token: str) -> str:
    """The address of the next page: the same request with `$skiptoken`."""
    query = {f"${name}": value for name, value in call.options.given.items() if name != "skiptoken"} | {"$skiptoken": token}
    # The path is written as it came, encoded already: a user name with `%23` in it is the same name on the next page.
    return f"{call.base}{quote(call.path, safe="/$()',=@%!:")}?{urlencode(query, quote_via=quote, safe="$,()':/")}"


def _start(found: Found, token: str, *, ordered: bool) -> int:
    """Where the page begins: behind the last object shown, so that objects which vanish meanwhile make nobody skip one."""
    try:
        mark = json.loads(base64.urlsafe_b64decode(token.encode()))
        if ordered:
            return int(mark["o"])
        last = int(mark["a"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(
            "The specified page token value has expired and can no longer be included in your request.",
            "Directory_ExpiredPageToken",
        ) from error
    return next((place for place, (entry, _) in enumerate(found) if entry.number > last), len(found))


def _in_order(found: Found, text: str) -> Found:
    for clause in reversed(text.split(",")):
        name, _, direction = clause.strip().partition(" ")
        if name not in ("displayName", "userPrincipalName", "mail", "createdDateTime", "deletedDateTime", "id"):
            raise unsupported_query(f"Sorting not supported for property '{name}'.")
        found = sorted(found, key=lambda pair: str(pair[1].get(name) or "").lower(), reverse=direction.strip().lower() == "desc")
    return found
