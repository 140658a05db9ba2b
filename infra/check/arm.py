"""The rendered deployment as one Azure Resource Manager template, for checkers that read those and no Bicep."""

import json
from typing import Any

from infra.check.rendering import Rendered, Resource

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(rendered: Rendered) -> str:
    """JSON. Every value is there as it would be deployed; what only a deployment knows stands in angle brackets."""
    resources = [_plain(one) for one in rendered.resources if not one.existing]
    return json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources}, indent=1) + "\n"


def _plain(one: Resource) -> dict[str, Any]:
    own = one.id.removeprefix(one.scope).rpartition("/providers/")[2]
    return {
        "type": one.type,
        "apiVersion": one.version,
        **{key: value for key, value in one.body.items() if value is not None},
        # Provider/type/name/type/name -> name/name
        "name": "/".join(own.split("/")[2::2]),
        **({"scope": one.scope} if one.scope else {}),
    }
