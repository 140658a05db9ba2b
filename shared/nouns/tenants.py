"""Several tenants in one app, by settings: whose each app setting is. Pure.

`ENTENTE_TENANTS` names them, and `ENTENTE_MAILBOX__contoso` is `ENTENTE_MAILBOX` for the one that is called `contoso`. What could mix two
tenants up is never taken from a setting without a name: keys, ids, addresses, the place of the state.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

TENANTS = "ENTENTE_TENANTS"
NAME = re.compile(r"[a-z][a-z0-9]{1,11}")
# What Azure's own settings end with (`Tables__endpoint`).
OF_AZURE = frozenset({"credential", "endpoint"})
# Each tenant has its own, or none.
OWN = frozenset(
    {
        "ENTENTE_TENANT_ID",
        "ENTENTE_PERSON_KEY",
        "ENTENTE_CLIENT_STATE_KEY",
        "ENTENTE_LINK_KEY",
        "ENTENTE_SEAL_CONTAINER",
        "ENTENTE_TABLE_PREFIX",
        "ENTENTE_TEMPLATES",
        "ENTENTE_MAILBOX",
        "ENTENTE_SHAREPOINT_URL",
        "ENTENTE_SHAREPOINT_ADMIN_URL",
        "ENTENTE_SHAREPOINT_RESOURCE",
        "ENTENTE_SHAREPOINT_ADMIN_RESOURCE",
        "ENTENTE_LABELS_WITHOUT_GUESTS",
        "ENTENTE_NOTIFICATION_CANARY_USER",
        "ENTENTE_NOTIFICATION_CANARY_GROUP",
        "ENTENTE_PROTECTED",
        "ENTENTE_APPROVERS",
        "ENTENTE_KEY_ROLES",
        "ENTENTE_REPORT_ONLY",
        "ENTENTE_TENANT_NAME",
    }
)
# The host listens on one namespace, and an app does the same for all.
SHARED = frozenset({"ServiceBus", "ServiceBus__fullyQualifiedNamespace", "ENTENTE_POWERS", "WEBSITE_AUTH_ENABLED", TENANTS})


def tenant_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The tenants of the app, in order; none where it is for one. Raises ValueError naming what is wrong."""
    names = tuple(word.strip() for word in environment.get(TENANTS, "").split(",") if word.strip())
    wrong = [name for name in names if not NAME.fullmatch(name) or name in OF_AZURE]
    if wrong:
        raise ValueError(f"{TENANTS} names {', '.join(wrong)}: a name has 2 to 12 lower-case letters and digits, a letter first")
    if len(set(names)) != len(names):
        raise ValueError(f"{TENANTS} names a tenant twice")
    return names


def settings_of(environment: Mapping[str, str], name: str, templates: Path) -> dict[str, str]:
    """The app settings of this tenant: its own, and what is said for all. `templates` is the folder that has a folder for each tenant."""
    suffix = f"__{name}"
    shared = {key: value for key, value in environment.items() if key not in OWN and not key.endswith(suffix)}
    own = {key.removesuffix(suffix): value for key, value in environment.items() if key.endswith(suffix)}
    made = {"ENTENTE_TABLE_PREFIX": name, "ENTENTE_TEMPLATES": str(templates / name)}
    return shared | made | own | {"ENTENTE_TENANT_NAME": name}


def misplaced(environment: Mapping[str, str], names: tuple[str, ...]) -> Iterator[str]:
    """A sentence for each setting that is said for all and belongs to one, or for one and belongs to all, or for a tenant that is not named."""
    for key in sorted(environment):
        bare, sign, name = key.rpartition("__")
        if key in OWN:
            yield f"{key} is of one tenant: say whose, as in {key}__{names[0]}"
        elif sign and name in names and bare in SHARED:
            yield f"{key}: {bare} is one for all tenants of the app"
        elif sign and bare.startswith("ENTENTE_") and name not in names:
            yield f"{key} is of a tenant that {TENANTS} does not name"
