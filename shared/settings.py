"""The only reader of the environment: every setting, read once, whole, and frozen."""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.nouns.errors import SettingsMissing
from shared.nouns.power import POWERS, Power
from shared.nouns.tenants import misplaced, settings_of, tenant_names
from shared.powers import HUB

ROOT = Path(__file__).parent.parent
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Percent = Annotated[float, Field(ge=0, le=100)]
# In days; 0 is for ever.
Keep = Annotated[int, Field(ge=0, le=36_500)]
Rate = Annotated[float, Field(ge=0, le=1_000)]
OPTIONAL_ID = r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$"
Role = Literal["Requester", "Approver", "Operator", "Reader", "PersonReader"]


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_KEY = base64.b64encode(bytes(32)).decode()


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
    app_client_id: Annotated[str, Field(pattern=OPTIONAL_ID)] = Field(
        "",
        alias="ENTENTE_APP_CLIENT_ID",
        description="Client id of an app registration that trusts the app's managed identity (federated identity credential) and is known in the "
        "tenant that is changed: Microsoft 365 is then spoken to as that app, in that tenant, which may be another than the identity's. Empty: as the "
        "managed identity itself.",
    )
    tenants: tuple[str, ...] = Field(
        (),
        alias="ENTENTE_TENANTS",
        description="Names (comma separated; 2 to 12 lower-case letters and digits) of the tenants that this app is for, where there are several "
        "(docs/several-tenants.md). Each then has settings of its own by its name at the end, as in `ENTENTE_TENANT_ID__contoso`. Empty: one tenant.",
    )
    tenant_name: str = Field(
        "",
        alias="ENTENTE_TENANT_NAME",
        description="Set by the app itself where ENTENTE_TENANTS names several: whose settings these are.",
    )
    table_prefix: Annotated[str, Field(pattern=r"^([a-z][a-z0-9]{0,30})?$")] = Field(
        "",
        alias="ENTENTE_TABLE_PREFIX",
        description="What the names of our tables begin with. Empty for one tenant; of several, each tenant's name unless set.",
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
    seal_container: str = Field(
        "",
        alias="ENTENTE_SEAL_CONTAINER",
        description="URL of a blob container whose blobs cannot be changed (`https://name.blob.core.windows.net/seals`): the head of every seal "
        "of the journal is put there, and `entente journal --verify` compares. Empty: heads are in the log alone. Written by the app's managed "
        "identity; on this machine only, a SAS may follow as query.",
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
    app_url: str = Field(
        "",
        alias="ENTENTE_APP_URL",
        description="Base URL of this app as people reach it, such as `https://name.azurewebsites.net`: mails to sponsors link to their page "
        "there. Empty: no mail is sent to sponsors, and their questions wait.",
    )
    sponsor_links: bool = Field(
        False,
        alias="ENTENTE_SPONSOR_LINKS",
        description="Mails to sponsors have a signed link for each guest, by which they answer once without signing in. Whoever gets such a mail "
        "can answer; off by default, so that sponsors sign in. Needs ENTENTE_LINK_KEY.",
    )
    link_key: bytes = Field(
        b"",
        alias="ENTENTE_LINK_KEY",
        description="Key that signs sponsors' links: at least 32 random bytes in base64 (`openssl rand -base64 32`). Another key makes all links "
        "that are out worthless at once.",
        repr=False,
    )
    link_days: Annotated[int, Field(ge=1, le=90)] = Field(
        14, alias="ENTENTE_LINK_DAYS", description="For how many days a sponsor's link is good."
    )
    keep_request_days: Keep = Field(
        1095,
        alias="ENTENTE_KEEP_REQUEST_DAYS",
        description="How long an ended request, its tasks and its journal are kept once the partner has left (decisions about single guests and "
        "clean-ups: once they have ended). Their seals stay. 0: for ever.",
    )
    keep_plan_days: Keep = Field(
        90, alias="ENTENTE_KEEP_PLAN_DAYS", description="How long a plan is kept that changed nothing. 0: for ever."
    )
    keep_parked_days: Keep = Field(
        180,
        alias="ENTENTE_KEEP_PARKED_DAYS",
        description="How long refused requests and unreadable messages, whose bodies may hold addresses, wait for somebody. Stopped tasks wait "
        "as long as it takes. 0: for ever.",
    )
    keep_run_days: Keep = Field(
        180,
        alias="ENTENTE_KEEP_RUN_DAYS",
        description="How long a clean-up run is kept with the evidence about each guest. The latest ones, which the brake compares with, stay. "
        "0: for ever.",
    )
    keep_answer_days: Keep = Field(
        180,
        alias="ENTENTE_KEEP_ANSWER_DAYS",
        description="How long answers of sponsors, settled drift, exemptions that are over, and what was heard of an object are kept; the "
        "journal has them besides. 0: for ever.",
    )
    language: Literal["en", "nl", "de", "fr"] = Field(
        "en", alias="ENTENTE_LANGUAGE", description="Language of mails to our own people: en, nl, de or fr."
    )
    report_only: bool = Field(
        True,
        alias="ENTENTE_REPORT_ONLY",
        description="Every request is only planned: what would change is shown, and nothing is changed. So it is with clean-up and with putting "
        "drift back; what a person orders for one guest by name (as by `entente guests restore`) is done. Switch it off once you trust what you see.",
    )
    compare_per_run: Annotated[int, Field(ge=1, le=1_000)] = Field(
        20,
        alias="ENTENTE_COMPARE_PER_RUN",
        description="How many partners' settings one run of the timer `compare-settings` reads again and compares; the next run goes on "
        "with others. A partner takes one or two dozen reads, made one after another and with low priority.",
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
    parts_seconds: Seconds = Field(
        3_600,
        alias="ENTENTE_PARTS_SECONDS",
        description="How long a split request may wait for a part of it with nothing else to do, until a person is told, and the partner's "
        "leaving (`offboard`) no longer waits behind it.",
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
        0.5,
        alias="ENTENTE_MAIL_PER_SECOND",
        description="Mails from our mailbox, counted by the minute (Exchange Online takes 30): a minute's mails may go at once, and "
        "ENTENTE_PACE_SHARE is not for them. 0 switches it off.",
    )

    notification_url: str = Field(
        "",
        alias="ENTENTE_NOTIFICATION_URL",
        description="Where Microsoft Graph tells of changes: the app's own public address (`https://name.azurewebsites.net`; http on this machine "
        "only), or an Event Grid partner topic or event hub as docs/tenant-changes.md says (for a hub the host also needs "
        "`NotificationHub__fullyQualifiedNamespace`). Empty: nothing is subscribed to, and changes are "
        "found by the hourly catch-up alone.",
    )
    client_state_key: bytes = Field(
        b"",
        alias="ENTENTE_CLIENT_STATE_KEY",
        description="Key of the secrets by which notifications prove where they come from: at least 32 random bytes in base64 "
        "(`openssl rand -base64 32`), in Key Vault. Needed with ENTENTE_NOTIFICATION_URL. With another key all is subscribed to anew.",
        repr=False,
    )
    canary_user: Annotated[str, Field(pattern=OPTIONAL_ID)] = Field(
        "",
        alias="ENTENTE_NOTIFICATION_CANARY_USER",
        description="Object id of a disabled user made to be changed by us (their job title alone), so that a notification has to come of it. "
        "Empty: silence shows only when the catch-up finds what nobody has told.",
    )
    canary_group: Annotated[str, Field(pattern=OPTIONAL_ID)] = Field(
        "",
        alias="ENTENTE_NOTIFICATION_CANARY_GROUP",
        description="Object id of a security group without any access, made for the canary user to come and go in. Empty: only users are listened for so.",
    )
    silence_seconds: Annotated[float, Field(ge=1, le=604_800)] = Field(
        3_600,
        alias="ENTENTE_SILENCE_SECONDS",
        description="A canary's change that nobody has told of for so long means that notifications no longer come: health turns red. Microsoft "
        "promises no delay for users and groups; it used to be minutes.",
    )

    brake_guests: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        50,
        alias="ENTENTE_BRAKE_GUESTS",
        description="A clean-up run that would touch more guests than these is held for a person.",
    )
    brake_tenant_percent: Percent = Field(
        5, alias="ENTENTE_BRAKE_TENANT_PERCENT", description="So many percent of the tenant's guests, and a clean-up run is held."
    )
    brake_partner_percent: Percent = Field(
        25,
        alias="ENTENTE_BRAKE_PARTNER_PERCENT",
        description="So many percent of one partner's guests, and a clean-up run is held.",
    )
    brake_few: Annotated[int, Field(ge=0, le=1_000)] = Field(
        3,
        alias="ENTENTE_BRAKE_FEW",
        description="Percentages and jumps count only above so many guests: one of two guests is half of them.",
    )
    brake_jump: Annotated[float, Field(ge=1, le=1_000)] = Field(
        3,
        alias="ENTENTE_BRAKE_JUMP",
        description="So many times what earlier runs came to on average, and a clean-up run is held.",
    )
    brake_missing_percent: Percent = Field(
        20,
        alias="ENTENTE_BRAKE_MISSING_PERCENT",
        description="Sign-in data missing for more than so many percent of the guests who have accepted, and a clean-up run is held.",
    )
    canary: Annotated[int, Field(ge=0, le=1_000)] = Field(
        5,
        alias="ENTENTE_CANARY",
        description="So many guests are blocked or deleted first; the rest waits to see whether anybody objects. 0: none.",
    )
    canary_hours: Annotated[float, Field(ge=0, le=720)] = Field(
        24, alias="ENTENTE_CANARY_HOURS", description="How long the rest of a clean-up run waits for the first few guests."
    )
    clean_up_page_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        8,
        alias="ENTENTE_CLEAN_UP_PAGE_SECONDS",
        description="Pause between two pages of the guest list. Sign-in data counts to Microsoft's limit on reports (5 requests in 10 s "
        "for an app and tenant), of which one page in 8 s is a quarter.",
    )
    protected: tuple[str, ...] = Field(
        (),
        alias="ENTENTE_PROTECTED",
        description="Object ids (comma separated) of accounts that clean-up never touches, such as break-glass accounts.",
    )

    @field_validator("person_key", "client_state_key", "link_key", mode="before")
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

    @field_validator("powers", "tenants", "key_roles", "approvers", "labels_without_guests", "protected", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator(
        "graph_url",
        "exchange_url",
        "sharepoint_url",
        "sharepoint_admin_url",
        "teams_url",
        "fabric_url",
        "tables_endpoint",
        "app_url",
    )
    @classmethod
    def _safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("must be https (http is for this machine only)")
        return value.rstrip("/")

    @field_validator("notification_url")
    @classmethod
    def _tells(cls, value: str) -> str:
        if value.startswith("EventGrid:?") or HUB.match(value):
            return value
        if urlsplit(value).query or urlsplit(value).path.strip("/"):
            raise ValueError(
                "is the app's address alone, without path and query, or begins with EventGrid:?, or is "
                "EventHub:https://NAMESPACE.servicebus.windows.net/eventhubname/HUB?tenantId=DOMAIN"
            )
        return cls._safe(value)

    @field_validator("seal_container")
    @classmethod
    def _keeps(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (not parts.path.strip("/") or parts.fragment):
            raise ValueError("is the address of a container, such as https://name.blob.core.windows.net/seals")
        if parts.query and parts.hostname not in LOOPBACK:
            raise ValueError("has no SAS in it: the app's managed identity is used (a SAS is for this machine only)")
        return cls._safe(value)

    @model_validator(mode="after")
    def _proved(self) -> Self:
        if self.notification_url and not self.client_state_key:
            raise ValueError("ENTENTE_CLIENT_STATE_KEY is needed with ENTENTE_NOTIFICATION_URL")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not (self.service_bus or self.service_bus_namespace):
            raise ValueError("ServiceBus or ServiceBus__fullyQualifiedNamespace is needed")
        if not (self.tables or self.tables_endpoint):
            raise ValueError("Tables or Tables__endpoint is needed")
        if self.sponsor_links and not self.link_key:
            raise ValueError("ENTENTE_SPONSOR_LINKS is on, so ENTENTE_LINK_KEY is needed")
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


def read_tenants(environment: Mapping[str, str] | None = None) -> dict[str, Settings]:
    """The settings of each tenant by its name; of the one tenant by the empty name. Raises SettingsMissing naming all that is missing, wrong,
    or would mix two tenants up."""
    given = {name: value for name, value in (os.environ if environment is None else environment).items() if value != ""}
    try:
        names = tenant_names(given)
    except ValueError as error:
        raise SettingsMissing(str(error)) from None
    if not names:
        return {"": read_settings(given)}
    faults = list(misplaced(given, names))
    read: dict[str, Settings] = {}
    for name in names:
        try:
            read[name] = read_settings(settings_of(given, name, ROOT / "templates"))
        except SettingsMissing as missing:
            faults.append(f"tenant {name}: {missing}")
    faults += _mixed(read)
    if faults:
        raise SettingsMissing("\n".join(faults))
    return read


def _mixed(read: Mapping[str, Settings]) -> list[str]:
    """A sentence for each thing that two tenants have together and must not."""
    faults, seen = [], dict[tuple[str, object], str]()
    for name, one in read.items():
        place = (one.tables or one.tables_endpoint, one.table_prefix)
        apart = {
            "ENTENTE_TENANT_ID": one.tenant_id.lower(),
            "ENTENTE_PERSON_KEY": one.person_key,
            "ENTENTE_CLIENT_STATE_KEY": one.client_state_key,
            "ENTENTE_LINK_KEY": one.link_key,
            "ENTENTE_SEAL_CONTAINER": one.seal_container,
            "ENTENTE_TABLE_PREFIX": place,
            "ENTENTE_TEMPLATES": one.templates.resolve(),
        }
        for setting, value in apart.items():
            if value and (first := seen.setdefault((setting, value), name)) != name:
                faults.append(f"{setting}: {first} and {name} have the same, and must not")
        if not one.templates.is_dir():
            faults.append(f"ENTENTE_TEMPLATES: there is no folder {one.templates} with the templates of {name}")
    return faults


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
