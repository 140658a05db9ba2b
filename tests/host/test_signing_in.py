"""The stand-in for App Service's sign-in: a browser is asked who it is, sent back, and known from then on; only where the host is told to."""

from typing import Any

import aiohttp
import pytest

StartHost = Any
PATH = "/.auth/login/aad"


@pytest.fixture
async def browser() -> Any:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as opened:
        yield opened


async def test_a_browser_signs_in_and_out(start_host: StartHost, browser: aiohttp.ClientSession) -> None:
    host = await start_host("basic", "--no-timers", "--easy-auth-from-header")
    echo = f"{host.url}/api/echo/x"
    back = {"post_login_redirect_uri": "/api/echo/x"}
    async with browser.get(f"{host.url}{PATH}", params=back) as answer:
        assert (answer.status, 'value="/api/echo/x"' in await answer.text()) == (200, True)
    async with browser.get(f"{host.url}{PATH}", params=[*back.items(), ("who", "alice"), ("role", "Reader")]) as answer:
        shown = await answer.json()
    assert str(answer.url) == echo
    cookie = answer.history[0].cookies["AppServiceAuthSession"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert shown["headers"]["x-ms-client-principal"] == cookie.value
    # Who says in a header who they are is believed before the cookie is.
    async with browser.get(echo, headers={"x-ms-client-principal": "other"}) as answer:
        assert (await answer.json())["headers"]["x-ms-client-principal"] == "other"
    async with browser.get(f"{host.url}/.auth/logout", params=back) as answer:
        assert "x-ms-client-principal" not in (await answer.json())["headers"]


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
async def test_it_leads_nowhere_else(start_host: StartHost, browser: aiohttp.ClientSession, back: str) -> None:
    host = await start_host("basic", "--no-timers", "--easy-auth-from-header")
    asked = {"post_login_redirect_uri": back, "who": "alice"}
    async with browser.get(f"{host.url}{PATH}", params=asked, allow_redirects=False) as answer:
        assert (answer.status, len(answer.cookies)) == (400, 0)


async def test_elsewhere_there_is_no_sign_in(start_host: StartHost, browser: aiohttp.ClientSession) -> None:
    host = await start_host("basic", "--no-timers")
    async with browser.get(f"{host.url}{PATH}", params={"who": "alice"}, allow_redirects=False) as answer:
        assert answer.status == 404
    async with browser.get(f"{host.url}/api/echo/x", cookies={"AppServiceAuthSession": "cHJpbmNpcGFs"}) as answer:
        assert "x-ms-client-principal" not in (await answer.json())["headers"]
