"""Who gets the dashboard's files and what it reads, with which headers; and that nothing else comes out of it."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
import pytest

from functions import cleanup, dashboard, dashboard_pages, drift, guests, partners, people
from shared.settings import ROOT
from tests.dashboard.conftest import FABRIKAM, HOSTILE, ROLES, Site, much, signed_in, waiting

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLDER = ROOT / "dashboard"
FILES = sorted(path.name for path in FOLDER.iterdir())


async def get(
    site: Site, path: str, *, headers: dict[str, str] | None = None, **params: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (by lower-case name) and body of what the function answers."""
    what = dashboard.read_for_dashboard if path.startswith("status/") else dashboard.show_dashboard
    parts = path.removeprefix("status/").split("/") if path else []
    names = ("what", "id") if path.startswith("status/") else ("file",)
    request = func.HttpRequest(
        method="GET",
        url=f"https://app/api/dashboard/{path}",
        headers=signed_in("Reader") if headers is None else headers,
        params=params,
        route_params=dict(zip(names, parts, strict=False)),
        body=b"",
    )
    function: Callable[[func.HttpRequest], Awaitable[func.HttpResponse]] = what
    found = await function(request)
    sent = {"content-type": found.mimetype} | {key.lower(): value for key, value in found.headers.items()}
    return found.status_code, sent, found.get_body()


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_that_may_look_gets_the_page_and_its_files(site: Site, role: str) -> None:
    for name in ("", *FILES):
        status, headers, body = await get(site, name, headers=signed_in(role))
        assert (status, body) == (200, (FOLDER / (name or "index.html")).read_bytes())
        assert headers["content-type"].startswith(dashboard_pages._KINDS[(name or "index.html").rpartition(".")[2]])


@pytest.mark.parametrize(
    "path", ["", "main.js", "status/partners", f"status/partners/{FABRIKAM}", "status/nothing", "nothing.js"]
)
async def test_nobody_else_gets_anything(site: Site, path: str) -> None:
    # The first has no sign-in: where keys have roles, being let in by a key is not enough here.
    for headers, expected in (
        ({}, 401),
        ({"x-ms-client-principal": "bm9ib2R5"}, 401),
        (signed_in("PersonReader"), 403),
        (signed_in(), 403),
    ):
        before = site.rig.border.calls
        status, sent, body = await get(site, path, headers=headers)
        assert (status, sent["cache-control"]) == (expected, "no-store")
        assert site.rig.border.calls == before
        assert (b"/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fdashboard" in body) == (expected == 401 and path == "")


@pytest.mark.parametrize(
    "path", ["", "main.js", "page.css", "icon.svg", "none.js", "status/partners", "status/none", "status/partners/none"]
)
async def test_every_answer_says_what_a_browser_may_do(site: Site, path: str) -> None:
    for headers in (None, {}, signed_in()):
        _, sent, _ = await get(site, path, headers=headers)
        policy = dict(part.strip().partition(" ")[::2] for part in sent["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["form-action"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert sent["x-content-type-options"] == "nosniff"
        assert sent["referrer-policy"] == "no-referrer"
        assert sent["cache-control"] == "no-store"
        assert sent["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../README.md",
            "..%2FREADME.md",
            "../functions/people.py",
            "..\\README.md",
            "/etc/passwd",
            "main.js/",
            "./main.js",
            "main.js\x00",
        ),
        *("index", ".html", "MAIN.JS", "main.js.map", "main.py", "..", "", "main.js\n"),
    ],
)
async def test_only_its_own_files_come_out(site: Site, name: str) -> None:
    request = func.HttpRequest(
        method="GET", url="https://app/", headers=signed_in("Reader"), params={}, route_params={"file": name}, body=b""
    )
    function: Any = dashboard.show_dashboard
    found = await function(request)
    assert found.status_code == (404 if name else 200), "no name at all is the page"


async def test_it_reads_what_the_status_functions_say(site: Site) -> None:
    await much(site.rig)
    await waiting(site.rig)
    functions: dict[str, Any] = {
        "status/partners": partners.list_partners,
        "status/partner-requests": people.list_partner_requests,
        "status/parked": people.list_parked,
        "status/drift": drift.list_drift,
        "status/guests": guests.list_guests,
        "status/cleanup-runs": cleanup.list_cleanup_runs,
    }
    for path, function in functions.items():
        status, sent, body = await get(site, path)
        request = func.HttpRequest(method="GET", url="https://app/", headers=signed_in("Reader"), params={}, body=b"")
        assert (status, body) == (200, (await function(request)).get_body())
        assert sent["content-type"].startswith("application/json")
    for path, named in (("status/partner-requests/onboard-001", "onboard-001"), ("status/cleanup-runs/cleanup-1", "cleanup-1")):
        _, _, body = await get(site, path)
        assert json.loads(body)["id"] == named
    _, _, body = await get(site, "status/partners/33333333-0000-4000-8000-000000000000")
    assert json.loads(body)["name"] == HOSTILE[:64]


async def test_a_status_function_judges_by_its_own_roles(site: Site) -> None:
    assert (await get(site, "status/partners", headers=signed_in("Requester")))[0] == 200
    status, _, body = await get(site, "status/cleanup-runs", headers=signed_in("Requester"))
    assert (status, "Reader, Approver, Operator" in json.loads(body)["error"]) == (403, True)


@pytest.mark.parametrize(
    "path", ["status/why", "status/journal", "status/parked/redrive", "status/guests/show", "status/drift/1", "status/my-guests"]
)
async def test_nothing_else_can_be_reached_through_it(site: Site, path: str) -> None:
    status, _, body = await get(site, path)
    assert (status, "the dashboard reads" in json.loads(body)["error"]) == (404, True)


@pytest.mark.parametrize(("said", "status"), [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)])
async def test_another_site_cannot_have_it_read(site: Site, said: str, status: int) -> None:
    assert (await get(site, "status/partners", headers={**signed_in("Reader"), "sec-fetch-site": said}))[0] == status


async def test_of_several_tenants_it_needs_the_role_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    world = site.rig.world
    monkeypatch.setattr(world, "settings", world.settings.model_copy(update={"tenant_name": "adatum"}))
    home = {"typ": "tid", "val": world.settings.tenant_id}

    def claims(role: str) -> dict[str, str]:
        raw = json.loads(base64.b64decode(signed_in(role)["x-ms-client-principal"]))
        raw["claims"].append(home)
        return {"x-ms-client-principal": base64.b64encode(json.dumps(raw).encode()).decode()}

    assert (await get(site, "", headers=claims("adatum.Reader")))[0] == 200
    assert (await get(site, "", headers=claims("fabrikam.Reader")))[0] == 403
    assert (await get(site, "", headers=signed_in("adatum.Reader")))[0] == 401, "signed in elsewhere"
    _, _, body = await get(site, "", headers={})
    assert b"%2Fapi%2Fdashboard%3Ftenant%3Dadatum" in body
