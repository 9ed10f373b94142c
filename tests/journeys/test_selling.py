"""Whole sales on every store that a process may have: from finding an event to the door, and crowds for the last places."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.sales import (
    Left,
    Till,
    assert_books_balance,
    code,
    fresh_key,
    guest_buyer,
    kind,
    put_on_sale,
)
from ticketing.accounts.model import UserType
from ticketing.base.once import keep_nothing
from ticketing.base.store import Store
from ticketing.sales import actions
from ticketing.sales.expiry import expire_hold, expire_holds
from ticketing.schema.tables import ORDERS, REFUNDS
from ticketing.storage.memory import MemoryStore
from ticketing.storage.sql.opening import open_store


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store in memory, and one on a file whose commits go through in batches."""
    if request.param == "memory":
        yield MemoryStore()
        return
    opened = open_store(tmp_path / "ticket.db")
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def api(store: Store, clock: StandingClock) -> Api:
    return Api(make_house(store, clock=clock))


def counted(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter(code(answer) for answer in answers)


# one person ----------------------------------------------------------------------------------------------------------


async def test_a_person_finds_an_event_buys_pays_and_is_let_in_once(api: Api) -> None:
    organizer = await sign_up(api.house, "olga", UserType.ORGANIZER)
    event = await api.post(
        "/v1/events",
        {
            "event_name": "Night of strings",
            "start_date_time": "2027-05-01T17:30:00Z",
            "end_date_time": "2027-05-01T20:00:00Z",
            "external_links": ["https://example.org"],
            "timezone": "Europe/Vienna",
            "currency": "EUR",
            "capacity": 100,
            "tickets_per_customer_max": 4,
        },
        token=organizer,
    )
    path = event.headers["location"]
    balcony = {"ticket_type": "Balcony", "price": {"amount": 2500, "currency": "EUR"}, "quantity": 50}
    await api.post(f"{path}/ticket-types", balcony, token=organizer)
    await api.post(f"{path}/publish", token=organizer)

    (found,) = (await api.get("/v1/events?q=strings")).json()["data"]
    types = (await api.get(f"/v1/events/{found['event_id']}/ticket-types")).json()["data"]
    wish = {
        "event_id": found["event_id"],
        "lines": [{"ticket_type_id": types[0]["ticket_type_id"], "quantity": 2}],
        "customer": {"email": "ada@example.org"},
    }
    order = (await api.post("/v1/orders", wish, key=fresh_key())).json()
    access = order["access_token"]
    paid = await api.post(
        f"/v1/orders/{order['order_id']}/payments", {"payment_method": "test"}, key=fresh_key(), token=access
    )
    tickets = (await api.get(f"/v1/orders/{order['order_id']}/admissions", token=access)).json()["data"]
    scans = [
        await api.post(
            f"{path}/check-ins", {"code": ticket["code"], "scan_id": scan, "direction": "entry"}, token=organizer
        )
        for ticket, scan in ((tickets[0], "1"), (tickets[0], "2"), (tickets[1], "3"))
    ]
    left = (await api.get(f"/v1/ticket-types/{types[0]['ticket_type_id']}")).json()["quantity_available"]

    assert (paid.status_code, left) == (201, 48)
    assert [code(scan) for scan in scans] == [(201, ""), (409, "already_in"), (201, "")]


# crowds --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [1, 10, 60])
async def test_a_crowd_for_the_last_places_buys_exactly_those(api: Api, places: int) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=places)))

    answers = await asyncio.gather(*(till.order(1, email=f"buyer{number}@example.org") for number in range(100)))

    assert counted(answers) == {(201, ""): places, (409, "sold_out"): 100 - places}
    assert {answer.json()["left"] for answer in answers if answer.status_code == 409} == {0}
    assert (await till.left()).types == (0,)
    await assert_books_balance(api.house, till.sale)


async def test_a_crowd_for_two_ticket_types_fills_the_capacity_that_they_share(api: Api) -> None:
    sale = await put_on_sale(api.house, kind("Balcony", quantity=20), kind("Stalls", quantity=20), capacity=25)
    till = Till(api, sale)

    answers = await asyncio.gather(
        *(till.order(number % 2, 1 - number % 2, email=f"buyer{number}@example.org") for number in range(80))
    )

    assert counted(answers) == {(201, ""): 25, (409, "sold_out"): 55}
    await assert_books_balance(api.house, sale)


async def test_orders_of_several_sizes_leave_no_place_that_somebody_was_refused(api: Api) -> None:
    """Who is told that only so many are left asks for those, as a page would let them."""
    till = Till(api, await put_on_sale(api.house, kind(quantity=40)))

    async def buy(number: int) -> int:
        wanted = 1 + number % 4
        while wanted:
            answer = await till.order(wanted, email=f"buyer{number}@example.org")
            if answer.status_code == 201:
                return wanted
            assert code(answer) == (409, "sold_out")
            assert answer.json()["left"] < wanted
            wanted = answer.json()["left"]
        return 0

    bought = await asyncio.gather(*(buy(number) for number in range(60)))

    assert sum(bought) == 40
    await assert_books_balance(api.house, till.sale)


async def test_one_customer_in_many_windows_comes_to_the_limit_and_not_beyond(api: Api) -> None:
    sale = await put_on_sale(api.house, kind("Balcony"), kind("Stalls"), tickets_per_customer_max=4)
    till = Till(api, sale)

    answers = await asyncio.gather(
        *(till.order(number % 2, 1 - number % 2, email=f"ada+{number}@example.org") for number in range(40))
    )

    assert counted(answers) == {(201, ""): 4, (409, "limit_per_customer"): 36}
    assert (await till.left("ada@example.org")).balances == (-4,)
    await assert_books_balance(api.house, sale)


async def test_a_crowd_finds_the_places_of_holds_that_ran_out_and_nobody_is_told_sold_out(
    api: Api, clock: StandingClock
) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=60), capacity=60))
    for number in range(20):
        await till.held(3, email=f"sleeper{number}@example.org")
    clock.move(minutes=15)

    answers = await asyncio.gather(*(till.order(1, email=f"buyer{number}@example.org") for number in range(60)))

    assert counted(answers) == {(201, ""): 60}
    await assert_books_balance(api.house, till.sale)


async def test_a_double_click_under_load_is_one_order(api: Api) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=1000)))

    answers = await asyncio.gather(
        *(till.order(1, key="the same"), *(till.order(1, key="the same") for _ in range(49))),
        *(till.order(1, email=f"buyer{number}@example.org") for number in range(50)),
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers[:50]}) == 1
    assert len([row async for row in api.house.store.scan(ORDERS)]) == 51
    assert await till.left() == Left((await till.left()).capacity, (949,))
    await assert_books_balance(api.house, till.sale)


async def test_crowds_that_pay_cancel_and_sweep_at_once_lose_no_place_and_no_cent(
    api: Api, clock: StandingClock
) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=40), capacity=40))
    orders = [await till.held(2, email=f"buyer{number}@example.org") for number in range(20)]
    house = api.house
    expiry = clock.now().replace(minute=15)

    await asyncio.gather(
        *(till.pay(order) for order in orders),
        *(till.cancel(order) for order in orders[::2]),
        *(expire_hold(house, order["order_id"], now=expiry) for order in orders[1::2]),
        expire_holds(house, now=expiry),
    )

    states = Counter([(await till.read(order))["payment_status"] for order in orders])
    assert states["pending"] == 0
    assert (await till.left()).types == (40 - 2 * states["completed"],)
    await assert_books_balance(house, till.sale)


async def test_late_money_for_more_places_than_are_left_is_kept_for_as_many_as_fit(
    api: Api, clock: StandingClock
) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=10)))
    payments = [await till.promised(await till.held(1, email=f"late{number}@example.org")) for number in range(10)]
    clock.move(days=6)
    await till.sold(7, email="early@example.org")

    answers = await asyncio.gather(
        *(till.confirm(payment, transaction_id=payment["payment_id"]) for payment in payments for _ in range(2))
    )

    assert {answer.status_code for answer in answers} == {200}
    states = [row["payment_status"] async for row in api.house.store.scan(ORDERS)]
    assert Counter(states) == {"completed": 4, "expired": 7}
    assert len([row async for row in api.house.store.scan(REFUNDS)]) == 7
    await assert_books_balance(api.house, till.sale)


# several processes ---------------------------------------------------------------------------------------------------

BUYERS = """
import asyncio, sys
from pathlib import Path
from tests.support.houses import RepeatableEntropy, make_house
from tests.support.sales import guest_buyer
from dataclasses import replace
from ticketing.base.once import keep_nothing
from ticketing.sales import actions
from ticketing.sales.model import HoldWish, LineWish
from ticketing.sales.rules import SoldOut
from ticketing.storage.sql.opening import open_store

async def main(path, event_id, type_id, number):
    store = open_store(Path(path))
    house = replace(make_house(store), entropy=RepeatableEntropy(int(number)))
    print("ready", flush=True)
    sys.stdin.readline()

    async def buy(place):
        buyer = guest_buyer(house, f"buyer{number}.{place}@example.org")
        wish = HoldWish(event_id, (LineWish(type_id, 1),))
        try:
            await actions.place_hold(house, wish, buyer, keep=keep_nothing, now=house.clock.now())
        except SoldOut:
            return 0
        return 1

    print(sum(await asyncio.gather(*(buy(place) for place in range(40)))))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_three_processes_on_one_file_sell_the_last_places_once(tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    store = open_store(path)
    house = make_house(store)
    sale = await put_on_sale(house, kind(quantity=50))
    command = [sys.executable, "-c", BUYERS, str(path), sale.event_id, sale.ticket_types[0]]
    crowd = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    try:
        for process in crowd:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        outcomes = await asyncio.gather(
            *(asyncio.to_thread(process.communicate, "go\n", timeout=120) for process in crowd)
        )
    finally:
        for process in crowd:
            process.kill()
            process.wait()

    assert sum(int(out) for out, _ in outcomes) == 50
    await assert_books_balance(house, sale)
    await store.close()


async def test_what_one_process_changed_no_other_sells_as_it_was(tmp_path: Path) -> None:
    """Each process keeps the offer that it read; the versions in its commit tell it that another process changed it."""
    path = tmp_path / "ticket.db"
    here, there = make_house(open_store(path)), make_house(open_store(path))
    sale = await put_on_sale(here, kind(price=2500))
    buyer = guest_buyer(there)
    now = there.clock.now()
    await actions.place_hold(there, sale.wish(1), buyer, keep=keep_nothing, now=now)

    await Till(Api(here), sale).change_type(0, price={"amount": 4000, "currency": "EUR"})
    order = await actions.place_hold(there, sale.wish(1), buyer, keep=keep_nothing, now=now)

    assert order.total_amount == 4000
    for house in (here, there):
        close = getattr(house.store, "close", None)
        assert close is not None
        await close()
