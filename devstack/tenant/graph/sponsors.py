"""Sponsors of guests. https://learn.microsoft.com/graph/api/user-post-sponsors; facts section 1.4."""

from devstack.tenant.directory.objects import Entry
from devstack.tenant.errors import already_referenced, bad_request, not_found
from devstack.tenant.graph.kinds import USER
from devstack.tenant.graph.operation import NO_CONTENT, Call, Operation, Reply
from devstack.tenant.graph.permissions import USER_WRITE
from devstack.tenant.graph.show import collection, predicate, related, requested

MOST_SPONSORS = 5


def list_sponsors(call: Call) -> Reply:
    """The users and groups that are responsible for the guest."""
    entry, _ = call.user()
    matches = predicate(call, USER, requested(call, USER, relation=True))
    found = [pair for pair in related(call, call.tenant.relations.read_targets("sponsors", entry.id)) if matches(pair[1])]
    return collection(call, None, found, "directoryObjects")


def add_sponsor(call: Call) -> Reply:
    """The user or group in `@odata.id` is a sponsor of the guest."""
    entry = call.for_writing(call.user())
    sponsor = call.reference(call.json().get("@odata.id"), kinds=("user", "group"))
    if sponsor.id in call.tenant.relations.targets("sponsors", entry.id):
        raise already_referenced("sponsors")
    make_sponsors(call, entry, [sponsor])
    return Reply(NO_CONTENT)


def make_sponsors(call: Call, guest: Entry, sponsors: list[Entry]) -> None:
    """Each is a sponsor of the guest; raises 400 if that makes more than five."""
    present = call.tenant.relations.targets("sponsors", guest.id)
    new = [sponsor for sponsor in sponsors if sponsor.id not in present]
    if len(present) + len(new) > MOST_SPONSORS:
        raise bad_request(
            f"The maximum number of sponsors is {MOST_SPONSORS}; user '{guest.id}' would have {len(present) + len(new)}."
        )
    for sponsor in new:
        call.tenant.relations.add("sponsors", guest.id, sponsor.id)


def remove_sponsor(call: Call) -> Reply:
    """The user or group is no sponsor of the guest."""
    entry = call.for_writing(call.user())
    sponsor = call.identifier("reference").lower()
    if sponsor not in call.tenant.relations.targets("sponsors", entry.id):
        raise not_found(sponsor)
    call.tenant.relations.remove("sponsors", entry.id, sponsor)
    return Reply(NO_CONTENT)


_API = "https://learn.microsoft.com/graph/api/user-"
OPERATIONS = (
    Operation("GET", "/users/{id}/sponsors", list_sponsors, ("User.Read.All", "User.ReadWrite.All"), f"{_API}list-sponsors"),
    Operation(
        "POST",
        "/users/{id}/sponsors/$ref",
        add_sponsor,
        USER_WRITE,
        f"{_API}post-sponsors",
        kind="write",
        unverified=("five sponsors at most, and the text of that refusal",),
    ),
    Operation(
        "DELETE",
        "/users/{id}/sponsors/{reference}/$ref",
        remove_sponsor,
        USER_WRITE,
        f"{_API}delete-sponsors",
        kind="write",
    ),
)
NOT_SIMULATED = ("GET /users/{id}/sponsors/$ref",)
