"""Every resource is one that Microsoft's type definitions allow, and the check notices what is not."""

from functools import cache

import pytest

from infra.check.typed import NOT_AT_HAND, Definitions, typed
from tests.infra.deployments import SMALL, WHOLE, changed, definitions, deployed

held = cache(definitions)


def faults(parameters: dict[str, object], *edit: str) -> list[str]:
    kinds: Definitions = held()
    rendered = deployed(parameters, changed(*edit)) if edit else deployed(parameters)
    return [fault for one in rendered.resources for fault in typed(one, kinds)]


@pytest.mark.parametrize("parameters", [SMALL, WHOLE], ids=["small", "whole"])
def test_every_resource_is_as_its_definition_says(parameters: dict[str, object]) -> None:
    assert faults(parameters) == []


def test_only_networks_are_left_to_the_compiler() -> None:
    kinds = held()
    unheld = {one.type for one in deployed(WHOLE).resources if kinds.body(one.type, one.version) is None}
    assert {kind.partition("/")[0] + "/" for kind in unheld} == set(NOT_AT_HAND)


MUTATIONS = {
    "a property that does not exist": (
        "bus.bicep",
        "disableLocalAuth: true",
        "localAuthDisabled: true",
        "localAuthDisabled does not exist",
    ),
    "a wrong enum": ("state.bicep", "'TLS1_2'", "'TLS12'", "minimumTlsVersion is 'TLS12'; allowed are TLS1_0, TLS1_1, TLS1_2"),
    "a wrong runtime": ("app.bicep", "name: 'python'", "name: 'pyton'", "runtime.name is 'pyton'; allowed are"),
    "a wrong identity type": ("app.bicep", "type: 'UserAssigned'\n", "type: 'Assigned'\n", "identity.type is 'Assigned'"),
    "a required property left out": (
        "vault.bicep",
        "    tenantId: subscription().tenantId\n",
        "",
        "properties.tenantId is missing",
    ),
    "a location left out": ("bus.bicep", "  location: location\n  tags: tags\n", "  tags: tags\n", "location is missing"),
    "text for a number": ("app.bicep", "maximumInstanceCount: mostInstances", "maximumInstanceCount: '40'", "must be a number"),
    "text for a truth": ("app.bicep", "httpsOnly: true", "httpsOnly: 'true'", "httpsOnly is 'true' and must be true or false"),
    "an API version that does not exist": ("vault.bicep", "vaults@2025-05-01", "vaults@2025-05-02", "there is no type"),
    "a resource type that does not exist": ("app.bicep", "Web/sites@", "Web/site@", "there is no type Microsoft.Web/site@"),
    "a property that can only be read": ("app.bicep", "httpsOnly: true", "state: 'Running'", "properties.state can only be read"),
    "a wrong discriminator": ("alerts.bicep", "SingleResourceMultipleMetricCriteria", "SingleCriteria", "odata.type is"),
    "an object for an array": (
        "alerts.bicep",
        "scopes: [\n      workspaceId\n    ]",
        "scopes: {}",
        "scopes is {} and must be an array",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mistake_is_noticed(mutation: str) -> None:
    *edit, expected = MUTATIONS[mutation]
    assert any(expected in fault for fault in faults(SMALL, *edit))
