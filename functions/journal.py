"""The journal over HTTP, for operators and auditors."""

import json
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.principal import PERSON_READERS, Caller, answer, needs, note_reading
from shared.nouns.errors import Fault, Refusal

if TYPE_CHECKING:
    from shared.verbs.world import World

POWER = "guests"

bp = func.Blueprint()


@bp.function_name("show-journal")
@bp.route(route="journal", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Reader", *PERSON_READERS)
async def show_journal(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """The journal of a `partner` or a `person`; with `verify` also whether its seals hold, against a `head` that was kept.

    `export` adds the audit pack's files. An address is taken from the body of a POST alone, so that no log of URLs has it.
    """
    from shared.seal import head_from
    from shared.views.journal import partner_journal, person_journal
    from shared.views.journal_pack import as_csv, as_html

    asked = dict(req.params) if req.method == "GET" else _object(req)
    partner, person = (_text(asked, name) for name in ("partner", "person"))
    if bool(partner) == bool(person):
        raise Refusal([Fault("", "give a partner (tenant id, domain or name) or a person, one of them")])
    if req.method == "GET" and "@" in partner + person:
        raise Refusal([Fault("person", 'an address goes into the body of a POST, never into a URL: {"person": ...}')])
    head = None
    if kept := _text(asked, "head"):
        try:
            head = head_from(kept)
        except ValueError as error:
            raise Refusal([Fault("head", str(error))]) from None
    verified = _flag(asked, "verify") or head is not None
    about_all = caller.roles & {"Reader", "Operator"}
    if not (about_all if partner else caller.roles & set(PERSON_READERS)):
        needed = "Reader or Operator" if partner else " or ".join(PERSON_READERS)
        return answer({"error": f"{caller.name} does not have the role {needed}; an administrator assigns it"}, 403)
    if partner:
        found = await partner_journal(ours, partner, verified=verified, head=head, rebuilding=_flag(asked, "export"))
    else:
        found = await person_journal(ours, person, verified=verified, head=head)
        note_reading(caller, "journal", found["about"]["person"])
    if _flag(asked, "export"):
        found["files"] = {"journal.csv": as_csv(found), "journal.html": as_html(found)}
    return answer(found)


@bp.function_name("rebuild-tables")
@bp.route(route="journal/rebuild", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@needs("Operator")
async def rebuild_tables(req: func.HttpRequest, ours: "World", caller: Caller) -> func.HttpResponse:
    """What an audit pack (or a piece of one) tells is in the tables again, or with `apply` false what that would be."""
    from shared.verbs.rebuild import rebuild

    asked = _object(req)
    return answer(await rebuild(ours, asked.get("pack"), caller.name, apply=_flag(asked, "apply")))


def _object(req: func.HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(req.get_body())
    except ValueError as error:
        raise Refusal([Fault("", "the body must be a JSON object")]) from error
    if not isinstance(body, dict):
        raise Refusal([Fault("", "the body must be a JSON object")])
    return body


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str) or len(value) > 1_000:
        raise Refusal([Fault(name, "must be text")])
    return value.strip()


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if value not in (True, False, "true", "false", ""):
        raise Refusal([Fault(name, "must be true or false")])
    return value in (True, "true")
