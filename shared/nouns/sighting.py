"""What a clean-up run keeps of a guest in the directory: a line of text, so that a page of guests is a row."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TYPES = {"guest": "g", "member": "m"}
_STATES = {"PendingAcceptance": "p", "Accepted": "a"}


@dataclass(frozen=True)
class Sighting:
    """A guest as the directory had them. Instants are in whole minutes. `denied` is a domain of theirs that may not be invited.

    `domain` is that of a B2B member's organization; of guests it is not kept.
    """

    user: str
    user_type: str
    enabled: bool | None
    created: datetime | None
    redemption: str
    invited: bool
    denied: str = ""
    interactive: datetime | None = None
    background: datetime | None = None
    successful: datetime | None = None
    domain: str = ""

    @property
    def member(self) -> bool:
        """From outside, and no guest: clean-up never touches them."""
        return self.user_type.lower() != "guest"


def packed(one: Sighting) -> str:
    """The line: id, flags, four instants, the domain that is denied, and that of a member."""
    flags = _TYPES.get(one.user_type.lower(), "x") + {True: "e", False: "d", None: "?"}[one.enabled]
    flags += _STATES.get(one.redemption, "-") + ("i" if one.invited else "-")
    times = (one.created, one.interactive, one.background, one.successful)
    domains = (one.denied or "-", one.domain) if one.domain else (one.denied,)
    return " ".join((one.user.replace("-", ""), flags, *(_minutes(at) for at in times), *domains)).rstrip()


def is_of_a_member(line: str) -> bool:
    """Whether the line is about somebody who is no guest, without reading all of it."""
    return line[33:34] != "g"


def unpacked(line: str) -> Sighting:
    """The sighting that `packed` made the line of."""
    user, flags, *rest = line.split(" ")
    created, interactive, background, successful = (_moment(word) for word in rest[:4])
    return Sighting(
        user=f"{user[:8]}-{user[8:12]}-{user[12:16]}-{user[16:20]}-{user[20:]}",
        user_type={"g": "Guest", "m": "Member"}.get(flags[0], ""),
        enabled={"e": True, "d": False}.get(flags[1]),
        created=created,
        redemption={"p": "PendingAcceptance", "a": "Accepted"}.get(flags[2], ""),
        invited=flags[3] == "i",
        denied=rest[4].removeprefix("-") if len(rest) > 4 else "",
        interactive=interactive,
        background=background,
        successful=successful,
        domain=rest[5] if len(rest) > 5 else "",
    )


def _minutes(at: datetime | None) -> str:
    return "-" if at is None else f"{int((at - _EPOCH).total_seconds() // 60):x}"


def _moment(word: str) -> datetime | None:
    return None if word == "-" else _EPOCH + timedelta(minutes=int(word, 16))
