"""What an Exchange Online cmdlet answers, classified by exception class: the HTTP status is not reliable there (facts 4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.nouns.json_text import Json
from shared.nouns.outcomes import NotYet, WontWork
from shared.nouns.redaction import without_secrets
from shared.tenant.answers import Answer, retry_after
from shared.tenant.fields import entry, header, objects, text


@dataclass(frozen=True)
class CmdletAnswer:
    """The objects that a cmdlet gave, or the class of the exception that it ended with (its last part)."""

    values: tuple[Mapping[str, Json], ...] = ()
    exception: str = ""


@dataclass(frozen=True)
class CmdletFailure:
    """An exception of a cmdlet: its class with namespace ("" where none was given), and what it said."""

    exception: str
    said: str

    @property
    def name(self) -> str:
        return self.exception.rpartition(".")[2]


def failure(answer: Answer) -> CmdletFailure:
    """The failure in an answer that is not good."""
    error = entry(answer.body, "error")
    details = objects(error, "details")
    parts = text(details[0], "message").split("|", 2) if details else []
    if len(parts) == 3:
        return CmdletFailure(parts[1].strip(), parts[2].strip())
    said = (text(details[0], "message") if details else "") or answer.message or answer.raw
    inner = text(entry(entry(error, "innererror"), "internalexception"), "type")
    return CmdletFailure(header(answer.headers, "x-exceptiontype") or inner, said)


@dataclass(frozen=True)
class Row:
    """A failure is of this row if its status is listed, or one of the words is in its class or text. Without `wait`
    (seconds, unless Retry-After says) it is for good. `perhaps`: a write may have been carried out all the same."""

    statuses: tuple[int, ...]
    words: tuple[str, ...]
    did: str
    todo: str
    wait: float | None = None
    moves_lane: bool = False
    perhaps: bool = False


TABLE = (
    Row(
        (429,),
        ("toomanyrequests", "maximum number of concurrent requests per tenant"),
        "is throttling us",
        "it is tried again when it says",
        wait=30,
        moves_lane=True,
    ),
    Row(
        (408, 503, 504),
        ("transientexception", "timeoutexception", "serverbusy", "unavailableexception", "unknownerror"),
        "is busy",
        "it is tried again",
        wait=30,
        perhaps=True,
    ),
    Row(
        (),
        ("commandnotfound", "isn't recognized", "is not recognized"),
        "does not let the app use the cmdlet",
        "give the app an Exchange role that has it, e.g. in a role group with Federated Sharing",
    ),
    Row(
        (),
        ("parameterbinding", "parameter cannot be found"),
        "does not know a parameter, or does not let the app use it",
        "check its spelling, or give the app an Exchange role that has it",
    ),
    Row((), ("managementobjectnotfoundexception",), "does not have the object", "correct its name in the request"),
    Row((401,), (), "did not accept a fresh token", "what was just granted may not be in it yet", wait=60),
    Row(
        (403,),
        ("unauthorized", "accessdenied", "isn't supported in this scenario"),
        "forbade it",
        "grant the app Exchange.ManageAsApp and an Exchange role (Exchange Administrator, or a role group with Federated Sharing); a new "
        "grant takes from 15 minutes to hours to work",
    ),
)
FAILED = Row((), (), "failed", "it is tried again", wait=15, perhaps=True)
REFUSED = Row((), (), "refused", "correct what the message names and send the request again")


def error(answer: Answer, failed: CmdletFailure) -> NotYet | WontWork:
    """The error that the failure means, by the table. A failure without an exception class is an accident on the way."""
    everything = f"{failed.exception} {failed.said}".lower()
    accident = not failed.exception and (answer.status >= 500 or answer.body is None)
    row = next(
        (row for row in TABLE if answer.status in row.statuses or any(word in everything for word in row.words)),
        FAILED if accident else REFUSED,
    )
    said = f"{answer.status} {failed.name} {without_secrets(failed.said)}".strip()
    reason = f"Exchange Online {row.did}: {answer.operation.name}, {answer.about} ({said}): {row.todo}"
    if row.wait is None:
        return WontWork(reason)
    return NotYet(
        reason,
        after=retry_after(answer.headers) or row.wait,
        moves_lane=row.moves_lane,
        effect_unknown=row.perhaps and answer.operation.write,
    )
