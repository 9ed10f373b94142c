"""Where mailed links lead in a browser: nothing happens before a button is pressed."""

import re
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.support.houses import Api
from tests.support.mails import KeepingPost, delivered, mail_over, text_of

PASSWORD = "a wet week in Wales"
NEW_PASSWORD = "a dry week in Rye"


@pytest.fixture
async def api(api: Api) -> Api:
    """The API of a house in which Ada has an account."""
    await api.post("/v1/users", {"email": "ada@example.org", "password": PASSWORD})
    return api


@pytest.fixture
def browser(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url=api.house.settings.base_url)


async def link_in_mail(api: Api, path: str, **more: str) -> str:
    """The path of the link that this route has mailed."""
    body = None if more else {"email": "ada@example.org"}
    assert (await api.post(path, body, **more)).status_code == 202
    post = KeepingPost()
    await delivered(mail_over(api.house, post))
    match = re.search(r"http\S+", text_of(post.mails[-1]))
    assert match
    parts = urlsplit(match.group())
    return f"{parts.path}?{parts.query}"


async def press(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """What the page's form answers, filled in so."""
    shown = await browser.get(path)
    assert shown.status_code == 200, shown.text
    action = re.search(r'<form class="form" method="post" action="([^"]+)"', shown.text)
    token = re.search(r'name="form" value="([^"]+)"', shown.text)
    assert action
    assert token
    return await browser.post(action.group(1).replace("&amp;", "&"), data={"form": token.group(1)} | fields)


async def me(browser: httpx.AsyncClient, api: Api) -> dict[str, object]:
    token = browser.cookies["session"]
    return dict((await api.get("/v1/users/me", token=token)).json())


async def test_the_button_logs_in_and_looking_does_not(api: Api, browser: httpx.AsyncClient) -> None:
    path = await link_in_mail(api, "/v1/sessions/link")
    for _ in range(3):  # what looks into mails
        assert (await browser.get(path)).status_code == 200

    pressed = await press(browser, path)

    assert pressed.status_code == 303
    assert (await me(browser, api))["email"] == "ada@example.org"


async def test_a_used_link_says_so_on_its_page(api: Api, browser: httpx.AsyncClient) -> None:
    path = await link_in_mail(api, "/v1/sessions/link")
    await press(browser, path)

    again = await press(browser, path)

    assert again.status_code == 409
    assert "not good any more" in again.text


async def test_a_new_password_is_chosen_on_the_links_page(api: Api, browser: httpx.AsyncClient) -> None:
    path = await link_in_mail(api, "/v1/password-reset")

    short = await press(browser, path, password="short")
    easy = await press(browser, path, password="ada@example.org")
    chosen = await press(browser, path, password=NEW_PASSWORD)

    assert (short.status_code, easy.status_code, chosen.status_code) == (422, 422, 303)
    assert NEW_PASSWORD not in short.text
    login = await api.post("/v1/sessions", {"email": "ada@example.org", "password": NEW_PASSWORD})
    assert login.status_code == 201


async def test_an_address_is_proven_on_the_links_page_by_who_is_logged_in(api: Api, browser: httpx.AsyncClient) -> None:
    login = await api.post("/v1/sessions", {"email": "ada@example.org", "password": PASSWORD})
    path = await link_in_mail(api, "/v1/users/me/email-proof", token=login.json()["token"])

    stranger = await browser.get(path)
    by_nobody = await browser.post(path)
    browser.cookies.set("session", login.json()["token"])
    own = await press(browser, path)

    back = urlencode({"next": path})
    assert (stranger.headers["location"], by_nobody.headers["location"]) == (f"/login?{back}", f"/login?{back}")
    assert stranger.headers["referrer-policy"] == "no-referrer"
    assert own.status_code == 303
    assert (await me(browser, api))["email_proven"] is True


async def test_the_address_of_the_page_is_told_to_nobody(api: Api, browser: httpx.AsyncClient) -> None:
    shown = await browser.get(await link_in_mail(api, "/v1/sessions/link"))

    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in shown.headers["cache-control"]


async def test_another_sites_form_presses_nothing(api: Api, browser: httpx.AsyncClient) -> None:
    path = await link_in_mail(api, "/v1/sessions/link")

    foreign = await browser.post(path, data={}, headers={"Sec-Fetch-Site": "cross-site"})
    unsigned = await browser.post(path, data={})

    assert (foreign.status_code, unsigned.status_code) == (403, 422)
    assert "session" not in browser.cookies
