"""The whole purchase in a real browser, from the start page to the ticket in the mail, and everything that can come in between."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.buying import Buyer, orders_of, payments_of
from tests.browser.conftest import Opener
from tests.support.processes import Served

NAME = "Ada Lovelace"
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


def fresh(shop: Served, *, quantity: int = 20, price: int = 2_500) -> dict[str, Any]:
    """An event of its own for a test, with its `name` and an `email` for its buyer."""
    number = next(_NUMBERS)
    name = f"Quartet {shop.server.port} {number}"
    return shop.on_sale(quantity=quantity, price=price, name=name) | {"name": name, "email": f"ada{number}@example.org"}


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
