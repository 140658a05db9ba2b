"""The only reader of the environment: every setting, read once, whole, and frozen."""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.nouns.power import POWERS, Power

ROOT = Path(__file__).parent.parent
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Rate = Annotated[float, Field(ge=0, le=1_000)]
Role = Literal["Requester", "Approver", "Operator", "Reader"]


_NO_KEY = base64.b64encode(bytes(32)).decode()


class SettingsMissing(Exception):
    """Settings are missing or wrong. The message names every one of them and says what to do."""


class Settings(BaseModel):
    """Each field is one app setting; `alias` is its name there, `description` the paragraph in docs/settings.md."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    tenant_id: Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{36}$")] = Field(
        alias="ENTENTE_TENANT_ID", description="Directory id (a GUID) of our own tenant, the one that is changed."
    )
    person_key: bytes = Field(
        alias="ENTENTE_PERSON_KEY",
        description="Key of the opaque person ids and of the signature that says who asked: at least 32 random bytes in base64 "
        "(`openssl rand -base64 32`). Keep it in Key Vault. With another key, people already known are not recognized.",
        repr=False,
    )
    service_bus: str = Field(
        "",
        alias="ServiceBus",
        repr=False,
        description="Connection string of the Service Bus namespace; leave it out to use the managed identity.",
    )
    service_bus_namespace: str = Field(
        "",
        alias="ServiceBus__fullyQualifiedNamespace",
        description="Host name of the namespace (`name.servicebus.windows.net`), for the managed identity.",
    )
    tables: str = Field(
        "",
        alias="Tables",
        repr=False,
        description="Connection string of the storage account; leave it out to use the managed identity.",
    )
    tables_endpoint: str = Field(
        "",
        alias="Tables__endpoint",
        description="Table endpoint (`https://name.table.core.windows.net`), for the managed identity.",
    )
    graph_url: str = Field(
        "https://graph.microsoft.com/v1.0",
        alias="ENTENTE_GRAPH_URL",
        description="Base URL of Microsoft Graph; national clouds have others.",
    )
    exchange_url: str = Field(
        "https://outlook.office365.com", alias="ENTENTE_EXCHANGE_URL", description="Base URL of the Exchange admin API."
    )
    sharepoint_url: str = Field(
        "",
        alias="ENTENTE_SHAREPOINT_URL",
        description="Address of our SharePoint sites, such as `https://contoso.sharepoint.com`. Needed to let groups into sites (`share-site`): the "
        "app's identity then needs the application permission Sites.FullControl.All on SharePoint, which is powerful.",
    )
    sharepoint_admin_url: str = Field(
        "",
        alias="ENTENTE_SHAREPOINT_ADMIN_URL",
        description="Address of the SharePoint admin endpoint, such as `https://contoso-admin.sharepoint.com`. Empty, the default: how widely a "
        "site may be shared is not set by the app (`limit-site`), because nobody is known to have tried that endpoint with a managed identity.",
    )
    sharepoint_resource: str = Field(
        "", alias="ENTENTE_SHAREPOINT_RESOURCE", description="What tokens for our sites are asked for, if not their address."
    )
    sharepoint_admin_resource: str = Field(
        "",
        alias="ENTENTE_SHAREPOINT_ADMIN_RESOURCE",
        description="What tokens for the SharePoint admin endpoint are asked for, if not its address.",
    )
    teams_url: str = Field(
        "https://api.interfaces.records.teams.microsoft.com",
        alias="ENTENTE_TEAMS_URL",
        description="Base URL of the service behind Teams' PowerShell module; used only as ENTENTE_TEAMS_SETTINGS says.",
    )
    teams_settings: Literal["manual", "read", "write"] = Field(
        "manual",
        alias="ENTENTE_TEAMS_SETTINGS",
        description="How Teams' external access is read and changed. `manual`: a person does both. `read`: a person changes it, the app reads it. "
        "`write`: the app does both. `read` and `write` go through a service that Microsoft does not document and may change without notice; "
        "the app's identity needs the Entra role Teams Administrator (Global Reader to read).",
    )
    fabric_url: str = Field(
        "https://api.fabric.microsoft.com", alias="ENTENTE_FABRIC_URL", description="Base URL of the Fabric REST API."
    )
    mailbox: Annotated[str, Field(pattern=r"^([^\s@,;<>]+@[^\s@,;<>]+)?$")] = Field(
        "",
        alias="ENTENTE_MAILBOX",
        description="Address of the shared mailbox that our own mails come from: to guests, owners and approvers. Empty: no mail of "
        "ours is sent, and the steps that need one say so.",
    )
    identity_client_id: str = Field(
        "",
        alias="ENTENTE_IDENTITY_CLIENT_ID",
        description="Client id of the user-assigned managed identity; empty for the system-assigned one.",
    )
    labels_without_guests: tuple[str, ...] = Field(
        (),
        alias="ENTENTE_LABELS_WITHOUT_GUESTS",
        description="Ids (comma separated) of the sensitivity labels whose container settings keep guests out: no API for apps shows "
        "this, so copy it from the Purview portal. A group with such a label is refused before anything is written.",
    )
    templates: Path = Field(ROOT / "templates", alias="ENTENTE_TEMPLATES", description="Folder of the partner templates.")
    powers: Annotated[tuple[Power, ...], Field(min_length=1)] = Field(
        POWERS,
        alias="ENTENTE_POWERS",
        description="What this app does (comma separated): `guests` (people, groups, content, and everything over HTTP), `settings` (of the whole "
        "tenant), `mail`. All by default. Where several apps share the work, each has the functions, queues and permissions of its own powers alone.",
    )
    key_roles: tuple[Role, ...] = Field(
        (),
        alias="ENTENTE_KEY_ROLES",
        description="Roles (comma separated) of a caller who shows a function key and no Entra sign-in. Empty, the default: none, "
        "so that a key alone opens nothing.",
    )
    trust_sign_in: bool = Field(
        False,
        alias="WEBSITE_AUTH_ENABLED",
        description="Set by Azure where App Service authentication is on, which then also strips forged sign-in headers. Never set it by hand in Azure.",
    )
    claim_seconds: Seconds = Field(
        90,
        alias="ENTENTE_CLAIM_SECONDS",
        description="How long an attempt may hold its task. Longer than any attempt runs, shorter than the queues' lock (120 s).",
    )
    horizon_seconds: Seconds = Field(
        300,
        alias="ENTENTE_HORIZON_SECONDS",
        description="Consistency horizon: for so long after a write, a read that does not show it is taken for lag, and nothing is written again.",
    )
    verify_seconds: Seconds = Field(
        2,
        alias="ENTENTE_VERIFY_SECONDS",
        description="Wait before the first repeated verification; it doubles each time, up to 30 s.",
    )
    split_seconds: Seconds = Field(
        60,
        alias="ENTENTE_SPLIT_SECONDS",
        description="A guest who is not settled so long after the others of the batch is split off, and the others go on.",
    )
    approvers: tuple[str, ...] = Field(
        (),
        alias="ENTENTE_APPROVERS",
        description="Addresses (comma separated) that are told by mail when a request needs approval. Who may approve is decided by the "
        "app role Approver.",
    )
    link: str = Field(
        "",
        alias="ENTENTE_LINK",
        description="Base URL of the page about requests, for links in mails; empty: mails name the request only.",
    )
    language: Literal["en", "nl", "de", "fr"] = Field(
        "en", alias="ENTENTE_LANGUAGE", description="Language of mails to our own people: en, nl, de or fr."
    )
    report_only: bool = Field(
        True,
        alias="ENTENTE_REPORT_ONLY",
        description="Every request is only planned: what would change is shown, and nothing is changed. Switch it off once you trust what you see.",
    )
    by_hand_seconds: Seconds = Field(
        300,
        alias="ENTENTE_BY_HAND_SECONDS",
        description="How often it is looked whether a person has done what only a person can do.",
    )
    sweep_seconds: Seconds = Field(
        420,
        alias="ENTENTE_SWEEP_SECONDS",
        description="A task untouched for so long counts as lost and is sent again. At least function timeout plus lock.",
    )
    pace_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5,
        alias="ENTENTE_PACE_SHARE",
        description="Our share of the published limits; other apps in the tenant live on the rest.",
    )
    entra_writes_per_second: Rate = Field(
        20,
        alias="ENTENTE_ENTRA_WRITES_PER_SECOND",
        description="Published limit of directory writes per app and tenant (3,000 in 150 s). 0 switches the pace of this lane off.",
    )
    invitations_per_second: Rate = Field(
        30,
        alias="ENTENTE_INVITATIONS_PER_SECOND",
        description="Published limit of invitations per tenant (150 in 5 s). 0 switches it off.",
    )
    exchange_per_second: Rate = Field(
        2,
        alias="ENTENTE_EXCHANGE_PER_SECOND",
        description="Writes to Exchange Online; no limit is published. 0 switches it off.",
    )
    sharepoint_per_second: Rate = Field(
        4,
        alias="ENTENTE_SHAREPOINT_PER_SECOND",
        description="Writes to SharePoint and OneDrive. 0 switches the pace of this lane off.",
    )
    teams_per_second: Rate = Field(
        2,
        alias="ENTENTE_TEAMS_PER_SECOND",
        description="Writes to Teams' tenant settings; no limit is published. 0 switches it off.",
    )
    fabric_per_second: Rate = Field(
        1, alias="ENTENTE_FABRIC_PER_SECOND", description="Writes to Fabric and Power BI. 0 switches it off."
    )
    mail_per_second: Rate = Field(
        0.4,
        alias="ENTENTE_MAIL_PER_SECOND",
        description="Mails from our mailbox (Exchange Online takes 30 a minute). 0 switches it off.",
    )

    @field_validator("person_key", mode="before")
    @classmethod
    def _decoded(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            key = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise ValueError("must be base64, for example from `openssl rand -base64 32`") from error
        if len(key) < 32:
            raise ValueError("must hold at least 32 bytes, for example from `openssl rand -base64 32`")
        return key

    @field_validator("powers", "key_roles", "approvers", "labels_without_guests", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator(
        "graph_url", "exchange_url", "sharepoint_url", "sharepoint_admin_url", "teams_url", "fabric_url", "tables_endpoint"
    )
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("must be https (http is for this machine only)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.service_bus or self.service_bus_namespace):
            raise ValueError("ServiceBus or ServiceBus__fullyQualifiedNamespace is needed")
        if not (self.tables or self.tables_endpoint):
            raise ValueError("Tables or Tables__endpoint is needed")
        return self


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsMissing naming all that is missing or wrong."""
    given = os.environ if environment is None else environment
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value != ""})
    except ValidationError as error:
        lines = [
            f"  {detail['loc'][0] if detail['loc'] else 'settings'}: {detail['msg']}"
            for detail in error.errors(include_input=False)
        ]
        raise SettingsMissing(
            "These app settings are missing or wrong (docs/settings.md describes each):\n" + "\n".join(lines)
        ) from None


def read_powers(environment: Mapping[str, str] | None = None) -> frozenset[Power]:
    """The powers of this app, all that indexing has to know. Raises SettingsMissing where one is not known."""
    given = os.environ if environment is None else environment
    named = {word.strip() for word in given.get("ENTENTE_POWERS", "").split(",")} - {""}
    if strange := sorted(named - set(POWERS)):
        raise SettingsMissing(f"App setting ENTENTE_POWERS names {', '.join(strange)}; there are: {', '.join(POWERS)}")
    return frozenset(power for power in POWERS if not named or power in named)


def read_emergency_settings(environment: Mapping[str, str] | None = None) -> tuple[Settings, str]:
    """The settings for shutting a partner out from any machine: only the tenant is needed. Besides, why nothing can be recorded, or "".

    Raises SettingsMissing where not even that can be told.
    """
    given = {name: value for name, value in (os.environ if environment is None else environment).items() if value != ""}
    missing = [name for name in ("ENTENTE_PERSON_KEY",) if name not in given]
    if not given.keys() & {"Tables", "Tables__endpoint"}:
        missing.append("Tables or Tables__endpoint")
    # Stand-ins that are never used: without the real ones nothing is written to tables, and no message is sent.
    stand_ins = {"ServiceBus__fullyQualifiedNamespace": "none.invalid", "ENTENTE_PERSON_KEY": _NO_KEY}
    stand_ins |= {"Tables__endpoint": "https://none.invalid"} if "Tables" not in given else {}
    if "ServiceBus" in given:
        del stand_ins["ServiceBus__fullyQualifiedNamespace"]
    why = f"{' and '.join(missing)} not set" if missing else ""
    return read_settings({**stand_ins, **given}), why


def has_managed_identity() -> bool:
    """This process runs where Azure gives it a managed identity."""
    return bool(os.environ.get("IDENTITY_ENDPOINT"))
