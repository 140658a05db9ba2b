"""Finding objects of a kind by filter or search, through the indexes where they can answer."""

from devstack.tenant.directory.objects import INDEXED, Objects
from devstack.tenant.graph.kinds import Kind
from devstack.tenant.graph.operation import Call
from devstack.tenant.graph.show import Found, predicate, requested
from devstack.tenant.odata.predicates import Equals, Joined, Plan


def find(call: Call, kind: Kind, *, deleted: bool = False) -> Found:
    """Objects of the kind that the request's filter and search match, deleted ones or the others."""
    parsed = requested(call, kind, relation=False)
    matches = predicate(call, kind, parsed)
    candidates = _candidates(call.tenant.objects, kind.name, parsed.plan) if parsed else None
    if deleted and candidates is None:
        candidates = _ever_deleted(call)
    return call.tenant.objects.query(
        kind.name, candidates, lambda record: bool(record.get("deletedDateTime")) is deleted and matches(record)
    )


def _ever_deleted(call: Call) -> set[str]:
    """Every object that some reader may see as deleted."""
    return set(call.tenant.deleted) | call.tenant.objects.touched_ids()


def _candidates(objects: Objects, kind: str, plan: Plan) -> set[str] | None:
    """Ids that can match, or None where only a scan can tell."""
    match plan:
        case Equals(name, value) if name in INDEXED[kind]:
            return objects.candidates(kind, name, value)
        case Joined("or", left, right):
            both = _candidates(objects, kind, left), _candidates(objects, kind, right)
            return None if both[0] is None or both[1] is None else both[0] | both[1]
        case Joined("and", left, right):
            known = [c for c in (_candidates(objects, kind, left), _candidates(objects, kind, right)) if c is not None]
            return min(known, key=len) if known else None
    return None
