"""One person's data over HTTP: all of it told, or erased. The person goes into the body, never into a URL."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.principal import Caller, answer, needs
from functions.reading import body_of, word
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("export-subject")
@bp.route(route="guests/export-subject", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def export_person(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Everything on record about the person (`{"person": address or opaque id}`), row by row; that it was read is on record too."""
    from shared.verbs.personal import export_subject

    return answer(await export_subject(ours, word(body_of(req, {"person"}), "person"), caller.name))


@bp.function_name("forget-person")
@bp.route(route="guests/forget", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def forget_person(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """Nothing here says any more who the person is (`person`, `reason`; `force` where their account is still there)."""
    from shared.verbs.personal import forget

    asked = body_of(req, {"person", "reason", "force"})
    force = asked.get("force", False)
    if not isinstance(force, bool):
        raise Refusal([Fault("force", "must be true or false")])
    return answer(await forget(ours, word(asked, "person"), caller.name, reason=word(asked, "reason"), force=force))
