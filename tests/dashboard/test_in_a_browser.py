"""The dashboard in a real browser, against the real functions: read, followed by keyboard, hostile data, trouble, hidden, small, dark, on paper."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.nouns.task import TaskState
from shared.tables.requests import RequestState
from tests.asks.test_in_a_browser import CONTRAST, reach
from tests.browser import MISSING, Tab, browser_tab, executable
from tests.dashboard.conftest import FABRIKAM, HOSTILE, Site, much, signed_in, waiting

pytestmark = [pytest.mark.skipif(executable() is None, reason=MISSING), pytest.mark.asyncio(loop_scope="module")]

STATUS = "/api/dashboard/status"
READ = "!document.querySelector('[aria-busy]') && document.querySelector('h1')"
SHOWN = HOSTILE.replace("\u202e", "\ufffd")
# Long waits happen when the test says so, and are noted down.
TIMERS = """
window.waits = [];
const really = window.setTimeout.bind(window), forget = window.clearTimeout.bind(window);
window.setTimeout = (told, wait, ...rest) => {
  if (!(wait >= 900)) return really(told, wait, ...rest);
  const one = { told, wait };
  window.waits.push(one);
  return one;
};
window.clearTimeout = (one) => {
  if (typeof one === "object") window.waits = window.waits.filter((other) => other !== one);
  else forget(one);
};
window.elapse = () => { const due = window.waits; window.waits = []; for (const one of due) one.told(); };
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with browser_tab(tmp_path_factory.mktemp("browser"), {}, scripts=True) as opened:
        await opened.call("Page.addScriptToEvaluateOnNewDocument", source=TIMERS)
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Tab) -> AsyncIterator[Tab]:
    """A tab that shows nothing, wide and light, of somebody who may look."""
    await browser.call("Network.setExtraHTTPHeaders", headers=signed_in("Reader"))
    await browser.screen(1280)
    yield browser
    await browser.open("about:blank")
    browser.complaints.clear()


async def go(tab: Tab, site: Site, place: str) -> None:
    """The page is at that place, anew, and all of it has been read."""
    await tab.open("about:blank")
    await tab.open(f"{site.url}/api/dashboard#/{place}")
    await tab.until(READ)


async def words(tab: Tab) -> str:
    return str(await tab.ask("document.body.innerText"))


async def picture(tab: Tab, name: str) -> None:
    """Kept where somebody wants to look (ENTENTE_PICTURES)."""
    if folder := os.environ.get("ENTENTE_PICTURES"):
        await tab.picture(Path(folder) / f"dashboard-{name}.png")


async def test_what_an_operator_asks_is_answered_and_followed_by_links(site: Site, tab: Tab) -> None:
    await much(site.rig, partners=6, guests=6)
    await waiting(site.rig)
    await tab.screen(1280)
    await go(tab, site, "")
    said = await words(tab)
    for told in (
        "It works, and hears of changes.",
        "requests are carried out",
        "7 on record",
        "stopped tasks",
        "last days within 30 days",
    ):
        assert told in said
    await picture(tab, "now")
    assert await tab.ask("document.querySelector('#pages .number').textContent") == "8"

    # By the keyboard alone, from the menu to the partner and its request.
    await reach(tab, "#pages a[data-page=partners]")
    await tab.press("Enter")
    await tab.until(f"{READ} && document.querySelector('tbody')")
    assert await tab.ask("document.title") == "Partners - Entente"
    assert await tab.ask("document.activeElement.tagName") == "H1", "who listens hears where they are"
    await tab.until("!document.body.innerText.includes('…\\t')")
    await reach(tab, f"a[href='#/partners/{FABRIKAM}']")
    await tab.press("Enter")
    await tab.until(f"{READ} && document.querySelector('h1').textContent === 'Fabrikam'")
    await tab.until("document.body.innerText.includes('Nothing would change.')")
    said = await words(tab)
    for told in (
        "set-organization-relationship",
        "fabrikam.com → " + SHOWN,
        "entente drift --put-back",
        "look-ahead",
        "2 invited",
    ):
        assert told in said
    await picture(tab, "partner")
    await reach(tab, "a[href='#/requests/fabrikam-full']")
    await tab.press("Enter")
    await tab.until(f"{READ} && document.querySelectorAll('.step').length")
    assert "27 done" in await words(tab)
    await tab.until("document.querySelectorAll('.edges path').length")
    after = await tab.ask(
        "[...document.querySelectorAll('.step')].map(e => [e.querySelector('.name').textContent, e.querySelector('.after')?.textContent])"
    )
    assert dict(after)["welcome-guest"] == "after invite-guest, add-to-group"
    await picture(tab, "request")
    assert tab.complaints == []


async def test_whatever_needs_a_person_has_its_command(site: Site, tab: Tab) -> None:
    await much(site.rig, partners=3)
    await waiting(site.rig)
    await go(tab, site, "todo")
    commands = await tab.ask("[...document.querySelectorAll('.command code')].map(e => e.textContent)")
    assert {
        "entente approve onboard-002",
        "entente reject onboard-002 --reason WHY",
        "entente cleanup show cleanup-1",
        "entente cleanup release cleanup-1 --reason WHY",
        "entente cleanup reject cleanup-1 --reason WHY",
        "entente parked redrive 'task:fabrikam-full:t|p1|it'\\''s task'",
        "entente parked redrive 'unknown-guest::t|p1|it'\\''s unknown-guest'",
    } <= set(commands)
    assert sum(one.startswith("entente drift --") for one in commands) == 2
    assert "30 of 60 guests would be blocked" in await words(tab)
    await picture(tab, "todo")
    await go(tab, site, "cleanup/cleanup-1")
    await tab.until("document.body.innerText.includes('their last day was')")
    await go(tab, site, "guests?stage=redeemed&before=2027-02-01")
    await tab.until("document.querySelector('tbody')")
    assert set(await tab.ask("[...document.querySelectorAll('tbody td:nth-child(3)')].map(e => e.textContent.trim())")) == {
        "✓ redeemed"
    }
    assert "@" not in await words(tab)
    await picture(tab, "guests")
    # All that happened was reading, and nothing that anybody wrote stands in an address.
    assert tab.complaints == []
    assert all("%3C" not in path and "@" not in path for path in site.asked)


async def test_hostile_words_are_read_and_do_nothing(site: Site, tab: Tab) -> None:
    await much(site.rig, partners=2)
    await waiting(site.rig)
    for place in ("", "partners", "requests", "requests/onboard-001", "todo", "cleanup/cleanup-1", f"partners/{FABRIKAM}"):
        await go(tab, site, place)
        await tab.until("document.body.innerText.includes('<img src=x onerror=')")
        assert await tab.ask("window.hurt") is None
        assert await tab.ask("document.querySelectorAll('main img, main script, main style, main iframe').length") == 0
        assert "\u202e" not in await words(tab)
    assert tab.complaints == []


async def test_a_running_request_is_followed_until_it_ends(site: Site, tab: Tab) -> None:
    tables = site.rig.world.tables
    request = await tables.requests.get("fabrikam-full")
    assert request is not None
    running = replace(request, state=RequestState.RUNNING, finished=None, reason="", counts={})
    await tables.requests.reopen(running)
    task = next(iter([one async for one in tables.tasks.all(request.id) if one.step == "share-item"]))
    task = await tables.tasks.save(
        replace(task, state=TaskState.READY, settled_at=None, reason="written; not seen everywhere yet")
    )
    await go(tab, site, "requests/fabrikam-full")
    await tab.until("document.body.innerText.includes('written; not seen everywhere yet')")
    assert "0 of 1 done, 1 ready" in await words(tab)
    await tables.tasks.save(replace(task, state=TaskState.STOPPED, reason=f"access denied {HOSTILE}"))
    await tables.requests.close(
        replace(request, state=RequestState.STOPPED, counts={"done": 26, "stopped": 1}, reason="1 task stopped")
    )
    await tab.ask("elapse()")
    await tab.until(
        "document.body.innerText.includes('Stopped, and why') && document.body.innerText.includes('access denied <img')"
    )
    await tab.until(READ)
    assert f"entente parked redrive 'task:fabrikam-full:{task.key}'" in await tab.ask("document.body.textContent")
    assert (
        await tab.ask("document.querySelector('main > [role=status]').textContent")
        == "fabrikam-full: stopped, 26 of 27 tasks done"
    )


async def test_trouble_is_said_and_tried_again_with_growing_waits(site: Site, tab: Tab) -> None:
    await go(tab, site, "requests")
    site.instead = {f"{STATUS}/partner-requests": (503, {"error": "table requests is out of reach; try again shortly"})}
    waits: list[int] = []
    for _ in range(4):
        before = site.asked.count(f"{STATUS}/partner-requests")
        await tab.ask("elapse()")
        await tab.until(
            "document.querySelector('#trouble').innerText.includes('Table requests is out of reach; try again shortly.')"
        )
        await tab.until(
            "waits.some(one => one.wait < 60000)"
            if not waits
            else f"waits.some(one => Math.abs(one.wait - {2 * waits[-1]}) < 900)"
        )
        assert site.asked.count(f"{STATUS}/partner-requests") == before + 1
        waits.append(min(2_000 * 2 ** len(waits), 300_000))
    assert "fabrikam-full" in await words(tab), "what was read stays"
    assert "What is shown was read before." in await words(tab)
    await picture(tab, "trouble")
    site.instead = {}
    await reach(tab, "#trouble button")
    await tab.press("Enter")
    await tab.until("!document.querySelector('#trouble').innerText && !document.body.innerText.includes('read before')")
    site.down = True
    await tab.ask("elapse()")
    await tab.until("document.querySelector('#trouble').innerText.includes('The app cannot be reached.')")
    site.down = False
    await tab.ask("dispatchEvent(new Event('online')) && 0")
    await tab.until("!document.querySelector('#trouble').innerText")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {}, "Your sign-in has ended"),
        (
            403,
            {"error": "user alice has none of the roles Reader; an administrator assigns them"},
            "User alice has none of the roles Reader",
        ),
        (404, {"error": "there is no such thing"}, "There is no such thing."),
        (500, "", "It answered 500."),
    ],
)
async def test_whoever_is_not_let_in_is_told_so(site: Site, tab: Tab, status: int, body: Any, told: str) -> None:
    site.instead = {f"{STATUS}/partners": (status, body)}
    await go(tab, site, "partners")
    await tab.until(f"document.body.innerText.includes({json.dumps(told)})")
    if status == 401:
        back = await tab.ask("document.querySelector('#trouble a').getAttribute('href')")
        assert back == "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fdashboard%23%2Fpartners"
    before = len(site.asked)
    if status in {401, 403}:
        await tab.ask("elapse()")
        await tab.until("document.querySelector('main')")
        assert f"{STATUS}/partners" not in [path.partition("?")[0] for path in site.asked[before:]], "it is not asked for again"


async def test_nothing_is_read_while_nobody_looks(empty: Site, tab: Tab) -> None:
    await go(tab, empty, "")
    await tab.ask(
        "(Object.defineProperty(document, 'hidden', { value: true, configurable: true }), document.dispatchEvent(new Event('visibilitychange')))"
    )
    assert await tab.ask("waits.length") == 0
    before = len(empty.asked)
    await tab.ask("elapse()")
    assert len(empty.asked) == before
    await tab.ask(
        "(Object.defineProperty(document, 'hidden', { value: false, configurable: true }), document.dispatchEvent(new Event('visibilitychange')))"
    )
    assert await tab.ask("waits.length") > 0


async def test_what_stays_the_same_is_read_less_and_less_and_many_pages_ask_once(empty: Site, tab: Tab) -> None:
    await go(tab, empty, "")
    paths = [path for path in empty.asked if path.startswith((STATUS, "/api/health"))]
    assert len(paths) == len(set(paths)), "however many parts show it"
    await tab.until("waits.length")
    first = await tab.ask("Math.min(...waits.map(one => one.wait))")
    for _ in range(4):
        asked = len(empty.asked)
        await tab.ask("elapse()")
        await tab.until(f"{len(empty.asked)} >= {asked} && waits.length >= 6")
    assert await tab.ask("Math.min(...waits.map(one => one.wait))") > first


async def test_many_partners_and_guests_come_by_the_page(site: Site, tab: Tab) -> None:
    await much(site.rig, partners=120, guests=2)
    await go(tab, site, "partners")
    await tab.until(
        "document.querySelectorAll('tbody tr').length === 100 && document.body.innerText.includes('121 partners, the first 100 shown.')"
    )
    await tab.ask("document.querySelector('#find').focus()")
    await tab.type("partner 11")
    await tab.until("document.querySelectorAll('tbody tr').length === 10")
    assert (await tab.ask("location.hash")) == "#/partners?find=partner+11"
    await go(tab, site, "partners?state=blocked")
    await tab.until("document.body.innerText.includes('No partner is like that.')")
    await go(tab, site, "guests")
    await tab.until("document.querySelectorAll('tbody tr').length === 100")
    await reach(tab, "button[data-key=more]", 400)
    await tab.press("Enter")
    await tab.until("document.querySelectorAll('tbody tr').length === 200")
    asked = [path for path in site.asked if path.startswith(f"{STATUS}/guests?top=100")]
    assert len(asked) == 2
    assert tab.complaints == []


async def test_it_is_legible_small_dark_and_on_paper(site: Site, tab: Tab) -> None:
    await much(site.rig, partners=4)
    await waiting(site.rig)
    for place in ("", "todo", "partners", f"partners/{FABRIKAM}", "requests/fabrikam-full", "guests", "health"):
        await go(tab, site, place)
        await tab.until("document.querySelector('.panel')")
        for width, dark in ((320, False), (1280, True)):
            await tab.screen(width, dark=dark)
            assert await tab.ask("document.documentElement.scrollWidth") <= width, (place, "nothing has to be scrolled sideways")
            assert await tab.ask(f"({CONTRAST})()") >= 4.5, place
            await picture(tab, f"{place.partition('/')[0] or 'now'}-{width}")
        unnamed = "[...document.querySelectorAll('input, select, button, a')].filter(e => !e.labels?.length && !e.textContent.trim()).length"
        assert await tab.ask(unnamed) == 0
        assert await tab.ask("document.querySelectorAll('h1').length") == 1
        assert await tab.ask("[...document.querySelectorAll('.badge')].every(e => e.textContent.trim().length > 1)"), (
            "never by colour alone"
        )
    await tab.screen(800, paper=True)
    assert await tab.ask("[...document.querySelectorAll('button, #pages')].every(e => !e.offsetParent)")
    assert tab.complaints == []


async def test_an_empty_installation_says_how_to_begin(empty: Site, tab: Tab) -> None:
    await go(tab, empty, "")
    said = await words(tab)
    for told in (
        "Nothing waits for anybody.",
        "No request is under way.",
        "There is no partner yet.",
        "There are no guests on record.",
    ):
        assert told in said
    await picture(tab, "empty")
    await go(tab, empty, "nowhere/at/all")
    assert "There is no such page." in await words(tab)
    assert tab.complaints == []


async def test_whoever_has_no_role_or_no_sign_in_gets_a_page_that_says_so(site: Site, tab: Tab) -> None:
    for headers, told in (({}, "Nobody has signed in."), (signed_in("PersonReader"), "You have none of the roles")):
        await tab.call("Network.setExtraHTTPHeaders", headers=headers)
        await tab.open("about:blank")
        await tab.open(f"{site.url}/api/dashboard")
        assert told in await words(tab)


async def test_of_several_tenants_every_reading_and_command_names_one(site: Site, tab: Tab) -> None:
    await waiting(site.rig)
    await tab.open(f"{site.url}/api/dashboard?tenant=adatum#/todo")
    await tab.until(READ)
    assert "Tenant adatum" in await words(tab)
    commands = await tab.ask("[...document.querySelectorAll('.command code')].map(e => e.textContent)")
    assert len(commands) >= 5
    assert all(one.startswith("entente --tenant adatum ") for one in commands)
    read = [headers for path, headers in zip(site.asked, site.headers, strict=True) if path.startswith((STATUS, "/api/health"))]
    assert read
    assert {headers.get("x-entente-tenant") for headers in read} == {"adatum"}
    assert tab.complaints == []


async def test_reasons_that_differ_in_nobody_but_whom_stand_together(site: Site, tab: Tab) -> None:
    tables = site.rig.world.tables
    tasks = [one async for one in tables.tasks.all("fabrikam-full") if one.step in {"invite-guest", "set-guest-details"}]
    for number, task in enumerate(tasks):
        reason = f"Guest 0000000{number}-0000-4000-8000-000000000000 is not allowed"
        await tables.tasks.save(replace(task, state=TaskState.STOPPED, reason=reason))
    request = await tables.requests.get("fabrikam-full")
    assert request is not None
    await tables.requests.close(replace(request, state=RequestState.STOPPED, counts={"done": 23, "stopped": 4}))
    await go(tab, site, "requests/fabrikam-full")
    await tab.until("document.querySelectorAll('.reasons > li').length === 2")
    said = await words(tab)
    assert said.count("is not allowed, and others alike") == 2
    commands = await tab.ask("[...document.querySelectorAll('.reasons code')].map(e => e.textContent)")
    assert len(commands) == len(tasks) == 4, "each can be tried again by itself"
