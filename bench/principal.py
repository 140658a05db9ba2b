"""The header that App Service puts on the requests of a person who is signed in."""

import base64
import json


def signed_in(person: str, *roles: str) -> dict[str, str]:
    """https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities"""
    claims = [{"typ": "oid", "val": person}, *({"typ": "roles", "val": role} for role in roles)]
    principal = {"auth_typ": "aad", "role_typ": "roles", "claims": claims}
    return {"x-ms-client-principal": base64.b64encode(json.dumps(principal).encode()).decode()}
