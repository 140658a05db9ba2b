"""The managed-identity endpoint of App Service, which azure-identity's ManagedIdentityCredential asks for tokens.

https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devstack.tenant.tenant import Identity, SimulatedTenant
from devstack.tenant.tokens import AUDIENCES, OTHER_RESOURCES, SHAREPOINT, VOUCHING, TokenRefused

API_VERSION = "2019-08-01"


def answer_token(tenant: SimulatedTenant, secret: str, headers: Mapping[str, str], query: str) -> tuple[int, dict[str, Any]]:
    """Status and body: a token for `resource`, or why there is none."""
    asked = {key.lower(): value for key, value in parse_qsl(query)}
    if not hmac.compare_digest(headers.get("X-IDENTITY-HEADER", "").encode(), secret.encode()):
        return _refused(401, "The X-IDENTITY-HEADER does not carry the secret of IDENTITY_HEADER.")
    if asked.get("api-version") != API_VERSION:
        return _refused(400, f"The api-version must be {API_VERSION}.")
    resource = asked.get("resource", "")
    if not resource:
        return _refused(400, "The parameter resource is missing.")
    identity = _identity(tenant, asked)
    if identity is None:
        return _refused(
            400, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
        )
    if not _known(resource):
        return _refused(
            400,
            f"AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant.initial_domain}.",
        )
    token, expires = _minted(tenant, identity, resource)
    body = {
        "access_token": token,
        "expires_on": str(expires),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": identity.application,
    }
    return 200, body


def _minted(tenant: SimulatedTenant, identity: Identity, resource: str) -> tuple[str, int]:
    audience = AUDIENCES.get(resource.rstrip("/"), resource)
    if (urlsplit(resource).hostname or "").endswith(".sharepoint.com"):
        # One service principal for every SharePoint host, so the permissions are the same; each token is good for its host only.
        audience = SHAREPOINT
    return tenant.tokens.mint(
        resource,
        application=identity.application,
        principal=identity.principal,
        roles=identity.permissions.get(audience, []),
        directory_roles=identity.directory_roles,
    )


def vouched(tenant: SimulatedTenant, token: str) -> dict[str, str]:
    """Whom the token that an identity of this tenant vouches by is from and about. Raises ValueError where it is none of ours."""
    try:
        found = tenant.tokens.check(f"Bearer {token}", VOUCHING)
    except TokenRefused as error:
        raise ValueError(str(error)) from error
    return {"issuer": tenant.tokens.issuer, "subject": found.principal, "audience": VOUCHING}


def token_of_registration(tenant: SimulatedTenant, app: str, resource: str) -> dict[str, Any]:
    """A token for the app registration in this tenant. Raises LookupError where it is not known here, ValueError where the resource is not."""
    known = next((one for one in tenant.identities if one.registered and one.application == app.lower()), None)
    if known is None:
        raise LookupError(
            f"AADSTS700016: Application with identifier '{app}' was not found in the directory '{tenant.tenant_id}'."
        )
    if not _known(resource):
        raise ValueError(
            f"AADSTS500011: The resource principal named {resource} was not found in the tenant named {tenant.initial_domain}."
        )
    token, expires = _minted(tenant, known, resource)
    return {"access_token": token, "expires_in": max(0, round(expires - tenant.clock.now().timestamp())), "token_type": "Bearer"}


def _identity(tenant: SimulatedTenant, asked: dict[str, str]) -> Identity | None:
    name = asked.get("client_id")
    if name is None and not asked.keys() & {"principal_id", "object_id", "mi_res_id"}:
        return next((identity for identity in tenant.identities if identity.client_id is None), None)
    principal = asked.get("principal_id") or asked.get("object_id")
    return next(
        (
            i
            for i in tenant.identities
            if not i.registered and ((name and i.client_id == name.lower()) or (principal and i.principal == principal.lower()))
        ),
        None,
    )


def _known(resource: str) -> bool:
    plain = resource.rstrip("/")
    host = urlsplit(plain).hostname or ""
    return (
        plain in AUDIENCES
        or plain in OTHER_RESOURCES
        or host.endswith((".sharepoint.com", ".servicebus.windows.net", ".table.core.windows.net", ".vault.azure.net"))
    )


def _refused(status: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"statusCode": status, "message": message, "correlationId": "00000000-0000-0000-0000-000000000000"}
