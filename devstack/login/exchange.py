"""A client assertion for a token of the tenant that is asked: what Entra looks at, in its order and words.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

GRANT = "client_credentials"
JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# What an order to a tenant's control plane comes to: status and body.
type Ask = Callable[[str, str, Mapping[str, str]], Awaitable[tuple[int, Any]]]


@dataclass(frozen=True, slots=True)
class Registration:
    """An app registration in the tenant `home`, and whom its federated credential trusts."""

    app: str
    home: str
    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True, slots=True)
class Platform:
    """`tenants` has the address of each tenant's control plane by its id."""

    tenants: Mapping[str, str]
    registrations: Mapping[str, Registration]

    async def answer(self, tenant: str, form: Mapping[str, str], ask: Ask) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a POST to the tenant's token endpoint."""
        there, registration = self.tenants.get(tenant.lower()), self.registrations.get(form.get("client_id", "").lower())
        scope = form.get("scope", "")
        if there is None:
            answered = _refused(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")
        elif form.get("grant_type") != GRANT or form.get("client_assertion_type") != JWT:
            answered = _refused(
                400, "invalid_request", "AADSTS900144: The request must carry a client assertion, for client_credentials."
            )
        elif not scope.endswith("/.default"):
            answered = _refused(400, "invalid_scope", f"AADSTS1002012: The provided value for scope {scope} is not valid.")
        elif registration is None:
            answered = _refused(400, "unauthorized_client", "AADSTS700016: Application with that identifier was not found.")
        elif (why := await self._distrusted(registration, form.get("client_assertion", ""), ask)) is not None:
            answered = _refused(401, "invalid_client", why)
        else:
            wanted = {"application": registration.app, "resource": scope.removesuffix("/.default")}
            status, body = await ask(there, "tokens", wanted)
            answered = (200, body) if status == 200 else _refused(400, "unauthorized_client", body["error"])
        return answered

    async def _distrusted(self, registration: Registration, assertion: str, ask: Ask) -> str | None:
        status, found = await ask(self.tenants[registration.home], "tokens/check", {"token": assertion})
        if status != 200:
            return f"AADSTS50013: Assertion failed signature validation. {found['error']}"
        for code, part in (("700211", "issuer"), ("700213", "subject"), ("700212", "audience")):
            if found[part] != getattr(registration, part):
                return (
                    f"AADSTS{code}: No matching federated identity record found for presented assertion {part} '{found[part]}'."
                )
        return None


def _refused(status: int, error: str, says: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": error, "error_description": says}
