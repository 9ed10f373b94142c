"""Pages on which a buyer gives tickets back: the terms in words before buying, and the effect in money before it happens."""

import re
from html import unescape
from typing import Any

import pytest

from tests.support.houses import StandingClock
from tests.support.mails import KeepingPost, delivered, mail_over, text_of
from tests.support.sales import assert_books_balance, kind
from tests.support.shopping import Buyer, Shopping
from ticketing.schema.tables import ADMISSIONS

TERMS: dict[str, Any] = {"cancellation_hours": 48, "cancellation_fee_bp": 1050}


def said(page: str) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


async def paid(buyer: Buyer, tickets: int = 2, **details: str) -> str:
    """The path of an order that was paid."""
    path = str((await buyer.reserve(tickets, **details)).headers["location"])
    await buyer.send(await buyer.open(path), "/pay", {"method": "test"})
    return path


async def statuses(buyer: Buyer) -> list[str]:
    return [row["status"] async for row in buyer.house.store.scan(ADMISSIONS)]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (TERMS, "You can cancel until Wed, 28 Apr 2027, 14:00 and get back what you paid, less 10.5%."),
        (
            TERMS | {"cancellation_fee_bp": 0},
            "You can cancel until Wed, 28 Apr 2027, 14:00 and get back all that you paid.",
        ),
        ({}, "Paid tickets cannot be given back, unless the event is called off."),
    ],
)
async def test_the_terms_are_said_before_buying_and_after(
    shopping: Shopping, terms: dict[str, Any], words: str
) -> None:
    async with shopping(event=terms) as buyer:
        event = await buyer.open(f"/events/{buyer.sale.event_id}")
        checkout = await buyer.open(buyer.checkout_path(1))
        order = await buyer.open(await paid(buyer, 1))

        assert [words in said(page) for page in (event, checkout, order)] == [True] * 3


async def test_nothing_is_said_of_money_where_nothing_is_paid(shopping: Shopping) -> None:
    async with shopping(kind(price=0), event=TERMS) as buyer:
        assert "You can cancel until" not in said(await buyer.open(f"/events/{buyer.sale.event_id}"))


async def test_the_effect_is_named_in_money_before_it_happens_and_then_it_does_once(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        path = await paid(buyer)
        order = await buyer.open(path)
        assert f'href="{path}/cancellation"' in order
        confirm = await buyer.open(f"{path}/cancellation")
        untouched = await statuses(buyer)

        answers = [await buyer.send(confirm, "/cancellation", {}) for _ in range(2)]
        after = await buyer.open(path)

        assert "Cancel 2 tickets?" in said(confirm)
        assert "Kept by the organizer €5.26" in said(confirm)
        assert "You get back €44.74" in said(confirm)
        assert "Cancel and get €44.74 back" in said(confirm)
        assert untouched == ["valid", "valid"]
        assert [answer.headers["location"] for answer in answers] == [path, path]
        assert "Cancelled. You get a mail that says so." in said(after)
        assert "of what you paid €44.74 goes back to you" in said(after)
        assert 'class="code-box"' not in after
        await assert_books_balance(buyer.house, buyer.sale)


async def test_one_ticket_is_cancelled_and_the_other_stays(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        path = await paid(buyer)
        order = unescape(await buyer.open(path))
        link = re.findall(rf'href="({path}/cancellation\?ticket=[^"]+)"', order)[0]

        confirm = await buyer.open(link)
        await buyer.send(confirm, "/cancellation", {})

        assert "Cancel the ticket?" in said(confirm)
        assert "One other ticket of this order stays as it is." in said(confirm)
        assert sorted(await statuses(buyer)) == ["valid", "void"]
        assert (await buyer.open(path)).count('class="code-box"') == 1


async def test_terms_that_changed_since_are_shown_before_anything_happens(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        path = await paid(buyer, 1)
        confirm = await buyer.open(f"{path}/cancellation")
        headers = {"Authorization": f"Bearer {buyer.sale.organizer}"}
        change = {"cancellation_fee_bp": 5000}
        await buyer.client.patch(f"/v1/events/{buyer.sale.event_id}", json=change, headers=headers)

        again = await buyer.send(confirm, "/cancellation", {})

        assert again.status_code == 409
        assert "What you get back has changed since you looked." in said(again.text)
        assert "Cancel and get €12.50 back" in said(again.text)
        assert await statuses(buyer) == ["valid"]


async def test_what_is_too_late_says_so_and_has_no_button(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        path = await paid(buyer, 1)
        clock = buyer.house.clock
        assert isinstance(clock, StandingClock)
        clock.move(days=58)

        order, confirm = await buyer.open(path), await buyer.open(f"{path}/cancellation")

        assert "Cancel this order" not in said(order)
        assert "It is too late to cancel tickets of this event." in said(confirm)
        assert 'method="post"' not in confirm.partition("<main")[2]


async def test_a_free_order_is_cancelled_on_the_same_page_and_says_nothing_of_money(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        path = str((await buyer.reserve(1)).headers["location"])

        confirm = await buyer.open(f"{path}/cancellation")
        await buyer.send(confirm, "/cancellation", {})

        assert "get back" not in said(confirm)
        assert "This order was cancelled" in said(await buyer.open(path))


async def test_the_mail_says_how_many_and_how_much(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        path = await paid(buyer)
        post = KeepingPost()
        mail = mail_over(buyer.house, post)
        await delivered(mail)
        post.letters.clear()

        await buyer.send(await buyer.open(f"{path}/cancellation"), "/cancellation", {})
        for _ in range(2):
            await delivered(mail)

        (sent,) = post.mails
        assert sent["Subject"] == "Cancelled: 2 tickets for Spring concert"
        assert "Comes back to you: €44.74" in text_of(sent)
        assert "It was sent back the way you paid." in " ".join(text_of(sent).split())


async def test_another_sites_form_and_another_orders_token_cancel_nothing(shopping: Shopping) -> None:
    async with shopping(event=TERMS) as buyer:
        mine, other = await paid(buyer, 1), await paid(buyer, 1, email="grace@example.org")
        (ticket,) = re.findall(r'id="(adm_\w+)"', await buyer.open(mine))
        sent = {"admission": ticket, "refund": "2237"}

        foreign = await buyer.client.post(f"{mine}/cancellation", data=sent, headers={"Sec-Fetch-Site": "cross-site"})
        unsigned = await buyer.client.post(f"{mine}/cancellation", data=sent)
        stolen = await buyer.client.post(
            f"{'/'.join(mine.split('/')[:3])}/{other.split('/')[3]}/cancellation", data=sent
        )
        confirm = await buyer.open(f"{other}/cancellation")
        tampered = await buyer.send(confirm, "/cancellation", sent)

        assert [answer.status_code for answer in (foreign, unsigned, stolen)] == [403, 422, 404]
        assert tampered.status_code == 422
        assert set(await statuses(buyer)) == {"valid"}
