"""What each table holds about people, and what becomes of it: the data map as the code has it. docs/personal-data.md says it in words, and
a test holds the two, the tables and their fields together."""

from enum import StrEnum


class Fate(StrEnum):
    """What erasing a person does to a row about them."""

    ERASED = "erased"
    # Only what could name them goes; the rest names nobody but by opaque id.
    REDACTED = "redacted"
    KEPT = "kept"


# By table, what about people is in it. "" where nothing is. Every table of the store has to be here.
HOLDS: dict[str, str] = {
    "requests": "who asked and decided (object ids); sponsors as the request names them; nobody's guests",
    "tasks": "guests by opaque id; their sponsors' object ids; words of a message that was written for them; the journal",
    "partners": "",
    "drift": "guests by opaque id; what differs",
    "guests": "guests by opaque id; their object id, dates, stage and sponsors; which colleague is away, and their manager",
    "people": "addresses and names; bodies of messages that nobody could use",
    "pace": "",
    "parked": "guests by opaque id, in the name of a task",
    "seals": "keys of journal entries, with guests by opaque id",
    "asks": "guests by opaque id; sponsors, deputies and who answered what, by object id",
    "runs": "guests by opaque and object id; when they last signed in",
    "exemptions": "guests by opaque id; owner; the reason in somebody's words",
    "subscriptions": "",
    "deltas": "",
    "heard": "object ids of users that changed, or came and went in a group",
    "grants": "",
}
