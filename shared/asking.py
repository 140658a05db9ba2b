"""Links that let a sponsor answer about one guest without signing in, and the marks of forms. Pure.

A link is a key: whoever holds it can answer once about one guest of one run, until a day. It is signed, not stored: nothing has to be kept
to recognize it, and another key in the settings makes every link that is out worthless at once. What it says is bound together: nobody can
take it for another guest, run or sponsor. Used up is a link when its question is answered, which the `asks` table knows.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.nouns.messages import REQUEST_ID
from shared.nouns.person import PERSON_ID
from shared.nouns.request import GUID

VERSION = "1"
# How long a page may stand open before what is sent from it is not taken any more.
FORM_HOURS = 12
MOST_CHARACTERS = 600
_RUN = re.compile(REQUEST_ID)
# An instant in whole seconds; ten digits last until the year 2286.
_INSTANT = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class Link:
    """What one link is good for. `sponsor` is an object id, `person` an opaque id, `partner` a tenant id."""

    sponsor: str
    run: str
    partner: str
    person: str
    expires: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now >= self.expires


class Forged(Exception):
    """A link that no key of ours has signed: made up, cut off, changed, or signed with a key of before."""


def signed(key: bytes, link: Link) -> str:
    """The link's token, of letters, digits, `-`, `_` and one dot: whole in any mail client."""
    said = "\n".join((VERSION, link.sponsor, link.run, link.partner, link.person, str(int(link.expires.timestamp()))))
    return f"{_text(said.encode())}.{_text(_mac(key, 'link', said))}"


def read_link(key: bytes, token: str) -> Link:
    """What the token is good for, whether its time is over or not. Raises Forged for what this key has not signed."""
    said, given = _parts(token)
    if not hmac.compare_digest(_mac(key, "link", said), given):
        raise Forged("is no link of ours")
    # Our own key has signed it, so its form is no more than a guard against a version to come.
    return _link_of(said)


def claimed(token: str) -> Link | None:
    """What a token says that nobody has signed, where it has the form of one: whoever made it up has chosen it, so it is no fact."""
    try:
        said, _ = _parts(token)
        return _link_of(said)
    except Forged:
        return None


def _parts(token: str) -> tuple[str, bytes]:
    body, dot, mac = token.partition(".")
    if not dot or len(token) > MOST_CHARACTERS:
        raise Forged("is no link of ours")
    try:
        return _bytes(body).decode(), _bytes(mac)
    except ValueError:
        raise Forged("is no link of ours") from None


def _link_of(said: str) -> Link:
    match said.split("\n"):
        case [version, sponsor, run, partner, person, expires] if version == VERSION and _INSTANT.fullmatch(expires):
            known = GUID.match(sponsor) and GUID.match(partner) and _RUN.fullmatch(run) and PERSON_ID.fullmatch(person)
        case _:
            raise Forged("is no link of ours")
    if not known:
        raise Forged("is no link of ours")
    return Link(sponsor, run, partner, person, datetime.fromtimestamp(int(expires), UTC))


def form_mark(key: bytes, who: str, about: str, now: datetime) -> str:
    """The mark that shows a form to be one that we gave `who` about this, within the last hours."""
    ends = str(int((now + timedelta(hours=FORM_HOURS)).timestamp()))
    return f"{ends}.{_text(_mac(key, 'form', f'{who}\n{about}\n{ends}'))}"


def is_form_of_ours(key: bytes, mark: str, who: str, about: str, now: datetime) -> bool:
    """Whether the mark is one that `form_mark` made for them about this, and its time is not over."""
    ends, dot, mac = mark.partition(".")
    if not dot or not _INSTANT.fullmatch(ends) or len(mark) > MOST_CHARACTERS:
        return False
    try:
        given = _bytes(mac)
    except ValueError:
        return False
    expected = _mac(key, "form", f"{who}\n{about}\n{ends}")
    return hmac.compare_digest(expected, given) and now.timestamp() < int(ends)


def from_our_page(headers: dict[str, str], host: str) -> bool:
    """Whether a browser that sends this says that it comes from a page of `host`. Header names are in lower case.

    `Sec-Fetch-Site` is what a page cannot set (https://www.w3.org/TR/fetch-metadata/). `Origin` is `null` from our own pages, because they
    ask for no referrer (https://fetch.spec.whatwg.org/#append-a-request-origin-header); another page's is refused. A client that sends
    neither is no browser that somebody could be led with; its form's mark has still to be right.
    """
    if site := headers.get("sec-fetch-site", ""):
        return site == "same-origin"
    origin = headers.get("origin", "")
    return origin in {"", f"https://{host}", f"http://{host}"}


def _mac(key: bytes, kind: str, said: str) -> bytes:
    # The kind comes first, so that no form's mark can ever be taken for a link's, whatever the keys.
    return hmac.new(key, f"{kind}\n{said}".encode(), hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """The bytes that `_text` spelled so. Raises ValueError for any other spelling, so that each link has one."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("is not base64") from error
    if _text(raw) != text:
        raise ValueError("is not how we spell it")
    return raw
