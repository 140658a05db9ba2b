"""The handoff is the mirror image of what we set, and nothing in a name can leave its place in a page or script."""

import re

import pytest

from shared.handoff import Handoff, Set, Us, handoff
from shared.handoff_pages import as_markdown, as_script
from shared.nouns.partner import Partner
from shared.powershell import quoted

US = Us("11111111-1111-1111-1111-111111111111", ("contoso.com", "contoso.net"))
FABRIKAM = Partner("22222222-2222-2222-2222-222222222222", "Fabrikam", ("fabrikam.com",))
OPEN = "users allowed: AllUsers; applications allowed: Office365"
SHUT = "users blocked: AllUsers; applications blocked: AllApplications"


def made(*sets: Set, guests: bool = False) -> Handoff:
    return handoff(US, FABRIKAM, sets, guests=guests)


def access(found: Handoff) -> tuple[str, ...]:
    return next((item.settings for item in found.items if item.key == "cross-tenant-access"), ())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"b2bCollaborationInbound": OPEN}, (f"b2bCollaborationOutbound: {OPEN}",)),
        ({"b2bDirectConnectOutbound": OPEN}, (f"b2bDirectConnectInbound: {OPEN}",)),
        ({"b2bCollaborationInbound": SHUT}, ()),
        ({"m365CollaborationInbound": "users allowed: AllUsers"}, ("m365CollaborationOutbound: users allowed: AllUsers",)),
        ({"automaticUserConsentSettings": "inbound"}, ("automaticUserConsentSettings: outbound",)),
        ({"automaticUserConsentSettings": "inbound, outbound"}, ("automaticUserConsentSettings: inbound, outbound",)),
        ({"automaticUserConsentSettings": "nothing"}, ()),
    ],
)
def test_access_is_mirrored(ours: dict[str, str], theirs: tuple[str, ...]) -> None:
    assert access(made(Set("set-partner-configuration", ours))) == theirs


def test_guests_need_a_way_out_of_their_own_tenant() -> None:
    assert access(made(guests=True)) == (
        "b2bCollaborationOutbound: users allowed: AllUsers; applications allowed: AllApplications",
    )


def test_each_option_has_its_mirror() -> None:
    found = made(
        Set("set-capabilities", {"crossTenantMailTipsAll": "allowed: group:x", "crossTenantMigration": "allowed: All"}),
        Set("set-organization-relationship", {"FreeBusyAccessEnabled": True, "FreeBusyAccessLevel": "LimitedDetails"}),
        Set("set-sharing-policy", {"fabrikam.com": ("CalendarSharingFreeBusySimple", "ContactsSharing")}),
        Set("set-inbound-connector", {"RestrictDomainsToCertificate": True, "TlsSenderCertificateName": "*.fabrikam.com"}),
        Set("set-outbound-connector", {}),
        Set("allow-federation", {}),
        Set("allow-domain", {}),
    )
    keys = [item.key for item in found.items]
    assert keys == [
        *("capabilities", "organization-relationship", "sharing-policy", "outbound-connector"),
        *("inbound-connector", "teams", "sharepoint"),
    ]
    script = as_script(found)
    assert "crossTenantMailTipsAll" in script
    assert "crossTenantMigration" not in script
    assert (
        "-Domains @('contoso.com', 'contoso.net') -Values @{ FreeBusyAccessEnabled = $true; FreeBusyAccessLevel = 'LimitedDetails' }"
        in script
    )
    assert "'contoso.net:CalendarSharingFreeBusySimple, ContactsSharing'" in script
    assert "certificate for \\*.fabrikam.com" in as_markdown(found)


def test_nothing_is_handed_off_where_nothing_is_needed() -> None:
    assert "Nothing is needed" in as_markdown(made())


HOSTILE = "A'; Remove-Item / #\u2019; $(calc)\n# b\u2028`c\u202e"


def test_a_powershell_string_cannot_be_left() -> None:
    inner = quoted(HOSTILE)[1:-1]
    assert re.fullmatch(r"(?:[^'\u2018\u2019\u201a\u201b]|''|\u2018\u2018|\u2019\u2019|\u201a\u201a|\u201b\u201b)*", inner)
    assert "\n" not in inner
    assert "\u202e" not in inner


def test_a_hostile_name_stands_as_text() -> None:
    found = Handoff(US, Partner(FABRIKAM.tenant_id, HOSTILE + " [x](http://evil) <script>", ("fabrikam.com",)), ())
    page = as_markdown(found)
    assert "\n# b" not in page
    assert "](" not in page.replace("\\](", "")
    assert "<script" not in page.replace("\\<", "")
    assert "Remove-Item" not in as_script(found)
