"""What keeps the deployment shut: no keys, no plain HTTP, no old TLS, nothing public, nothing that can be purged. Not as options."""

from collections.abc import Iterator
from typing import Any

from infra.check.rendering import Rendered

TLS_BLOBS, TLS = ("TLS1_2", "TLS1_3"), ("1.2", "1.3")
# By type: where in the body, and what may stand there.
WANTED: dict[str, dict[str, tuple[object, ...]]] = {
    "Microsoft.Storage/storageAccounts": {
        "properties.allowSharedKeyAccess": (False,),
        "properties.allowBlobPublicAccess": (False,),
        "properties.supportsHttpsTrafficOnly": (True,),
        "properties.minimumTlsVersion": TLS_BLOBS,
    },
    "Microsoft.Web/sites": {
        "properties.httpsOnly": (True,),
        "properties.siteConfig.minTlsVersion": TLS,
        "properties.siteConfig.scmMinTlsVersion": TLS,
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": (False,)},
    "Microsoft.ServiceBus/namespaces": {"properties.disableLocalAuth": (True,), "properties.minimumTlsVersion": TLS},
    "Microsoft.KeyVault/vaults": {"properties.enableRbacAuthorization": (True,), "properties.enablePurgeProtection": (True,)},
    "Microsoft.OperationalInsights/workspaces": {"properties.features.disableLocalAuth": (True,)},
}


def hardened(rendered: Rendered) -> Iterator[str]:
    """A sentence for each door that stands open."""
    for one in rendered.resources:
        if one.existing:
            continue
        for path, allowed in WANTED.get(one.type, {}).items():
            value = _at(one.body, path)
            if value not in allowed:
                yield f"{one.where} {one.type} {one.name}: {path} is {value!r} and must be {' or '.join(map(repr, allowed))}"


def _at(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body.get(part) if hasattr(body, "get") else None
    return body
