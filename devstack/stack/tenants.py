"""Several simulated tenants behind one app: what each starts with, what the app's settings say of it, and who signs it in."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devstack.stack.addresses import OfTenant
from shared.nouns.tenants import OWN, TENANTS

# The app registration that every tenant knows, and the platform for sign-in gives tokens of.
APP = "cccccccc-0000-4000-8000-00000000000a"


def seeds(names: tuple[str, ...], seed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each tenant starts with: the first with the seed, the others with the same in a directory of another id."""
    made = {}
    for number, name in enumerate(names):
        own = copy.deepcopy(dict(seed))
        organization = own.setdefault("organization", {})
        if number:
            organization["tenantId"] = f"{number:08d}-1111-4111-8111-111111111111"
        own["registrations"] = [
            *own.get("registrations", []),
            {"appId": APP} | {key: own[key] for key in ("permissions", "directoryRoles") if key in own},
        ]
        made[name] = own
    return made


def platform(announced: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What `devstack.login` is given: the first tenant is the app's own, and its managed identity vouches for the registration."""
    first = next(iter(announced.values()))
    home = str(first["tenantId"])
    trusted = {
        "app": APP,
        "home": home,
        "issuer": f"https://login.microsoftonline.com/{home}/v2.0",
        "subject": first["identityPrincipal"],
        "audience": "api://AzureADTokenExchange",
    }
    return {"tenants": {one["tenantId"]: one["control"] for one in announced.values()}, "registrations": [trusted]}


def settings_of_several(each: Mapping[str, Mapping[str, str]], login: Mapping[str, str], templates: Path) -> dict[str, str]:
    """The app's settings for all tenants: what is the same once, what is a tenant's own by its name at the end."""
    first = next(iter(each.values()))
    same = {key for key in first if key not in OWN and all(one[key] == first[key] for one in each.values())}
    made = {key: first[key] for key in sorted(same)}
    for name, one in each.items():
        made |= {f"{key}__{name}": value for key, value in one.items() if key not in same}
        made[f"ENTENTE_TEMPLATES__{name}"] = str(templates / name)
    return made | {
        TENANTS: ",".join(each),
        "ENTENTE_APP_CLIENT_ID": APP,
        # azure-identity and requests read these two, as in a cloud of other addresses and certificates.
        "AZURE_AUTHORITY_HOST": str(login["authority"]),
        "REQUESTS_CA_BUNDLE": str(login["certificate"]),
    }


def of_tenant(announced: Mapping[str, Any]) -> OfTenant:
    """What of `Addresses` is a tenant's own, from what its process has announced."""
    return {"tenant": str(announced["tenant"]), "tenant_id": str(announced["tenantId"]), "control": str(announced["control"])}
