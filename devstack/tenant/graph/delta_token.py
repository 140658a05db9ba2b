"""The state of a delta query between two requests: all of it is in the token, so that the tenant keeps nothing."""

import base64
import binascii
import json
from dataclasses import dataclass

from devstack.tenant.directory.changes import Changes

LIFE = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Token:
    """Where a round stands: changes behind `since` up to `until`, or (`whole`) everything that was there at `until`.

    `after` is the last number that was shown and `member` the last member of the group behind it, on further pages (`page`).
    """

    kind: str
    select: tuple[str, ...]
    ids: tuple[str, ...]
    until: int
    since: int = 0
    whole: bool = False
    latest: bool = False
    page: bool = False
    after: int = 0
    member: str = ""

    def written(self, changes: Changes, now: float) -> str:
        """The token as it stands in a link."""
        changes.issued += 1
        fields = [self.kind, self.select, self.ids, self.until, self.since, self.whole, self.page, self.after, self.member]
        content = json.dumps([changes.epoch, changes.issued, int(now), *fields], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read_token(text: str, kind: str, changes: Changes, now: float) -> Token | None:
    """The token, or None where the round must begin anew: expired, ordered gone, or none of this tenant's for this kind."""
    try:
        content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        epoch, number, issued, own, select, ids, until, since, whole, page, after, member = content
        good = (epoch, own) == (changes.epoch, kind) and number > changes.gone[kind] and issued <= now + 1 <= issued + LIFE + 1
    except (binascii.Error, ValueError, TypeError):
        return None
    if not good:
        return None
    return Token(kind, tuple(select), tuple(ids), until, since, whole, page=page, after=after, member=member)
