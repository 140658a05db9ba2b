"""Access tokens: signed JWTs whose audience, roles and expiry are checked as Microsoft's services check theirs."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
SHAREPOINT = "00000003-0000-0ff1-ce00-000000000000"

# What an identity vouches by for an app registration that trusts it.
VOUCHING = "api://AzureADTokenExchange"

# The names by which a token for a service may be asked for; all of them are the same service (facts 0.1).
AUDIENCES: dict[str, str] = {
    GRAPH: GRAPH,
    "00000003-0000-0000-c000-000000000000": GRAPH,
    EXCHANGE: EXCHANGE,
    "https://outlook.office.com": EXCHANGE,
    "00000002-0000-0ff1-ce00-000000000000": EXCHANGE,
}
# Other resources of the local stack and of later steps: a token is given, nobody here checks it.
OTHER_RESOURCES = (
    "https://storage.azure.com",
    "https://servicebus.azure.net",
    "https://vault.azure.net",
    "https://management.azure.com",
    "https://api.fabric.microsoft.com",
    "48ac35b8-9aa8-4d74-927d-1f4a14a0b239",
    "https://analysis.windows.net/powerbi/api",
    "https://monitor.azure.com",
    VOUCHING,
)
# Role template ids as tokens carry them in `wids`.
# https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
DIRECTORY_ROLES: dict[str, str] = {
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Guest Inviter": "95e79109-95c0-4d8e-aee3-d01accf2d47b",
    "Privileged Authentication Administrator": "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
    "Authentication Administrator": "c4e39bd9-1100-46d3-8c65-fb160da0071f",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Teams Administrator": "69091246-20e8-4a56-aa4d-066075b2a7a8",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
}


@dataclass(frozen=True, slots=True)
class Token:
    """What a checked token says about its bearer."""

    audience: str
    application: str
    principal: str
    roles: frozenset[str]
    directory_roles: frozenset[str]
    expires: float


class TokenRefused(Exception):
    """The token is no token of this tenant, or not (any more) good for this service; the text says why."""


@dataclass(slots=True)
class TokenIssuer:
    """Mints and checks tokens with a key of its own, so that a token of another process or tenant is refused."""

    tenant_id: str
    now: Callable[[], datetime]
    lifetime: timedelta = timedelta(hours=24)  # managed identity tokens live up to about a day (facts 0.1, [M])
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(48))
    _checked: dict[str, Token] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        """Who a token is from by which an identity vouches: it is of version 2.0."""
        return f"https://login.microsoftonline.com/{self.tenant_id}/v2.0"

    def mint(
        self, resource: str, *, application: str, principal: str, roles: list[str], directory_roles: list[str]
    ) -> tuple[str, int]:
        """A token for the resource and the second since 1970 at which it expires."""
        issued = self.now()
        expires = int((issued + self.lifetime).timestamp())
        claims: dict[str, Any] = {
            "aud": resource,
            "iss": self.issuer if resource == VOUCHING else f"https://sts.windows.net/{self.tenant_id}/",
            "iat": int(issued.timestamp()),
            "nbf": int(issued.timestamp()),
            "exp": expires,
            "appid": application,
            "idtyp": "app",
            "oid": principal,
            "sub": principal,
            "roles": roles,
            "tid": self.tenant_id,
            "wids": [DIRECTORY_ROLES[name] for name in directory_roles],
            "ver": "1.0",
        }
        return jwt.encode(claims, self._key, algorithm="HS256"), expires

    def check(self, header: str | None, audience: str) -> Token:
        """The bearer of an `Authorization` header, for the audience. Raises TokenRefused with Microsoft's words."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise TokenRefused("Access token is empty.")
        token = self._checked.get(text) or self._decoded(text.strip())
        if token.expires <= self.now().timestamp():
            raise TokenRefused("Lifetime validation failed, the token is expired.")
        if token.audience != audience:
            raise TokenRefused("Access token validation failure. Invalid audience.")
        return token

    def _decoded(self, text: str) -> Token:
        unchecked = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims = jwt.decode(text, self._key, algorithms=["HS256"], options=unchecked)  # type: ignore[arg-type]  # literal keys
        except jwt.InvalidSignatureError as error:
            raise TokenRefused("Access token validation failure. Invalid signature.") from error
        except jwt.InvalidTokenError as error:
            raise TokenRefused("IDX14100: JWT is not well formed, there are no dots (.).") from error
        names = {identifier: name for name, identifier in DIRECTORY_ROLES.items()}
        token = Token(
            audience=AUDIENCES.get(claims["aud"].rstrip("/"), claims["aud"]),
            application=claims["appid"],
            principal=claims["oid"],
            roles=frozenset(claims["roles"]),
            directory_roles=frozenset(names[identifier] for identifier in claims["wids"]),
            expires=claims["exp"],
        )
        if len(self._checked) >= 256:
            self._checked.clear()
        self._checked[text] = token
        return token
