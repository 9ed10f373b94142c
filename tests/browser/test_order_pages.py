"""The pages of an order and of a ticket that changes hands, in every state: for everybody, on a phone, at a desk, without scripts."""

import re
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits
from tests.support.processes import Served

ADA = ("Ada Lovelace", "ada@example.org")
GRACE = ("Grace Hopper", "grace@example.org")


@dataclass(frozen=True, slots=True)
class Shop:
    """An event that was put on sale at the demo: its paid and its free ticket type, by its organizer."""

    event_id: str
    paid: str
    free: str
    url: str
    organizer: str

    def change(self, **fields: object) -> None:
        """The organizer changes the event."""
        headers = {"Authorization": f"Bearer {self.organizer}"}
        answer = httpx.patch(f"{self.url}/v1/events/{self.event_id}", json=fields, headers=headers)
        assert answer.status_code == 200, answer.text

    def offer_in_mail(self) -> str:
        """The way to the newest offer, as the outbox of test mode shows its mail."""
        for _ in range(100):
            outbox = httpx.get(f"{self.url}/outbox").text
            for path in re.findall(r'href="(/outbox/dlv_\w+)"', outbox):
                text = httpx.get(f"{self.url}{path}?text=1").text
                if found := re.search(r"/offers/\S+", text):
                    return found[0]
        raise AssertionError("no offer was mailed")


@pytest.fixture(scope="module")
def shop(demo: Served) -> Shop:
    with demo.client() as client:
        registered = client.post(
            "/v1/users",
            json={"email": "organizer@example.org", "password": "a wet week in Wales", "username": "organizer"},
        )
        assert registered.status_code == 201, registered.text
        login = client.post("/v1/sessions", json={"email": "organizer@example.org", "password": "a wet week in Wales"})
        token = login.json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post("/v1/users/me/organizer", headers=headers).status_code == 200
        event = client.post(
            "/v1/events",
            json={
                "event_name": "Evening of quartets",
                "start_date_time": "2099-05-01T17:30:00Z",
                "end_date_time": "2099-05-01T20:00:00Z",
                "timezone": "Europe/Vienna",
                "currency": "EUR",
                "cancellation_hours": 48,
                "cancellation_fee_bp": 1000,
            },
            headers=headers,
        ).json()
        types = [
            client.post(
                f"/v1/events/{event['event_id']}/ticket-types",
                json={"ticket_type": name, "price": {"amount": amount, "currency": "EUR"}, "quantity": 500},
                headers=headers,
            ).json()["ticket_type_id"]
            for name, amount in (("Balcony", 2500), ("Friends", 0))
        ]
        assert client.post(f"/v1/events/{event['event_id']}/publish", headers=headers).status_code == 200
    return Shop(event["event_id"], types[0], types[1], demo.url, token)


def person(page: Page, who: tuple[str, str]) -> None:
    """Name and address are filled in."""
    name, email = who
    page.get_by_label("Name", exact=True).locator("visible=true").fill(name)
    page.get_by_label("E-mail", exact=True).locator("visible=true").fill(email)


def good(page: Page) -> None:
    """The page as it stands can be used by everybody."""
    assert_accessible(page)
    assert_fits(page)


def bought(page: Page, shop: Shop, kind: str, count: int = 1) -> str:
    """The path of an order of so many tickets, which is open in this window."""
    page.goto(f"/events/{shop.event_id}/checkout?{kind}={count}")
    person(page, ADA)
    page.get_by_role("button", name=re.compile("Get|Reserve")).click()
    if kind == shop.paid:
        page.get_by_role("button", name=re.compile("Pay")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Here")
    return page.url


WINDOWS = pytest.mark.parametrize(
    "window", [{"width": 360, "javascript": True}, {"width": 1280, "dark": True}], ids=["phone", "desk, dark"]
)


@WINDOWS
def test_a_ticket_is_offered_accepted_and_given_on(open_page: Opener, shop: Shop, window: dict[str, object]) -> None:
    page = open_page(**window)
    order = bought(page, shop, shop.free)
    good(page)
    page.get_by_text("Give to somebody else").click()
    page.get_by_role("button", name="Offer the ticket").click()
    expect(page.get_by_text("Enter the name.").first).to_be_visible()
    good(page)
    person(page, GRACE)
    page.get_by_role("button", name="Offer the ticket").click()
    expect(page.get_by_text("Offered to Grace Hopper (grace@example.org)")).to_be_visible()
    good(page)

    friend = open_page(**window)
    offer = shop.offer_in_mail()
    friend.goto(offer)
    good(friend)
    friend.get_by_role("button", name="Accept the ticket").click()
    expect(friend.get_by_role("heading", level=1)).to_have_text("Here is your ticket")
    good(friend)
    friend.goto(offer)
    expect(friend.get_by_role("heading", level=1)).to_have_text("You have this ticket already")
    good(friend)

    page.goto(order)
    expect(page.get_by_text("You gave this ticket to Grace Hopper")).to_be_visible()
    good(page)


@WINDOWS
def test_an_offer_is_declined_and_its_page_says_so(open_page: Opener, shop: Shop, window: dict[str, object]) -> None:
    page = open_page(**window)
    bought(page, shop, shop.free)
    page.get_by_text("Give to somebody else").click()
    person(page, GRACE)
    page.get_by_role("button", name="Offer the ticket").click()
    friend = open_page(**window)
    friend.goto(shop.offer_in_mail())

    friend.get_by_role("button", name="Decline").click()

    expect(friend.get_by_role("heading", level=1)).to_have_text("This offer is closed")
    good(friend)


@WINDOWS
def test_tickets_are_cancelled_after_the_effect_was_named(
    open_page: Opener, shop: Shop, window: dict[str, object]
) -> None:
    page = open_page(**window)
    page.goto(f"/events/{shop.event_id}")
    expect(page.get_by_text("get back what you paid, less 10%")).to_be_visible()
    bought(page, shop, shop.paid, 2)
    good(page)
    page.get_by_role("link", name="Cancel this ticket").first.click()
    expect(page.get_by_role("button")).to_have_text("Cancel and get €22.50 back")
    good(page)
    page.get_by_role("button", name="Cancel and get").click()
    expect(page.get_by_text("Cancelled. You get a mail that says so.")).to_be_visible()
    page.get_by_role("link", name="Cancel this order").click()
    page.get_by_role("button", name="Cancel and get").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("This order was cancelled")
    good(page)


def test_all_of_it_goes_without_scripts(open_page: Opener, shop: Shop) -> None:
    page = open_page(width=360, javascript=False)
    order = bought(page, shop, shop.free)
    page.get_by_text("Give to somebody else").click()
    person(page, GRACE)
    page.get_by_role("button", name="Offer the ticket").click()
    friend = open_page(width=360, javascript=False)
    friend.goto(shop.offer_in_mail())
    friend.get_by_role("button", name="Accept the ticket").click()
    expect(friend.get_by_role("heading", level=1)).to_have_text("Here is your ticket")
    page.goto(order)
    expect(page.get_by_text("You gave this ticket to Grace Hopper")).to_be_visible()

    bought(open_page(width=360, javascript=False), shop, shop.paid)
