"""One deployment for several tenants: each has its own tables, keys, container of seals and settings; the check knows what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from infra.app_roles import app_roles
from infra.check.agreement import agreement, app_settings
from infra.check.typed import typed
from infra.topology import SECRETS, topology
from shared.tables.store import TABLES
from tests.infra.deployments import WHOLE, definitions, deployed

NAMES = ("contoso", "tailspin")


def several(folder: Path, **changes: Any) -> dict[str, Any]:
    """The parameters, with a folder of templates for each tenant."""
    tenants: list[dict[str, Any]] = []
    for number, name in enumerate(NAMES, 1):
        (folder / name).mkdir(exist_ok=True)
        own = {"ENTENTE_TEMPLATES": str(folder / name), "ENTENTE_MAILBOX": f"partners@{name}.com"}
        tenants.append({"name": name, "tenantId": f"00000000-0000-0000-0000-00000000000{number}", "settings": own})
    tenants[0]["reportOnly"] = False
    return {"tenants": tenants, "appClientId": "00000000-0000-0000-0000-00000000000a", **changes}


def test_it_agrees_with_the_code_and_with_microsofts_types(tmp_path: Path) -> None:
    for parameters in (several(tmp_path), {**WHOLE, **several(tmp_path), "mailbox": ""}):
        rendered = deployed(parameters)
        assert agreement(rendered) == []
        known = definitions()
        assert [fault for one in rendered.resources for fault in typed(one, known)] == []


def test_nothing_is_of_two_tenants(tmp_path: Path) -> None:
    rendered = deployed(several(tmp_path))
    (site,) = rendered.of("Microsoft.Web/sites")
    given = app_settings(site)
    assert given["ENTENTE_TENANTS"] == "contoso,tailspin"
    assert (given["ENTENTE_REPORT_ONLY__contoso"], given["ENTENTE_REPORT_ONLY__tailspin"]) == ("False", "True")
    for setting, secret in SECRETS.items():
        assert {name: given[f"{setting}__{name}"].rpartition("/")[2] for name in NAMES} == {
            name: f"{secret}-{name})" for name in NAMES
        }
    tables = {one.name for one in rendered.of("Microsoft.Storage/storageAccounts/tableServices/tables")}
    assert tables == {f"{name}{table}" for name in NAMES for table in TABLES}
    containers = "Microsoft.Storage/storageAccounts/blobServices/containers"
    assert {one.name for one in rendered.of(containers)} == {"packages", "seals-contoso", "seals-tailspin"}
    assert len(rendered.of(f"{containers}/immutabilityPolicies")) == 2
    assert len({one.id for one in rendered.of("Microsoft.ServiceBus/namespaces/queues")}) == len(topology()["queues"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "tailspin2-"}, "ENTENTE_TENANTS names tailspin2-"),
        ({"name": "contoso"}, "names a tenant twice"),
        ({"tenantId": "00000000-0000-0000-0000-000000000001"}, "ENTENTE_TENANT_ID: contoso and tailspin have the same"),
        ({"tenantId": "tailspin.com"}, "tenant tailspin"),
        ({"settings": {"ENTENTE_MAILBOKS": "x@y.com"}}, "ENTENTE_MAILBOKS__tailspin is not known"),
        ({"settings": {}}, "there is no folder"),
    ],
)
def test_what_is_wrong_with_a_tenant_is_told_by_the_check(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    parameters = several(tmp_path)
    parameters["tenants"][1] |= change
    assert any(says in fault for fault in agreement(deployed(parameters)))


def test_a_setting_of_one_tenant_that_is_said_for_all_is_told(tmp_path: Path) -> None:
    faults = agreement(deployed(several(tmp_path, settings={"ENTENTE_MAILBOX": "all@contoso.com"})))
    assert any("ENTENTE_MAILBOX is of one tenant" in fault for fault in faults)


def test_roles_are_named_after_tenants() -> None:
    roles = app_roles(NAMES)
    assert {role["value"] for role in roles} >= {"contoso.Requester", "tailspin.Operator"}
    assert len({role["id"] for role in roles}) == len(roles) == 10
    assert app_roles(NAMES) == roles
    assert {role["value"] for role in app_roles(())} == {"Requester", "Approver", "Operator", "Reader", "PersonReader"}
