"""The shop as a buyer's browser without scripts meets it: choose, say who you are, pay, have the tickets."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import icalendar
import orjson
import pytest

from tests.support.sales import assert_books_balance, kind
from tests.support.shopping import DETAILS, Shopping
from ticketing.web.typos import likely_address


def _typed_in(page: str) -> dict[str, str]:
    """What stands in the fields of the checkout."""
    return {name: unescape(re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)[1]) for name in DETAILS}  # type: ignore[index]


async def test_a_buyer_gets_from_the_home_page_to_the_tickets_by_links_and_forms(shopping: Shopping) -> None:
    async with shopping() as buyer:
        event = await buyer.open(f"/events/{buyer.sale.event_id}")
        assert f'action="/events/{buyer.sale.event_id}/checkout"' in event

        reserved = await buyer.reserve(2)
        assert reserved.status_code == 303
        order = await buyer.open(reserved.headers["location"])
        paid = await buyer.send(order, "/pay", {"method": "test"})
        tickets = await buyer.open(paid.headers["location"])

        assert "Pay €50" in order
        assert "Reserved for you until" in order
        assert tickets.count('class="code-box"') == 2
        await assert_books_balance(buyer.house, buyer.sale)


async def test_free_tickets_are_there_after_one_form(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        reserved = await buyer.reserve(1)

        assert "Here is your ticket" in await buyer.open(reserved.headers["location"])


async def test_sending_the_checkout_twice_orders_once(shopping: Shopping) -> None:
    async with shopping() as buyer:
        page = await buyer.open(buyer.checkout_path(2))

        first = await buyer.send(page, "/checkout", DETAILS)
        second = await buyer.send(page, "/checkout", DETAILS)

        assert first.headers["location"] == second.headers["location"]
        assert len(await buyer.orders()) == 1


async def test_the_last_tickets_are_had_however_often_the_button_is_pressed(shopping: Shopping) -> None:
    async with shopping(kind(price=0, quantity=2)) as buyer:
        page = await buyer.open(buyer.checkout_path(2))

        first = await buyer.send(page, "/checkout", DETAILS)
        buyer.client.cookies.delete("ordered")  # as where the first answer was lost
        second = await buyer.send(page, "/checkout", DETAILS)

        assert (second.status_code, second.headers.get("location")) == (303, first.headers["location"])


async def test_a_second_tab_leads_to_what_is_reserved_already(shopping: Shopping) -> None:
    async with shopping() as buyer:
        one, other = [await buyer.open(buyer.checkout_path(2)) for _ in range(2)]

        first = await buyer.send(one, "/checkout", DETAILS)
        second = await buyer.send(other, "/checkout", DETAILS)
        third = await buyer.reserve(2)

        assert {answer.headers["location"] for answer in (first, second, third)} == {first.headers["location"]}
        assert len(await buyer.orders()) == 1


async def test_a_second_tab_gets_no_second_free_ticket_and_a_later_visit_does(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        one, other = [await buyer.open(buyer.checkout_path(1)) for _ in range(2)]
        buyer.house.clock.move(seconds=5)  # type: ignore[attr-defined]
        first = await buyer.send(one, "/checkout", DETAILS)
        second = await buyer.send(other, "/checkout", DETAILS)
        buyer.house.clock.move(seconds=5)  # type: ignore[attr-defined]
        later = await buyer.reserve(1)

        assert first.headers["location"] == second.headers["location"] != later.headers["location"]


@pytest.mark.parametrize("details", [{"name": "Grace Hopper"}, {"email": "grace@example.org"}])
async def test_the_same_tickets_for_somebody_else_are_another_order(
    shopping: Shopping, details: dict[str, str]
) -> None:
    async with shopping() as buyer:
        await buyer.reserve(2)
        await buyer.reserve(2, **details)

        assert len(await buyer.orders()) == 2


async def test_other_tickets_are_another_order(shopping: Shopping) -> None:
    async with shopping() as buyer:
        await buyer.reserve(2)
        await buyer.reserve(1)

        assert len(await buyer.orders()) == 2


async def test_what_was_cancelled_or_ran_out_can_be_had_again(shopping: Shopping) -> None:
    async with shopping() as buyer:
        path = (await buyer.reserve(2)).headers["location"]
        await buyer.send(await buyer.open(path), "/cancel", {})
        path = (await buyer.reserve(2)).headers["location"]
        buyer.house.clock.move(minutes=16)  # type: ignore[attr-defined]
        await buyer.reserve(2)

        assert len(await buyer.orders()) == 3


async def test_the_cookie_of_what_was_ordered_opens_nothing_that_it_does_not_name(shopping: Shopping) -> None:
    async with shopping() as buyer:
        first = await buyer.reserve(2)
        order_id, token = first.headers["location"].split("/")[2:]
        for value in ("nonsense", f"{order_id}.oat_{'x' * 43}", f"ord_{'0' * 26}.{token}", "é"):
            buyer.client.cookies.set("ordered", value.encode("ascii", "ignore").decode())
            answer = await buyer.reserve(2)
            assert answer.status_code == 303
            assert answer.headers["location"] != first.headers["location"]


async def test_the_browser_keeps_the_form_for_its_back_button_alone(shopping: Shopping) -> None:
    async with shopping() as buyer:
        answer = await buyer.client.get(buyer.checkout_path(1))

        assert answer.headers["cache-control"] == "private, no-cache"
        assert "Cookie" not in answer.headers["vary"]


@pytest.mark.parametrize("closed", ["sale over", "event cancelled"])
async def test_a_checkout_that_is_sent_again_after_the_sale_closed_leads_to_the_order_that_it_made(
    shopping: Shopping, closed: str
) -> None:
    async with shopping(kind(price=0)) as buyer:
        page = await buyer.open(buyer.checkout_path(2))
        first = await buyer.send(page, "/checkout", DETAILS)
        buyer.client.cookies.delete("ordered")  # the answer was lost, and its cookie with it
        change = {"sales_end_date": buyer.house.clock.now().isoformat()}
        headers = {"Authorization": f"Bearer {buyer.sale.organizer}"}
        path = f"/v1/events/{buyer.sale.event_id}"
        if closed == "sale over":
            assert (await buyer.client.patch(path, json=change, headers=headers)).status_code == 200
        else:
            assert (await buyer.client.post(f"{path}/cancel", headers=headers)).status_code == 200

        again = await buyer.send(page, "/checkout", DETAILS)
        other = await buyer.send(page, "/checkout", DETAILS | {"name": "Somebody Else"})

        assert (again.status_code, again.headers["location"]) == (303, first.headers["location"])
        assert other.status_code == 409
        assert len(await buyer.orders()) == 1


async def test_everything_wrong_is_said_at_once_and_what_was_typed_stays(shopping: Shopping) -> None:
    async with shopping() as buyer:
        answer = await buyer.reserve(1, name="", email="nonsense")

        assert answer.status_code == 422
        assert "Enter your name." in answer.text
        assert "Enter an e-mail address such as ada@example.org." in answer.text
        assert 'value="nonsense"' in answer.text
        assert await buyer.orders() == []


async def test_an_address_that_looks_mistyped_is_asked_about_once(shopping: Shopping) -> None:
    async with shopping() as buyer:
        asked = await buyer.reserve(1, email="ada@gmial.com")
        assert "Did you mean ada@gmail.com?" in asked.text

        again = await buyer.send(asked.text, "/checkout", DETAILS | {"email": "ada@gmial.com"})

        assert again.status_code == 303


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ada@gmial.com", "ada@gmail.com"),
        ("ada@gmail.co", "ada@gmail.com"),
        ("ada@gnail.com", "ada@gmail.com"),
        ("ada@hotmaill.com", "ada@hotmail.com"),
        ("ada@gmail.com", None),
        ("ada@example.org", None),
        ("ada@gmx.de", None),
        ("ada@me.com", None),
    ],
)
def test_a_slip_in_a_common_domain_is_seen(typed: str, meant: str | None) -> None:
    assert likely_address(typed) == meant


async def test_who_is_too_late_takes_what_is_left_with_nothing_to_type_again(shopping: Shopping) -> None:
    async with shopping(kind(quantity=3)) as buyer:
        page = await buyer.open(buyer.checkout_path(2))
        await buyer.reserve(2, email="grace@example.org")

        late = await buyer.send(page, "/checkout", DETAILS)
        taken = await buyer.send(late.text, "/checkout", _typed_in(late.text) | {buyer.sale.ticket_types[0]: "1"})

        assert late.status_code == 409
        assert "Not so many are left: you can still have 1." in late.text
        assert taken.status_code == 303
        await assert_books_balance(buyer.house, buyer.sale)


async def test_who_is_too_late_for_one_of_two_kinds_is_told_which(shopping: Shopping) -> None:
    async with shopping(kind("Balcony", quantity=1), kind("Standing", quantity=5)) as buyer:
        page = await buyer.open(buyer.checkout_path(1, 2))
        await buyer.reserve(1, email="grace@example.org")

        late = await buyer.send(page, "/checkout", DETAILS)

        assert "Balcony: these have just gone." in late.text
        assert re.findall(r'type="number" name="(tty_\w+)" value="(\d)"', late.text) == [
            (buyer.sale.ticket_types[0], "0"),
            (buyer.sale.ticket_types[1], "2"),
        ]


async def test_nothing_chosen_leads_back_to_the_event(shopping: Shopping) -> None:
    async with shopping() as buyer:
        answer = await buyer.client.get(f"/events/{buyer.sale.event_id}/checkout?{buyer.sale.ticket_types[0]}=0")

        assert (answer.status_code, answer.headers["location"]) == (303, f"/events/{buyer.sale.event_id}")


async def test_a_hold_is_extended_and_given_back_by_buttons(shopping: Shopping) -> None:
    async with shopping() as buyer:
        path = (await buyer.reserve(2)).headers["location"]
        before = (await buyer.orders())[0]["expires_at"]
        buyer.house.clock.move(minutes=10)  # type: ignore[attr-defined]

        await buyer.send(await buyer.open(path), "/extend", {})
        extended = (await buyer.orders())[0]["expires_at"]
        await buyer.send(await buyer.open(path), "/cancel", {})

        assert extended - before == timedelta(minutes=10)
        assert "This order was cancelled" in await buyer.open(path)
        await assert_books_balance(buyer.house, buyer.sale)


async def test_after_the_hold_the_same_is_reserved_again_with_nothing_to_type(shopping: Shopping) -> None:
    async with shopping() as buyer:
        path = (await buyer.reserve(2)).headers["location"]
        buyer.house.clock.move(minutes=16)  # type: ignore[attr-defined]

        page = await buyer.open(path)
        assert "The time to pay ran out" in page
        assert f'href="{path}/again"' in page
        details = await buyer.open(f"{path}/again")
        again = await buyer.send(details, "/checkout", _typed_in(details))

        assert _typed_in(details) == DETAILS
        assert again.headers["location"] != path
        assert len(await buyer.orders()) == 2
        await assert_books_balance(buyer.house, buyer.sale)


async def test_a_promised_transfer_shows_its_reference(shopping: Shopping) -> None:
    async with shopping() as buyer:
        path = (await buyer.reserve(1)).headers["location"]

        await buyer.send(await buyer.open(path), "/pay", {"method": "bank_transfer"})
        page = await buyer.open(path)

        assert "Transfer €25 to the organizer" in page


@pytest.mark.parametrize("end", ["", "/tickets.pdf", "/again"])
async def test_an_order_is_shown_to_nobody_without_its_own_address(shopping: Shopping, end: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        own = (await buyer.reserve(1)).headers["location"]
        other = (await buyer.reserve(1, email="grace@example.org")).headers["location"]
        order_id, other_token = own.split("/")[2], other.split("/")[3]

        statuses = [
            (await buyer.client.get(f"/orders/{order_id}/{token}{end}")).status_code
            for token in (own.split("/")[3], other_token, "oat_", "é", "oat_" + "x" * 300)
        ]

        assert statuses == [200, 404, 404, 404, 404]


@pytest.mark.parametrize(
    "action",
    ["pay", "extend", "cancel", "tickets/adm_x/name", "tickets/adm_x/offer", "tickets/adm_x/withdraw"],
)
async def test_nobody_acts_on_an_order_of_another(shopping: Shopping, action: str) -> None:
    async with shopping() as buyer:
        own = (await buyer.reserve(1)).headers["location"]
        other = (await buyer.reserve(1, email="grace@example.org")).headers["location"]
        stolen = f"/orders/{own.split('/')[2]}/{other.split('/')[3]}/{action}"

        answer = await buyer.client.post(stolen, headers={"Sec-Fetch-Site": "same-origin"})

        assert answer.status_code == 404


async def test_the_link_of_a_mail_leads_to_the_order(shopping: Shopping) -> None:
    async with shopping() as buyer:
        path = (await buyer.reserve(1)).headers["location"]
        _, _, order_id, token = path.split("/")

        answer = await buyer.client.get(f"/orders/{order_id}?token={token}")

        assert (answer.status_code, answer.headers["location"]) == (303, path)


async def test_a_ticket_gets_another_name_and_with_it_another_code(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        path = (await buyer.reserve(1)).headers["location"]
        before = await buyer.open(path)

        await buyer.send(before, "/name", {"name": "Grace Hopper", "email": "grace@example.org"})
        after = await buyer.open(path)

        assert "Grace Hopper" in after
        symbol = re.compile(r'class="code-box">(.*?)</div>', flags=re.S)
        assert symbol.findall(before) != symbol.findall(after)


async def test_the_event_page_says_in_schema_org_what_is_offered(shopping: Shopping) -> None:
    async with shopping(kind("Balcony", quantity=10), kind("</script><b>", price=0, quantity=0)) as buyer:
        page = await buyer.open(f"/events/{buyer.sale.event_id}")
        data = orjson.loads(re.search(r'<script type="application/ld\+json">(.*?)</script>', page)[1])  # type: ignore[index]

        assert data["@type"] == "Event"
        assert [(offer["name"], offer["price"], offer["availability"]) for offer in data["offers"]] == [
            ("Balcony", "25.00", "https://schema.org/InStock"),
            ("</script><b>", "0.00", "https://schema.org/SoldOut"),
        ]


async def test_the_calendar_file_has_the_event_in_its_zone(shopping: Shopping) -> None:
    async with shopping() as buyer:
        content = (await buyer.client.get(f"/events/{buyer.sale.event_id}/calendar.ics")).content
        calendar: Any = icalendar.Calendar.from_ical(content)
        [start] = [entry["dtstart"].dt for entry in calendar.walk("VEVENT")]

        assert start == buyer.house.clock.now() + timedelta(days=60)
        assert str(start.tzinfo) != "UTC"
