"""The app roles of an app for several tenants: five for each, named after it (`contoso.Operator`). `python -m infra.app_roles contoso tailspin`

Without names it prints those of an app for one, infra/app-roles.json.
"""

import json
import sys
import uuid
from collections.abc import Sequence
from typing import Any

from shared.settings import ROOT

ROLES = ROOT / "infra" / "app-roles.json"


def app_roles(tenants: Sequence[str]) -> list[dict[str, Any]]:
    """The roles with ids that are the same every time."""
    roles: list[dict[str, Any]] = json.loads(ROLES.read_text("utf-8"))
    return [_of(role, tenant) for tenant in tenants for role in roles] if tenants else roles


def _of(role: dict[str, Any], tenant: str) -> dict[str, Any]:
    name = f"{tenant}.{role['value']}"
    said = f"{tenant}: {role['description']}"
    return {**role, "id": str(uuid.uuid5(uuid.UUID(role["id"]), tenant)), "value": name, "displayName": name, "description": said}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(app_roles(sys.argv[1:]), indent=2) + "\n")
