"""The handoff as pages for people: Markdown with a checklist, and a script that the partner's administrator runs in their tenant. Pure."""

import re
from importlib.resources import files
from typing import Any

from shared.handoff import EXCHANGE, GRAPH, SHAREPOINT, TEAMS, Handoff, Item
from shared.powershell import quoted, visible

# For each module: its name, how to sign in, and the tenant that one is then signed in to.
_MODULES = {
    GRAPH: ("Microsoft.Graph.Authentication", "Connect-MgGraph -Scopes {scopes} -NoWelcome", "(Get-MgContext).TenantId"),
    EXCHANGE: (
        "ExchangeOnlineManagement",
        "Connect-ExchangeOnline -ShowBanner:$false",
        "(Get-ConnectionInformation | Select-Object -Last 1).TenantID",
    ),
    TEAMS: ("MicrosoftTeams", "Connect-MicrosoftTeams | Out-Null", "(Get-CsTenant).TenantId"),
    # It does not say which tenant; its administrator's URL does.
    SHAREPOINT: ("Microsoft.Online.SharePoint.PowerShell", "Connect-SPOService -Url (Read-Host 'Your SharePoint admin URL')", ""),
}
_SCOPES = "'Policy.Read.All', 'Policy.ReadWrite.CrossTenantAccess', 'Policy.ReadWrite.CrossTenantCapability'"


def as_json(found: Handoff) -> dict[str, Any]:
    """The handoff for machines."""
    return {
        "us": {"tenantId": found.us.tenant_id, "domains": list(found.us.domains)},
        "partner": {"name": found.partner.name, "tenantId": found.partner.tenant_id, "domains": list(found.partner.domains)},
        "items": [
            {
                "key": item.key,
                "title": item.title,
                "why": item.why,
                "where": item.where,
                "settings": list(item.settings),
                "needed": item.needed,
                "powershell": item.script or None,
            }
            for item in found.items
        ],
    }


def as_markdown(found: Handoff) -> str:
    """The page for the partner's administrator. Whatever comes from outside stands in it as text."""
    lines = [
        f"# What to set in the tenant of {_text(found.partner.name)}",
        "",
        f"For the administrator of tenant `{found.partner.tenant_id}` ({_text(', '.join(found.partner.domains))}). "
        f"We are tenant `{found.us.tenant_id}`, domains {_text(', '.join(found.us.domains))}.",
        "",
        "Our side is set by us. Each tenant opens its own side alone, so these are yours to decide and to set. Take what you agree to; "
        "`handoff.ps1` asks before each change, and `-WhatIf` only shows them.",
        "",
        "## Checklist",
        "",
    ]
    lines += [f"- [ ] {_text(item.title)}{'' if item.needed else ' (as you wish)'}" for item in found.items]
    lines += [] if found.items else ["Nothing is needed on your side."]
    for item in found.items:
        lines += ["", f"## {_text(item.title)}", "", _text(item.why), "", f"Where: {_text(item.where)}", ""]
        lines += [f"- {_text(setting)}" for setting in item.settings]
    return "\n".join(lines) + "\n"


def as_script(found: Handoff) -> str:
    """The script: it reads first, adds to lists and never replaces them, and asks before each change."""
    functions = files("shared").joinpath("handoff.ps1").read_text(encoding="utf-8")
    parts = [functions.rstrip("\n"), "", f"$expected = {quoted(found.partner.tenant_id)}", ""]
    for module, (name, connect, tenant) in _MODULES.items():
        items = [item for item in found.items if item.module == module and item.script]
        if items:
            parts += [f"Import-Module {name} -ErrorAction Stop", connect.format(scopes=_SCOPES)]
            parts += [f"Assert-Tenant $expected {tenant}"] if tenant else []
            parts += [line for item in items for line in _calls(item)]
            parts.append("")
    return "\n".join(parts)


def _calls(item: Item) -> list[str]:
    return [f"Write-Host {quoted(item.title)}", *item.script.split("\n")]


def _text(value: str) -> str:
    """Text that Markdown shows and does not obey."""
    return re.sub(r"([\\`*_\[\]<|#!~&])", r"\\\1", visible(value))
