"""What a request makes each step want."""

from typing import Any

import pytest

from shared.nouns.errors import Refusal
from shared.nouns.partner import Partner
from shared.nouns.request import GuestWish, Header
from shared.nouns.step import Ask
from shared.nouns.template import Template
from shared.steps.add_to_group import ADD_TO_GROUP
from shared.steps.invite_guest import INVITE_GUEST
from shared.steps.set_organization_relationship import PARAMETERS, SET_ORGANIZATION_RELATIONSHIP

FABRIKAM = Partner("77777777-7777-4777-8777-777777777777", "Fabrikam", ("fabrikam.com", "fabrikam.de"))
BOSS, DEPUTY = "44444444-4444-4444-8444-444444444444", "55555555-5555-4555-8555-555555555555"
TEMPLATE = Template(
    name="supplier",
    version=1,
    description="A supplier",
    steps=("invite-guest",),
    redirect_hosts=("myapps.microsoft.com", "Teams.microsoft.com"),
    deleted_guests="ask",
    invitation={"send_mail": False, "message": "Hello", "language": "de-DE"},  # type: ignore[arg-type]  # as TOML gives it
)


def ask(settings: dict[str, Any] | None = None, invitation: dict[str, Any] | None = None, **more: Any) -> Ask:
    header = {"version": 1, "id": "r-1", "template": "supplier", "partner": {"name": "Fabrikam", "domains": ["fabrikam.com"]}}
    return Ask(Header.model_validate(header | {"invitation": invitation or {}}), TEMPLATE, FABRIKAM, settings or {}, **more)


def guest(**more: Any) -> GuestWish:
    return GuestWish.model_validate({"email": "ana@fabrikam.com"} | more)


def test_nothing_is_wanted_of_nobody() -> None:
    assert INVITE_GUEST.wanted(ask()) is None
    assert ADD_TO_GROUP.wanted(ask()) is None


def test_the_template_says_how_to_invite_where_nobody_else_does() -> None:
    wish = INVITE_GUEST.wanted(ask(guest=guest(), sponsors=(DEPUTY, BOSS)))
    assert wish is not None
    assert wish.state == {"guest": True, "sponsors": (BOSS, DEPUTY)}
    assert wish.details == {
        "redirectUrl": "https://myapps.microsoft.com",
        "sendMail": False,
        "message": "Hello",
        "language": "de-DE",
        "deletedGuest": "ask",
    }


@pytest.mark.parametrize(
    ("here", "own", "mail"),
    [({}, None, False), ({"sendMail": True}, None, True), ({"sendMail": True}, False, False), ({}, True, True)],
)
def test_the_nearest_word_about_the_mail_counts(here: dict[str, Any], own: bool | None, mail: bool) -> None:
    wish = INVITE_GUEST.wanted(ask(invitation=here, guest=guest(sendMail=own)))
    assert wish is not None
    assert wish.details["sendMail"] is mail
    assert wish.state == {"guest": True}


def test_a_guest_can_have_a_message_and_a_page_of_their_own() -> None:
    said = {"message": "For all", "redirectUrl": "https://myapps.microsoft.com/a", "language": "pt-BR"}
    own = guest(message="For Ana", redirectUrl="https://teams.microsoft.com/x")
    wish = INVITE_GUEST.wanted(ask(invitation=said, guest=own))
    assert wish is not None
    assert [wish.details[key] for key in ("message", "redirectUrl", "language")] == [
        "For Ana",
        "https://teams.microsoft.com/x",
        "pt-BR",
    ]


@pytest.mark.parametrize(
    "url", ["https://evil.example", "https://myapps.microsoft.com.evil.example/", "https://xmyapps.microsoft.com"]
)
def test_an_invitation_leads_only_to_hosts_of_the_template(url: str) -> None:
    with pytest.raises(Refusal, match=r"redirectUrl: .*myapps\.microsoft\.com"):
        INVITE_GUEST.wanted(ask(guest=guest(redirectUrl=url)))


def test_each_of_the_batch_is_to_be_a_member() -> None:
    wish = ADD_TO_GROUP.wanted(ask(members=("p-a", "p-b")))
    assert wish is not None
    assert wish.state == {"p-a": "member", "p-b": "member"}


def test_a_relationship_has_defaults_and_no_name_that_nobody_asked_for() -> None:
    wish = SET_ORGANIZATION_RELATIONSHIP.wanted(ask({"FreeBusyAccessEnabled": True}))
    assert wish is not None
    assert wish.state == {
        "Enabled": True,
        "FreeBusyAccessEnabled": True,
        "DomainNames": ("fabrikam.com", "fabrikam.de"),
        "TargetApplicationUri": "outlook.com",
        "TargetAutodiscoverEpr": "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc/WSSecurity",
    }
    assert wish.details == {"parameters": {"FreeBusyAccessEnabled": True}}


def test_a_relationship_is_as_its_block_says() -> None:
    block = {
        "Name": "Friends",
        "Enabled": False,
        "DomainNames": ["Mail.Fabrikam.com"],
        "TargetApplicationUri": "x.com",
        "MailboxMovePublishedScopes": ["b", "a"],
    }
    wish = SET_ORGANIZATION_RELATIONSHIP.wanted(ask(block))
    assert wish is not None
    assert (wish.state["Name"], wish.state["Enabled"], wish.state["DomainNames"]) == ("Friends", False, ("mail.fabrikam.com",))
    assert (wish.state["TargetApplicationUri"], wish.state["MailboxMovePublishedScopes"]) == ("x.com", ("b", "a"))


WRONG = [
    ({"FreeBusyAccessLevel": "Everything"}, "FreeBusyAccessLevel"),
    ({"Enabled": "yes"}, "Enabled"),
    ({"freeBusyAccessEnabled": True}, "freeBusyAccessEnabled"),
    ({"Identity": "x"}, "Identity"),
    ({"Confirm": False}, "Confirm"),
    ({"Name": "x" * 65}, "Name"),
    ({"Name": ""}, "Name"),
    ({"DomainNames": []}, "DomainNames"),
    ({"DomainNames": ["fabrikam.com"] * 239}, "DomainNames"),
    ({"DomainNames": "fabrikam.com"}, "DomainNames"),
    ({"DomainNames": ["not a domain"]}, r"DomainNames\[0\]"),
    ({"DomainNames": ["litware.com"]}, "DomainNames: litware.com"),
    ({"DomainNames": ["xfabrikam.com"]}, "DomainNames: xfabrikam.com"),
    ({"TargetAutodiscoverEpr": "http://autodiscover.outlook.com"}, "TargetAutodiscoverEpr"),
    ({"OAuthApplicationId": "x"}, "OAuthApplicationId"),
    ({"OrganizationContact": "nobody"}, "OrganizationContact"),
    ({"MailboxMoveCapability": "Sideways"}, "MailboxMoveCapability"),
]


@pytest.mark.parametrize(("block", "field"), WRONG, ids=lambda value: str(value)[:40])
def test_a_block_that_the_cmdlets_would_refuse_is_refused_by_field(block: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal, match=rf"steps\.set-organization-relationship\.{field}"):
        SET_ORGANIZATION_RELATIONSHIP.wanted(ask(block))


def test_every_parameter_of_the_cmdlets_can_be_asked_for() -> None:
    # Facts 4.3; without those that are not about the relationship (Identity, Confirm, WhatIf, Force).
    expected = {f"{word}{end}" for word in ("FreeBusyAccess", "MailTipsAccess") for end in ("Enabled", "Level", "Scope")}
    expected |= {f"{word}Enabled" for word in ("", "Photos", "ArchiveAccess", "DeliveryReport", "MailboxMove")}
    expected |= {f"Target{word}" for word in ("ApplicationUri", "AutodiscoverEpr", "SharingEpr", "OwaURL")}
    expected |= {
        "Name",
        "DomainNames",
        "MailboxMoveCapability",
        "MailboxMovePublishedScopes",
        "OAuthApplicationId",
        "OrganizationContact",
    }
    assert set(PARAMETERS) == expected
