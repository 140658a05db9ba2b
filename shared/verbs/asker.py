"""Who asked: the authenticated principal travels with the message, signed, so that the right to send is no right to pretend."""

import hashlib
import hmac

from shared.topology import INTAKE
from shared.verbs.world import World

# Who calls with a function key: anybody who holds it, so never two people.
KEY_HOLDER = "function key"
# Who can put messages on the queue.
BY_QUEUE = f"queue {INTAKE}"


def sign(world: World, who: str, body: bytes) -> str:
    """A signature over who asked for what; only our own functions can make it."""
    digest = hashlib.sha256(body).hexdigest()
    return hmac.new(world.settings.person_key, f"asked\n{who}\n{digest}".encode(), hashlib.sha256).hexdigest()


def asker(world: World, who: str, signature: str, body: bytes) -> str:
    """The principal that is signed for; for any other message, the queue it came by."""
    if who and hmac.compare_digest(sign(world, who, body).encode(), signature.encode()):
        return who
    return BY_QUEUE
