"""The secret that Microsoft Graph tells us again with every notification, made from a salt on record and a key that is a setting."""

import base64
import hashlib
import hmac


def client_state(key: bytes, resource: str, salt: str) -> str:
    """The secret that each notification of a subscription carries: 43 characters, of which nobody without the key can guess one."""
    made = hmac.new(key, f"client state\n{resource}\n{salt}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def fingerprint(key: bytes) -> str:
    """Tells keys apart, and says nothing of them."""
    return hmac.new(key, b"fingerprint of the client state key", hashlib.sha256).hexdigest()[:16]
