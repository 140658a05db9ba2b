"""What has changed since: delta queries for users and groups.

https://learn.microsoft.com/graph/delta-query-overview, /graph/api/user-delta and /graph/api/group-delta; facts section 1.8.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from devstack.tenant.directory.changes import Latest
from devstack.tenant.directory.objects import Record
from devstack.tenant.errors import GraphError, bad_request, not_simulated, unsupported_query
from devstack.tenant.graph.delta_token import Token, read_token
from devstack.tenant.graph.kinds import GROUP, KINDS, USER, Kind
from devstack.tenant.graph.operation import GUID, Call, Operation, Reply
from devstack.tenant.graph.permissions import GROUP_READ, USER_READ
from devstack.tenant.graph.show import chosen, shown

_MOST_FILTERED = 50
_FILTER = re.compile(r"\s*id\s+eq\s+'([^']+)'\s*", re.IGNORECASE)
_MEMBERS = "members"
type Item = tuple[int, Record, list[Record]]
"""A number to go on behind, the object, and its members in the order of their ids."""


def track_users(call: Call) -> Reply:
    """The users that changed since the token, or all of them without one."""
    return _answer(call, USER)


def track_groups(call: Call) -> Reply:
    """The groups that changed since the token, with the members that came and went, or all of them without one."""
    return _answer(call, GROUP)


def _answer(call: Call, kind: Kind) -> Reply:
    call.tenant.changes.delay = float(call.tenant.behaviour.delta_seconds)
    token = _token(call, kind)
    names, tracks_members = _tracked(call, kind, token.select)
    selected = f"({','.join(token.select)})" if token.select else ""
    body: Record = {
        "@odata.context": call.context(f"{kind.collection}{selected if not call.options.given.get('skiptoken') else ''}")
    }
    if token.latest:
        return _reply(call, body | _last(call, kind, token), [])
    items = _all(call, kind, token, names) if token.whole else _changed(call, kind, token, names, tracks_members=tracks_members)
    value, rest = _page(call, token, items, tracks_members=tracks_members)
    link = _link(call, kind, "skiptoken", rest) if rest is not None else None
    return _reply(call, body | ({"@odata.nextLink": link} if link else _last(call, kind, token)), value)


def _reply(call: Call, body: Record, value: list[Record]) -> Reply:
    preferred = {"Preference-Applied": "return=minimal"} if _minimal(call) else {}
    return Reply(200, {**body, "value": value}, preferred)


def _minimal(call: Call) -> bool:
    return "return=minimal" in (call.headers.get("Prefer") or "").lower().replace(" ", "")


def _token(call: Call, kind: Kind) -> Token:
    """Where to go on, or the beginning of a round. Raises 400 for what such a query does not take, 410 for a token that is gone."""
    given = call.options.given
    if refused := given.keys() & {"expand", "top", "orderby", "search", "count"}:
        raise unsupported_query(
            f"The query parameter '${min(refused)}' is not supported with delta queries on {kind.collection}."
        )
    text = given.get("skiptoken") or given.get("deltatoken") or ""
    if "skiptoken" in given and given.keys() & {"select", "filter", "deltatoken"}:
        raise unsupported_query("Delta queries with both $skiptoken and other query parameters are not supported.")
    changes = call.tenant.changes
    if text and text.lower() != "latest":
        token = read_token(text, kind.name, changes, call.tenant.clock.seconds())
        if token is None:
            raise _gone(call, kind)
        if token.page is not ("skiptoken" in given):
            raise bad_request("The token does not belong to this query parameter.", "BadRequest")
        select = call.options.select or token.select
        return replace(token, select=select) if token.page else replace(token, select=select, until=changes.seen())
    return Token(kind.name, call.options.select, _filtered(call), changes.seen(), whole=True, latest=text.lower() == "latest")


def _gone(call: Call, kind: Kind) -> GraphError:
    """The round must begin anew: 410 with the address of its beginning, or 400 (option `expiredDeltaStatus`)."""
    if call.tenant.behaviour.expired_delta_status != 410:
        text = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
        return GraphError(call.tenant.behaviour.expired_delta_status, "syncStateNotFound", text)
    select = f"&$select={quote(','.join(call.options.select), safe=',')}" if call.options.select else ""
    location = f"{call.base}/{call.version}/{kind.collection}/delta?$deltatoken={select}"
    return GraphError(410, "resyncRequired", "Resync required. Any held state must be discarded.", headers={"Location": location})


def _filtered(call: Call) -> tuple[str, ...]:
    text = call.options.given.get("filter")
    if text is None:
        return ()
    parts = [_FILTER.fullmatch(part) for part in re.split(r"\bor\b", text, flags=re.IGNORECASE)]
    ids = tuple(part[1].lower() for part in parts if part is not None and GUID.fullmatch(part[1]))
    if len(ids) < len(parts) or len(ids) > _MOST_FILTERED:
        raise unsupported_query(f"Delta queries take a $filter by id alone, with at most {_MOST_FILTERED} ids.")
    return ids


def _tracked(call: Call, kind: Kind, select: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """The properties, and whether members are tracked: without $select the default ones, and members."""
    if any(name.lower() == "manager" for name in select) and kind is USER:
        raise not_simulated("Tracking manager", "devstack/tenant/graph/delta.py")
    plain = [name for name in select if not (kind is GROUP and name.lower() == _MEMBERS)]
    if "signinactivity" in (name.lower() for name in plain):
        raise GraphError(501, "NotImplemented", "This operation target is not yet supported.")
    names = chosen(kind, plain) if plain or not select else ()
    return tuple(name for name in names if name != "id"), kind is GROUP and (not select or len(plain) < len(select))


def _all(call: Call, kind: Kind, token: Token, names: tuple[str, ...]) -> Iterator[Item]:
    """Everything there is, the oldest first, from where the token stands."""
    tenant = call.tenant
    for entry in tenant.objects.behind(kind.name, token.after):
        latest = tenant.changes.latest(kind.name, entry.id)
        if latest is None or latest.since > token.until or (token.ids and entry.id not in token.ids):
            continue
        if entry.record.get("deletedDateTime"):
            if tenant.behaviour.removed_in_first_delta:
                yield entry.number, _removed(entry.id, "changed"), []
            continue
        yield entry.number, _object(kind, latest, entry.record, names), _members(call, entry.id)


def _changed(call: Call, kind: Kind, token: Token, names: tuple[str, ...], *, tracks_members: bool) -> Iterator[Item]:
    """What changed behind the token's moment, the oldest change first."""
    minimal = _minimal(call)
    for latest in call.tenant.changes.after(kind.name, max(token.since, token.after), token.until):
        if token.ids and latest.id not in token.ids:
            continue
        entry = call.tenant.objects.entry(latest.id, kind.name)
        if entry is None or entry.record.get("deletedDateTime"):
            yield latest.number, _removed(latest.id, "deleted" if entry is None else "changed"), []
            continue
        new = latest.since > token.since
        changed = latest.changed(names, token.since)
        members = []
        if tracks_members:
            members = _members(call, entry.id) if new else _members_changed(call, latest, token.since)
        if not new and not changed and not members:
            continue
        wanted = tuple(changed) if minimal and not new else names
        yield latest.number, _object(kind, latest, entry.record, wanted), members


def _object(kind: Kind, latest: Latest, record: Record, names: tuple[str, ...]) -> Record:
    """The object; a property that was never set is left out, one that was emptied is null."""
    present = tuple(name for name in names if record.get(name) is not None or latest.properties.get(name))
    return {**shown(kind, record, present), "id": latest.id}


def _removed(identifier: str, reason: str) -> Record:
    return {"id": identifier, "@removed": {"reason": reason}}


def _members(call: Call, group: str) -> list[Record]:
    found = sorted(call.tenant.relations.targets(_MEMBERS, group))
    return [_member(entry.kind, entry.id) for entry in map(call.tenant.objects.entry, found) if entry is not None]


def _members_changed(call: Call, latest: Latest, since: int) -> list[Record]:
    present = call.tenant.relations.targets(_MEMBERS, latest.id)
    return [
        _member(kind, member) | ({} if member in present else {"@removed": {"reason": "deleted"}})
        for member, (number, kind) in sorted(latest.members.items())
        if number > since
    ]


def _member(kind: str, identifier: str) -> Record:
    odata_type = KINDS[kind].odata_type if kind in KINDS else f"#microsoft.graph.{kind}"
    return {"@odata.type": odata_type, "id": identifier}


def _page(call: Call, token: Token, items: Iterator[Item], *, tracks_members: bool) -> tuple[list[Record], Token | None]:
    """So many objects and members as fit on a page, and the token of the next one. Members of one group may go on there."""
    room, seats = (max(1, most) for most in (call.tenant.behaviour.delta_page, call.tenant.behaviour.delta_members))
    value: list[Record] = []
    last = token.after
    for number, shown_object, all_members in items:
        if len(value) >= room or seats <= 0:
            return value, replace(token, after=last, member="", page=True)
        shown_before = token.member if number == token.after + 1 else ""
        members = [m for m in all_members if m["id"] > shown_before] if tracks_members else []
        here = members[:seats]
        seats -= len(here)
        value.append({**shown_object, **({f"{_MEMBERS}@delta": here} if here else {})})
        if len(here) < len(members):
            return value, replace(token, after=number - 1, member=here[-1]["id"], page=True)
        last = number
    return value, None


def _last(call: Call, kind: Kind, token: Token) -> Record:
    """The link to what changes from now on."""
    since = max(0, token.until - call.tenant.behaviour.delta_replays)
    following = Token(kind.name, token.select, token.ids, token.until, since=since)
    return {"@odata.deltaLink": _link(call, kind, "deltatoken", following)}


def _link(call: Call, kind: Kind, name: str, token: Token) -> str:
    text: Any = token.written(call.tenant.changes, call.tenant.clock.seconds())
    return f"{call.base}/{call.version}/{kind.collection}/delta?${name}={text}"


_API = "https://learn.microsoft.com/graph/api/"
_NOTES = (
    "a token that is expired, of another tenant or no token at all is refused with 410 (`expiredDeltaStatus`)",
    "pages of 100 objects and 1,000 members (`deltaPage`, `deltaMembers`)",
)
_DEVIATIONS = (
    "changes come in the order in which they were made; an object comes once a round, a group with many members more often",
)
OPERATIONS = (
    Operation(
        "GET",
        "/users/delta()",
        track_users,
        USER_READ,
        f"{_API}user-delta",
        unverified=_NOTES,
        deviations=(*_DEVIATIONS, "manager is not tracked: 501"),
    ),
    Operation(
        "GET", "/groups/delta()", track_groups, GROUP_READ, f"{_API}group-delta", unverified=_NOTES, deviations=_DEVIATIONS
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
