"""The page in a real browser, with scripts off: read, answered by keyboard, small, zoomed, dark, on paper, and in four languages."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from aiohttp import web

from functions import sponsor_pages, sponsors
from shared.asking import Link, signed
from shared.mails import LANGUAGES
from shared.verbs.asks import propose
from tests.asks.conftest import MIA, PARTNER, RUN, SAM, TOM, Build, House
from tests.browser import MISSING, Tab, browser_tab, executable

pytestmark = pytest.mark.skipif(executable() is None, reason=MISSING)

KEY = "bm90IGEgc2VjcmV0LCBqdXN0IHRlc3QgYnl0ZXMuLi4="
ROUTES = {
    ("GET", "/api/my-guests"): sponsors.show_my_guests,
    ("POST", "/api/my-guests"): sponsors.answer_my_guests,
    ("GET", "/api/guest-link"): sponsors.show_guest_link,
    ("POST", "/api/guest-link"): sponsors.answer_guest_link,
}


def principal(person: str) -> str:
    """The header that App Service sets for who has signed in."""
    claims = [{"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": person}]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()


class Site:
    """The functions behind a web server; `asked` has every request."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.url = ""
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, headers))
        route: Any = ROUTES.get((request.method, request.path))
        if route is None:
            return web.Response(status=404)
        asked = func.HttpRequest(
            method=request.method,
            url=str(request.url),
            headers=headers,
            params=dict(request.query),
            body=await request.read(),
        )
        found: func.HttpResponse = await route._function.get_user_function()(asked)
        sent = {name: value for name, value in found.headers.items() if name.lower() != "content-type"}
        return web.Response(
            status=found.status_code, body=found.get_body(), headers={**sent, "Content-Type": found.headers["Content-Type"]}
        )


@pytest.fixture
async def site(build: Build, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    house = await build(WEBSITE_AUTH_ENABLED="true", ENTENTE_SPONSOR_LINKS="true", ENTENTE_LINK_KEY=KEY)

    async def world(req: func.HttpRequest) -> Any:
        return house.world

    monkeypatch.setattr(sponsor_pages, "of_call", world)
    made = Site(house)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://localhost:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    async with browser_tab(tmp_path, {"x-ms-client-principal": principal(MIA)}) as opened:
        yield opened


async def reach(tab: Tab, selector: str, most: int = 60) -> None:
    """By the Tab key alone, the focus is on what the selector names."""
    for _ in range(most):
        if await tab.ask(f"document.activeElement.matches({json.dumps(selector)})"):
            return
        await tab.press("Tab")
    raise AssertionError(f"the Tab key never comes to {selector}")


async def picture(tab: Tab, name: str) -> None:
    """Kept where somebody wants to look (ENTENTE_PICTURES)."""
    if folder := os.environ.get("ENTENTE_PICTURES"):
        await tab.picture(Path(folder) / f"{name}.png")


async def test_a_sponsor_answers_by_keyboard(site: Site, tab: Tab) -> None:
    await site.house.asks("ana", "bea", "cem")
    await tab.screen(1280)
    await tab.open(f"{site.url}/api/my-guests")
    assert await tab.ask("document.title") == "Your guests"
    assert await tab.ask("document.querySelectorAll('fieldset legend').length") == 4
    await picture(tab, "page")
    ana, bea = site.house.person("ana"), site.house.person("bea")
    # Looking has changed nothing.
    assert site.house.notes() == []
    await reach(tab, f"input[name*='{ana}']")
    await tab.press("ArrowDown", "Space")
    await reach(tab, f"input[name*='{bea}']")
    await tab.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "Space")
    assert await tab.ask(f"document.querySelector('input[name*=\"{bea}\"]:checked').value") == "end"
    await reach(tab, "form button")
    await tab.send("Enter")
    assert await tab.ask("document.querySelector('h1').textContent") == "End access for these guests?"
    assert "Bea Lima" in await tab.ask("document.body.innerText")
    assert site.house.notes() == []
    await picture(tab, "sure")
    await reach(tab, "button.bad")
    await tab.send("Enter")
    said = await tab.ask("document.body.innerText")
    assert "Ana Lima Stays until 22 February 2027." in said
    assert "Bea Lima Access is being ended." in said
    await picture(tab, "done")
    assert [each.person for each in await site.house.world.tables.asks.pointers(MIA)] == [site.house.person("cem")]
    assert tab.complaints == []
    posts = [headers for method, headers in site.asked if method == "POST"]
    assert [(post.get("sec-fetch-site"), "referer" in post) for post in posts] == [("same-origin", False)] * 2


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_fits_small_zoomed_dark_and_printed(site: Site, tab: Tab, language: str) -> None:
    await site.house.asks("ana", "bea")
    await propose(site.house.world, PARTNER, site.house.person("cem"), to=MIA, who="succession", why="left", instead_of=SAM)
    await tab.call("Network.setExtraHTTPHeaders", headers={"x-ms-client-principal": principal(MIA), "Accept-Language": language})
    for width, scale, dark in ((320, 1.0, False), (320, 4.0, False), (1280, 1.0, True)):
        await tab.screen(width, scale=scale, dark=dark)
        await tab.open(f"{site.url}/api/my-guests")
        assert await tab.ask("document.documentElement.lang") == language
        assert await tab.ask("document.documentElement.scrollWidth") <= width, "nothing has to be scrolled sideways"
        small = await tab.ask(
            "[...document.querySelectorAll('button, .choice, select, input[type=email], input[type=date], footer a, summary')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"
        )
        assert small == [], "whoever points with a finger has to hit it"
        unnamed = await tab.ask(
            "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length).length"
        )
        assert unnamed == 0
        assert await tab.ask(f"({CONTRAST})()") >= 4.5
        if scale < 4:
            await picture(tab, f"{language}-{width}{'-dark' if dark else ''}")
    await tab.screen(800, paper=True)
    assert await tab.ask("[...document.querySelectorAll('button')].every(e => !e.offsetParent)"), "buttons are no use on paper"
    assert tab.complaints == []


# The lowest contrast of any text with what is behind it. https://www.w3.org/TR/WCAG22/#contrast-minimum
CONTRAST = """() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const f = parse(c).slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2] };
  const behind = e => { while (e) { const c = getComputedStyle(e).backgroundColor, p = parse(c);
    if (p.length < 4 || p[3] > 0) return c; e = e.parentElement } return 'rgb(255,255,255)' };
  return Math.min(...[...document.querySelectorAll('h1,h2,p,legend,small,span,button,a,summary,.who')].filter(e => e.offsetParent).map(e => {
    const a = light(getComputedStyle(e).color), b = light(behind(e));
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) })) }"""


async def test_who_is_proposed_accepts(site: Site, tab: Tab) -> None:
    person = site.house.person("ana")
    await propose(site.house.world, PARTNER, person, to=TOM, instead_of=MIA, who="succession", why="left")
    await tab.call("Network.setExtraHTTPHeaders", headers={"x-ms-client-principal": principal(TOM)})
    await tab.open(f"{site.url}/api/my-guests")
    await reach(tab, "button[value=accept]")
    await tab.send("Enter")
    assert "You answer for this guest now." in await tab.ask("document.body.innerText")
    guest = await site.house.world.tables.guests.get(PARTNER, person)
    assert guest is not None
    assert set(guest.sponsors) == {TOM, SAM}


async def test_a_deputy_is_named(site: Site, tab: Tab) -> None:
    await tab.open(f"{site.url}/api/my-guests")
    await reach(tab, "summary")
    await tab.press("Enter")
    await reach(tab, "input[type=email]")
    await tab.type("tom.co@contoso.com")
    await reach(tab, "input[type=date]")
    await tab.ask("document.querySelector('input[type=date]').value = '2026-12-04'")
    await reach(tab, "button[value=deputy]")
    await tab.send("Enter")
    assert "Until 4 December 2026, Tom Co can answer in your place." in await tab.ask("document.body.innerText")


async def test_a_link_opens_one_guest_and_is_used_once(site: Site, tab: Tab) -> None:
    await site.house.asks("ana", "bea")
    link = Link(MIA, RUN, PARTNER, site.house.person("ana"), site.house.rig.now.replace(year=2027))
    token = signed(site.house.world.settings.link_key, link)
    await tab.call("Network.setExtraHTTPHeaders", headers={})
    await tab.open(f"{site.url}/api/guest-link?link={token}&lang=fr")
    said = await tab.ask("document.body.innerText")
    assert "Ana Lima" in said
    assert "Bea" not in said
    await reach(tab, "input[type=radio]")
    await tab.press("ArrowDown", "Space")
    await reach(tab, "form button")
    await tab.send("Enter")
    assert "Reste jusqu’au 22 février 2027." in await tab.ask("document.body.innerText")
    await tab.open(f"{site.url}/api/guest-link?link={token}")
    assert "Somebody has answered for this guest before you" in await tab.ask("document.body.innerText")
    await picture(tab, "used")
    await tab.open(f"{site.url}/api/guest-link?link={token[:-2]}aa")
    assert "This link is not valid" in await tab.ask("document.body.innerText")


async def test_whoever_is_not_signed_in_is_asked_to(site: Site, tab: Tab) -> None:
    await tab.call("Network.setExtraHTTPHeaders", headers={})
    await tab.open(f"{site.url}/api/my-guests")
    assert await tab.ask("document.querySelector('a.button').href") == (
        "https://app.example/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fmy-guests"
    )


async def test_another_site_cannot_send_the_form(site: Site, tab: Tab) -> None:
    await site.house.asks("ana")
    await tab.open(f"{site.url}/api/my-guests")
    form = await tab.ask("document.querySelector('input[name=form]').value")
    field = f"a|{PARTNER}|{site.house.person('ana')}|{RUN}"
    page = (
        f'<form method="post" action="{site.url}/api/my-guests"><input name="form" value="{form}"><input name="{field}" value="keep-3">'
        "<button>Win</button></form>"
    )
    await tab.open(f"data:text/html;base64,{base64.b64encode(page.encode()).decode()}")
    await reach(tab, "button")
    await tab.send("Enter")
    assert "sent from somewhere else" in await tab.ask("document.body.innerText")
    assert site.house.notes() == []
