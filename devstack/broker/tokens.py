"""Tokens that clients put for an entity: shared access signatures and JWTs (facts/service-bus-broker.md, section 3, CBS)."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote, unquote_plus, urlsplit

ALL_RIGHTS = frozenset({"Send", "Listen", "Manage"})


class TokenError(Exception):
    """The token is not valid; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """A shared access key and what it allows: Manage includes Send and Listen."""

    secret: str
    rights: frozenset[str] = ALL_RIGHTS


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows, below which path, until when (Unix seconds)."""

    path: str
    rights: frozenset[str]
    until: float

    def covers(self, path: str) -> bool:
        mine, wanted = self.path.lower(), path.lower()
        return not mine or wanted == mine or wanted.startswith(mine + "/")


def path_of(address: str) -> str:
    """The path of an address that may be a whole URI, without slashes at its ends."""
    if "://" in address:
        address = urlsplit(address).path
    return unquote(address).strip("/")


def verify(token: str, audience: str, keys: Mapping[str, Key], now: float) -> Grant:
    """What the token allows for the audience. Without keys every well-formed token allows everything. Raises TokenError."""
    if token.startswith("SharedAccessSignature "):
        return _signature(token, audience, keys, now)
    return _jwt(token, audience, now)


def _signature(token: str, audience: str, keys: Mapping[str, Key], now: float) -> Grant:
    parts = dict(part.partition("=")[::2] for part in token.removeprefix("SharedAccessSignature ").split("&"))
    fields = {name: unquote_plus(value) for name, value in parts.items()}
    if not {"sr", "sig", "se", "skn"} <= fields.keys() or not fields["se"].isdecimal():
        raise TokenError("The shared access signature lacks sr, sig, se or skn.")
    until = float(fields["se"])
    if until <= now:
        raise TokenError("The shared access signature has expired.")
    path = path_of(audience)
    if not Grant(path_of(fields["sr"]), ALL_RIGHTS, until).covers(path):
        raise TokenError(f"The shared access signature is for '{fields['sr']}', not for '{audience}'.")
    if not keys:
        return Grant(path, ALL_RIGHTS, until)
    key = keys.get(fields["skn"])
    if key is None:
        raise TokenError(f"There is no shared access key named '{fields['skn']}'.")
    signed = f"{quote_plus(fields['sr'])}\n{fields['se']}", f"{parts['sr']}\n{fields['se']}"
    if not any(hmac.compare_digest(_sign(key.secret, text), fields["sig"].encode()) for text in signed):
        raise TokenError("The signature of the token does not fit the shared access key.")
    return Grant(path, key.rights, until)


def _sign(secret: str, text: str) -> bytes:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def _jwt(token: str, audience: str, now: float) -> Grant:
    """Who issued the token cannot be asked from here, so that its form and its expiry are all that is verified."""
    try:
        _, payload, _ = token.removeprefix("Bearer ").split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        until = float(claims.get("exp", "inf"))
    except (ValueError, binascii.Error, AttributeError, TypeError) as error:
        raise TokenError("The token is neither a shared access signature nor a JWT.") from error
    if until <= now:
        raise TokenError("The token has expired.")
    return Grant(path_of(audience), ALL_RIGHTS, until)


def connection_string(endpoint: str, key_name: str, secret: str) -> str:
    """What the Azure SDKs take to connect to a local broker without TLS."""
    return f"Endpoint={endpoint};SharedAccessKeyName={key_name};SharedAccessKey={secret};UseDevelopmentEmulator=true;"
