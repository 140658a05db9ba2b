"""The table: what Microsoft 365 answers becomes a value or one of our two errors here, and nowhere else.

Statuses: https://learn.microsoft.com/graph/errors. Branch on the status, then on the code; texts are for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.redaction import without_secrets
from shared.tenant.fields import entry, header, text
from shared.tenant.operations import Operation

ANSWER_WAIT = 15.0


@dataclass(frozen=True)
class Row:
    """What a range of statuses means. Without `wait` (seconds, unless Retry-After says) it is for good.

    `perhaps` says that a write may have been carried out all the same.
    """

    first: int
    last: int
    did: str
    todo: str
    wait: float | None = None
    moves_lane: bool = False
    perhaps: bool = False


TABLE = (
    Row(401, 401, "did not accept a fresh token to", "what was just granted may not be in it yet", wait=60),
    Row(
        403,
        403,
        "forbade us to",
        "this needs the application permission {permissions}: grant it to the app's managed identity and allow the token cache up to "
        "24 h, or change the policy that the message names",
    ),
    Row(404, 404, "has not what it takes to", "there is no such object: correct the id in the request or template"),
    Row(408, 408, "ran out of time to", "it is tried again", wait=15, perhaps=True),
    Row(409, 409, "saw a concurrent change and did not", "it is read again first", wait=5),
    Row(412, 412, "saw a concurrent change and did not", "it is read again first", wait=5),
    Row(423, 423, "has a lock and did not", "it is tried again", wait=15),
    Row(429, 429, "is throttling us and did not", "it is tried again when it says", wait=30, moves_lane=True),
    Row(501, 501, "does not know how to", "check the base URLs in the settings"),
    Row(500, 599, "failed to", "it is tried again", wait=3, perhaps=True),
    Row(0, 999, "refused to", "correct what the message names and send the request again"),
)


@dataclass(frozen=True)
class Answer:
    """What came back for one operation. `about` names the object in a sentence: `user <id>`; never a person's address.

    `body` is the decoded JSON; where there was none, `raw` is what there was instead (plain text, a proxy's page).
    Neither is shown by `repr`: a redeem link may be in it.
    """

    operation: Operation
    about: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Json = field(default=None, repr=False)
    raw: str = field(default="", repr=False)

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        return text(entry(self.body, "error"), "code")

    @property
    def message(self) -> str:
        """The vendor's own words, as they came: match on them, never pass them on."""
        return text(entry(self.body, "error"), "message")

    @property
    def request_id(self) -> str:
        inner = entry(entry(self.body, "error"), "innerError")
        return header(self.headers, "request-id") or text(inner, "request-id")

    def says(self, *words: str) -> bool:
        """All the words are in the vendor's message, in whatever case."""
        return all(word.lower() in self.message.lower() for word in words)

    def content(self) -> dict[str, Json]:
        """The object in a good answer. Raises NotYet where there is none, e.g. a gateway's page instead."""
        if isinstance(self.body, dict):
            return self.body
        raise NotYet(
            f"Microsoft 365 gave an unreadable answer when asked to {self.operation.name}, {self.about}",
            after=ANSWER_WAIT,
            effect_unknown=self.operation.write,
        )

    def error(self) -> NotYet | WontWork:
        """The error that this answer means, by the table."""
        row = next(row for row in TABLE if row.first <= self.status <= row.last)
        words = without_secrets(": ".join(part for part in (self.code, self.message) if part))
        said = f"{self.status} {words}".strip()
        todo = row.todo.format(permissions=" and ".join(self.operation.permissions))
        reason = f"Microsoft 365 {row.did} {self.operation.name}, {self.about} ({said}): {todo}"
        if row.wait is None:
            return WontWork(reason)
        return NotYet(
            reason,
            after=retry_after(self.headers) or row.wait,
            moves_lane=row.moves_lane,
            effect_unknown=row.perhaps and self.operation.write,
        )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the answer's Retry-After says, at least 1, or None. It may be seconds or a date (RFC 9110, 10.2.3)."""
    value = header(headers, "retry-after").strip()
    if not value:
        return None
    try:
        return max(1.0, float(value)) if float(value) < float("inf") else None
    except ValueError:
        pass
    until, now = _date(value), _date(header(headers, "date"))
    return max(1.0, (until - now).total_seconds()) if until and now else None


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
