"""This partner cannot get in: read from the tenant, not concluded from what was done.

What no reading can show is said: the scope of the look at shared files, Teams where it is not read, and identities that
cross-tenant access does not reach (one-time passcodes, Microsoft accounts; facts 15), which is why accounts are looked at one by one.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.nouns.checked import checked
from shared.nouns.outcomes import Applied, NotYet
from shared.nouns.state import State, Value
from shared.nouns.step import Ask, Entry, Step, Subject, Wish
from shared.steps.close_partner import partner_of
from shared.steps.closings import PARTS
from shared.steps.closings.part import CLOSED, NOT_READ
from shared.tenant import Tenant
from shared.tenant.found import Outsider
from shared.tenant.sharing import ANYBODY, Limits, SiteScope, Sought, sharing_with

STEP = "prove-closed"
# What was written a moment ago may not be seen everywhere: so long, what is open is looked at again before a person is called.
PATIENCE = 300.0
LOOK_AGAIN = 20.0
_MOST_NAMED = 20
# A look is for a proof, not an audit: so far into each site.
LOOK = Limits(items=500)


class ProveClosed(BaseModel):
    """`sites` are addresses of sites whose libraries are looked through for what is shared with the partner's people; where none is named,
    those that the partner's requests were about are."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    sites: Annotated[
        list[Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(/[^\s?#]*)?$", max_length=400)]], Field(max_length=50)
    ] = []


def wanted(ask: Ask) -> Wish | None:
    """Closed, by every way that we know."""
    asked = checked(ProveClosed, dict(ask.settings), ("steps", STEP))
    return Wish({"closed": True}, {"domains": list(ask.partner.domains), "sites": list(asked.sites)})


async def read(tenant: Tenant, subject: Subject) -> State:
    """`open` is what still lets the partner in or trusts it, way by way; `notRead` what could not be looked at; `shared` what is
    shared with the partner's people outside the process, and `scope` where that was looked for.

    Raises NotYet for the first five minutes of looking, where what is open may only be what is not visible yet.
    """
    partner = partner_of(subject)
    parts = {part.title: await part.read(tenant, partner) for part in PARTS}
    still = [f"{title} ({said})" for title, value in parts.items() if isinstance(value, tuple) for said in value]
    if await tenant.partner_configurations.synchronization(partner.tenant_id):
        still.append("cross-tenant synchronization (their people may be synchronized into our tenant)")
    people = await outsiders(tenant, partner.domains)
    enabled = await _really_enabled(tenant, people)
    if enabled:
        some = ", ".join(enabled[:_MOST_NAMED]) + (", ..." if len(enabled) > _MOST_NAMED else "")
        still.append(f"{len(enabled)} of {len(people)} accounts of their people (users {some})")
    if still and subject.waited < PATIENCE:
        raise NotYet(f"still open, or not visible everywhere yet: {'; '.join(still)}", after=LOOK_AGAIN, firm=True)
    shared, scope = await _shared(tenant, subject, people)
    unread = tuple(title for title, value in parts.items() if value == NOT_READ)
    return {
        "closed": not still,
        "open": tuple(still),
        "notRead": unread,
        "people": len(people),
        "shared": shared,
        "scope": scope,
    }


def explain(subject: Subject, actual: State) -> str | None:
    """What remains open."""
    still = actual.get("open")
    if not isinstance(still, tuple) or not still:
        return None
    return (
        f"{subject.partner.name} can still get in, or is still trusted: {'; '.join(still)}. Close this, then try this task again"
    )


async def apply(tenant: Tenant, subject: Subject, change: Mapping[str, Value]) -> Applied:
    """Never needed: what is open is explained, and a proof changes nothing."""
    raise NotYet("The tenant is read again", after=LOOK_AGAIN)


async def undo(tenant: Tenant, subject: Subject, entry: Entry) -> Applied:
    """A proof changed nothing."""
    return Applied(note="A proof changes nothing, so nothing is taken back")


def settled(subject: Subject, actual: State) -> str:
    """What was read, and what was not."""
    said = [
        f"{subject.partner.name} cannot get in: {', '.join(part.title for part in PARTS if part.title not in _texts(actual, 'notRead'))} "
        f"read {CLOSED}, and all {actual.get('people')} accounts of people at {', '.join(partner_of(subject).domains)} blocked"
    ]
    if unread := _texts(actual, "notRead"):
        said.append(f"not read: {', '.join(unread)}")
    if shared := _texts(actual, "shared"):
        more = f", and {len(shared) - _MOST_NAMED} more" if len(shared) > _MOST_NAMED else ""
        said.append(
            f"shared outside the process, of no use to a blocked account unless it is a link for anybody: {', '.join(shared[:_MOST_NAMED])}{more}"
        )
    said.append(f"looked for shared files: {actual.get('scope')}")
    return "; ".join(said)


async def outsiders(tenant: Tenant, domains: tuple[str, ...]) -> tuple[Outsider, ...]:
    """All guests and external members with an address in the domains, whoever invited them."""
    ours = await tenant.organizations.ours()
    return await tenant.users.of_domains(domains, ours.initial_domain)


async def _really_enabled(tenant: Tenant, people: tuple[Outsider, ...]) -> list[str]:
    """Ids of those who can sign in. The index behind a query lags, so who seems enabled is read by id (facts 0.4)."""
    enabled = []
    for person in people:
        if person.enabled is False:
            continue
        user = await tenant.users.by_id(person.id)
        if user is not None and user.enabled is not False:
            enabled.append(person.id)
    return enabled


async def _shared(tenant: Tenant, subject: Subject, people: tuple[Outsider, ...]) -> tuple[tuple[str, ...], str]:
    """What is shared with these people on the sites that are named, ids only, and where that was looked for."""
    if not (sites := _sites(subject)):
        return (), "nowhere, because no site was named"
    theirs = frozenset(person.id.lower() for person in people)
    report = await sharing_with(tenant, Sought(partner_of(subject).domains, theirs), sites, LOOK)
    # A link is of use to whoever has it, with or without an account.
    said = (
        f"item {one.item} of drive {one.drive}: {', '.join(one.roles)}{' (a link for anybody)' if one.how == ANYBODY else ''}"
        for one in report.items
    )
    return tuple(said), ", ".join(_looked(one) for one in report.scope)


def _looked(scope: SiteScope) -> str:
    if scope.complete:
        return f"{scope.site} (all {scope.items} files and folders)"
    return f"{scope.site} (not all, {scope.items} files and folders: {scope.stopped})"


def _sites(subject: Subject) -> tuple[str, ...]:
    named = subject.details.get("sites")
    return tuple(str(site) for site in named) if isinstance(named, list) else ()


def _texts(state: State, key: str) -> tuple[str, ...]:
    value = state.get(key)
    return value if isinstance(value, tuple) else ()


PROVE_CLOSED = Step(
    name=STEP,
    sentence="This partner cannot get in.",
    subject="partner",
    permissions=("Files.Read.All", "Organization.Read.All", "Policy.Read.All", "Sites.Read.All", "User.Read.All"),
    power="settings",
    lanes=("entra-writes",),
    wanted=wanted,
    read=read,
    explain=explain,
    apply=apply,
    undo=undo,
    settled=settled,
    exchange_roles=("Federated Sharing", "Remote and Accepted Domains"),
    session=True,
)
