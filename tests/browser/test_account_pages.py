"""Accounts in a real browser: every page and state is for everybody, on phones and desks, light and dark, with scripts and without."""

import re
from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits
from tests.support.processes import Served

PASSWORD = "a wet week in Wales"
_numbers = count(1)


def account(demo: Served, *, first_name: str = "Ada") -> str:
    """A fresh account; its address."""
    email = f"ada{next(_numbers)}@example.org"
    with demo.client() as client:
        body = {"email": email, "password": PASSWORD, "first_name": first_name, "last_name": "Lovelace"}
        assert client.post("/v1/users", json=body).status_code == 201
    return email


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def judge(page: Page) -> None:
    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/login?next=%2Faccount%2Fverify%3Ftoken%3Dlnk_x",
        "/login/mail",
        "/login/forgot",
        "/login/sent",
        "/signup",
        "/signup/sent",
        "/logout",
        "/login/link?token=lnk_x",
        "/login/reset?token=lnk_x",
    ],
)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_use_the_ways_in(open_page: Opener, path: str, dark: bool) -> None:
    page = open_page(width=1280 if dark else 360, dark=dark)
    page.goto(path)

    judge(page)


@pytest.mark.parametrize("path", ["/login", "/signup", "/login/forgot", "/login/reset?token=lnk_x"])
def test_mistakes_have_the_focus_and_lead_to_their_fields(phone: Page, path: str) -> None:
    phone.goto(path)
    phone.locator("main form button[type=submit]").first.click()

    expect(phone.locator("#mistakes")).to_be_focused()
    judge(phone)
    phone.locator("#mistakes a").first.click()
    expect(phone.locator("[aria-invalid]").first).to_be_focused()


def test_a_wrong_password_is_told_on_top_and_the_address_stays(phone: Page) -> None:
    log_in(phone, "nobody@example.org", "wrong password")

    expect(phone.locator("#mistakes")).to_contain_text("E-mail address or password is wrong.")
    expect(phone.get_by_label("E-mail")).to_have_value("nobody@example.org")
    expect(phone.get_by_label("Password")).to_have_value("")
    judge(phone)


def test_password_managers_and_the_clipboard_may_fill_the_fields(phone: Page) -> None:
    phone.goto("/login")

    assert phone.get_by_label("E-mail").get_attribute("autocomplete") == "username"
    assert phone.get_by_label("Password").get_attribute("autocomplete") == "current-password"
    phone.get_by_label("Password").focus()
    phone.evaluate("document.execCommand('insertText', false, 'pasted words')")
    expect(phone.get_by_label("Password")).to_have_value("pasted words")
    phone.goto("/signup")
    assert phone.get_by_label("Password").get_attribute("autocomplete") == "new-password"


@pytest.mark.parametrize("dark", [False, True], ids=["phone-light", "desk-dark"])
def test_everybody_can_use_an_account_without_anything(open_page: Opener, demo: Served, dark: bool) -> None:
    page = open_page(width=1280 if dark else 360, dark=dark)
    log_in(page, account(demo, first_name="Maximiliana-Wilhelmine"))

    expect(page.get_by_role("heading", name="No tickets yet")).to_be_visible()
    judge(page)
    for tab, heading in (("Orders", "No orders yet"), ("Settings", "Where you are logged in")):
        page.get_by_role("navigation", name="Your account").get_by_role("link", name=tab).click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        judge(page)


@pytest.mark.parametrize("dark", [False, True], ids=["phone-light", "desk-dark"])
def test_everybody_can_use_an_account_with_tickets_and_orders(open_page: Opener, demo: Served, dark: bool) -> None:
    page = open_page(width=1280 if dark else 360, dark=dark)
    email = account(demo)
    log_in(page, email)
    offer = demo.on_sale(quantity=10)
    with demo.client() as client:
        token = client.post("/v1/sessions", json={"email": email, "password": PASSWORD}).json()["token"]
    with demo.client(token) as client:
        lines = [{"ticket_type_id": offer["ticket_type_id"], "quantity": 2}]
        body = {"event_id": offer["event_id"], "lines": lines}
        headers = {"Idempotency-Key": f"account-page-{email}"}
        assert client.post("/v1/orders", json=body, headers=headers).status_code == 201

    page.goto("/account")
    judge(page)
    page.goto("/account/orders")
    judge(page)
    page.get_by_role("link", name="Concert").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Here are your tickets")
    page.goto("/account/settings")
    page.get_by_role("button", name="Save the password").click()
    expect(page.locator("#mistakes")).to_be_focused()
    judge(page)


def test_a_guest_becomes_a_user_and_has_the_order_without_a_script(open_page: Opener, demo: Served) -> None:
    page = open_page(width=360, javascript=False)
    email = f"guest{next(_numbers)}@example.org"
    offer = demo.on_sale(quantity=10)

    page.goto(f"/events/{offer['event_id']}/checkout?{offer['ticket_type_id']}=1")
    page.get_by_label("Name").fill("Ada Lovelace")
    page.get_by_label("E-mail").fill(email)
    page.locator("main form button[type=submit]").last.click()
    expect(page.get_by_role("heading", name="Keep all your tickets in one place")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    page.goto(mailed_link(page, "Email verification"))
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.get_by_role("button", name="Yes, it is mine").click()
    page.get_by_role("button", name="Add them to my account").click()

    expect(page.get_by_role("heading", level=3)).to_have_text("Concert")
    expect(page.get_by_role("status")).to_contain_text("Your orders are in your account now.")
    assert_fits(page)


def mailed_link(page: Page, kind: str) -> str:
    """The link in the newest mail of this kind, as the outbox has it: a path."""
    for _ in range(50):
        page.goto("/outbox")
        row = page.get_by_role("link", name=kind)
        if row.count():
            page.goto(f"{row.first.get_attribute('href')}?text=1")
            found = re.search(r"https?://[^/\s]+(/\S+)", page.content())
            assert found is not None
            return found[1].replace("&amp;", "&")
        page.wait_for_timeout(100)
    raise AssertionError(f"there is no mail {kind!r}")
