"""InvokeCommand: who may call, which cmdlet, what comes back. Facts section 4.1."""

import asyncio
import base64
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from devstack.tenant.exchange import (
    federation,
    inbound_connector,
    organization_relationship,
    outbound_connector,
    recipient,
    remote_domain,
    sharing_policy,
)
from devstack.tenant.exchange.cmdlet import Cmdlet, Invocation
from devstack.tenant.exchange.errors import CmdletError, needs_confirmation, no_cmdlet, throttled
from devstack.tenant.exchange.parameters import bound
from devstack.tenant.faults import Rule
from devstack.tenant.graph.pipeline import Answer
from devstack.tenant.journal import Exchanged
from devstack.tenant.tenant import SimulatedTenant
from devstack.tenant.tokens import EXCHANGE, Token, TokenRefused

NOUNS: tuple[ModuleType, ...] = (
    organization_relationship,
    federation,
    sharing_policy,
    inbound_connector,
    outbound_connector,
    remote_domain,
    recipient,
)
CMDLETS: dict[str, Cmdlet] = {cmdlet.name.lower(): cmdlet for noun in NOUNS for cmdlet in noun.CMDLETS}

_VERB_NOUN = re.compile(
    r"(?:Get|New|Set|Remove|Add|Enable|Disable|Test|Update|Start|Stop|Search|Export|Import|Resume|Suspend|Validate)-(?P<noun>[A-Z]\w+)"
)
_ANCHOR = re.compile(r"(?:APP:SystemMailbox\{[0-9a-fA-F-]{36}\}@\S+|UPN:\S+@\S+|\S+@\S+)")
_READERS = frozenset({"Exchange Administrator", "Global Administrator", "Global Reader", "Security Reader"})
_WRITERS = frozenset({"Exchange Administrator", "Global Administrator"})
_PAGE = 1000
_LINK_SECONDS = 600
_DRIFTING_HEADER_EVERY = 2  # X-ExceptionType "may be present"


@dataclass(frozen=True, slots=True)
class Command:
    """A request to InvokeCommand as it came. `address` is scheme, host and path, for links and `@odata.context`."""

    tenant_name: str
    headers: Mapping[str, str]
    query: str
    address: str
    target: str
    body: Any


class _Refused(Exception):
    """Refused before any cmdlet ran; Exchange answers such requests with little or no body."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


@dataclass(slots=True)
class Exchange:
    """The endpoint's own state: how many cmdlets run, and links to pages that are still good."""

    tenant: SimulatedTenant
    running: int = 0
    _pages: dict[str, tuple[float, str, list[dict[str, Any]]]] = field(default_factory=dict)

    async def answer(self, command: Command) -> Answer:
        """The answer to the request; never raises for what Exchange would refuse."""
        tenant, request_id = self.tenant, str(uuid.uuid4())
        name, parameters = _read(command.body)
        entry = tenant.journal.begin(
            time=tenant.moment(),
            kind="exchange",
            method="POST",
            path=command.target,
            request_id=request_id,
            client_request_id=command.headers.get("client-request-id"),
            request=command.body,
            cmdlet=name or None,
        )
        rule, lost = None, False
        headers = {
            "request-id": request_id,
            "Rate-Limit-Remaining": str(max(0, tenant.throttle.exchange_concurrent - self.running)),
        }
        try:
            token = self._authenticate(command)
            entry.application = token.application
            cmdlet = _permitted(name, token)
            rule = tenant.faults.strike("POST", command.target, name)
            status, body, lost = await self._run(command, cmdlet, parameters, rule)
        except _Refused as refused:
            status, body = refused.status, str(refused) or None
            headers |= refused.headers
        except CmdletError as error:
            status, body = self._failed(error, headers)
        return _settle(tenant, entry, rule, Answer(status, body, headers, lost=lost))

    def _authenticate(self, command: Command) -> Token:
        tenant = self.tenant
        try:
            token = tenant.tokens.check(command.headers.get("Authorization"), EXCHANGE)
        except TokenRefused as refused:
            raise _Refused(
                401,
                "",
                {"WWW-Authenticate": f'Bearer client_id="{EXCHANGE}", error="invalid_token", error_description="{refused}"'},
            ) from refused
        if command.tenant_name.lower() not in (tenant.tenant_id, *tenant.domains):
            raise _Refused(403, f"The token is of tenant {tenant.tenant_id}, the request is for tenant {command.tenant_name}.")
        if "Exchange.ManageAsApp" not in token.roles or token.directory_roles.isdisjoint(_READERS):
            raise _Refused(
                403,
                f"The role assigned to application {token.application} isn't supported in this scenario. Please check online documentation "
                "for assigning correct Directory Roles to Azure AD Application for EXO App-Only Authentication.",
            )
        if not _ANCHOR.fullmatch(command.headers.get("X-AnchorMailbox", "")):
            raise _Refused(400, "The X-AnchorMailbox header is missing or does not name a mailbox; routing is not possible.")
        if not isinstance(command.body, dict) or not isinstance(command.body.get("CmdletInput"), dict):
            raise _Refused(400, "The request body has no CmdletInput.")
        return token

    async def _run(
        self, command: Command, cmdlet: Cmdlet, parameters: dict[str, Any], rule: Rule | None
    ) -> tuple[int, Any, bool]:
        """Status, body and whether the reply is to be lost. The cmdlet holds one of the tenant's few places while it runs."""
        effect = rule.effect if rule else None
        if rule and effect == "delay":
            await asyncio.sleep(float(rule.given.get("seconds", 0)))
        if rule and effect == "status":
            return _spoiled(rule)
        if effect == "lost":
            return 504, None, True
        if self.tenant.throttle.on and self.running >= self.tenant.throttle.exchange_concurrent:
            raise throttled()
        self.running += 1
        try:
            if self.tenant.throttle.on and self.tenant.throttle.exchange_seconds:
                await asyncio.sleep(self.tenant.throttle.exchange_seconds)
            with self.tenant.lag.forced_stale(effect == "stale"):
                status, body = (
                    self._page(command)
                    if "$skiptoken" in dict(parse_qsl(command.query))
                    else self._invoke(command, cmdlet, parameters)
                )
        finally:
            self.running -= 1
        if rule and effect == "effect-then-status":
            return _spoiled(rule)
        return status, body, effect == "effect-then-lost"

    def _invoke(self, command: Command, cmdlet: Cmdlet, parameters: dict[str, Any]) -> tuple[int, Any]:
        invocation = Invocation(self.tenant, bound(cmdlet.parameters, parameters))
        if cmdlet.confirms and invocation.values.get("Confirm") is not False and not invocation.what_if:
            raise needs_confirmation(cmdlet.name)
        objects = cmdlet.run(invocation)
        if not objects and cmdlet.kind == "write" and not invocation.warnings:
            statuses = self.tenant.behaviour.exchange_empty_statuses
            status = statuses[(self.tenant.next("exchange-empty") - 1) % len(statuses)]
            if status == 204:
                return 204, None
        return 200, self._body(command, objects, invocation.warnings)

    def _body(self, command: Command, objects: list[dict[str, Any]], warnings: list[str]) -> dict[str, Any]:
        options = dict(parse_qsl(command.query))
        names = [name for name in options.get("$select", "").split(",") if name]
        shown = [{name: item[name] for name in names if name in item} if names else item for item in objects]
        size = _page_size(command.headers.get("Prefer", ""))
        body: dict[str, Any] = {
            "@odata.context": f"{command.address.rsplit('/', 1)[0]}/$metadata#Collection(Exchange.GenericHashTable)"
        }
        if warnings:
            body["@adminapi.warnings"] = warnings
        if len(shown) > size:
            token = base64.urlsafe_b64encode(
                self.tenant.chance.identifier("page", self.tenant.next("exchange-page")).encode()
            ).decode()
            self._pages[token] = (self.tenant.clock.seconds() + _LINK_SECONDS, _fingerprint(command.body), objects[size:])
            select = f"$select={','.join(names)}&" if names else ""
            body["@odata.nextLink"] = f"{command.address}?{select}$skiptoken={token}"
        return {**body, "value": shown[:size]}

    def _page(self, command: Command) -> tuple[int, Any]:
        """A further page: the link lives ten minutes and wants the same body again."""
        known = self._pages.get(dict(parse_qsl(command.query))["$skiptoken"])
        if known is None or known[0] < self.tenant.clock.seconds() or known[1] != _fingerprint(command.body):
            raise CmdletError(
                "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "The page token is invalid or has expired.",
                status=400,
            )
        return 200, self._body(command, known[2], [])

    def _failed(self, error: CmdletError, headers: dict[str, str]) -> tuple[int, Any]:
        """The envelope, with one of the statuses that Exchange uses for the same cause, in turn."""
        turn = self.tenant.next("exchange-error")
        statuses = self.tenant.behaviour.exchange_error_statuses
        status = error.status or statuses[(turn - 1) % len(statuses)]
        headers |= error.headers
        if turn % _DRIFTING_HEADER_EVERY == 1:
            headers["X-ExceptionType"] = error.exception
        if status == 429 and turn % _DRIFTING_HEADER_EVERY == 0:
            headers["Retry-After"] = "15"
        return status, error.body(status)


def _read(body: Any) -> tuple[str, dict[str, Any]]:
    command = body.get("CmdletInput") if isinstance(body, dict) else None
    if not isinstance(command, dict):
        return "", {}
    parameters = command.get("Parameters")
    return str(command.get("CmdletName") or ""), parameters if isinstance(parameters, dict) else {}


def _permitted(name: str, token: Token) -> Cmdlet:
    """The cmdlet, if the caller's role has it. A cmdlet of Exchange that is not simulated answers 501."""
    cmdlet = CMDLETS.get(name.lower())
    if cmdlet is None:
        match = _VERB_NOUN.fullmatch(name)
        if match is None:
            raise no_cmdlet(name)
        file = re.sub(r"(?<!^)(?=[A-Z])", "_", match["noun"]).lower()
        raise _Refused(
            501, f"{name} is not simulated. Write it in devstack/tenant/exchange/{file}.py and list it there in CMDLETS."
        )
    if cmdlet.kind == "write" and token.directory_roles.isdisjoint(_WRITERS):
        raise no_cmdlet(cmdlet.name)
    return cmdlet


def _page_size(prefer: str) -> int:
    match = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", prefer)
    return max(1, min(int(match[1]), _PAGE)) if match else _PAGE


def _fingerprint(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _spoiled(rule: Rule) -> tuple[int, Any, bool]:
    """The answer that the fault rule describes: a raw body, or the envelope with `code` as the exception class."""
    status = int(rule.given["status"])
    if "body" in rule.given:
        return status, rule.given["body"], False
    error = CmdletError(
        rule.given.get("code", "Microsoft.Exchange.Data.Directory.ADTransientException"), rule.given.get("message", "")
    )
    return status, error.body(status), False


def _settle(tenant: SimulatedTenant, entry: Exchanged, rule: Rule | None, answered: Answer) -> Answer:
    body = answered.body
    if isinstance(body, str):
        answered.content, answered.headers["Content-Type"] = body.encode(), "text/plain; charset=utf-8"
    elif body is not None:
        answered.content, answered.headers["Content-Type"] = (
            json.dumps(body, ensure_ascii=False).encode(),
            "application/json; charset=utf-8",
        )
    if rule:
        entry.fault = rule.number
        answered.headers |= {name: str(value) for name, value in (rule.given.get("headers") or {}).items()}
    tenant.journal.settle(entry, None if answered.lost else answered.status, entry.cmdlet, body, len(answered.content))
    return answered
