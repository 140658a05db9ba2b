"""Whether putting a setting back would surely narrow what the partner may do. Pure.

Automatic repair may take away, never give: where this cannot be told, a person decides. For each step, the keys whose values have
an order are listed here; every other key counts as widening.
"""

from collections.abc import Callable, Mapping

from shared.nouns.state import State, Value
from shared.steps.limit_site import BY_WIDTH
from shared.tenant import blocks, capability_texts

type Narrower = Callable[[Value, Value], bool]


def narrows(step: str, now: State, wanted: State) -> bool:
    """Going from what is there now to what is wanted can give nobody more than they have, in any of the wanted keys."""
    return bool(wanted) and all(_narrower(step, key)(value, now.get(key)) for key, value in wanted.items())


def _narrower(step: str, key: str) -> Narrower:
    rules = _STEPS.get(step, {})
    return rules.get(key, rules.get("*", _never))


def _never(wanted: Value, now: Value) -> bool:
    """What has no order here."""
    return False


def _always(wanted: Value, now: Value) -> bool:
    """The step only ever shuts."""
    return True


def _off(wanted: Value, now: Value) -> bool:
    """A permission goes off."""
    return wanted is False and now is True


def _on(wanted: Value, now: Value) -> bool:
    """A restriction goes on."""
    return wanted is True and now is False


def _down(*steps: Value) -> Narrower:
    """From a higher of these values, the least first, to a lower one."""

    def lower(wanted: Value, now: Value) -> bool:
        return wanted in steps and now in steps and steps.index(wanted) < steps.index(now)

    return lower


def _text(opens_more: Callable[[str, str], bool]) -> Narrower:
    """By what the texts let through."""

    def within(wanted: Value, now: Value) -> bool:
        if not isinstance(wanted, str) or not isinstance(now, str):
            return False
        try:
            return not opens_more(wanted, now)
        except (KeyError, ValueError):
            return False

    return within


# `*` stands for all keys of the step.
_STEPS: Mapping[str, Mapping[str, Narrower]] = {
    "set-partner-configuration": {"*": _text(blocks.opens_more)},
    "set-capabilities": {"*": _text(capability_texts.opens_more)},
    "set-organization-relationship": {
        **dict.fromkeys(
            (
                "Enabled",
                "FreeBusyAccessEnabled",
                "MailTipsAccessEnabled",
                "PhotosEnabled",
                "ArchiveAccessEnabled",
                "DeliveryReportEnabled",
                "MailboxMoveEnabled",
            ),
            _off,
        ),
        "FreeBusyAccessLevel": _down("None", "AvailabilityOnly", "LimitedDetails"),
        "MailTipsAccessLevel": _down("None", "Limited", "All"),
    },
    "set-inbound-connector": {
        **dict.fromkeys(("RequireTls", "RestrictDomainsToCertificate", "RestrictDomainsToIPAddresses"), _on),
        # Mail of theirs counts as ours while it is on.
        "CloudServicesMailEnabled": _off,
        "TreatMessagesAsInternal": _off,
    },
    "set-outbound-connector": {"TlsSettings": _down("DomainValidation", "CertificateValidation", "EncryptionOnly")},
    "set-remote-domain": dict.fromkeys(
        ("AutoForwardEnabled", "IsInternal", "TrustedMailInboundEnabled", "TrustedMailOutboundEnabled"), _off
    ),
    "limit-site": {"limit": _down(*BY_WIDTH)},
    "share-site": {"access": _down("read", "edit")},
    "share-item": {"role": _down("read", "write")},
    "add-to-workspace": {"role": _down("Viewer", "Contributor", "Member", "Admin")},
    "set-group-guest-settings": {"AllowToAddGuests": _off},
    "team-enable-group": {"guestSettings.allowCreateUpdateChannels": _off, "guestSettings.allowDeleteChannels": _off},
    "close-partner": {"*": _always},
    # What others have unblocked stays so until a person has looked: they may know more than we do.
    "block-guest": {"enabled": _never},
}
