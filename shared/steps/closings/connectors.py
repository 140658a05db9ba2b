"""What connectors and remote domains trust of the partner's mail. Their limits (TLS, certificate, addresses) stay: they protect.

Disabling a connector would take its limits away, and let more mail in than before.
"""

import json
import re

from shared.nouns.outcomes import WontWork
from shared.nouns.partner import Partner
from shared.nouns.state import Value
from shared.steps.closings.part import Part, shown
from shared.steps.exchange_values import within
from shared.tenant import Tenant
from shared.tenant.configured import Configured, ConfiguredObjects

_SAID = re.compile(r"(inbound connector|outbound connector|remote domain) (.*): (\w+) = (.*)")
# By kind, where its domains stand, and what trusts mail for coming from there. https://learn.microsoft.com/powershell/module/exchangepowershell/set-inboundconnector
_TRUST: dict[str, tuple[str, tuple[str, ...]]] = {
    "inbound connector": (
        "SenderDomains",
        (
            "CloudServicesMailEnabled",
            "TreatMessagesAsInternal",
            "EFSkipLastIP",
            "EFSkipIPs",
            "EFSkipMailGateway",
            "TrustedOrganizations",
        ),
    ),
    "outbound connector": ("RecipientDomains", ("CloudServicesMailEnabled",)),
    "remote domain": ("DomainName", ("TrustedMailInboundEnabled", "TrustedMailOutboundEnabled")),
}


async def read(tenant: Tenant, partner: Partner) -> Value:
    """What is trusted, parameter by parameter."""
    return shown([said for kind in _TRUST for one in await _objects(tenant, kind).all() for said in _open(kind, one, partner)])


async def close(tenant: Tenant, partner: Partner) -> tuple[str, ...]:
    """Nothing is trusted any more. Raises WontWork for a connector that is others' too, when all else is done."""
    before: list[str] = []
    shared: list[str] = []
    for kind in _TRUST:
        for one in await _objects(tenant, kind).all():
            said = _open(kind, one, partner)
            if said and not _only(kind, one, partner):
                shared.append(f"{kind} {one.name!r}")
            elif said:
                off = {name: _off(one.values.get(name)) for _, _, name, _ in map(_parts, said)}
                await _objects(tenant, kind).set(one.identity, off)
                before += said
    if shared:
        raise WontWork(
            f"{' and '.join(shared)} trusts mail of others too, so its trust is not this partner's alone: decide by hand"
        )
    return tuple(before)


async def reopen(tenant: Tenant, partner: Partner, before: tuple[str, ...]) -> str:
    """What we switched off is on again, as it was."""
    problems: list[str] = []
    for kind in _TRUST:
        mine = [parts for parts in map(_parts, before) if parts[0] == kind]
        there = {one.name: one for one in await _objects(tenant, kind).all()} if mine else {}
        for name in dict.fromkeys(parts[1] for parts in mine):
            if (one := there.get(name)) is None:
                problems.append(f"The {kind} {name!r} was removed by somebody after us")
                continue
            was = {parameter: value for _, other, parameter, value in mine if other == name}
            now = {parameter: one.values.get(parameter) for parameter in was}
            changed = [key for key in was if now[key] != was[key] and now[key] != _off(was[key]) and now[key]]
            if changed:
                problems += [f"{key} of the {kind} {name!r} was switched off by us and is {now[key]!r}" for key in changed]
            elif back := {key: value for key, value in was.items() if now[key] != value}:
                await _objects(tenant, kind).set(one.identity, back)
    if problems:
        raise WontWork(f"{'; '.join(problems)}: set it by hand as it should be")
    return "The connectors trust what they did before"


def _objects(tenant: Tenant, kind: str) -> ConfiguredObjects:
    flow = tenant.mail_flow
    return {"inbound connector": flow.inbound, "outbound connector": flow.outbound, "remote domain": flow.remote_domains}[kind]


def _open(kind: str, one: Configured, partner: Partner) -> list[str]:
    if one.values.get("Enabled") is False or not any(within(domain, partner.domains) for domain in _domains(kind, one)):
        return []
    trusted = {name: one.values.get(name) for name in _TRUST[kind][1] if one.values.get(name)}
    return [f"{kind} {one.name}: {name} = {json.dumps(value)}" for name, value in trusted.items()]


def _only(kind: str, one: Configured, partner: Partner) -> bool:
    return all(within(domain, partner.domains) for domain in _domains(kind, one))


def _domains(kind: str, one: Configured) -> tuple[str, ...]:
    value = one.values.get(_TRUST[kind][0])
    return value if isinstance(value, tuple) else (value,) if isinstance(value, str) else ()


def _off(value: Value) -> Value:
    return () if isinstance(value, tuple) else False


def _parts(said: str) -> tuple[str, str, str, Value]:
    match = _SAID.fullmatch(said)
    if match is None:
        raise WontWork(f"{said!r} does not say what a connector trusted: set it by hand as it should be")
    value = json.loads(match[4])
    return match[1], match[2], match[3], tuple(value) if isinstance(value, list) else bool(value)


CONNECTORS = Part(
    key="connectorTrust",
    title="trust in the partner's mail",
    lasts="mail that is under way may still be trusted; mail itself is not stopped, and a connector's limits stay",
    read=read,
    close=close,
    reopen=reopen,
)
