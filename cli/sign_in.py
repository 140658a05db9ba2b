"""The sign-in header of App Service authentication, as an app on this machine takes it from whoever says it.

In Azure the platform sets it, and strips what callers send.
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

import base64
import json
from typing import get_args

HEADER = "x-ms-client-principal"


def header(who: str, tenant: str = "") -> dict[str, str]:
    """The header that says: this is `who`, with every role there is, where it is about a tenant in that one."""
    from shared.settings import Role

    claims = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": who}]
    claims += [{"typ": "roles", "val": f"{tenant}.{role}" if tenant else role} for role in get_args(Role)]
    principal = {"auth_typ": "aad", "name_typ": "name", "role_typ": "roles", "claims": claims}
    return {HEADER: base64.b64encode(json.dumps(principal).encode()).decode()}
