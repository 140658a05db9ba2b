"""Settings of groups, tenant-wide and of one group, and the templates that they are made of. Facts section 2.3.

https://learn.microsoft.com/graph/api/resources/groupsetting and https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
"""

from collections.abc import Mapping
from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.errors import GraphError, bad_request, not_found
from devstack.tenant.graph.operation import NO_CONTENT, PLAIN, Call, Operation, Reply
from devstack.tenant.tenant import SimulatedTenant

KIND = "groupSetting"
FOR_TENANT = "62375ab9-6b52-47ed-826b-58e47e0e304b"
NAMES = "80661d51-be2f-4d46-9713-98a2fcaec5bc"
FOR_ONE_GROUP = "08d542b9-071f-4e16-94b0-74abb372e3d9"


def _values(booleans: Mapping[str, str], texts: tuple[str, ...], guids: tuple[str, ...] = ()) -> list[Record]:
    typed = {
        **{name: ("System.Boolean", value) for name, value in booleans.items()},
        **dict.fromkeys(texts, ("System.String", "")),
        **dict.fromkeys(guids, ("System.Guid", "")),
    }
    return [
        {"name": name, "type": shape, "defaultValue": value, "description": f"{name}."} for name, (shape, value) in typed.items()
    ]


_BOOLEANS = {
    "NewUnifiedGroupWritebackDefault": "true",
    "EnableMIPLabels": "false",
    "EnableMSStandardBlockedWords": "false",
    "AllowGuestsToBeGroupOwner": "false",
    "AllowGuestsToAccessGroups": "true",
    "AllowToAddGuests": "true",
    "EnableGroupCreation": "true",
}
_TEXTS = (
    *("CustomBlockedWordsList", "ClassificationDescriptions", "DefaultClassification", "PrefixSuffixNamingRequirement"),
    *("GuestUsageGuidelinesUrl", "UsageGuidelinesUrl", "ClassificationList"),
)
TEMPLATES: dict[str, Record] = {
    FOR_TENANT: {
        "id": FOR_TENANT,
        "deletedDateTime": None,
        "displayName": "Group.Unified",
        "description": "Setting templates define the different settings that can be used for Microsoft 365 groups.",
        "values": _values(_BOOLEANS, _TEXTS, ("GroupCreationAllowedGroupId",)),
    },
    NAMES: {
        "id": NAMES,
        "deletedDateTime": None,
        "displayName": "Prohibited Names Settings",
        "description": "Setting templates define the different settings that can be used for the associated object type.",
        "values": _values({}, ("CustomBlockedSubStringsList", "CustomBlockedWholeWordsList")),
    },
    FOR_ONE_GROUP: {
        "id": FOR_ONE_GROUP,
        "deletedDateTime": None,
        "displayName": "Group.Unified.Guest",
        "description": "Settings for a specific Unified Group",
        "values": _values({"AllowToAddGuests": "true"}, ()),
    },
}


def list_templates(call: Call) -> Reply:
    """Every template."""
    return Reply(200, {"@odata.context": call.context("groupSettingTemplates"), "value": list(TEMPLATES.values())})


def get_template(call: Call) -> Reply:
    """The template by its id."""
    template = TEMPLATES.get(call.parameters["id"].lower())
    if template is None:
        raise not_found(call.parameters["id"])
    return Reply(200, {"@odata.context": call.context("groupSettingTemplates/$entity"), **template})


def list_settings(call: Call) -> Reply:
    """What was customized, for the tenant or for the group that the path names."""
    group = call.group()[0].id if "id" in call.parameters else None
    found = call.tenant.objects.query(KIND, None, lambda record: record["group"] == group)
    return Reply(200, {"@odata.context": call.context(_fragment(group)), "value": [_shown(record) for _, record in found]})


def create_settings(call: Call) -> Reply:
    """The tenant, or the group, has settings made of the template; each scope has one of a template at most."""
    group = call.for_writing(call.group()) if "id" in call.parameters else None
    body = call.json()
    template = TEMPLATES.get(str(body.get("templateId") or "").lower())
    if template is None or (template["id"] == FOR_ONE_GROUP) is not (group is not None):
        raise bad_request("Invalid value specified for property 'templateId' of resource 'GroupSetting'.")
    if group is not None and "Unified" not in (group.record.get("groupTypes") or []):
        raise bad_request("Settings of this template can be made for Microsoft 365 groups only.")
    scope = group.id if group else None
    if any(
        entry.record["group"] == scope and entry.record["templateId"] == template["id"] for entry in call.tenant.objects.all(KIND)
    ):
        raise GraphError(
            call.tenant.behaviour.duplicate_setting_status,
            "Request_BadRequest",
            "A conflicting object with one or more of the specified property values is present in the directory.",
        )
    entry = add_settings(call.tenant, template["id"], scope, checked_values(template, body.get("values")))
    return Reply(201, {"@odata.context": call.context(f"{_fragment(scope)}/$entity"), **_shown(entry.record)})


def get_settings(call: Call) -> Reply:
    """The settings by their id."""
    entry = _settings(call)
    found = call.tenant.objects.read(entry.id)
    if found is None:
        raise not_found(entry.id)
    return Reply(200, {"@odata.context": call.context(f"{_fragment(found[1]['group'])}/$entity"), **_shown(found[1])})


def update_settings(call: Call) -> Reply:
    """The settings have the values in the body."""
    entry = _settings(call)
    template = TEMPLATES[entry.record["templateId"]]
    body = call.json()
    if unknown := [name for name in body if name != "values" and "@odata" not in name]:
        raise bad_request(f"Property '{unknown[0]}' is read-only and cannot be set.")
    given = checked_values(template, body.get("values"))
    kept = values_of(entry.record) if call.tenant.behaviour.omitted_settings_stay else defaults(template["id"])
    call.tenant.objects.change(entry, values=_pairs({**kept, **given}))
    return Reply(NO_CONTENT)


def delete_settings(call: Call) -> Reply:
    """The settings are gone: the template's defaults hold."""
    call.tenant.objects.remove(_settings(call))
    return Reply(NO_CONTENT)


def add_settings(
    tenant: SimulatedTenant, template: str, group: str | None, values: Mapping[str, str], *, replicated: bool = False
) -> Entry:
    """The scope has settings of the template, the values given over its defaults."""
    identifier = tenant.new_id("groupSetting")
    whole = {**defaults(template), **values}
    record: Record = {"id": identifier, "displayName": TEMPLATES[template]["displayName"], "templateId": template}
    return tenant.objects.add(KIND, identifier, record | {"values": _pairs(whole), "group": group}, replicated=replicated)


def in_force(tenant: SimulatedTenant, group: str | None = None) -> dict[str, str]:
    """The values that hold for the tenant, or for a group by itself, as the primary has them."""
    template = FOR_TENANT if group is None else FOR_ONE_GROUP
    for entry in tenant.objects.all(KIND):
        if (entry.record["group"], entry.record["templateId"]) == (group, template):
            return values_of(entry.record)
    return defaults(template)


def defaults(template: str) -> dict[str, str]:
    """The values of the template by name."""
    return {value["name"]: value["defaultValue"] for value in TEMPLATES[template]["values"]}


def values_of(record: Record) -> dict[str, str]:
    """The values of settings by name."""
    return {pair["name"]: pair["value"] for pair in record["values"]}


def checked_values(template: Record, given: Any) -> dict[str, str]:
    """The values, all of them texts that the template knows; raises 400."""
    types = {value["name"]: value["type"] for value in template["values"]}
    if not isinstance(given, list) or not all(isinstance(pair, dict) for pair in given):
        raise bad_request("Invalid value specified for property 'values' of resource 'GroupSetting'.")
    values = {}
    for pair in given:
        name, value = pair.get("name"), pair.get("value")
        if not isinstance(name, str) or name not in types or not isinstance(value, str):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'SettingValue'.")
        if types[name] == "System.Boolean" and value.lower() not in ("true", "false"):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'SettingValue'.")
        values[name] = value
    return values


def _settings(call: Call) -> Entry:
    scope = call.for_writing(call.group()).id if "reference" in call.parameters else None
    name = call.identifier("reference" if scope else "id")
    entry = call.tenant.objects.entry(name, KIND)
    if entry is None or entry.record["group"] != scope:
        raise not_found(name)
    return entry


def _fragment(group: str | None) -> str:
    return f"groups('{group}')/settings" if group else "groupSettings"


def _pairs(values: Mapping[str, str]) -> list[Record]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _shown(record: Record) -> Record:
    return {name: record[name] for name in ("id", "displayName", "templateId", "values")}


_READ = (
    *("GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All"),
    *("Directory.Read.All", "Directory.ReadWrite.All"),
)
_TEMPLATES = ("GroupSettings.Read.All", "GroupSettings.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_MAKE = ("GroupSettings.ReadWrite.All", "Directory.ReadWrite.All")
_CHANGE = (*_MAKE, "Policy.ReadWrite.Authorization")
_API = "https://learn.microsoft.com/graph/api/group"
_PARTLY = ("values that a PATCH leaves out are back to their defaults (`omittedSettingsStay`)",)
_TWICE = ("second settings of a template are refused with 400 (`duplicateSettingStatus`)",)
OPERATIONS = (
    Operation("GET", "/groupSettingTemplates", list_templates, _TEMPLATES, f"{_API}settingtemplate-list", options=PLAIN),
    Operation("GET", "/groupSettingTemplates/{id}", get_template, _TEMPLATES, f"{_API}settingtemplate-get", options=PLAIN),
    *(
        operation
        for root, one in (("/groupSettings", "{id}"), ("/groups/{id}/settings", "{reference}"))
        for operation in (
            Operation("GET", root, list_settings, _READ, f"{_API}setting-get", options=PLAIN),
            Operation("POST", root, create_settings, _MAKE, f"{_API}setting-post", kind="write", unverified=_TWICE),
            Operation("GET", f"{root}/{one}", get_settings, _READ, f"{_API}setting-get", options=PLAIN),
            Operation(
                "PATCH", f"{root}/{one}", update_settings, _CHANGE, f"{_API}setting-update", kind="write", unverified=_PARTLY
            ),
            Operation("DELETE", f"{root}/{one}", delete_settings, _CHANGE, f"{_API}setting-delete", kind="write"),
        )
    ),
)
NOT_SIMULATED: tuple[str, ...] = ()
