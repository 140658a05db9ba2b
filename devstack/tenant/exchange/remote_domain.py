"""Remote domains: what may be sent to the people of another domain, and in which form. Facts section 4.6."""

from typing import Any

from devstack.tenant.directory.objects import Entry, Record
from devstack.tenant.exchange.configuration import Noun
from devstack.tenant.exchange.errors import invalid, remote_domain_taken
from devstack.tenant.exchange.parameters import Parameter, flag, number, one_of, smtp_domain, text
from devstack.tenant.tenant import SimulatedTenant

KIND = "remoteDomain"
DEFAULT: Record = {"Name": "Default", "DomainName": "*", "CharacterSet": "iso-8859-1", "NonMimeCharacterSet": "iso-8859-1"}
_MOST_LINE = 132
_UNSET: Record = {
    "DomainName": None,
    "IsInternal": False,
    "TargetDeliveryDomain": False,
    "ByteEncoderTypeFor7BitCharsets": "Undefined",
    "CharacterSet": None,
    "NonMimeCharacterSet": None,
    "AllowedOOFType": "External",
    "AutoReplyEnabled": True,
    "AutoForwardEnabled": True,
    "DeliveryReportEnabled": True,
    "NDREnabled": True,
    "MeetingForwardNotificationEnabled": True,
    "ContentType": "MimeHtmlText",
    "DisplaySenderName": True,
    "PreferredInternetCodePageForShiftJis": "Undefined",
    "RequiredCharsetCoverage": None,
    "TNEFEnabled": None,
    "LineWrapSize": "Unlimited",
    "TrustedMailOutboundEnabled": False,
    "TrustedMailInboundEnabled": False,
    "UseSimpleDisplayName": False,
    "NDRDiagnosticInfoEnabled": True,
    "MessageCountThreshold": 2_147_483_647,
    "IsCoexistenceDomain": False,
}


def _domain(value: Any) -> Any:
    return smtp_domain(text()(value))


def _line(value: Any) -> Any:
    if isinstance(value, str) and value.lower() == "unlimited":
        return "Unlimited"
    if number(value) > _MOST_LINE:
        raise ValueError(f"The value must be from 0 through {_MOST_LINE}, or unlimited.")
    # The service keeps an Unlimited<int>, and shows it as text.
    return str(number(value))


def _settle(tenant: SimulatedTenant, settings: Record, entry: Entry | None) -> Record:
    """One domain is in one remote domain. The kind of automatic replies and being internal change each other, as documented."""
    domain = str(settings.get("DomainName") or "")
    for other in tenant.objects.holders(KIND, "DomainName", domain) if domain else ():
        if entry is None or other.id != entry.id:
            raise remote_domain_taken(domain, other.record["Name"])
    if settings.get("AllowedOOFType") == "InternalLegacy":
        settings["IsInternal"] = True
    elif settings.get("IsInternal") is False and entry is not None and entry.record["IsInternal"]:
        settings["AllowedOOFType"] = "ExternalLegacy"
    return settings


def _stays(entry: Entry) -> None:
    if entry.record["DomainName"] == "*":
        raise invalid("The remote domain 'Default' can't be removed.")


NOUN = Noun(
    name="RemoteDomain",
    kind=KIND,
    title="remote domain",
    container="Internet Message Formats",
    unset=_UNSET,
    settle=_settle,
    kept=_stays,
)
_FLAGS = (
    *(
        "AutoForwardEnabled",
        "AutoReplyEnabled",
        "DeliveryReportEnabled",
        "DisplaySenderName",
        "IsCoexistenceDomain",
        "IsInternal",
    ),
    *("MeetingForwardNotificationEnabled", "NDRDiagnosticInfoEnabled", "NDREnabled", "TargetDeliveryDomain", "TNEFEnabled"),
    *("TrustedMailInboundEnabled", "TrustedMailOutboundEnabled", "UseSimpleDisplayName"),
)
_ENCODERS = (
    *("Use7Bit", "UseQP", "UseBase64", "UseQPHtmlDetectTextPlain", "UseBase64HtmlDetectTextPlain"),
    *("UseQPHtml7BitTextPlain", "UseBase64Html7BitTextPlain", "Undefined"),
)
_SETTINGS = (
    *(Parameter(name, flag) for name in _FLAGS),
    Parameter("AllowedOOFType", one_of("External", "ExternalLegacy", "InternalLegacy", "None")),
    Parameter("ByteEncoderTypeFor7BitCharsets", one_of(*_ENCODERS)),
    Parameter("CharacterSet", text()),
    Parameter("ContentType", one_of("MimeHtmlText", "MimeText", "MimeHtml")),
    Parameter("LineWrapSize", _line),
    Parameter("MessageCountThreshold", number),
    Parameter("NonMimeCharacterSet", text()),
    Parameter("PreferredInternetCodePageForShiftJis", one_of("50220", "50221", "50222", "Undefined")),
    Parameter("RequiredCharsetCoverage", number),
)
CMDLETS = NOUN.cmdlets(
    (Parameter("DomainName", _domain, required=True),),
    _SETTINGS,
    unverified=("the exception class for a domain that is in another remote domain",),
    deviations=("character sets are not compared with the documented list",),
)
