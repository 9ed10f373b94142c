"""What a buyer holds in the hand, over the API: printed tickets and pictures of codes, good at the door."""

import io
from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp
from icalendar import Calendar
from PIL import Image

from tests.support.houses import Api
from tests.support.sales import Till, code, fresh_key, kind, put_on_sale
from ticketing.base.store import Busy
from ticketing.web.drawing import Drawing


@pytest.fixture
async def till(api: Api) -> Till:
    return Till(api, await put_on_sale(api.house, kind("Balcony"), kind("Child", price=0)))


def codes_in(answer: httpx.Response) -> list[str]:
    """What a camera reads off each page."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    pages = pypdfium2.PdfDocument(answer.content)
    return [zxingcpp.read_barcodes(page.render(scale=2).to_pil())[0].text for page in pages]


async def scan(till: Till, shown: str) -> httpx.Response:
    path = f"/v1/events/{till.sale.event_id}/check-ins"
    return await till.api.post(path, {"code": shown, "scan_id": fresh_key()}, token=till.sale.organizer)


async def test_printed_tickets_open_the_door_once_each(till: Till) -> None:
    order = await till.sold(2, 1)

    printed = await till.api.get(f"/v1/orders/{order['order_id']}/tickets.pdf", token=order["access_token"])
    scans = [await scan(till, each) for each in codes_in(printed) * 2]

    assert [answer.status_code for answer in scans] == [201, 201, 201, 409, 409, 409]
    assert printed.headers["cache-control"] == "private, no-store"
    assert printed.headers["content-disposition"] == f'inline; filename="tickets-{order["order_code"]}.pdf"'


async def test_a_single_ticket_and_its_code_as_a_picture_say_the_same(till: Till) -> None:
    order = await till.sold(1)
    (admission,) = await till.admissions(order)
    path = f"/v1/admissions/{admission['admission_id']}"

    printed = await till.api.get(f"{path}/ticket.pdf", token=order["access_token"])
    picture = await till.api.get(f"{path}/code.png", token=order["access_token"])

    assert codes_in(printed) == [admission["code"]]
    assert picture.headers["content-type"] == "image/png"
    (symbol,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert symbol.text == admission["code"]


async def test_a_refunded_ticket_is_printed_no_more(till: Till) -> None:
    order = await till.sold(2)
    kept, gone = await till.admissions(order)
    await till.refund(order, admissions=[gone["admission_id"]])

    printed = await till.api.get(f"/v1/orders/{order['order_id']}/tickets.pdf", token=order["access_token"])
    refused = [
        await till.api.get(f"/v1/admissions/{gone['admission_id']}/{document}", token=order["access_token"])
        for document in ("ticket.pdf", "code.png")
    ]

    assert codes_in(printed) == [kept["code"]]
    assert [code(answer) for answer in refused] == [(409, "admission_void")] * 2


async def test_an_order_that_is_not_paid_has_nothing_to_print(till: Till) -> None:
    order = await till.held(1)

    refused = await till.api.get(f"/v1/orders/{order['order_id']}/tickets.pdf", token=order["access_token"])

    assert code(refused) == (409, "no_tickets")


@pytest.mark.parametrize("document", ["ticket.pdf", "code.png"])
async def test_another_orders_token_prints_nothing(till: Till, document: str) -> None:
    order, other = await till.sold(1), await till.sold(1)
    (admission,) = await till.admissions(order)

    refused = await till.api.get(f"/v1/admissions/{admission['admission_id']}/{document}", token=other["access_token"])

    assert code(refused) == (404, "not_found")


async def test_an_order_goes_into_a_calendar_and_out_of_it_again(till: Till) -> None:
    order = await till.sold(2)
    (admission, _) = await till.admissions(order)
    paths = (f"/v1/orders/{order['order_id']}", f"/v1/admissions/{admission['admission_id']}")

    async def entries() -> list[Any]:
        answers = [await till.api.get(f"{path}/calendar.ics", token=order["access_token"]) for path in paths]
        assert [answer.headers["content-type"] for answer in answers] == ["text/calendar; charset=utf-8"] * 2
        return [Calendar.from_ical(answer.content).walk("VEVENT")[0] for answer in answers]

    before = await entries()
    await till.refund(order, admissions=[admission["admission_id"]])
    between = await entries()
    await till.refund(order)
    after = await entries()

    assert [str(entry["STATUS"]) for entry in before] == ["CONFIRMED", "CONFIRMED"]
    assert [str(entry["STATUS"]) for entry in between] == ["CONFIRMED", "CANCELLED"]
    assert [str(entry["STATUS"]) for entry in after] == ["CANCELLED", "CANCELLED"]
    assert [entry["UID"] for entry in before] == [entry["UID"] for entry in after]
    assert f"2 × ticket, order {order['order_code']}." in str(before[0]["DESCRIPTION"])


async def test_an_order_that_is_not_paid_is_in_no_calendar(till: Till) -> None:
    order = await till.held(1)

    refused = await till.api.get(f"/v1/orders/{order['order_id']}/calendar.ics", token=order["access_token"])

    assert code(refused) == (409, "no_tickets")


async def test_who_comes_when_too_many_wait_to_be_drawn_is_told_to_come_again() -> None:
    drawing = Drawing(waiting_max=1)

    async def second() -> Any:
        return await drawing.of(lambda: 2)

    import asyncio
    import threading

    held = threading.Event()
    first = asyncio.ensure_future(drawing.of(held.wait))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await second()
    held.set()
    await first
    assert await second() == 2
