"""Pages on which a ticket changes hands, without scripts: offered on the order's page, accepted or declined on the recipient's."""

import re
from html import unescape

import httpx
import pytest

from tests.support.houses import StandingClock
from tests.support.sales import assert_books_balance, fresh_key, kind
from tests.support.shopping import Buyer, Shopping
from ticketing.sales.links import offer_path, ticket_path
from ticketing.schema.tables import ADMISSIONS, TRANSFERS

GRACE = {"name": "Grace Hopper", "email": "grace@example.org"}
ALAN = {"name": "Alan Turing", "email": "alan@example.org"}
SYMBOL = re.compile(r'class="code-box">(.*?)</div>', flags=re.S)


def said(page: str) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


async def bought(buyer: Buyer, tickets: int = 1) -> str:
    """The path of an order of free tickets."""
    answer = await buyer.reserve(tickets)
    return str(answer.headers["location"])


async def offered(buyer: Buyer, path: str, to: dict[str, str] = GRACE) -> str:
    """The path of the recipient's page after the first ticket of this page was offered."""
    answer = await buyer.send(await buyer.open(path), "/offer", to)
    assert answer.status_code == 303, said(answer.text)
    return await way_to_offer(buyer)


async def way_to_offer(buyer: Buyer) -> str:
    """The path of the page of the last offer that was made, as its mail has it."""
    rows = [row async for row in buyer.house.store.scan(TRANSFERS)]
    newest = max(rows, key=lambda row: (row["created_date_time"], row["transfer_id"]))
    return offer_path(buyer.house.keys, newest["transfer_id"])


async def accepted(buyer: Buyer, offer: str, by: dict[str, str] = GRACE) -> str:
    """The path of the new holder's page."""
    answer = await buyer.send(await buyer.open(offer), "/accept", by)
    assert answer.status_code == 303, said(answer.text)
    return str(answer.headers["location"])


async def scanned(buyer: Buyer, human_code: str) -> tuple[int, str]:
    """What the door says to a typed code."""
    answer = await buyer.client.post(
        f"/v1/events/{buyer.sale.event_id}/check-ins",
        json={"code": human_code, "scan_id": fresh_key()},
        headers={"Authorization": f"Bearer {buyer.sale.organizer}"},
    )
    return answer.status_code, answer.json().get("code", "")


def human_code(page: str) -> str:
    """The code that stands below the symbol."""
    found = re.search(r'class="human-code"><code>(.*?)</code>', page)
    assert found
    return found[1]


async def test_a_ticket_is_offered_accepted_and_opens_the_door_for_its_new_holder_alone(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        before = human_code(await buyer.open(order))
        offer = await offered(buyer, order)
        waiting = await buyer.open(order)
        recipients = await buyer.open(offer)
        ticket = await accepted(buyer, offer)
        own = await buyer.open(ticket)
        after = await buyer.open(order)

        assert "Offered to Grace Hopper (grace@example.org)" in said(waiting)
        assert "It can be accepted until Mon, 8 Mar 2027" in said(waiting)
        assert "Ada Lovelace would like to give it to you." in said(recipients)
        assert 'value="Grace Hopper"' in recipients
        assert SYMBOL.findall(recipients) == []
        assert "Here is your ticket" in said(own)
        assert "You gave this ticket to Grace Hopper, who has its code now." in said(after)
        assert "You gave this ticket on" in said(after)
        assert "Download PDF" not in said(after)
        assert SYMBOL.findall(after) == []
        assert "grace@example.org" not in after
        assert await scanned(buyer, before) == (404, "unknown_code")
        assert await scanned(buyer, human_code(own)) == (201, "")
        await assert_books_balance(buyer.house, buyer.sale)


async def test_the_page_leads_to_what_the_api_says(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        ticket = await accepted(buyer, await offered(buyer, await bought(buyer)))
        (admission,) = [row async for row in buyer.house.store.scan(ADMISSIONS)]

        headers = {"Authorization": f"Bearer {ticket.rpartition('/')[2]}"}
        shown = (await buyer.client.get(f"/v1/admissions/{admission['admission_id']}", headers=headers)).json()

        assert shown["handed_over"] is True
        assert shown["attendee"] == {"email": "grace@example.org", "first_name": "Grace", "last_name": "Hopper"}
        assert shown["human_code"] == human_code(await buyer.open(ticket))


async def test_the_new_holder_prints_renames_and_gives_it_on_and_the_first_sees_nothing_of_that(
    shopping: Shopping,
) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        graces = await accepted(buyer, await offered(buyer, order))
        printed = await buyer.client.get(f"{graces}/ticket.pdf")
        calendar = await buyer.client.get(f"{graces}/calendar.ics")
        await buyer.send(await buyer.open(graces), "/name", {"name": "Rear Admiral", "email": "grace@example.org"})
        renamed = await buyer.open(graces)
        alans = await accepted(buyer, await offered(buyer, graces, ALAN), ALAN)

        assert (printed.status_code, calendar.status_code) == (200, 200)
        assert "Rear Admiral" in renamed
        assert "Here is your ticket" in said(await buyer.open(alans))
        assert "You gave this ticket to Alan Turing" in said(await buyer.open(graces))
        assert (await buyer.client.get(f"{graces}/ticket.pdf")).status_code == 404
        assert (await buyer.client.get(f"{graces}/calendar.ics")).status_code == 404
        first = await buyer.open(order)
        assert "You gave this ticket to Grace Hopper" in said(first)
        assert "Alan" not in first


async def test_an_offer_is_withdrawn_by_a_button_and_its_page_says_that_it_is_closed(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)
        open_page = await buyer.open(offer)

        await buyer.send(await buyer.open(order), "/withdraw", {})
        late = await buyer.send(open_page, "/accept", GRACE)

        assert "The offer is withdrawn." in said(await buyer.open(order))
        assert (late.status_code, late.headers["location"]) == (303, offer)
        assert "This offer is closed" in said(await buyer.open(offer))
        assert len(SYMBOL.findall(await buyer.open(order))) == 1


async def test_who_declines_leaves_the_ticket_where_it_is(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)

        declined = await buyer.send(await buyer.open(offer), "/decline", {})

        assert declined.headers["location"] == offer
        assert "You declined. The ticket stays where it was." in said(await buyer.open(offer))
        assert "Offered to" not in said(await buyer.open(order))
        assert len(SYMBOL.findall(await buyer.open(order))) == 1


async def test_accepting_twice_is_accepting_once_and_the_offers_page_leads_to_the_ticket(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        offer = await offered(buyer, await bought(buyer))
        page = await buyer.open(offer)

        first = await buyer.send(page, "/accept", GRACE)
        second = await buyer.send(page, "/accept", GRACE)
        again = await buyer.open(offer)

        assert first.headers["location"] == second.headers["location"]
        assert "You have this ticket already" in said(again)
        assert f'href="{first.headers["location"]}"' in again
        assert len([row async for row in buyer.house.store.scan(TRANSFERS)]) == 1


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("late", "This offer ran out"),
        ("over", "This offer ran out"),
        ("cancelled", "This event was cancelled"),
        ("forbidden", "This ticket cannot change hands any more"),
        ("used", "This ticket cannot change hands any more"),
    ],
)
async def test_an_offer_that_cannot_be_accepted_says_why(shopping: Shopping, what: str, words: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)
        clock = buyer.house.clock
        assert isinstance(clock, StandingClock)
        headers = {"Authorization": f"Bearer {buyer.sale.organizer}"}
        event = f"/v1/events/{buyer.sale.event_id}"
        match what:
            case "late":
                clock.move(days=7)
            case "over":
                clock.move(days=61)
            case "cancelled":
                await buyer.client.post(f"{event}/cancel", headers=headers)
            case "forbidden":
                await buyer.client.patch(event, json={"transfers_allowed": False}, headers=headers)
            case "used":
                await scanned(buyer, human_code(await buyer.open(order)))

        page = await buyer.open(offer)

        assert words in said(page)
        assert "/accept" not in page
        assert (await buyer.client.post(f"{offer}/accept")).status_code == 422  # without a token of its form


async def test_what_is_wrong_is_said_at_its_own_ticket_and_what_was_typed_stays(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer, 2)

        answer = await buyer.send(await buyer.open(order), "/offer", {"name": "Grace", "email": "nonsense"})

        assert answer.status_code == 422
        assert answer.text.count("Enter an e-mail address such as ada@example.org.") == 2
        assert answer.text.count('value="nonsense"') == 1
        assert [row async for row in buyer.house.store.scan(TRANSFERS)] == []


async def test_sending_an_offer_twice_offers_once(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        page = await buyer.open(await bought(buyer))

        answers = [await buyer.send(page, "/offer", GRACE) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [303, 303]
        assert len([row async for row in buyer.house.store.scan(TRANSFERS)]) == 1


async def test_an_event_that_forbids_it_has_no_form_for_it(shopping: Shopping) -> None:
    async with shopping(kind(price=0), event={"transfers_allowed": False}) as buyer:
        page = await buyer.open(await bought(buyer))

        assert "Give to somebody else" not in said(page)
        assert "Change the name" in said(page)


@pytest.mark.parametrize("end", ["", "/accept", "/decline"])
async def test_an_offer_is_shown_to_and_taken_by_nobody_without_its_token(shopping: Shopping, end: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)
        transfer_id = offer.split("/")[2]
        holders = ticket_path(buyer.house.keys, transfer_id).split("/")[3]

        for token in (holders, order.split("/")[3], "tft_", "é", "tft_" + "x" * 300):
            path = f"/offers/{transfer_id}/{token}{end}"
            answer = await (buyer.client.post(path) if end else buyer.client.get(path))
            assert answer.status_code == 404, token


@pytest.mark.parametrize("end", ["", "/ticket.pdf", "/calendar.ics", "/name", "/offer", "/withdraw"])
async def test_a_ticket_is_shown_to_nobody_without_its_holders_token(shopping: Shopping, end: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)
        transfer_id, offers = offer.split("/")[2:]
        holders = ticket_path(buyer.house.keys, transfer_id).split("/")[3]

        async def asked(token: str) -> int:
            path = f"/tickets/{transfer_id}/{token}{end}"
            posts = end in ("/name", "/offer", "/withdraw")
            return (await (buyer.client.post(path) if posts else buyer.client.get(path))).status_code

        early = await asked(holders)
        await accepted(buyer, offer)

        assert early == 404
        assert [await asked(token) for token in (offers, order.split("/")[3], "aat_", "é")] == [404] * 4
        assert await asked(holders) in (200, 422)


@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_another_sites_form_takes_and_refuses_nothing(shopping: Shopping, action: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        offer = await offered(buyer, await bought(buyer))

        foreign = await buyer.client.post(f"{offer}/{action}", data=GRACE, headers={"Sec-Fetch-Site": "cross-site"})
        unsigned = await buyer.client.post(f"{offer}/{action}", data=GRACE)

        assert (foreign.status_code, unsigned.status_code) == (403, 422)
        assert [row["status"] async for row in buyer.house.store.scan(TRANSFERS)] == ["offered"]


@pytest.mark.parametrize("action", ["offer", "withdraw", "name"])
async def test_another_sites_form_offers_and_withdraws_nothing(shopping: Shopping, action: str) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        await offered(buyer, order)
        (admission,) = [row async for row in buyer.house.store.scan(ADMISSIONS)]
        path = f"{order}/tickets/{admission['admission_id']}/{action}"

        foreign = await buyer.client.post(path, data=GRACE, headers={"Sec-Fetch-Site": "cross-site"})
        unsigned = await buyer.client.post(path, data=GRACE)

        assert (foreign.status_code, unsigned.status_code) == (403, 422)
        assert [row async for row in buyer.house.store.scan(ADMISSIONS)] == [admission]


async def test_pages_of_offers_and_tickets_tell_their_address_to_nobody_and_are_kept_by_nobody(
    shopping: Shopping,
) -> None:
    async with shopping(kind(price=0)) as buyer:
        offer = await offered(buyer, await bought(buyer))
        ticket = await accepted(buyer, offer)

        for path in (offer, ticket):
            answer: httpx.Response = await buyer.client.get(path)
            assert '<meta name="referrer" content="no-referrer">' in answer.text
            assert '<meta name="robots" content="noindex">' in answer.text
            assert answer.headers["cache-control"] == "private, no-store"


async def test_offers_to_strangers_have_a_limit(shopping: Shopping) -> None:
    async with shopping(kind(price=0), rate_limits=True) as buyer:
        order = await bought(buyer)
        statuses = []
        for _ in range(7):
            statuses.append((await buyer.send(await buyer.open(order), "/offer", GRACE)).status_code)
            if statuses[-1] == 303:
                await buyer.send(await buyer.open(order), "/withdraw", {})

        assert statuses == [303] * 6 + [429]


async def test_who_accepts_after_it_was_scanned_is_told_that_it_cannot_change_hands(shopping: Shopping) -> None:
    async with shopping(kind(price=0)) as buyer:
        order = await bought(buyer)
        offer = await offered(buyer, order)
        page = await buyer.open(offer)
        code = human_code(await buyer.open(order))

        await scanned(buyer, code)
        answer = await buyer.send(page, "/accept", GRACE)

        assert answer.headers["location"] == offer
        assert "This ticket cannot change hands any more" in said(await buyer.open(offer))
