"""An unknown field is refused with the names that are known in its place, however deep it stands."""

from typing import Any

import pytest

from shared.nouns.checked import checked
from shared.nouns.errors import Refusal
from shared.nouns.request import GuestWish, read_request
from shared.nouns.template import Template
from shared.steps.group_block import GroupBlock
from shared.steps.partner_settings import PartnerConfigurationSettings
from shared.steps.set_inbound_connector import InboundParameters
from shared.steps.welcome_guest import WelcomeSettings

REQUEST: dict[str, Any] = {"version": 1, "id": "r", "template": "t", "partner": {"name": "F", "domains": ["f.com"]}}


@pytest.mark.parametrize(
    ("model", "given", "field", "known"),
    [
        (GuestWish, {"email": "a@f.com", "nmae": "Ana"}, "nmae", {"email", "name", "groups", "sendMail"}),
        (Template, {"expiry": {"warm": 3}}, "expiry.warm", {"warnings", "grace"}),
        (WelcomeSettings, {"opne": {}}, "opne", {"open", "language"}),
        (GroupBlock, {"display_name": "x"}, "display_name", {"displayName", "owners"}),
        (InboundParameters, {"RequireTLS": True}, "RequireTLS", {"RequireTls", "SenderDomains"}),
        (PartnerConfigurationSettings, {"inboundTrust": {"mfa": True}}, "inboundTrust.mfa", set()),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_the_names_that_are_known_there_are_told(model: Any, given: dict[str, Any], field: str, known: set[str]) -> None:
    with pytest.raises(Refusal) as refused:
        checked(model, given, ("steps", "x"))
    (fault,) = [one for one in refused.value.faults if one.field == f"steps.x.{field}"]
    said, _, listed = fault.reason.partition("; there are: ")
    assert said == "there is no such field"
    assert known <= set(listed.split(", "))


def test_no_value_is_told() -> None:
    with pytest.raises(Refusal) as refused:
        read_request(
            REQUEST | {"colour": "ana@fabrikam.com", "partner": {"name": "F", "domains": ["f.com"], "domian": "x@y.com"}}
        )
    told = {fault.field: fault.reason for fault in refused.value.faults}
    assert set(told) == {"colour", "partner.domian"}
    assert "domains" in told["partner.domian"]
    assert not any("@" in reason for reason in told.values())
