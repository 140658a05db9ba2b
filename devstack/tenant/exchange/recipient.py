"""Who has an address in Exchange: mailboxes, mail users (guests among them), mail contacts and groups. Facts sections 4.4 and 15."""

import re
from collections.abc import Iterator
from typing import Any

from devstack.tenant.directory.objects import Record
from devstack.tenant.exchange.cmdlet import Cmdlet, Invocation
from devstack.tenant.exchange.errors import CmdletError, binding, object_not_found
from devstack.tenant.exchange.parameters import Parameter, one_of, result_size, text
from devstack.tenant.tenant import SimulatedTenant

MAILBOXES = "mailboxSettings"
_DEFAULT_SIZE = 1000
_TYPES = {
    "UserMailbox": ("UserMailbox",),
    "MailUser": ("MailUser", "GuestMailUser"),
    "MailContact": ("MailContact",),
    "MailUniversalDistributionGroup": ("MailUniversalDistributionGroup", "GroupMailbox"),
    "MailUniversalSecurityGroup": ("MailUniversalSecurityGroup",),
}
_DETAILS = tuple(detail for details in _TYPES.values() for detail in details)
_TERM = re.compile(r"(?P<name>\w+)\s+-(?P<operator>eq|like)\s+'(?P<value>(?:[^']|'')*)'")


def get_recipient(invocation: Invocation) -> list[dict[str, Any]]:
    """The recipients that the parameters describe. Microsoft 365 groups come only where they are asked for by type."""
    found = list(_recipients(invocation.tenant))
    detail, kind = invocation.values.get("RecipientTypeDetails"), invocation.values.get("RecipientType")
    if detail:
        found = [item for item in found if item["RecipientTypeDetails"] == detail]
    else:
        found = [item for item in found if item["RecipientTypeDetails"] != "GroupMailbox"]
    return _chosen(invocation, [item for item in found if kind in (None, item["RecipientType"])])


def get_mailbox(invocation: Invocation) -> list[dict[str, Any]]:
    """The mailboxes, each with the sharing policy that it has (empty where it has the default one)."""
    found = [item for item in _recipients(invocation.tenant) if item["RecipientTypeDetails"] == "UserMailbox"]
    return _chosen(invocation, [{**item, "SharingPolicy": _sharing_policy(invocation.tenant, item)} for item in found])


def _of_type(recipient_type: str) -> Any:
    def get(invocation: Invocation) -> list[dict[str, Any]]:
        return _chosen(invocation, [item for item in _recipients(invocation.tenant) if item["RecipientType"] == recipient_type])

    return get


def _chosen(invocation: Invocation, found: list[Record]) -> list[Record]:
    identity, size = invocation.values.get("Identity"), invocation.values.get("ResultSize") or str(_DEFAULT_SIZE)
    if identity:
        found = [item for item in found if identity.lower() in _names(item)]
        if not found:
            raise object_not_found(identity)
    matches = _matching(invocation.values.get("Filter"))
    found = [item for item in found if matches(item)]
    most = len(found) if size.lower() == "unlimited" else int(size)
    if len(found) > most:
        invocation.warnings.append("There are more results available than are currently displayed.")
    return found[:most]


def _matching(expression: str | None) -> Any:
    """`Name -eq 'value'` terms joined by -or, as OPATH has them. A leading wildcard is refused, as in the cloud service."""
    if not expression:
        return lambda _item: True
    terms = [_TERM.fullmatch(part.strip().strip("()")) for part in re.split(r"\s-or\s", expression)]
    good = [term for term in terms if term is not None]
    if len(good) != len(terms) or any(term["operator"] == "like" and term["value"].startswith("*") for term in good):
        raise CmdletError("System.Management.Automation.ParameterBindingException", f"Invalid filter syntax: {expression}")
    return lambda item: any(_holds(item, term) for term in good)


def _holds(item: Record, term: re.Match[str]) -> bool:
    if term["name"] not in item and term["name"] != "SharingPolicy":
        raise binding(f'"{term["name"]}" isn\'t a recognized filterable property.')
    value = term["value"].replace("''", "'").lower()
    held = item.get(term["name"])
    values = [str(one).lower() for one in (held if isinstance(held, list) else [held])]
    if term["operator"] == "like":
        return any(re.fullmatch(re.escape(value).replace(r"\*", ".*"), one) for one in values)
    # Addresses are compared without their prefix's case.
    return value in values or any(one.removeprefix("smtp:") == value for one in values)


def _names(item: Record) -> set[str]:
    addresses = {address.partition(":")[2] for address in item["EmailAddresses"]}
    return {str(name).lower() for name in (item["Name"], item["Alias"], item["Guid"], *addresses)}


def _recipients(tenant: SimulatedTenant) -> Iterator[Record]:
    for _, record in tenant.objects.query("user", None, lambda item: bool(item.get("mail")) and not item.get("deletedDateTime")):
        ours = record["mail"].rpartition("@")[2].lower() in tenant.domains
        guest = record.get("userType") == "Guest" or "#EXT#" in record.get("userPrincipalName", "")
        yield _shown(
            record, ("UserMailbox",) * 2 if ours and not guest else ("MailUser", "GuestMailUser" if guest else "MailUser")
        )
    for _, record in tenant.objects.query("contact", None, lambda _item: True):
        yield _shown(record, ("MailContact", "MailContact"))
    for _, record in tenant.objects.query(
        "group", None, lambda item: bool(item.get("mailEnabled")) and not item.get("deletedDateTime")
    ):
        unified = "Unified" in (record.get("groupTypes") or [])
        distribution = "MailUniversalSecurityGroup" if record.get("securityEnabled") else "MailUniversalDistributionGroup"
        yield _shown(record, (distribution, "GroupMailbox" if unified else distribution))


def _shown(record: Record, types: tuple[str, str]) -> Record:
    mail = record.get("mail") or ""
    return {
        "Identity": record.get("mailNickname") or mail,
        "Name": record.get("displayName") or mail,
        "Alias": record.get("mailNickname") or mail.partition("@")[0],
        "DisplayName": record.get("displayName"),
        "PrimarySmtpAddress": mail,
        "EmailAddresses": list(record.get("proxyAddresses") or [f"SMTP:{mail}"]),
        "ExternalEmailAddress": f"SMTP:{mail}" if types[0] in ("MailUser", "MailContact") else None,
        "RecipientType": types[0],
        "RecipientTypeDetails": types[1],
        "IsDirSynced": bool(record.get("onPremisesSyncEnabled")),
        "ExternalDirectoryObjectId": record["id"],
        "Guid": record["id"],
    }


def _sharing_policy(tenant: SimulatedTenant, item: Record) -> str | None:
    """The distinguished name of the policy of the mailbox's own, or None."""
    own = tenant.objects.holders(MAILBOXES, "Mailbox", item["PrimarySmtpAddress"])
    named = tenant.objects.holders("sharingPolicy", "Name", own[0].record["SharingPolicy"]) if own else []
    return named[0].record["DistinguishedName"] if named else None


def plant_mailboxes(tenant: SimulatedTenant, given: list[Record]) -> None:
    """The mailboxes (by address) have the sharing policies named."""
    for item in given:
        address = item["Mailbox"].lower()
        existing = tenant.objects.holders(MAILBOXES, "Mailbox", address)
        if existing:
            tenant.objects.change(existing[0], **item)
        else:
            tenant.objects.add(MAILBOXES, tenant.chance.identifier("mailbox", address), item, replicated=True)


_COMMON = (
    Parameter("Identity", text()),
    Parameter("Filter", text()),
    Parameter("ResultSize", result_size),
)
_PART = "filters are terms with -eq and -like joined by -or"
CMDLETS = (
    Cmdlet(
        "Get-Recipient",
        get_recipient,
        (*_COMMON, Parameter("RecipientType", one_of(*_TYPES)), Parameter("RecipientTypeDetails", one_of(*_DETAILS))),
        deviations=(_PART,),
    ),
    Cmdlet("Get-Mailbox", get_mailbox, _COMMON, deviations=(_PART, "every user with an address of ours has a mailbox")),
    Cmdlet("Get-MailContact", _of_type("MailContact"), _COMMON, deviations=(_PART,)),
    Cmdlet("Get-MailUser", _of_type("MailUser"), _COMMON, deviations=(_PART,)),
)
