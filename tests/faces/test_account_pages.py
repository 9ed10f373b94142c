"""Accounts as a browser without scripts meets them: the same outcomes as over the API, and nobody sees what is another's."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi.routing import APIRoute

from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.mails import KeepingPost, delivered, mail_over, text_of
from tests.support.meanwhile import MeanwhileStore
from tests.support.pages import PlainBrowser, words
from tests.support.sales import Till, kind, put_on_sale
from ticketing.accounts import pages as accounts_pages
from ticketing.accounts.passwords import Passwords
from ticketing.admission.tokens import offer_token
from ticketing.base.store import Store
from ticketing.sales import pages as sales_pages
from ticketing.schema.tables import USERS
from ticketing.storage.memory import MemoryStore

PASSWORD = "a wet week in Wales"
NEW_PASSWORD = "a dry week in Rye"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADA = {"name": "Ada Lovelace", "email": "ada@example.org", "password": PASSWORD}


@pytest.fixture
def api(meanwhile: MeanwhileStore) -> Api:
    return api_over(meanwhile)


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[PlainBrowser]:
    made = PlainBrowser(api)
    async with made.client:
        yield made


def api_over(store: Store, **settings: Any) -> Api:
    api = Api(make_house(store, clock=StandingClock(), **settings))
    api.app.state.passwords = Passwords(CHEAP)
    return api


async def account(api: Api, email: str = "ada@example.org") -> None:
    """An account, made over the API."""
    body = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
    assert (await api.post("/v1/users", body)).status_code == 201


async def log_in(browser: PlainBrowser, email: str = "ada@example.org", password: str = PASSWORD) -> httpx.Response:
    return await browser.press("/login", "/login", email=email, password=password)


async def mails(api: Api) -> list[tuple[str, str]]:
    """Subject and link of each mail that was due."""
    post = KeepingPost()
    await delivered(mail_over(api.house, post))
    found = []
    for mail in post.mails:
        link = re.search(r"http\S+", text_of(mail))
        assert link is not None
        parts = urlsplit(link.group())
        found.append((str(mail["Subject"]), f"{parts.path}?{parts.query}"))
    return found


async def prove(api: Api, browser: PlainBrowser) -> None:
    """The address of who is logged in is proven by the link in a mail."""
    assert (await browser.press("/account", "/account/proof")).status_code == 303
    [(_, link)] = await mails(api)
    assert (await browser.press(link, link)).headers["location"] == "/account"


# sign up -------------------------------------------------------------------------------------------------------------


async def test_who_signs_up_proves_the_address_by_the_link_in_the_mail(api: Api, browser: PlainBrowser) -> None:
    asked = await browser.press("/signup", "/signup", **ADA)
    assert (asked.headers["location"], browser.session) == ("/signup/sent", None)
    [(subject, link)] = await mails(api)
    assert subject == "Is this your address?"

    led = await browser.get(link)
    logged_in = await browser.press(led.headers["location"], link_in(led), email=ADA["email"], password=PASSWORD)
    proven = await browser.press(logged_in.headers["location"], link)

    assert logged_in.headers["location"] == link
    assert proven.headers["location"] == "/account"
    me = (await api.get("/v1/users/me", token=browser.session)).json()
    assert (me["first_name"], me["last_name"], me["email_proven"]) == ("Ada", "Lovelace", True)


def link_in(led: httpx.Response) -> str:
    """The path and query that a redirect leads to."""
    assert led.status_code == 303
    return led.headers["location"]


async def test_signing_up_tells_nobody_whether_the_address_has_an_account(api: Api) -> None:
    await account(api)
    known, unknown = PlainBrowser(api), PlainBrowser(api)

    taken = await known.press("/signup", "/signup", **ADA)
    free = await unknown.press("/signup", "/signup", **ADA | {"email": "grace@example.org"})

    assert told(taken) == told(free)
    assert await known.open("/signup/sent") == await unknown.open("/signup/sent")
    assert sorted(subject for subject, _ in await mails(api)) == ["Is this your address?", "Your link to log in"]


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that an answer says, but for what it gives each browser anew."""
    kept = {name: value for name, value in answer.headers.items() if name not in ("set-cookie", "x-request-id")}
    return answer.status_code, answer.content, kept


async def test_signing_up_costs_the_same_whether_the_address_has_an_account(
    api: Api, browser: PlainBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await account(api)
    hashed: list[str] = []
    really = api.app.state.passwords.hashed

    async def counted(password: str) -> str:
        hashed.append(password)
        return str(await really(password))

    monkeypatch.setattr(api.app.state.passwords, "hashed", counted)

    await browser.press("/signup", "/signup", **ADA)
    taken = len(hashed)
    await browser.press("/signup", "/signup", **ADA | {"email": "grace@example.org"})

    assert (taken, len(hashed)) == (1, 2)


async def test_signing_up_with_an_address_that_has_an_account_changes_nothing(api: Api, browser: PlainBrowser) -> None:
    await account(api)

    await browser.press("/signup", "/signup", **ADA | {"password": NEW_PASSWORD, "name": "Eve"})

    assert (await log_in(browser, password=NEW_PASSWORD)).status_code == 401
    assert (await log_in(browser)).status_code == 303


async def test_a_sign_up_that_is_sent_twice_makes_one_account_and_one_mail(api: Api, browser: PlainBrowser) -> None:
    page = await browser.open("/signup")

    first, second = [await browser.send(page, "/signup", ADA) for _ in range(2)]

    assert first.headers["location"] == second.headers["location"] == "/signup/sent"
    assert len([user async for user in api.house.store.scan(USERS)]) == 1
    assert len(await mails(api)) == 1


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "", "Enter your name."),
        ("email", "ada", "Enter an e-mail address such as ada@example.org."),
        ("password", "", "Choose a password."),
        ("password", "short", "This is too short: at least 8 characters."),
        ("password", "password123", "Others would try this one first. Choose another."),
        ("password", "ada@example.org", "Others would try this one first. Choose another."),
    ],
)
async def test_what_is_wrong_with_a_sign_up_stands_on_top_and_beside_its_field(
    browser: PlainBrowser, field: str, typed: str, said: str
) -> None:
    answer = await browser.press("/signup", "/signup", **ADA | {field: typed})

    assert answer.status_code == 422
    assert words(answer.text).count(said) == 2
    assert f'<a href="#{field}">' in answer.text
    assert PASSWORD not in answer.text


# log in and out ------------------------------------------------------------------------------------------------------


async def test_a_log_in_is_the_same_session_that_the_api_gives(api: Api, browser: PlainBrowser) -> None:
    await account(api)

    answer = await log_in(browser)

    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert (await api.get("/v1/users/me", token=browser.session)).json()["email"] == "ada@example.org"


async def test_a_wrong_password_and_an_unknown_address_look_alike(api: Api, browser: PlainBrowser) -> None:
    await account(api)

    wrong = await log_in(browser, password=NEW_PASSWORD)
    unknown = await log_in(browser, email="eve@example.org")

    assert wrong.status_code == unknown.status_code == 401
    assert words(wrong.text) == words(unknown.text)
    assert "E-mail address or password is wrong." in words(wrong.text)
    assert NEW_PASSWORD not in wrong.text
    assert browser.session is None


async def test_a_log_in_gives_a_new_session_and_ends_the_one_before(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    planted = await sign_up(api.house, "eve")
    browser.be(planted)

    page = (await browser.get("/login")).headers["location"]  # who is logged in is led on
    other = PlainBrowser(api)
    await log_in(other)
    before = other.session
    form = await browser.open("/logout")  # a page of this browser, whose token its forms share
    token = re.search(r'name="form" value="([^"]+)"', form)
    assert token is not None
    fields = {"form": token[1], "email": "ada@example.org", "password": PASSWORD}
    await browser.post("/login", fields)

    assert page == "/account"
    assert browser.session not in (planted, before, None)
    assert (await api.get("/v1/users/me", token=planted)).status_code == 401
    assert (await api.get("/v1/users/me", token=before)).status_code == 200


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/events/evt_x", "/events/evt_x"),
        ("/account/orders?cursor=a%20b", "/account/orders?cursor=a%20b"),
        ("//evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("/\t/evil.example", "/account"),
        ("https://evil.example", "/account"),
        ("javascript:alert(1)", "/account"),
        ("evil.example", "/account"),
        ("", "/account"),
    ],
)
async def test_after_the_log_in_nobody_is_led_to_another_site(asked: str, led: str) -> None:
    api = api_over(MemoryStore())
    await account(api)
    browser = PlainBrowser(api)
    page = (await browser.client.get("/login", params={"next": asked})).text
    action = re.search(r'<form class="form" method="post" action="([^"]*)"', page)
    assert action is not None

    by_form = await browser.send(page, action[1].replace("&amp;", "&"), {"email": ADA["email"], "password": PASSWORD})
    already = await browser.client.get("/login", params={"next": asked})

    assert by_form.headers["location"] == already.headers["location"] == led


async def test_forms_of_accounts_count_from_our_pages_alone(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    fields = {"email": ADA["email"], "password": PASSWORD}

    foreign = await browser.post("/login", fields, Sec_Fetch_Site="cross-site")
    unsigned = await browser.post("/login", fields)
    out = await browser.post("/logout", {}, Origin="https://evil.example")

    assert (foreign.status_code, unsigned.status_code, out.status_code) == (403, 422, 403)
    assert browser.session is None


async def test_who_logs_out_is_out_and_forms_that_were_open_count_no_more(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    await log_in(browser)
    token = browser.session
    left_open = await browser.open("/account/settings")

    out = await browser.press("/account/settings", "/logout")

    assert (out.headers["location"], browser.session) == ("/", None)
    assert (await api.get("/v1/users/me", token=token)).status_code == 401
    assert "You are logged out." in words(await browser.open("/"))
    late = await browser.send(left_open, "/logout", {})
    assert late.status_code == 422


async def test_past_the_limit_a_log_in_is_told_how_long_to_wait_and_keeps_what_was_typed() -> None:
    api = api_over(MemoryStore(), rate_limits=True)
    await account(api)
    browser = PlainBrowser(api)

    tries = [await log_in(browser, password="wrong password") for _ in range(11)]

    assert [each.status_code for each in tries] == [401] * 10 + [429]
    assert int(tries[-1].headers["retry-after"]) > 0
    assert 'value="ada@example.org"' in tries[-1].text
    over_api = await api.post("/v1/sessions", {"email": ADA["email"], "password": PASSWORD})
    assert over_api.status_code == 429


# links that are mailed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login/mail", "/login/forgot"])
async def test_asking_for_a_link_tells_nobody_whether_the_address_has_an_account(api: Api, path: str) -> None:
    await account(api)
    browser = PlainBrowser(api)

    known = await browser.press(path, path, email="ada@example.org")
    unknown = await browser.press(path, path, email="nobody@example.org")

    assert told(known) == told(unknown)
    assert known.headers["location"] == "/login/sent"
    assert len(await mails(api)) == 1


async def test_the_log_in_has_a_button_that_mails_a_link_to_what_was_typed(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    page = await browser.open("/login")
    assert '<button class="button plain large" type="submit" formaction="/login/mail">' in page
    token = re.search(r'name="form" value="([^"]+)"', page)
    assert token is not None

    sent = await browser.post("/login/mail", {"form": token[1], "email": ADA["email"], "password": ""})
    [(_, link)] = await mails(api)
    pressed = await browser.press(link, link)

    assert (sent.headers["location"], pressed.headers["location"]) == ("/login/sent", "/account")
    assert browser.session is not None


async def test_whoever_logs_in_by_mail_first_is_told_that_the_password_is_over(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    said = []
    for _ in range(2):
        await browser.press("/login/mail", "/login/mail", email=ADA["email"])
        [(_, link)] = await mails(api)
        await browser.press(link, link)
        said.append("A password that was chosen before is over" in words(await browser.open("/account")))

    assert said == [True, False]
    assert (await log_in(PlainBrowser(api))).status_code == 401


async def test_a_forgotten_password_is_chosen_anew(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    await browser.press("/login/forgot", "/login/forgot", email=ADA["email"])
    [(_, link)] = await mails(api)

    easy = await browser.press(link, link, password="ada@example.org")
    chosen = await browser.press(link, link, password=NEW_PASSWORD)

    assert easy.status_code == 422
    assert "Others would try this one first." in words(easy.text)
    assert chosen.headers["location"] == "/login"
    assert "Your new password is saved." in words(await browser.open("/login"))
    assert (await log_in(browser, password=NEW_PASSWORD)).status_code == 303


async def test_links_that_are_asked_for_too_often_are_told_so_on_the_page() -> None:
    api = api_over(MemoryStore(), rate_limits=True)
    browser = PlainBrowser(api)

    answers = [await browser.press("/login/mail", "/login/mail", email="a@example.org") for _ in range(7)]

    assert [each.status_code for each in answers] == [303] * 6 + [429]
    assert "Links were asked for too often." in words(answers[-1].text)


async def test_pages_of_mailed_links_speak_the_visitors_language() -> None:
    browser = PlainBrowser(api_over(MemoryStore()), language="de")

    assert "Neues Passwort wählen" in words(await browser.open("/login/reset?token=lnk_x"))
    assert "Passwort vergessen?" in words(await browser.open("/login/forgot"))


# the account ---------------------------------------------------------------------------------------------------------


def pages_of_accounts() -> list[tuple[str, str]]:
    """Method and path of every page below `/account` but the one that a mailed link opens."""
    routers = (*accounts_pages.routes, *sales_pages.routes)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    found = {
        (method, route.path) for route in routes for method in route.methods or () if route.path.startswith("/account")
    }
    assert ("POST", "/account/claim") in found
    return sorted(found - {("GET", "/account/verify"), ("POST", "/account/verify")})


AFTER_A_FORM = {"/account/claim", "/account/proof", "/account/sessions/end"} | {
    f"/account/settings/{name}" for name in ("name", "password")
}
"""Whoever asks for these again is led to the page with the form."""


@pytest.mark.parametrize("caller", ["a stranger", "a session that is over", "an order's token", "an API key"])
async def test_pages_of_an_account_lead_who_is_not_logged_in_to_the_log_in(caller: str) -> None:
    api = api_over(MemoryStore())
    till = Till(api, await put_on_sale(api.house, kind(price=0)))
    order = await till.held(1)
    over = await sign_up(api.house, "eve")
    key = await api.post("/v1/api-keys", {"name": "k", "scopes": ["read"]}, token=over)
    assert (await api.delete("/v1/sessions/current", token=over)).status_code == 204
    browser = PlainBrowser(api)
    if caller != "a stranger":
        tokens = {"an order's token": order["access_token"], "an API key": key.json()["token"]}
        browser.be(tokens.get(caller, over))

    for method, path in pages_of_accounts():
        answer = await browser.client.request(method, path.replace("{session_id}", over.partition(".")[0]))

        led = answer.headers["location"]
        assert answer.status_code == 303, path
        assert led.startswith("/login?next=%2Faccount") or (method == "GET" and path in AFTER_A_FORM), path


async def test_each_sees_only_their_own_events_and_orders(api: Api) -> None:
    ada, eve = await sign_up(api.house, "ada"), await sign_up(api.house, "eve")
    adas = Till(api, await put_on_sale(api.house, kind(price=0), event_name="Concert of Ada"))
    eves = Till(api, await put_on_sale(api.house, kind(price=0), event_name="Concert of Eve"))
    await adas.held(2, token=ada)
    order = await eves.held(1, token=eve)
    browser = PlainBrowser(api)
    browser.be(ada)

    tickets, orders = words(await browser.open("/account")), words(await browser.open("/account/orders"))
    stolen = await browser.get(f"/orders/{order['order_id']}")

    assert "Concert of Ada" in tickets
    assert "2 tickets" in tickets
    assert "Concert of Ada" in orders
    assert "Concert of Eve" not in tickets + orders
    assert stolen.status_code == 404


async def test_an_own_order_is_one_link_away_and_shows_its_codes(api: Api) -> None:
    ada = await sign_up(api.house, "ada")
    till = Till(api, await put_on_sale(api.house, kind(price=0)))
    order = await till.held(2, token=ada)
    browser = PlainBrowser(api)
    browser.be(ada)

    assert f'href="/orders/{order["order_id"]}"' in await browser.open("/account")
    led = await browser.get(f"/orders/{order['order_id']}")
    page = await browser.open(led.headers["location"])

    assert page.count('class="code-box"') == 2
    assert "Keep all your tickets in one place" not in page


async def test_a_ticket_that_was_handed_to_the_user_is_one_link_away(api: Api) -> None:
    till = Till(api, await put_on_sale(api.house, kind(price=0), event_name="Spring gala"))
    order = await till.held(1, email="grace@example.org")
    [admission] = await till.admissions(order)
    offer = await api.post(
        f"/v1/admissions/{admission['admission_id']}/transfer",
        {"email": "ada@example.org"},
        token=order["access_token"],
    )
    transfer_id = offer.json()["transfer_id"]
    ada = await sign_up(api.house, "ada")
    token = {"token": offer_token(api.house.keys, transfer_id)}
    accepted = await api.post(f"/v1/transfers/{transfer_id}/accept", token, token=ada)
    assert accepted.status_code == 200, accepted.text
    browser = PlainBrowser(api)
    browser.be(ada)

    page = await browser.open("/account")
    path = re.search(r'href="(/tickets/[^"]+)"', page)

    assert "Spring gala" in words(page)
    assert path is not None
    assert (await browser.open(path[1])).count('class="code-box"') == 1


async def test_what_is_to_come_stands_first_and_what_is_over_after_it(api: Api) -> None:
    ada = await sign_up(api.house, "ada")
    now = api.house.clock.now()
    for days, name in ((90, "Later"), (30, "Sooner")):
        start = now + timedelta(days=days)
        times: dict[str, Any] = {"start_date_time": start, "end_date_time": start + timedelta(hours=2)}
        await Till(api, await put_on_sale(api.house, kind(price=0), event_name=name, **times)).held(1, token=ada)
    browser = PlainBrowser(api)
    browser.be(ada)

    before = words(await browser.open("/account"))
    api.house.clock.move(days=60)  # type: ignore[attr-defined]
    after = words(await browser.open("/account"))

    assert before.index("Coming up") < before.index("Sooner") < before.index("Later")
    assert "Over" not in before
    assert after.index("Coming up") < after.index("Later") < after.index("Over") < after.index("Sooner")


async def test_orders_show_their_state_and_their_money_page_by_page(api: Api) -> None:
    ada = await sign_up(api.house, "ada")
    till = Till(api, await put_on_sale(api.house, kind(quantity=50)))
    orders = []
    for _ in range(21):
        orders.append(await till.held(1, token=ada))
        api.house.clock.move(seconds=1)  # type: ignore[attr-defined]
    await till.pay(orders[-1])
    await till.cancel(orders[-2])
    browser = PlainBrowser(api)
    browser.be(ada)

    first = await browser.open("/account/orders")
    onward = re.search(r'rel="next" href="([^"]*)"', first)
    assert onward is not None
    second = await browser.open(onward[1])

    assert [first.count('class="own-order'), second.count('class="own-order')] == [20, 1]
    said = words(first)
    assert said.index("Complete") < said.index("Order cancelled") < said.index("Not paid yet")
    assert said.count("€25") == 20
    assert (await browser.get("/account/orders?cursor=made-up")).headers["location"] == "/account/orders"


async def test_an_account_without_anything_says_how_to_get_something(api: Api) -> None:
    browser = PlainBrowser(api)
    browser.be(await sign_up(api.house, "ada"))

    assert "No tickets yet" in words(await browser.open("/account"))
    assert "No orders yet" in words(await browser.open("/account/orders"))


async def test_what_was_bought_as_a_guest_is_added_by_a_button_once_the_address_is_proven(
    api: Api, browser: PlainBrowser
) -> None:
    till = Till(api, await put_on_sale(api.house, kind(price=0), event_name="Spring gala"))
    await till.held(2, email="ada@example.org")
    await till.held(1, email="grace@example.org")
    await mails(api)
    await account(api)
    await log_in(browser)

    before = words(await browser.open("/account"))
    unproven = await browser.press("/account", "/account/proof")
    [(_, link)] = await mails(api)
    await browser.press(link, link)
    offered = await browser.open("/account")
    claimed = await browser.send(offered, "/account/claim", {})
    after = words(await browser.open("/account"))

    assert "Is ada@example.org yours?" in before
    assert unproven.headers["location"] == claimed.headers["location"] == "/account"
    assert "There is more with your address" in words(offered)
    assert "Your orders are in your account now." in after
    assert "Spring gala" in after
    assert "There is more with your address" not in after
    over_api = await api.get("/v1/users/me/orders", token=browser.session)
    assert [order["customer"]["email"] for order in over_api.json()["data"]] == ["ada@example.org"]


async def test_an_address_that_is_not_proven_adds_nothing(api: Api, browser: PlainBrowser) -> None:
    till = Till(api, await put_on_sale(api.house, kind(price=0), event_name="Spring gala"))
    await till.held(2, email="ada@example.org")
    await account(api)
    await log_in(browser)
    page = await browser.open("/account")
    token = re.search(r'name="form" value="([^"]+)"', page)
    assert token is not None

    await browser.post("/account/claim", {"form": token[1]})

    after = words(await browser.open("/account"))
    assert "Show first that the address is yours." in after
    assert "Spring gala" not in after


# settings ------------------------------------------------------------------------------------------------------------


async def test_a_name_is_changed_and_stands_in_the_head_of_every_page(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    await log_in(browser)

    saved = await browser.press("/account/settings", "/name", first_name="Augusta", last_name="King")

    assert saved.headers["location"] == "/account/settings"
    me = (await api.get("/v1/users/me", token=browser.session)).json()
    assert (me["first_name"], me["last_name"], me["email"]) == ("Augusta", "King", "ada@example.org")
    assert "Your account: Augusta" in words(await browser.open("/"))


async def test_a_new_password_needs_the_present_one_and_ends_all_other_sessions(
    api: Api, browser: PlainBrowser
) -> None:
    await account(api)
    other = PlainBrowser(api)
    await log_in(other)
    await log_in(browser)
    path = "/account/settings"

    wrong = await browser.press(path, "/password", current_password="wrong password", password=NEW_PASSWORD)
    easy = await browser.press(path, "/password", current_password=PASSWORD, password="password123")
    good = await browser.press(path, "/password", current_password=PASSWORD, password=NEW_PASSWORD)

    assert (wrong.status_code, easy.status_code, good.status_code) == (422, 422, 303)
    assert words(wrong.text).count("That is not your password.") == 2
    assert words(easy.text).count("Others would try this one first.") == 2
    assert (await browser.get(path)).status_code == 200
    assert (await other.get(path)).headers["location"].startswith("/login")
    assert (await log_in(PlainBrowser(api), password=NEW_PASSWORD)).status_code == 303


async def test_another_session_is_ended_by_its_button_and_nobody_elses(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    other = PlainBrowser(api)
    await log_in(other)
    await log_in(browser)
    assert other.session is not None
    eves = (await sign_up(api.house, "eve")).partition(".")[0]
    page = await browser.open("/account/settings")
    token = re.search(r'name="form" value="([^"]+)"', page)
    assert token is not None

    stolen = await browser.post(f"/account/sessions/{eves}/end", {"form": token[1]})
    ended = await browser.send(page, f"/{other.session.partition('.')[0]}/end", {})

    assert (stolen.status_code, ended.status_code) == (404, 303)
    assert (await other.get("/account")).status_code == 303
    assert (await browser.get("/account")).status_code == 200


async def test_logging_out_everywhere_ends_every_session(api: Api, browser: PlainBrowser) -> None:
    await account(api)
    other = PlainBrowser(api)
    await log_in(other)
    await log_in(browser)

    out = await browser.press("/account/settings", "/account/sessions/end")

    assert (out.headers["location"], browser.session) == ("/login", None)
    assert (await other.get("/account")).status_code == 303
    assert "You are logged out everywhere." in words(await browser.open("/login"))


# on every page -------------------------------------------------------------------------------------------------------


async def test_public_pages_are_cached_for_strangers_alone(api: Api) -> None:
    sale = await put_on_sale(api.house, kind(price=0))
    stranger, ada = PlainBrowser(api), PlainBrowser(api)
    ada.be(await sign_up(api.house, "ada"))

    for path in ("/", f"/events/{sale.event_id}"):
        theirs, own = await stranger.get(path), await ada.get(path)
        assert "Log in" in words(theirs.text)
        assert theirs.headers["cache-control"].startswith("public")
        assert "Your account: Ada" in words(own.text)
        assert own.headers["cache-control"] == "private, no-cache"
        assert "cookie" in own.headers["vary"].lower()


async def test_a_name_is_shown_as_text(api: Api) -> None:
    browser = PlainBrowser(api)
    token = await sign_up(api.house, "ada")
    browser.be(token)
    await api.patch("/v1/users/me", {"first_name": "<script>alert(1)</script>"}, token=token)

    assert "<script>alert" not in await browser.open("/account")


async def test_an_account_is_offered_after_the_purchase_and_never_before(api: Api, browser: PlainBrowser) -> None:
    till = Till(api, await put_on_sale(api.house, kind()))
    order = await till.held(1)
    path = f"/orders/{order['order_id']}/{order['access_token']}"

    before = words(await browser.open(path))
    await till.pay(order)
    page = await browser.open(path)
    signed_up = await browser.send(page, "/signup", {"email": order["customer"]["email"], "password": PASSWORD})

    assert "Keep all your tickets in one place" not in before
    assert "Keep all your tickets in one place" in words(page)
    assert signed_up.headers["location"] == "/signup/sent"
    assert (await log_in(browser, email=order["customer"]["email"])).status_code == 303
    me = (await api.get("/v1/users/me", token=browser.session)).json()
    assert (me["first_name"], me["last_name"]) == ("Ada", "Lovelace")


async def test_who_must_be_logged_in_finds_the_way_there_and_back(api: Api, browser: PlainBrowser) -> None:
    till = Till(api, await put_on_sale(api.house, kind()))
    order = await till.held(1)

    refused = await browser.get(f"/orders/{order['order_id']}")

    assert refused.status_code == 401
    assert f'href="/login?next=%2Forders%2F{order["order_id"]}"' in refused.text
