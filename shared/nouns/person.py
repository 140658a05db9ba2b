"""A person, and the opaque id that stands for them everywhere but in the `people` table."""

import hashlib
import hmac
import re
from dataclasses import dataclass

PERSON_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Person:
    id: str
    address: str
    name: str = ""


def person_id(key: bytes, address: str) -> str:
    """The opaque id of an e-mail address: 32 hexadecimal digits of HMAC-SHA256 over the lower-cased address.

    The same address always gives the same id under one key; without the key, nobody can try addresses against ids.
    """
    return hmac.new(key, address.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]
