"""Partners over HTTP: who is on record, what they have, what their own administrator must set, and what is shared with them."""

from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.principal import Caller, answer, needs
from functions.reading import body_of, partner_said
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

LOOK = ("Reader", "Requester", "Approver", "Operator")

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("list-partners")
@bp.route(route="partners", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def list_partners(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Every partner on record."""
    from shared.views.partners import partners_view

    return answer({"partners": await partners_view(ours)})


@bp.function_name("show-partner")
@bp.route(route="partners/{partner}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def show_partner(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """One partner, by tenant id, domain or name: what is set for it, its guests counted, its open requests."""
    from shared.views.partners import partner_view

    return answer(await partner_view(ours, _partner(req)))


@bp.function_name("show-handoff")
@bp.route(route="partners/{partner}/handoff", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@needs(*LOOK)
async def show_handoff(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """What the partner's own administrator has to set, as Markdown, PowerShell and JSON; `verify=true` adds what is seen from here.

    `template` names the template where no request of the partner says it.
    """
    from shared.views.handoff import handoff_view

    verify = req.params.get("verify", "false")
    if verify not in {"true", "false"}:
        raise Refusal([Fault("verify", "must be true or false")])
    return answer(await handoff_view(ours, _partner(req), req.params.get("template", ""), verify=verify == "true"))


@bp.function_name("migrate-relationship")
@bp.route(route="partners/{partner}/migration", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def migrate_relationship(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """What would change by moving the partner from its organization relationship to capabilities; with `apply` it is done, on record.

    `scopes` gives the object id of each group that the relationship names; `acceptLoss` says that the partner may lose something.
    """
    from shared.migration import BOTH_SIDES
    from shared.nouns.request import GUID
    from shared.verbs.migrate import partner_named, plan_migration
    from shared.verbs.migration_record import migrate
    from shared.views.migration import migration_view

    asked = body_of(req, {"apply", "scopes", "acceptLoss"})
    scopes = asked.get("scopes", {})
    wrong = not isinstance(scopes, dict) or any(not isinstance(group, str) or not GUID.match(group) for group in scopes.values())
    if wrong:
        raise Refusal([Fault("scopes", "must map the groups' names to object ids")])
    partner = await partner_named(ours, _partner(req))
    if not _flag(asked, "apply"):
        return answer(migration_view(partner, await plan_migration(ours, partner, scopes)))
    name, done = await migrate(ours, partner, scopes, caller.name, accept_loss=_flag(asked, "acceptLoss"))
    return answer(
        {"partner": partner.name, "tenantId": partner.tenant_id, "request": name or None, "done": list(done), "note": BOTH_SIDES}
    )


@bp.function_name("report-sharing")
@bp.route(route="partners/{partner}/sharing", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Reader", "Operator")
async def report_sharing(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """What is shared with the partner on the `sites` of the body, with the scope that was looked at."""
    from shared.views.sharing import sharing_view

    sites = body_of(req, {"sites"}).get("sites", [])
    if not isinstance(sites, list) or any(not isinstance(site, str) for site in sites):
        raise Refusal([Fault("sites", "must be a list of URLs")])
    return answer(await sharing_view(ours, _partner(req), [site.rstrip("/") for site in sites]))


def _partner(req: func.HttpRequest) -> str:
    return partner_said(str(req.route_params["partner"]))


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if not isinstance(value, bool):
        raise Refusal([Fault(name, "must be true or false")])
    return value
