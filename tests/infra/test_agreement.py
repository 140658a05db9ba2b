"""The deployment gives the app what its code reads, listens on and writes; nothing else; and the check notices."""

import json
from typing import Any

import pytest

from functions.intake import MOST_BODY_BYTES
from infra.check.agreement import agreement, app_settings
from infra.topology import SECRETS, TARGET, topology, written
from shared.settings import ROOT, Settings
from shared.tables.store import TABLES
from tests.infra.deployments import SMALL, WHOLE, changed, deployed


def test_what_bicep_is_told_is_current() -> None:
    assert TARGET.read_text("utf-8") == written(), "run `python -m infra.topology`"


def test_the_small_deployment_agrees_with_the_code() -> None:
    assert agreement(deployed(SMALL)) == []


def test_the_whole_deployment_agrees_with_the_code() -> None:
    assert agreement(deployed(WHOLE)) == []


def test_a_new_installation_reports_only() -> None:
    (site,) = deployed(SMALL).of("Microsoft.Web/sites")
    assert app_settings(site)["ENTENTE_REPORT_ONLY"] == "True"


def test_every_secret_of_the_settings_comes_from_the_vault() -> None:
    secret = {field.alias for field in Settings.model_fields.values() if not field.repr}
    assert secret - {"ServiceBus", "Tables"} <= SECRETS.keys()
    script = (ROOT / "infra" / "keys.sh").read_text("utf-8")
    assert f"for secret in {' '.join(SECRETS.values())}; do" in script
    (site,) = deployed(SMALL).of("Microsoft.Web/sites")
    given = app_settings(site)
    assert all(given[name].startswith("@Microsoft.KeyVault(") for name in topology()["secrets"])
    assert not {"ServiceBus", "Tables", "AzureWebJobsStorage"} & given.keys(), "a connection string is a shared key"


def _host() -> Any:
    return json.loads((ROOT / "host.json").read_text("utf-8"))


def _seconds(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def test_locks_timeouts_and_host_json_fit_together() -> None:
    host, bus = _host(), _host()["extensions"]["serviceBus"]
    assert _seconds(bus["maxAutoLockRenewalDuration"]) > _seconds(host["functionTimeout"]), "a lock outlives its function"
    assert bus["autoCompleteMessages"]
    assert host["extensionBundle"]["version"].startswith("[4."), "Flex Consumption needs bundle 4"
    sweep = next(field.default for field in Settings.model_fields.values() if field.alias == "ENTENTE_SWEEP_SECONDS")
    for queue in topology()["queues"]:
        lock = int(queue["lockDuration"].removeprefix("PT").removesuffix("S"))
        assert sweep >= _seconds(host["functionTimeout"]) + lock


def test_a_stranger_cannot_fill_the_memory_through_the_webhook() -> None:
    """https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit"""
    limits = {int(app_settings(one)["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]) for one in deployed(SMALL).of("Microsoft.Web/sites")}
    assert all(MOST_BODY_BYTES < limit <= 2 * MOST_BODY_BYTES for limit in limits)


def test_the_webhook_alone_is_open_to_who_is_not_signed_in() -> None:
    (settings,) = deployed({**SMALL, "signInClientId": "x"}).of("Microsoft.Web/sites/config")
    prefix = "/" + _host()["extensions"]["http"]["routePrefix"]
    validation = settings.body["properties"]["globalValidation"]
    assert validation["requireAuthentication"]
    assert validation["excludedPaths"] == [f"{prefix}/tenant-changes", f"{prefix}/tenant-changes/lifecycle"]


MUTATIONS = {
    "a missing queue": ("topology.json", '"name": "invite-guest"', '"name": "invite-gast"', "queue invite-guest is missing"),
    "a queue too many": ("topology.json", '"name": "invite-guest"', '"name": "invite-gast"', "queue invite-gast is deployed"),
    "another lock": ("bus.bicep", "lockDuration: queue.lockDuration", "lockDuration: 'PT1M'", "lockDuration is 'PT1M'"),
    "no duplicate detection": (
        "bus.bicep",
        "requiresDuplicateDetection: true",
        "requiresDuplicateDetection: false",
        "requiresDuplicateDetection",
    ),
    "dead letters that stay": (
        "bus.bicep",
        "    forwardDeadLetteredMessagesTo: 'parked'\n",
        "",
        "forwardDeadLetteredMessagesTo is None",
    ),
    "a missing table": ("topology.json", '"seals"', '"seels"', "table seals stands either"),
    "an unknown setting": ("main.bicep", "ENTENTE_MAILBOX:", "ENTENTE_MAILBOKS:", "ENTENTE_MAILBOKS is not known"),
    "a missing setting": ("main.bicep", "      ENTENTE_TENANT_ID: tenantId\n", "", "ENTENTE_TENANT_ID: Field required"),
    "a missing schedule": (
        "topology.json",
        "ENTENTE_SEAL_SCHEDULE",
        "SEAL_SCHEDULE",
        "ENTENTE_SEAL_SCHEDULE is named by a binding",
    ),
    "a wrong value": ("main.bicep", "string(reportOnly)", "'perhaps'", "ENTENTE_REPORT_ONLY"),
    "a role on what nobody makes": ("roles.bicep", "name: busName", "name: 'other'", "is referred to and nothing makes it"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_disagreement_is_noticed(mutation: str) -> None:
    *edit, expected = MUTATIONS[mutation]
    assert any(expected in fault for fault in agreement(deployed(SMALL, changed(*edit))))


def test_tables_are_those_of_the_store() -> None:
    assert {one.name for one in deployed(SMALL).of("Microsoft.Storage/storageAccounts/tableServices/tables")} == set(TABLES)


# https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
NOT_IN_FLEX = {
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_VNET_ROUTE_ALL",
}


def test_an_app_has_a_plan_to_itself_and_nothing_that_the_plan_refuses() -> None:
    sites = deployed(WHOLE).of("Microsoft.Web/sites")
    plans = {site.body["properties"]["serverFarmId"] for site in sites}
    assert len(plans) == len(sites) == 3
    for site in sites:
        assert site.body["properties"]["siteConfig"].keys() == {"minTlsVersion", "scmMinTlsVersion", "appSettings"}
        assert not NOT_IN_FLEX & app_settings(site).keys()
        assert "WEBSITE_AUTH_ENABLED" not in app_settings(site), "Azure sets it, and strips forged sign-in headers only then"
