"""A mail of ours, written and ready to be sent."""

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Written:
    """`text` and `html` say the same. None of the three is shown by `repr`: a redeem link is a key, and names are people's."""

    language: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


def mark_of(*about: str) -> str:
    """The mark that makes a mail findable among those sent: the same for the same mail, opaque to whoever sees it."""
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:40]
