"""`entente`: submit partner requests, watch them, and look after what needs a person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import cleanup, deciding, drift, emergency, guests, health, partners, permissions, personal, rebuild, show
from cli import journal as audit
from cli.client import Api
from cli.command import Json, RequestName, SaidAnywhere, said_who
from cli.command import api as _api
from cli.command import print_json as _print_json
from cli.command import told as _told
from cli.ending import addresses, finish, to_its_end
from cli.errors import STOPPED, BadInput
from cli.files import load
from cli.watch import Watch

_HELP = (
    "Onboard partner organizations, and see what became of it.\n\n"
    "The function app is found through ENTENTE_URL with ENTENTE_KEY (a function key) and ENTENTE_TOKEN (the bearer token of "
    "your Entra sign-in); without ENTENTE_URL it is the local stack of this folder ('make up').\n\n"
    "Exit codes: 0 done; 1 the request stopped, failed or was cancelled; 2 bad input or usage; 3 the app is not reachable or "
    "does not let you in; 130 interrupted (the request goes on)."
)
# Under which heading --help lists a command.
_REQUESTS, _PARTNERS, _PEOPLE, _EMERGENCY, _CARE = "Partner requests", "Partners", "People", "In an emergency", "Looking after it"
app = typer.Typer(cls=SaidAnywhere, help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
parked_app = typer.Typer(help="What waits for a person.", no_args_is_help=True)
request_app = typer.Typer(help="How a partner request is written.", no_args_is_help=True)
app.callback()(said_who)
app.command(cls=deciding.Deciding, rich_help_panel=_REQUESTS)(deciding.plan)
app.add_typer(request_app, name="request", rich_help_panel=_REQUESTS)
for _decision in (deciding.approve, deciding.reject):
    app.command(rich_help_panel=_REQUESTS)(_decision)
app.add_typer(partners.partners_app, name="partners", rich_help_panel=_PARTNERS)
app.command(cls=deciding.Deciding, rich_help_panel=_PARTNERS)(drift.drift)
for _about in (partners.handoff, partners.migrate_relationship, partners.report_sharing, deciding.offboard):
    app.command(rich_help_panel=_PARTNERS)(_about)
for _personal in (personal.export_subject, personal.forget):
    guests.guests_app.command()(_personal)
for _name, _people in (("guests", guests.guests_app), ("exempt", guests.exempt_app), ("cleanup", cleanup.cleanup_app)):
    app.add_typer(_people, name=_name, rich_help_panel=_PEOPLE)
for _urgent in (emergency.block, emergency.release):
    app.command(rich_help_panel=_EMERGENCY)(_urgent)
app.command(rich_help_panel=_CARE)(health.health)
app.command(rich_help_panel=_CARE)(rebuild.rebuild)
app.add_typer(parked_app, name="parked", rich_help_panel=_CARE)
app.add_typer(permissions.permissions_app, name="permissions", rich_help_panel=_CARE)


@app.command(rich_help_panel=_REQUESTS)
def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The partner request, JSON; - is standard input.")],
    guests: Annotated[
        Path | None,
        typer.Option(help="Guests from a CSV: the bulk-invite template of Entra's portal, or email,name,groups,until."),
    ] = None,
    name: Annotated[str, typer.Option("--id", help="The request's id, in place of the file's.")] = "",
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the request has ended.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also where something would be taken back.")] = False,
    as_json: Json = False,
) -> None:
    """Check a partner request and hand it to the app. The same id with the same content is done once, however often it comes."""
    with _told(as_json=as_json):
        raw, parts = load(file, guests, name)
        with _api() as api:
            known = api.page(raw["id"], top=0)
            if _takes_back(raw) and known is None and not yes and not as_json and show.console().is_terminal:
                deciding.confirmed(api, raw)
            answer = api.submit(parts)
            if not watch:
                _submitted(answer, known, as_json=as_json)
                return
            before = None if known is None else len(known.get("refusals") or ())
            looking = Watch(api, raw["id"], addresses(raw), refused_before=before)
            to_its_end(api, looking, as_json=as_json)


@app.command(rich_help_panel=_REQUESTS)
def status(
    name: Annotated[str, typer.Argument(metavar="[REQUEST]", help="A request's id; without it, the newest requests.")] = "",
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the request has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show the newest requests, or one request with its tasks."""
    with _told(as_json=as_json), _api() as api:
        if watch and not name:
            raise BadInput("--watch needs to know which request: entente status REQUEST --watch")
        if not name:
            found, mode = api.requests(), api.mode()
            if as_json:
                _print_json({"requests": found, "app": mode})
                return
            show.mode(show.console(), mode)
            show.requests(show.console(), found)
            return
        if api.page(name, top=0) is None:
            raise BadInput(f"There is no request {name}. It may not have been accepted yet; 'entente status' lists all.")
        if watch:
            to_its_end(api, Watch(api, name), as_json=as_json)
        finish(api, name, (), as_json=as_json)


@app.command(rich_help_panel=_PEOPLE)
def why(address: Annotated[str, typer.Argument(help="A person's e-mail address.")], *, as_json: Json = False) -> None:
    """Tell why a person is, or is not, in our tenant."""
    with _told(as_json=as_json), _api() as api:
        found = api.why(address)
        _print_json(found) if as_json else show.console().print(show.plain(found["sentence"]), soft_wrap=True)


@app.command(rich_help_panel=_CARE)
def journal(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="PARTNER|PERSON",
            help="A partner's tenant id, domain or name; a person's address or opaque id; 'nobody' for refusals that name nobody, 'clean-up' for "
            "decisions about its runs, 'rebuilds' for what was put on record from audit packs.",
        ),
    ],
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Check that no entry was changed, removed or added.")] = False,
    head: Annotated[str, typer.Option(help="A head of the chain that you have kept (NUMBER:HASH): it must still be in it.")] = "",
    export: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the audit pack there: JSON, CSV and HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was done for a partner or a person, and export it. Exit code 1: the seals do not hold."""
    with _told(as_json=as_json), _api() as api:
        found = api.journal(audit.asked(subject, verify=verify, head=head, export=export is not None))
        saved = audit.save(found, export) if export else []
        found.pop("files", None)
        _print_json(found) if as_json else audit.show(show.console(), found)
        if saved and not as_json:
            show.console().print(show.plain(f"Written: {', '.join(map(str, saved))}"), soft_wrap=True)
        if not found.get("verification", {"holds": True})["holds"]:
            raise typer.Exit(STOPPED)


def _control(verb: str, name: str, *, as_json: bool) -> None:
    with _told(as_json=as_json), _api() as api:
        found = api.control(name, verb)
        _print_json(found) if as_json else show.header(show.console(), found)


@app.command(rich_help_panel=_REQUESTS)
def cancel(name: RequestName, *, as_json: Json = False) -> None:
    """Cancel what a request has not begun; what has begun is brought to its end."""
    _control("cancel", name, as_json=as_json)


@app.command(rich_help_panel=_REQUESTS)
def pause(name: RequestName, *, as_json: Json = False) -> None:
    """Let a request rest until it is resumed."""
    _control("pause", name, as_json=as_json)


@app.command(rich_help_panel=_REQUESTS)
def resume(name: RequestName, *, as_json: Json = False) -> None:
    """Let a paused request go on."""
    _control("resume", name, as_json=as_json)


@parked_app.command("list")
def parked_list(*, as_json: Json = False) -> None:
    """List what waits for a person, longest first, with the reason."""
    with _told(as_json=as_json), _api() as api:
        found = api.parked()
        _print_json({"parked": found}) if as_json else show.parked(show.console(), found)


@parked_app.command("redrive")
def parked_redrive(
    item: Annotated[str, typer.Argument(metavar="[ID]", help="What to try again, as 'parked list' names it.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that can be tried again.")] = False,
    as_json: Json = False,
) -> None:
    """Try a parked thing again, or all of them. Refused requests are not tried again: correct and submit them."""
    with _told(as_json=as_json), _api() as api:
        if bool(item) == everything:
            raise BadInput("Give the id of one parked thing, or --all.")
        ids = [each["id"] for each in api.parked() if each["kind"] != "refused"] if everything else [item]
        results = [_redriven(api, each, alone=not everything) for each in ids]
        if as_json:
            _print_json({"redriven": results})
        else:
            for result in results:
                show.console().print(show.plain(f"{result['id']}: {result.get('what') or result['error']}"), soft_wrap=True)
            if not results:
                show.console().print("Nothing is parked that could be tried again.")
        if any("error" in result for result in results):
            raise typer.Exit(STOPPED)


@request_app.command("schema")
def request_schema() -> None:
    """Print the JSON Schema of a partner request."""
    from shared.nouns.request import PartnerRequest

    _print_json(PartnerRequest.model_json_schema(by_alias=True))


def _takes_back(raw: Mapping[str, Any]) -> bool:
    """What is there may go by this request."""
    return raw.get("action") in {"change", "offboard"} and raw.get("mode") != "plan"


def _redriven(api: Api, item: str, *, alone: bool) -> Mapping[str, Any]:
    try:
        return api.redrive(item)
    except BadInput as error:
        if alone:
            raise
        return {"id": item, "error": str(error)}


def _submitted(answer: Mapping[str, Any], known: Mapping[str, Any] | None, *, as_json: bool) -> None:
    if as_json:
        _print_json(answer)
        return
    parts = f" in {answer['parts']} parts" if answer["parts"] > 1 else ""
    show.console().print(
        show.plain(f"Request {answer['id']} is with the app{parts}. See it: entente status {answer['id']} --watch")
    )
    if known is not None:
        show.console().print(
            show.plain(
                f"This id is known already ({known['state']}): the same content changes nothing, other content is refused."
            )
        )


if __name__ == "__main__":
    app()
