"""The whole purchase in a real browser, from the start page to the ticket in the mail, and everything that can come in between."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.buying import Buyer, orders_of, payments_of
from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits
from tests.support.processes import Served, order, site

NAME = "Ada Lovelace"
MAIL_RULES = ("landmark-one-main", "page-has-heading-one", "region")
"""What a mail does not have: it is a part of a mail program's page."""
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Way:
    """One way through the shop: what it costs, by which hands, in which window."""

    pays: str
    scripts: bool
    keyboard: bool
    width: int
    dark: bool
    language: str = "en"

    def __str__(self) -> str:
        words = (
            self.pays,
            "scripts" if self.scripts else "no scripts",
            "keyboard" if self.keyboard else "pointer",
            str(self.width),
            "dark" if self.dark else "light",
            self.language,
        )
        return ", ".join(words)


# Every two of their values meet in one of these ways (but for German, which one of them speaks).
WAYS = (
    Way("test", scripts=True, keyboard=False, width=360, dark=False),
    Way("test", scripts=False, keyboard=True, width=1280, dark=True),
    Way("free", scripts=False, keyboard=False, width=360, dark=True),
    Way("free", scripts=True, keyboard=True, width=1280, dark=False),
    Way("transfer", scripts=True, keyboard=False, width=1280, dark=True),
    Way("transfer", scripts=False, keyboard=True, width=360, dark=False),
    Way("test", scripts=True, keyboard=False, width=360, dark=True, language="de"),
)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_visitor_gets_from_the_start_page_to_tickets_that_open_the_door(
    open_page: Opener, demo: Served, way: Way
) -> None:
    offer = fresh(demo, price=0 if way.pays == "free" else 2_500)
    page = open_page(width=way.width, dark=way.dark, javascript=way.scripts, language=way.language)
    buyer = Buyer(page, language=way.language, by_keyboard=way.keyboard)

    buyer.find(offer["name"])
    buyer.choose(2)
    path = buyer.order(NAME, offer["email"])
    if way.pays == "test":
        buyer.pay("Test payment: nothing is charged")
    elif way.pays == "transfer":
        buyer.pay("Bank transfer")
        expect(page.get_by_role("heading", name=buyer.says("Transfer the money"))).to_be_visible()
        [order] = orders_of(demo, offer)
        expect(page.get_by_role("main")).to_contain_text(order["order_code"])
        buyer.mail(offer["email"])
        expect(page.locator("body")).to_contain_text(order["order_code"])
        receive(demo, order["order_id"])
        page.goto(path)
    buyer.sees_tickets(2)
    codes = buyer.codes()

    buyer.mail(offer["email"])
    page.locator(f'a[href$="{path}"]').first.click()
    assert buyer.on_order_page() == path
    buyer.sees_tickets(2)
    assert buyer.codes() == codes
    assert [admit(demo, offer, code) for code in codes] == ["admitted", "admitted"]


# What goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_all_that_is_wrong_is_said_at_once_on_top_and_beside_and_what_was_typed_stays(
    open_page: Opener, demo: Served, scripts: bool
) -> None:
    offer = fresh(demo)
    page = open_page(width=360, javascript=scripts)
    buyer = Buyer(page)
    at_checkout(buyer, offer)
    buyer.field("E-mail").fill("ada@")
    buyer.reserve_button.click()

    mistakes = page.get_by_role("alert")
    expect(mistakes).to_be_focused()
    expect(mistakes).to_be_in_viewport()
    expect(mistakes.get_by_role("link")).to_have_text(
        ["Name: Enter your name.", "E-mail: Enter an e-mail address such as ada@example.org."]
    )
    expect(buyer.field("Name")).to_have_accessible_description("Enter your name.")
    expect(buyer.field("E-mail")).to_have_accessible_description(re.compile("Enter an e-mail address such as"))
    expect(buyer.field("E-mail")).to_have_value("ada@")
    mistakes.get_by_role("link").last.click()
    expect(buyer.field("E-mail")).to_be_focused()

    buyer.order(NAME, offer["email"])
    assert len(orders_of(demo, offer)) == 1


def test_a_mistyped_address_is_asked_about_once(open_page: Opener, demo: Served) -> None:
    offer = fresh(demo, price=0)
    buyer = Buyer(open_page(width=360))
    at_checkout(buyer, offer)
    buyer.details(NAME, "ada@gmial.com")
    buyer.reserve_button.click()

    expect(buyer.page.get_by_role("alert")).to_contain_text("Did you mean ada@gmail.com?")
    buyer.reserve_button.click()
    buyer.on_order_page()
    buyer.sees_tickets(1)


def test_nothing_chosen_is_said_and_leads_back(without_scripts: Page, demo: Served) -> None:
    offer = fresh(demo)
    buyer = Buyer(without_scripts)
    buyer.page.goto(f"/events/{offer['event_id']}")
    buyer.page.get_by_role("spinbutton").fill("0")
    buyer.button("Continue").click()

    expect(buyer.page.get_by_text("Choose at least one ticket.")).to_be_visible()
    expect(buyer.page.get_by_role("heading", level=1)).to_have_text(offer["name"])


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_who_is_too_late_takes_what_is_left(open_page: Opener, demo: Served, scripts: bool) -> None:
    offer = fresh(demo, quantity=2)
    page = open_page(width=360, javascript=scripts)
    buyer = Buyer(page)
    at_checkout(buyer, offer, quantity=2)
    buyer.details(NAME, offer["email"])
    with demo.client() as other:
        assert order(other, offer, buyer=f"before-{offer['email']}".partition("@")[0]).status_code == 201
    buyer.reserve_button.click()

    expect(page.get_by_role("alert")).to_contain_text("you can still have 1")
    expect(buyer.field("Name")).to_have_value(NAME)
    expect(buyer.field("E-mail")).to_have_value(offer["email"])
    expect(page.get_by_role("spinbutton", name="Standing")).to_have_value("1")
    if scripts:
        assert_accessible(page)
    buyer.button("Reserve").click()
    buyer.on_order_page()
    assert demo.left(offer) == 0


def test_who_comes_after_the_last_ticket_is_told_that_nothing_is_charged(phone: Page, demo: Served) -> None:
    offer = fresh(demo, quantity=1)
    buyer = Buyer(phone)
    at_checkout(buyer, offer)
    buyer.details(NAME, offer["email"])
    with demo.client() as other:
        assert order(other, offer, buyer=f"before-{offer['email']}".partition("@")[0]).status_code == 201
    buyer.reserve_button.click()

    expect(phone.get_by_role("alert")).to_contain_text("Nothing is held or charged.")
    buyer.link("Change the tickets").click()
    expect(phone.get_by_text("Sold out")).to_be_visible()


# Once, whatever happens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("price", [0, 2_500], ids=["free", "paid"])
def test_a_double_click_orders_and_pays_once(open_page: Opener, demo: Served, price: int, scripts: bool) -> None:
    offer = fresh(demo, price=price)
    buyer = Buyer(open_page(javascript=scripts))
    at_checkout(buyer, offer)
    buyer.details(NAME, offer["email"])
    buyer.reserve_button.dblclick()
    buyer.on_order_page()
    if price:
        buyer.button("Pay %(sum)s").dblclick()
    buyer.sees_tickets(1)

    bought_once(demo, offer, price=price)


@pytest.mark.parametrize("price", [0, 2_500], ids=["free", "paid"])
def test_going_back_and_sending_again_and_loading_again_orders_and_pays_once(
    phone: Page, demo: Served, price: int
) -> None:
    offer = fresh(demo, price=price)
    buyer = Buyer(phone)
    at_checkout(buyer, offer)
    path = buyer.order(NAME, offer["email"])
    phone.go_back()
    buyer.reserve_button.click()
    assert buyer.on_order_page() == path
    if price:
        buyer.button("Pay %(sum)s").click()
    buyer.sees_tickets(1)
    phone.reload()
    buyer.sees_tickets(1)

    bought_once(demo, offer, price=price)


@pytest.mark.parametrize("price", [0, 2_500], ids=["free", "paid"])
def test_two_tabs_order_and_pay_once(phone: Page, demo: Served, price: int) -> None:
    offer = fresh(demo, price=price)
    tabs = [Buyer(phone), Buyer(phone.context.new_page())]
    for tab in tabs:
        at_checkout(tab, offer)
        tab.details(NAME, offer["email"])
    for tab in tabs:
        tab.reserve_button.click()
        tab.on_order_page()
    if price:
        for tab in tabs:
            tab.button("Pay %(sum)s").click()
        expect(tabs[1].page.get_by_role("heading", level=1)).to_have_text("This order is paid already")
        tabs[1].page.get_by_role("link", name="See the order").click()
    for tab in tabs:
        tab.sees_tickets(1)

    bought_once(demo, offer, price=price)


@pytest.mark.parametrize("again", ["reload", "back"])
@pytest.mark.parametrize("price", [0, 2_500], ids=["free", "paid"])
def test_an_answer_that_was_lost_is_asked_for_again_and_orders_and_pays_once(
    open_page: Opener, demo: Served, price: int, again: str
) -> None:
    offer = fresh(demo, price=price)
    buyer = Buyer(open_page(width=360, javascript=again == "back"))
    at_checkout(buyer, offer)
    buyer.details(NAME, offer["email"])
    send_and_lose_the_answer(buyer, buyer.reserve_button)
    send_once_more(buyer, again, buyer.reserve_button)
    buyer.on_order_page()
    if price:
        send_and_lose_the_answer(buyer, buyer.button("Pay %(sum)s"))
        buyer.page.reload() if again == "reload" else buyer.page.go_back()
    buyer.sees_tickets(1)

    bought_once(demo, offer, price=price)


def send_and_lose_the_answer(buyer: Buyer, button: Locator) -> None:
    """The server did what the button says, and the connection broke before the browser heard of it."""
    lost: list[int] = []

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            lost.append(route.fetch(max_redirects=0, headers=route.request.all_headers()).status)
            route.abort("connectionreset")
        else:
            route.continue_()

    buyer.page.route("**/*", lose)
    with buyer.page.expect_event("requestfailed"):
        button.click(no_wait_after=True)
    buyer.page.wait_for_url("chrome-error://**")
    buyer.page.unroute("**/*")
    assert lost == [303]


def send_once_more(buyer: Buyer, again: str, button: Locator) -> None:
    """The page that failed is loaded again, or gone back from and its form sent again."""
    if again == "reload":
        buyer.page.reload()
    else:
        buyer.page.go_back()
        button.click()


def bought_once(shop: Served, offer: dict[str, Any], *, price: int) -> None:
    """There is one order of one ticket, and it was paid once."""
    [bought] = orders_of(shop, offer)
    assert bought["payment_status"] == "completed"
    assert bought["amount_paid"]["amount"] == price
    assert len(payments_of(shop, bought["order_id"])) == (1 if price else 0)
    assert shop.left(offer) == offer["quantity"] - 1


# The time to pay -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_hold_is_extended_by_a_button(open_page: Opener, demo: Served, scripts: bool) -> None:
    offer = fresh(demo)
    buyer = Buyer(open_page(width=360, javascript=scripts))
    at_checkout(buyer, offer)
    buyer.order(NAME, offer["email"])
    [before] = orders_of(demo, offer)
    buyer.button("Extend the time").click()

    expect(buyer.page.get_by_role("main")).to_contain_text("Your places are held for longer.")
    [after] = orders_of(demo, offer)
    assert after["expires_at"] > before["expires_at"]


def test_the_page_says_two_minutes_before_and_when_the_time_is_over_and_is_silent_between(
    phone: Page, demo: Served
) -> None:
    offer = fresh(demo)
    phone.clock.install()
    buyer = Buyer(phone)
    at_checkout(buyer, offer)
    buyer.order(NAME, offer["email"])
    told = phone.locator("[data-until]")
    expect(told).to_have_role("status")
    expect(told).to_contain_text("Reserved for you until")

    phone.clock.fast_forward("12:00")
    expect(told).to_contain_text("Reserved for you until")
    phone.clock.fast_forward("01:30")
    expect(told).to_contain_text("Two minutes left")
    phone.clock.fast_forward("02:00")
    expect(told).to_contain_text("The time ran out.")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A shop that holds places for a few seconds."""
    with site(tmp_path_factory.mktemp("hasty"), hold_seconds="4", test_mode="on").served() as served:
        yield served


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_after_the_hold_the_same_is_reserved_again_with_name_and_address_kept(
    open_page: Opener, hasty: Served, dark: bool
) -> None:
    offer = fresh(hasty)
    page = open_page(width=360, dark=dark, shop=hasty)
    buyer = Buyer(page)
    at_checkout(buyer, offer)
    path = buyer.order(NAME, offer["email"])
    expect(page.locator("[data-until]")).to_contain_text("The time ran out.", timeout=15_000)

    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("The time to pay ran out")
    assert_accessible(page)
    assert_fits(page)
    buyer.link("Reserve again").click()
    expect(buyer.field("Name")).to_have_value(NAME)
    expect(buyer.field("E-mail")).to_have_value(offer["email"])
    buyer.reserve_button.click()
    assert buyer.on_order_page() != path
    buyer.button("Pay %(sum)s").click()
    buyer.sees_tickets(1)


def test_who_pays_too_late_is_told_that_nothing_was_charged_and_reserves_again(
    open_page: Opener, hasty: Served
) -> None:
    offer = fresh(hasty)
    page = open_page(width=360, javascript=False, shop=hasty)
    buyer = Buyer(page)
    at_checkout(buyer, offer)
    path = buyer.order(NAME, offer["email"])
    with hasty.client() as client:
        await_expiry(client, path)
    buyer.button("Pay %(sum)s").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("The time to pay ran out")
    expect(page.get_by_role("main")).to_contain_text("nothing was charged")
    buyer.link("Order again").click()
    buyer.link("Reserve again").click()
    expect(buyer.field("Name")).to_have_value(NAME)


def await_expiry(client: httpx.Client, path: str) -> None:
    """The page of the order says that its time ran out."""
    deadline = time.monotonic() + 30
    while "The time to pay ran out" not in client.get(path, headers={"Accept": "text/html"}).text:
        assert time.monotonic() < deadline
        time.sleep(0.2)


# Everybody -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_use_every_page_of_the_purchase_on_the_narrowest_screen_too(
    open_page: Opener, demo: Served, dark: bool
) -> None:
    offer = fresh(demo)
    page = open_page(width=320, height=640, dark=dark)  # as 1280 at 400 %
    buyer = Buyer(page)
    page.goto("/")
    usable(page)
    page.goto(f"/events/{offer['event_id']}")
    usable(page)
    page.get_by_role("spinbutton").fill("2")
    buyer.button("Continue").click()
    usable(page)
    buyer.reserve_button.click()
    expect(page.get_by_role("alert")).to_be_visible()
    usable(page)
    path = buyer.order(NAME, offer["email"])
    usable(page)
    buyer.button("Extend the time").click()
    expect(page.get_by_role("main")).to_contain_text("Your places are held for longer.")
    buyer.pay("Bank transfer")
    expect(page.get_by_role("heading", name="Transfer the money")).to_be_visible()
    open_all(page)
    usable(page)
    buyer.pay("Test payment: nothing is charged")
    buyer.sees_tickets(2)
    open_all(page)
    usable(page)
    buyer.mail(offer["email"])
    usable(page, is_mail=True)
    page.goto(f"{path}x")
    usable(page)

    other = fresh(demo)
    at_checkout(buyer, other)
    buyer.order(NAME, other["email"])
    open_all(page)
    buyer.button("Give the places back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This order was cancelled")
    usable(page)


def usable(page: Page, *, is_mail: bool = False) -> None:
    """The page as it stands breaks no rule, stands out nowhere, and has no target that is too small."""
    assert_accessible(page, without=MAIL_RULES if is_mail else ())
    assert_fits(page)
    small = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
            .filter((each) => each.checkVisibility() && getComputedStyle(each).display !== "inline" && !each.matches(".skip"))
            .map((each) => [each, (each.closest("label") ?? each).getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24)
            .map(([each]) => each.outerHTML.slice(0, 100))"""
    )
    assert small == []


def open_all(page: Page) -> None:
    """Whatever is folded is open."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


# What the tests begin with -------------------------------------------------------------------------------------------


def fresh(shop: Served, *, quantity: int = 20, price: int = 2_500) -> dict[str, Any]:
    """An event of its own for a test, with its `name` and `quantity`, and an `email` for its buyer."""
    number = next(_NUMBERS)
    name = f"Quartet {shop.server.port} {number}"
    more = {"name": name, "quantity": quantity, "email": f"ada{number}@example.org"}
    return shop.on_sale(quantity=quantity, price=price, name=name) | more


def at_checkout(buyer: Buyer, offer: dict[str, Any], *, quantity: int = 1) -> None:
    """The buyer chose so many tickets and is asked who it is."""
    buyer.page.goto(f"/events/{offer['event_id']}")
    buyer.choose(quantity)


def receive(shop: Served, order_id: str) -> None:
    """The organizer says that the money came."""
    [payment] = payments_of(shop, order_id)
    with shop.admin() as admin:
        answer = admin.post(f"/v1/payments/{payment['payment_id']}/confirm", json={"transaction_id": order_id})
    assert answer.status_code == 200, answer.text


def admit(shop: Served, offer: dict[str, Any], code: str) -> str:
    """What the door says to this code."""
    with shop.admin() as admin:
        answer = admin.post(f"/v1/events/{offer['event_id']}/check-ins", json={"code": code, "scan_id": code[-40:]})
    return str(answer.json()["result"])
