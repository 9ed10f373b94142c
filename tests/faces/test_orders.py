"""Orders over the JSON API: holds, every refusal of a sale in its order, idempotency, and whose orders they are."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.houses import NOON, Api, StandingClock, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import (
    CUSTOMER,
    Left,
    Till,
    api_key,
    assert_books_balance,
    code,
    door_device,
    fresh_key,
    kind,
    put_on_sale,
)
from tests.support.stores import everything
from ticketing.accounts.model import UserType
from ticketing.base.bounds import HOLD_EXTENSIONS_MAX, ORDER_LINES_MAX, POOL_MAX, TICKETS_PER_ORDER_MAX
from ticketing.base.store import Busy, Store
from ticketing.base.times import shown
from ticketing.events.model import EventStatus
from ticketing.schema.tables import ORDERS, TABLES
from ticketing.web.limits import LIMITS, LimitKind


@pytest.fixture
async def till(api: Api) -> Till:
    """A concert with 100 places in the balcony for 25.00, 50 in the stalls for 40.00, and 20 free ones for children."""
    sale = await put_on_sale(
        api.house,
        kind("Balcony", price=2500, quantity=100),
        kind("Stalls", price=4000, quantity=50),
        kind("Child", price=0, quantity=20),
        capacity=150,
    )
    return Till(api, sale)


async def till_for(api: Api, *kinds: Any, **event: Any) -> Till:
    return Till(api, await put_on_sale(api.house, *kinds, **event))


async def orders_stored(api: Api) -> int:
    return len([row async for row in api.house.store.scan(ORDERS)])


# the hold ------------------------------------------------------------------------------------------------------------


async def test_an_order_holds_its_places_until_it_expires(till: Till) -> None:
    order = await till.held(2, 1)

    assert order["payment_status"] == "pending"
    assert order["expires_at"] == "2027-03-01T12:15:00Z"
    assert order["total_amount"] == {"amount": 9000, "currency": "EUR"}
    assert order["customer"] == CUSTOMER
    assert order["lines"] == [
        {
            "ticket_type_id": type_id,
            "quantity": quantity,
            "unit_price": {"amount": price, "currency": "EUR"},
            "subtotal_amount": {"amount": quantity * price, "currency": "EUR"},
        }
        for type_id, quantity, price in zip(till.sale.ticket_types, (2, 1), (2500, 4000), strict=False)
    ]
    assert await till.left(CUSTOMER["email"]) == Left(147, (98, 49, 20), (-3,))


async def test_the_answer_says_where_the_order_is_and_is_kept_by_no_cache(till: Till) -> None:
    answer = await till.order(1)

    assert answer.headers["location"] == f"/v1/orders/{answer.json()['order_id']}"
    assert answer.headers["cache-control"] == "no-store"


async def test_locations_begin_with_the_prefix_under_which_the_api_is_served() -> None:
    api = Api(make_house(root_path="/dev"))
    till = await till_for(api, kind())
    body = till.body(1)

    answer = await api.post("/dev/v1/orders", body, key="k1")
    paid = await till.pay(answer.json())

    assert answer.headers["location"] == f"/dev/v1/orders/{answer.json()['order_id']}"
    assert paid.headers["location"] == f"/dev/v1/payments/{paid.json()['payment_id']}"


async def test_the_access_token_is_shown_once_and_reads_the_order(till: Till) -> None:
    order = await till.held(1)

    read = await till.read(order)

    assert "access_token" not in read
    assert read == {name: value for name, value in order.items() if name != "access_token"}


async def test_an_order_that_costs_nothing_is_complete_at_once_with_its_admissions(till: Till) -> None:
    order = await till.held(0, 0, 3)

    assert order["payment_status"] == "completed"
    assert [admission["status"] for admission in await till.admissions(order)] == ["valid"] * 3
    assert await till.left() == Left(147, (100, 50, 17))


async def test_a_free_ticket_beside_a_priced_one_waits_for_the_payment(till: Till) -> None:
    order = await till.held(1, 0, 2)
    waiting = await till.admissions(order)

    await till.pay(order)

    assert (order["payment_status"], order["total_amount"]["amount"], waiting) == ("pending", 2500, [])
    types = [admission["ticket_type_id"] for admission in await till.admissions(order)]
    assert types == [till.sale.ticket_types[place] for place in (0, 2, 2)]


async def test_ten_lines_of_one_ticket_type_are_ten(api: Api) -> None:
    till = await till_for(api, kind(per_order_max=9), tickets_per_customer_max=9)
    body = till.body() | {"lines": till.sale.lines(1) * 10}

    refused = await api.post("/v1/orders", body, key="k1")

    assert code(refused) == (422, "quantity_not_allowed")


async def test_lines_of_one_ticket_type_are_shown_as_one(till: Till) -> None:
    body = till.body() | {"lines": [*till.sale.lines(1, 1), *till.sale.lines(2)]}

    order = (await till.api.post("/v1/orders", body, key="k1")).json()

    assert [line["quantity"] for line in order["lines"]] == [3, 1]


async def test_a_hold_ends_with_its_time_to_the_second(till: Till, clock: StandingClock) -> None:
    order = await till.held(1)

    clock.move(seconds=14 * 60 + 59)
    before = await till.read(order)
    clock.move(seconds=1)
    after = await till.read(order)

    assert (before["payment_status"], after["payment_status"]) == ("pending", "expired")


async def test_the_price_of_an_order_stays_when_the_organizer_changes_it(till: Till) -> None:
    order = await till.held(1)

    await till.change_type(0, price={"amount": 9900, "currency": "EUR"})
    paid = await till.pay(order)

    assert paid.json()["payment_amount"]["amount"] == 2500
    assert (await till.read(order))["payment_status"] == "completed"


async def test_a_new_order_has_the_new_price_from_the_moment_it_is_stored(till: Till) -> None:
    await till.held(1)

    await till.change_type(0, price={"amount": 9900, "currency": "EUR"})
    order = await till.held(1)

    assert order["total_amount"]["amount"] == 9900


# who buys ------------------------------------------------------------------------------------------------------------


async def test_who_is_logged_in_need_not_say_who_buys(till: Till) -> None:
    token = await sign_up(till.api.house, "grace")
    body = till.body(1)
    del body["customer"]

    order = (await till.api.post("/v1/orders", body, key="k1", token=token)).json()

    assert order["customer"] == {"email": "grace@example.org", "first_name": "Grace", "last_name": "Example"}


async def test_a_guest_must_say_who_buys(till: Till) -> None:
    body = till.body(1)
    del body["customer"]

    refused = await till.api.post("/v1/orders", body, key="k1")

    assert code(refused) == (422, "invalid_request")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/customer"]


async def test_a_guest_who_ordered_through_another_process_orders_again(store: Store, clock: StandingClock) -> None:
    here, there = (Api(make_house(MeanwhileStore(store), clock=clock)) for _ in range(2))
    there.house.entropy.bits(80)  # other ids than the first process makes
    till = await till_for(here, kind())
    first = await till.held(1)

    second = await Till(there, till.sale).held(1)

    assert second["user_id"] == first["user_id"]


async def test_a_user_finds_own_orders_newest_first_and_nobody_elses(till: Till, clock: StandingClock) -> None:
    grace, eve = await sign_up(till.api.house, "grace"), await sign_up(till.api.house, "eve")
    mine = []
    for _ in range(3):
        mine.append((await till.held(1, token=grace))["order_id"])
        clock.move(seconds=1)
    await till.held(1, token=eve)
    await till.held(1)

    first = (await till.api.get("/v1/users/me/orders?limit=2", token=grace)).json()
    second = (await till.api.get(f"/v1/users/me/orders?limit=2&cursor={first['next_cursor']}", token=grace)).json()

    assert [order["order_id"] for order in first["data"] + second["data"]] == mine[::-1]
    assert second["next_cursor"] is None


async def test_an_organizer_finds_the_orders_of_an_own_event_only(till: Till, clock: StandingClock) -> None:
    other = await till_for(till.api, kind())
    await other.held(1)
    first = await till.held(1)
    clock.move(seconds=1)
    second = await till.held(2)

    listed = await till.api.get(f"/v1/events/{till.sale.event_id}/orders", token=till.sale.organizer)

    assert [order["order_id"] for order in listed.json()["data"]] == [second["order_id"], first["order_id"]]


async def test_a_read_order_that_did_not_change_is_not_sent_again(till: Till) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}"
    seen = (await till.api.get(path, token=order["access_token"])).headers["etag"]

    again = await till.api.get(path, token=order["access_token"], headers={"If-None-Match": seen})

    assert (again.status_code, again.content) == (304, b"")


async def test_an_order_that_expired_since_is_sent_again(till: Till, clock: StandingClock) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}"
    seen = (await till.api.get(path, token=order["access_token"])).headers["etag"]

    clock.move(minutes=15)
    again = await till.api.get(path, token=order["access_token"], headers={"If-None-Match": seen})

    assert (again.status_code, again.json()["payment_status"]) == (200, "expired")


# every refusal of a sale, in its order -------------------------------------------------------------------------------

PRECEDENCE = [
    (404, "event_not_found"),
    (409, "event_cancelled"),
    (409, "event_postponed"),
    (409, "sales_not_started"),
    (409, "sales_ended"),
    (404, "ticket_type_not_found"),
    (409, "ticket_type_not_on_sale"),
    (422, "quantity_not_allowed"),
    (409, "limit_per_customer"),
    (409, "sold_out"),
    (201, ""),
]


@pytest.mark.parametrize(
    ("mended", "expected"), list(enumerate(PRECEDENCE)), ids=[name or "sold" for _, name in PRECEDENCE]
)
async def test_of_all_that_is_wrong_the_first_is_told(api: Api, mended: int, expected: tuple[int, str]) -> None:
    statuses = {0: EventStatus.DRAFT, 1: EventStatus.CANCELLED, 2: EventStatus.POSTPONED}
    till = await till_for(
        api,
        kind(
            paused=mended <= 6,
            per_order_max=2 if mended <= 7 else None,
            quantity=2 if mended <= 9 else 100,
        ),
        status=statuses.get(mended, EventStatus.PUBLISHED),
        sales_start_date=NOON + timedelta(days=1) if mended <= 3 else NOON - timedelta(days=2),
        sales_end_date=NOON - timedelta(days=1) if mended <= 4 else NOON + timedelta(days=1),
        tickets_per_customer_max=2 if mended <= 8 else None,
    )
    body = till.body(3)
    if mended <= 5:
        body["lines"].append({"ticket_type_id": "tty_nobody_knows", "quantity": 1})

    answer = await api.post("/v1/orders", body, key="k1")

    assert code(answer) == expected
    assert await orders_stored(api) == (1 if expected[0] == 201 else 0)


@pytest.mark.parametrize(
    ("mended", "expected"), list(enumerate(PRECEDENCE)), ids=[name or "sold" for _, name in PRECEDENCE]
)
async def test_who_bought_before_is_told_the_same_as_who_comes_first(
    api: Api, mended: int, expected: tuple[int, str]
) -> None:
    """The offer that an earlier sale was decided on is kept, and is stale by now: no refusal is told from it."""
    till = await till_for(api, kind(quantity=100))
    await till.held(1, email="earlier@example.org")
    house = api.house
    if mended <= 9:
        await till.change_type(0, quantity=3)
    if mended <= 8:
        await till.change(tickets_per_customer_max=2)
    if mended <= 7:
        await till.change_type(0, per_order_max=2)
    if mended <= 6:
        await till.change_type(0, paused=True)
    if mended <= 4:
        await till.change(sales_end_date=shown(NOON - timedelta(hours=1)))
    if mended <= 3:
        await till.change(
            sales_start_date=shown(NOON + timedelta(hours=1)), sales_end_date=shown(NOON + timedelta(hours=2))
        )
    if mended == 2:
        await till.decide("postpone")
    if mended == 1:
        await till.decide("cancel")
    body = till.body(3)
    if mended <= 5:
        body["lines"].append({"ticket_type_id": "tty_nobody_knows", "quantity": 1})
    if mended == 0:
        body["event_id"] = house.new_id("evt", NOON)

    answer = await api.post("/v1/orders", body, key="k1")

    assert code(answer) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("cancel", (409, "event_cancelled")),
        ("postpone", (409, "event_postponed")),
        ({"sales_start_date": "2027-03-02T00:00:00Z"}, (409, "sales_not_started")),
        ({"sales_end_date": "2027-03-01T11:00:00Z"}, (409, "sales_ended")),
        ({"tickets_per_customer_max": 2}, (409, "limit_per_customer")),
        ({"capacity": 3}, (409, "sold_out")),
    ],
    ids=["cancelled", "postponed", "not started", "ended", "limit", "capacity"],
)
async def test_what_the_organizer_changes_of_the_event_counts_at_once(
    till: Till, changed: str | dict[str, Any], expected: tuple[int, str]
) -> None:
    await till.held(1, email="earlier@example.org")

    await (till.decide(changed) if isinstance(changed, str) else till.change(**changed))

    assert code(await till.order(3)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"paused": True}, (409, "ticket_type_not_on_sale")),
        ({"sale_start_date_time": "2027-03-02T00:00:00Z"}, (409, "ticket_type_not_on_sale")),
        ({"sale_end_date_time": "2027-03-01T11:00:00Z"}, (409, "ticket_type_not_on_sale")),
        ({"per_order_max": 2}, (422, "quantity_not_allowed")),
        ({"quantity": 3}, (409, "sold_out")),
    ],
    ids=["paused", "not yet", "ended", "at most two", "fewer"],
)
async def test_what_the_organizer_changes_of_a_ticket_type_counts_at_once(
    till: Till, changed: dict[str, Any], expected: tuple[int, str]
) -> None:
    await till.held(1, email="earlier@example.org")

    await till.change_type(0, **changed)

    assert code(await till.order(3)) == expected


async def test_what_was_refused_is_sold_as_soon_as_the_organizer_allows_it(api: Api) -> None:
    till = await till_for(api, kind(quantity=2, paused=True), tickets_per_customer_max=1)
    refusals = [code(await till.order(2))[1]]

    await till.change_type(0, paused=False)
    refusals.append(code(await till.order(2))[1])
    await till.change(tickets_per_customer_max=2)
    await till.change_type(0, quantity=1)
    refusals.append(code(await till.order(2))[1])
    await till.change_type(0, quantity=2)

    assert (await till.order(2)).status_code == 201
    assert refusals == ["ticket_type_not_on_sale", "limit_per_customer", "sold_out"]


@pytest.mark.parametrize(
    ("seconds_from_start", "expected"),
    [(-1, (409, "sales_not_started")), (0, (201, "")), (3599, (201, "")), (3600, (409, "sales_ended"))],
)
async def test_a_sale_begins_with_its_start_and_is_over_with_its_end(
    api: Api, clock: StandingClock, seconds_from_start: int, expected: tuple[int, str]
) -> None:
    till = await till_for(api, kind(), sales_start_date=NOON, sales_end_date=NOON + timedelta(hours=1))
    clock.move(seconds=seconds_from_start)

    assert code(await till.order(1)) == expected


@pytest.mark.parametrize(
    ("seconds_from_start", "expected"),
    [
        (-1, (409, "ticket_type_not_on_sale")),
        (0, (201, "")),
        (3599, (201, "")),
        (3600, (409, "ticket_type_not_on_sale")),
    ],
)
async def test_a_ticket_type_has_a_window_of_its_own(
    api: Api, clock: StandingClock, seconds_from_start: int, expected: tuple[int, str]
) -> None:
    till = await till_for(api, kind(sale_start_date_time=NOON, sale_end_date_time=NOON + timedelta(hours=1)))
    clock.move(seconds=seconds_from_start)

    assert code(await till.order(1)) == expected


async def test_nothing_is_sold_once_the_event_is_over(api: Api, clock: StandingClock) -> None:
    till = await till_for(
        api, kind(), start_date_time=NOON, end_date_time=NOON + timedelta(hours=3), sales_start_date=None
    )

    clock.move(hours=2, minutes=59)
    during = code(await till.order(1))
    clock.move(minutes=1)

    assert (during, code(await till.order(1))) == ((201, ""), (409, "sales_ended"))


async def test_refusals_tell_what_a_client_needs_to_know(api: Api) -> None:
    later = NOON + timedelta(days=1)
    not_started = await till_for(api, kind(), sales_start_date=later)
    not_yet = await till_for(api, kind(sale_start_date_time=later))
    few = await till_for(api, kind("Balcony", quantity=5), kind("Stalls", quantity=2), tickets_per_customer_max=4)
    small = await till_for(api, kind(quantity=5), capacity=1)
    bounded = await till_for(api, kind(per_order_max=2))
    await few.held(3)

    def facts(answer: httpx.Response) -> dict[str, Any]:
        told = dict(answer.json())
        assert answer.headers["content-type"] == "application/problem+json"
        return {name: told[name] for name in told.keys() - {"type", "title", "status", "detail", "instance", "code"}}

    assert facts(await not_started.order(1)) == {"sales_start_date": "2027-03-02T12:00:00+00:00"}
    assert facts(await not_yet.order(1)) == {
        "ticket_type_id": not_yet.sale.ticket_types[0],
        "sale_start_date_time": "2027-03-02T12:00:00+00:00",
    }
    assert facts(await few.order(2)) == {"left": 1, "tickets_per_customer_max": 4}
    assert facts(await few.order(0, 3, email="bob@example.org")) == {
        "left": 2,
        "ticket_type_id": few.sale.ticket_types[1],
    }
    assert facts(await small.order(2)) == {"left": 1}
    assert facts(await bounded.order(3)) == {"ticket_type_id": bounded.sale.ticket_types[0], "per_order_max": 2}
    other = await few.api.post(
        "/v1/orders", few.body() | {"lines": [{"ticket_type_id": "tty_other", "quantity": 1}]}, key="k1"
    )
    assert facts(other) == {"ticket_type_id": "tty_other"}


async def test_a_ticket_type_of_another_event_is_not_found(till: Till) -> None:
    other = await till_for(till.api, kind())

    refused = await till.api.post("/v1/orders", till.body() | {"lines": other.sale.lines(1)}, key="k1")

    assert code(refused) == (404, "ticket_type_not_found")


async def test_too_busy_is_told_as_busy_and_never_as_sold_out(api: Api, meanwhile: MeanwhileStore) -> None:
    till = await till_for(api, kind())

    async def too_much() -> None:
        raise Busy

    meanwhile.meanwhile = too_much
    refused = await till.order(1, key="k1")
    again = await till.order(1, key="k1")

    assert code(refused) == (503, "busy")
    assert refused.headers["retry-after"] == "1"
    assert again.status_code == 201


# the limit of each customer ------------------------------------------------------------------------------------------


async def test_the_limit_counts_over_orders_and_ticket_types(api: Api) -> None:
    till = await till_for(api, kind("Balcony"), kind("Stalls"), tickets_per_customer_max=4)
    await till.held(2)
    await till.sold(0, 1)

    refused = await till.order(1, 1)

    assert code(refused) == (409, "limit_per_customer")
    assert refused.json()["left"] == 1
    assert (await till.order(0, 1)).status_code == 201


async def test_the_maximum_of_a_ticket_type_does_not_raise_the_limit_of_the_event(api: Api) -> None:
    till = await till_for(
        api, kind("Balcony", per_order_max=10), kind("Stalls", per_order_max=10), tickets_per_customer_max=4
    )

    assert code(await till.order(4, 4)) == (409, "limit_per_customer")
    assert code(await till.order(5)) == (409, "limit_per_customer")


async def test_a_first_order_over_the_limit_is_told_all_that_is_left(api: Api) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=4)

    refused = await till.order(5)

    assert code(refused) == (409, "limit_per_customer")
    assert refused.json()["left"] == 4


@pytest.mark.parametrize("email", ["ADA@Example.ORG", "ada+friends@example.org", "Ada+@example.org"])
async def test_one_address_written_in_several_ways_is_one_customer(api: Api, email: str) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=2)
    await till.held(2, email="ada@example.org")

    assert code(await till.order(1, email=email)) == (409, "limit_per_customer")


async def test_a_guest_and_a_user_with_one_address_are_one_customer(api: Api) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=2)
    token = await sign_up(api.house, "ada")
    await till.held(2, email="ada@example.org")
    body = till.body(1)
    del body["customer"]

    assert code(await api.post("/v1/orders", body, key="k1", token=token)) == (409, "limit_per_customer")


async def test_two_customers_do_not_share_a_limit(api: Api) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=2)
    await till.held(2, email="ada@example.org")

    assert (await till.order(2, email="bob@example.org")).status_code == 201


async def test_the_limit_is_of_one_event(api: Api) -> None:
    first = await till_for(api, kind(), tickets_per_customer_max=2)
    second = await till_for(api, kind(), tickets_per_customer_max=2)
    await first.held(2)

    assert (await second.order(2)).status_code == 201


async def test_what_a_customer_gives_back_counts_no_longer(api: Api, clock: StandingClock) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=2)
    await till.cancel(await till.held(2))
    await till.held(2)
    clock.move(minutes=15)
    order = await till.sold(2)
    await till.refund(order, admissions=[(await till.admissions(order))[0]["admission_id"]])

    assert code(await till.order(2)) == (409, "limit_per_customer")
    assert (await till.order(1)).status_code == 201


async def test_the_organizer_moves_the_limit_up_and_down(api: Api) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=2)
    await till.held(2)
    statuses = [code(await till.order(1))]

    await till.change(tickets_per_customer_max=3)
    statuses.append(code(await till.order(1)))
    await till.change(tickets_per_customer_max=1)
    statuses.append(code(await till.order(1)))
    statuses.append(code(await till.order(2, email="bob@example.org")))
    await till.change(tickets_per_customer_max=None)
    statuses.append(code(await till.order(40)))

    no = (409, "limit_per_customer")
    assert statuses == [no, (201, ""), no, no, (201, "")]
    assert (await till.left("ada@example.org")).balances == (-43,)


# capacity and quantity -----------------------------------------------------------------------------------------------


async def test_the_capacity_of_the_event_bounds_all_ticket_types_together(api: Api) -> None:
    till = await till_for(api, kind("Balcony"), kind("Stalls"), capacity=3)
    await till.held(2)

    assert code(await till.order(0, 2)) == (409, "sold_out")
    assert (await till.order(0, 1)).status_code == 201
    assert code(await till.order(1)) == (409, "sold_out")


async def test_a_capacity_lowered_during_a_checkout_lets_it_finish_and_sells_nothing_more(api: Api) -> None:
    till = await till_for(api, kind(quantity=10), capacity=10)
    order = await till.held(5)

    await till.change(capacity=3)
    await till.change_type(0, quantity=2)
    paid = await till.pay(order)
    refused = await till.order(1, email="bob@example.org")

    assert (paid.status_code, len(await till.admissions(order))) == (201, 5)
    assert (code(refused), refused.json()["left"]) == ((409, "sold_out"), 0)
    assert await till.left() == Left(-2, (-3,))
    await assert_books_balance(api.house, till.sale)


async def test_one_ticket_type_that_is_sold_out_stops_no_other(api: Api) -> None:
    till = await till_for(api, kind("Balcony", quantity=1), kind("Stalls", quantity=1))
    await till.held(1)

    refused = await till.order(1, 1, email="bob@example.org")

    assert code(refused) == (409, "sold_out")
    assert (await till.order(0, 1, email="bob@example.org")).status_code == 201


async def test_an_order_is_taken_whole_or_not_at_all(api: Api) -> None:
    till = await till_for(api, kind("Balcony", quantity=5), kind("Stalls", quantity=1), capacity=9)

    refused = await till.order(2, 2)

    assert code(refused) == (409, "sold_out")
    assert await till.left("ada@example.org") == Left(9, (5, 1), (0,))
    assert await orders_stored(api) == 0


async def test_own_places_are_free_to_order_anew_once_they_are_given_back(api: Api) -> None:
    """The back button: somebody holds the last places, goes back and wants fewer."""
    till = await till_for(api, kind(quantity=4), tickets_per_customer_max=4)
    order = await till.held(4)

    await till.cancel(order)
    fewer = await till.order(3)

    assert fewer.status_code == 201
    assert await till.left("ada@example.org") == Left(POOL_MAX - 3, (1,), (-3,))


async def test_an_own_hold_that_ran_out_stands_in_nobodys_way(api: Api, clock: StandingClock) -> None:
    till = await till_for(api, kind(quantity=4), tickets_per_customer_max=4)
    await till.held(4)

    clock.move(minutes=15)

    assert (await till.order(4)).status_code == 201
    await assert_books_balance(api.house, till.sale)


async def test_a_sold_out_event_still_renames_its_attendees(api: Api) -> None:
    till = await till_for(api, kind(quantity=1), capacity=1)
    order = await till.sold(1)
    (admission,) = await till.admissions(order)

    renamed = await api.patch(
        f"/v1/admissions/{admission['admission_id']}",
        {"attendee": {"first_name": "Grace"}},
        token=order["access_token"],
    )

    assert (renamed.status_code, renamed.json()["attendee"]["first_name"]) == (200, "Grace")
    assert await till.left() == Left(0, (0,))


# a pending order -----------------------------------------------------------------------------------------------------


async def test_a_hold_is_extended_ten_times_and_no_more(till: Till, clock: StandingClock) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}/extend"
    statuses = []
    for _ in range(HOLD_EXTENSIONS_MAX):
        clock.move(minutes=14)
        statuses.append((await till.api.post(path, token=order["access_token"])).status_code)

    refused = await till.api.post(path, token=order["access_token"])

    assert statuses == [200] * HOLD_EXTENSIONS_MAX
    assert (await till.read(order))["expires_at"] == shown(clock.now() + timedelta(minutes=15))
    assert code(refused) == (409, "no_more_extensions")


async def test_an_extension_never_shortens_a_hold(till: Till) -> None:
    order = await till.held(1)
    await till.promised(order)
    path = f"/v1/orders/{order['order_id']}"
    long = (await till.read(order))["expires_at"]

    extended = await till.api.post(f"{path}/extend", token=order["access_token"])

    assert extended.json()["expires_at"] == long


async def test_a_repeated_extension_with_one_key_counts_once(till: Till) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}/extend"

    answers = [await till.api.post(path, key="k1", token=order["access_token"]) for _ in range(3)]

    assert len({answer.content for answer in answers}) == 1
    assert (await till.read(order))["extensions"] == 1


async def test_a_cancelled_order_gives_back_to_type_capacity_and_customer(till: Till) -> None:
    order = await till.held(2, 1)

    cancelled = await till.cancel(order)

    assert (cancelled.status_code, cancelled.json()["payment_status"]) == (200, "cancelled")
    assert await till.left(CUSTOMER["email"]) == Left(150, (100, 50, 20), (0,))


async def test_an_order_cancelled_again_is_cancelled_still_and_gives_back_nothing_more(till: Till) -> None:
    order = await till.held(2)

    answers = [await till.cancel(order) for _ in range(3)]

    assert [answer.json()["payment_status"] for answer in answers] == ["cancelled"] * 3
    assert await till.left(CUSTOMER["email"]) == Left(150, (100, 50, 20), (0,))


async def test_a_cancelled_free_order_gives_back_and_its_tickets_are_void(till: Till) -> None:
    order = await till.held(0, 0, 2)

    cancelled = await till.cancel(order)

    assert cancelled.json()["payment_status"] == "cancelled"
    assert [(one["status"], one["code"]) for one in await till.admissions(order)] == [("void", None)] * 2
    assert await till.left(CUSTOMER["email"]) == Left(150, (100, 50, 20), (0,))


async def test_a_free_ticket_that_was_used_keeps_its_place_when_the_organizer_cancels_its_order(till: Till) -> None:
    order = await till.held(0, 0, 2)
    used, _ = await till.admissions(order)
    await till.api.post(
        f"/v1/events/{till.sale.event_id}/check-ins",
        {"code": used["code"], "scan_id": "1", "direction": "entry"},
        token=till.sale.organizer,
    )

    refused = await till.cancel(order)
    cancelled = await till.api.post(f"/v1/orders/{order['order_id']}/cancel", token=till.sale.organizer)

    assert (code(refused), cancelled.status_code) == ((409, "ticket_used"), 200)
    assert await till.left(CUSTOMER["email"]) == Left(149, (100, 50, 19), (-1,))
    await assert_books_balance(till.api.house, till.sale)


async def test_a_paid_order_is_refunded_and_not_cancelled(till: Till) -> None:
    order = await till.sold(1)

    assert code(await till.cancel(order)) == (409, "already_paid")


@pytest.mark.parametrize("what", ["extend", "cancel"])
async def test_what_ran_out_cannot_be_extended_or_cancelled(till: Till, clock: StandingClock, what: str) -> None:
    order = await till.held(1)

    clock.move(minutes=15)
    refused = await till.api.post(f"/v1/orders/{order['order_id']}/{what}", token=order["access_token"])

    assert code(refused) == (409, "hold_expired")


@pytest.mark.parametrize(("undone", "told"), [("cancelled", "order_cancelled"), ("paid", "already_paid")])
async def test_what_is_settled_cannot_be_extended(till: Till, undone: str, told: str) -> None:
    order = await till.held(1)
    await (till.cancel(order) if undone == "cancelled" else till.pay(order))

    refused = await till.api.post(f"/v1/orders/{order['order_id']}/extend", token=order["access_token"])

    assert code(refused) == (409, told)


# bodies --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "wrong"),
    [
        ("0", "greater_than_equal"),
        ("-1", "greater_than_equal"),
        ("9223372036854775808", "less_than_equal"),
        ("1" + "0" * 400, "less_than_equal"),
        ("1.0", "int_type"),
        ("1e3", "int_type"),
        ('"2"', "int_type"),
        ("true", "int_type"),
        ("null", "int_type"),
        ("[1]", "int_type"),
    ],
)
async def test_a_quantity_is_a_whole_number_from_one(till: Till, quantity: str, wrong: str) -> None:
    text = json.dumps(till.body(1)).replace('"quantity": 1', f'"quantity": {quantity}')

    refused = await send(till.api, text.encode())

    assert code(refused) == (422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/lines/0/quantity", wrong)]
    assert await orders_stored(till.api) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"payment_status": "completed"},
        {"total_amount": {"amount": 1, "currency": "EUR"}},
        {"price": 1},
        {"user_id": "usr_other"},
        {"organizer_user_id": "usr_other"},
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"is_admin": True},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_nothing_can_be_smuggled_into_an_order(till: Till, more: dict[str, Any]) -> None:
    name = next(iter(more))
    line = till.sale.lines(1)[0]
    bodies = {
        f"/{name}": till.body(1) | more,
        f"/lines/0/{name}": till.body() | {"lines": [line | more]},
        f"/customer/{name}": till.body(1) | {"customer": dict(CUSTOMER) | more},
    }

    for pointer, body in bodies.items():
        refused = await till.api.post("/v1/orders", body, key=fresh_key())
        assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(pointer, "unknown_field")]
    assert await orders_stored(till.api) == 0


async def send(
    api: Api, content: bytes, *, content_type: str | None = "application/json", key: str | None = None
) -> httpx.Response:
    """`POST /v1/orders` with these bytes as they stand."""
    headers = {"Idempotency-Key": key or fresh_key()}
    if content_type is not None:
        headers["Content-Type"] = content_type
    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=api.house.settings.base_url) as client:
        return await client.post("/v1/orders", content=content, headers=headers)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b'{"event_id": "\xff"}', "bad_json"),
        (b'{"event_id": "\\ud800"}', "bad_json"),
        (b'{"event_id": "a", } ', "bad_json"),
        (b'{"customer": ' * 2000 + b"1" + b"}" * 2000, "bad_json"),
        (b'{"lines": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "bad_json"),
        (b"[]", "model_type"),
        (b'"order"', "model_type"),
        (b"null", "model_type"),
    ],
    ids=[
        "nothing",
        "half",
        "not UTF-8",
        "half a pair",
        "trailing comma",
        "deep objects",
        "deep lists",
        "list",
        "text",
        "null",
    ],
)
async def test_a_body_that_is_no_order_is_refused(till: Till, content: bytes, wrong: str) -> None:
    refused = await send(till.api, content)

    assert code(refused) == (422, "invalid_request")
    assert wrong in {error["code"] for error in refused.json()["errors"]}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_number_is_no_quantity(till: Till, number: str) -> None:
    text = json.dumps(till.body(1)).replace('"quantity": 1', f'"quantity": {number}')

    assert (await send(till.api, text.encode())).status_code == 422


@pytest.mark.parametrize(
    "twice", ['"quantity": 999, "quantity": 1', '"quantity": 1, "quantity": 999', '"quantity": 1, "quantity": 1']
)
async def test_a_name_that_is_there_twice_is_refused_since_readers_differ_in_which_counts(
    till: Till, twice: str
) -> None:
    refused = await send(till.api, json.dumps(till.body(1)).replace('"quantity": 1', twice).encode())

    assert code(refused) == (422, "invalid_request")
    assert refused.json()["errors"] == [
        {"pointer": "", "code": "name_twice", "detail": "a name stands twice in one object"}
    ]
    assert await orders_stored(till.api) == 0


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"]
)
async def test_a_body_that_does_not_say_it_is_json_is_refused(till: Till, content_type: str | None) -> None:
    refused = await send(till.api, json.dumps(till.body(1)).encode(), content_type=content_type)

    assert code(refused) == (415, "unsupported_media_type")
    assert await orders_stored(till.api) == 0


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_said_with_a_character_set(till: Till, content_type: str) -> None:
    taken = await send(till.api, json.dumps(till.body(1)).encode(), content_type=content_type)

    assert taken.status_code == 201


async def test_a_body_over_a_megabyte_is_refused(till: Till) -> None:
    body = till.body(1)
    padded = json.dumps(body).encode() + b" " * (1024 * 1024)

    assert code(await send(till.api, padded))[0] == 413
    assert await orders_stored(till.api) == 0


async def test_an_order_has_at_most_twenty_lines(till: Till) -> None:
    body = till.body() | {"lines": till.sale.lines(1) * (ORDER_LINES_MAX + 1)}

    refused = await till.api.post("/v1/orders", body, key="k1")

    assert code(refused) == (422, "invalid_request")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/lines"]


async def test_an_order_has_at_least_one_line(till: Till) -> None:
    assert code(await till.order()) == (422, "invalid_request")


async def test_an_order_has_at_most_fifty_tickets_over_all_lines(till: Till) -> None:
    half = TICKETS_PER_ORDER_MAX // 2

    assert (await till.order(half, half)).status_code == 201
    assert code(await till.order(half, half + 1)) == (422, "quantity_not_allowed")


async def test_the_largest_order_can_be_taken_paid_and_refunded(api: Api) -> None:
    """Twenty lines and fifty tickets: the most changes that one commit has."""
    numbers = [3] * 10 + [2] * 10
    till = await till_for(api, *(kind(f"Row {number}") for number in range(ORDER_LINES_MAX)), capacity=50)

    order = await till.sold(*numbers)
    admissions = await till.admissions(order)
    refunded = await till.refund(order)

    assert (len(admissions), refunded.status_code) == (TICKETS_PER_ORDER_MAX, 201)
    assert (await till.left()).capacity == 50
    await assert_books_balance(api.house, till.sale)


async def test_the_largest_free_order_can_be_taken_and_cancelled(api: Api) -> None:
    numbers = [3] * 10 + [2] * 10
    till = await till_for(api, *(kind(f"Row {number}", price=0) for number in range(ORDER_LINES_MAX)))

    order = await till.held(*numbers)
    cancelled = await till.cancel(order)

    assert (order["payment_status"], cancelled.json()["payment_status"]) == ("completed", "cancelled")
    await assert_books_balance(api.house, till.sale)


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\nBcc: x@y.z"])
async def test_a_customer_has_an_address(till: Till, email: str) -> None:
    refused = await till.order(1, email=email)

    assert [error["pointer"] for error in refused.json()["errors"]] == ["/customer/email"]


# idempotency ---------------------------------------------------------------------------------------------------------


async def test_one_key_fifty_times_at_once_is_one_order_and_one_answer(till: Till) -> None:
    answers = await asyncio.gather(*(till.order(2, key="double click") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sorted("idempotent-replayed" in answer.headers for answer in answers) == [False] + [True] * 49
    assert await orders_stored(till.api) == 1
    assert await till.left() == Left(148, (98, 50, 20))


async def test_other_keys_are_other_orders_up_to_the_limit(api: Api) -> None:
    till = await till_for(api, kind(), tickets_per_customer_max=4)

    answers = await asyncio.gather(*(till.order(1) for _ in range(10)))

    assert sorted(code(answer) for answer in answers) == [(201, "")] * 4 + [(409, "limit_per_customer")] * 6
    assert await orders_stored(api) == 4


async def test_an_order_needs_a_key(till: Till) -> None:
    refused = await till.api.post("/v1/orders", till.body(1))

    assert code(refused) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["", "k" * 256, "k\x7f"], ids=["empty", "long", "control"])
async def test_a_key_is_short_and_printable(till: Till, key: str) -> None:
    refused = await till.api.post("/v1/orders", till.body(1), headers={"Idempotency-Key": key})

    assert code(refused) == (400, "idempotency_key_bad")


async def test_a_key_that_was_used_for_another_order_is_refused(till: Till) -> None:
    await till.order(1, key="k1")

    refused = await till.order(2, key="k1")

    assert code(refused) == (422, "idempotency_key_reused")
    assert await orders_stored(till.api) == 1


async def test_what_was_refused_is_tried_again_under_its_key(till: Till) -> None:
    await till.change_type(0, paused=True)
    refused = await till.order(1, key="k1")

    await till.change_type(0, paused=False)

    assert (code(refused), code(await till.order(1, key="k1"))) == ((409, "ticket_type_not_on_sale"), (201, ""))


async def test_keys_of_different_users_never_meet(till: Till) -> None:
    grace, eve = await sign_up(till.api.house, "grace"), await sign_up(till.api.house, "eve")

    answers = [await till.order(1, key="1", token=token) for token in (grace, eve, None)]

    assert len({answer.json()["order_id"] for answer in answers}) == 3


async def test_a_repeated_request_is_told_where_its_order_is_too(till: Till) -> None:
    first = await till.order(1, key="k1")

    again = await till.order(1, key="k1")

    assert again.headers["location"] == first.headers["location"]
    assert again.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "since", ["sale ended", "sold out", "paid", "cancelled", "ran out", "dearer", "paused", "event cancelled", "limit"]
)
async def test_the_first_answer_stands_whatever_has_changed_since(api: Api, clock: StandingClock, since: str) -> None:
    till = await till_for(api, kind(quantity=2), sales_end_date=NOON + timedelta(hours=1), tickets_per_customer_max=2)
    first = await till.order(1, key="k1")
    match since:
        case "sale ended":
            clock.move(hours=1)
        case "sold out":
            await till.held(1, email="bob@example.org")
        case "paid":
            await till.pay(first.json())
        case "cancelled":
            await till.cancel(first.json())
        case "ran out":
            clock.move(minutes=15)
        case "dearer":
            await till.change_type(0, price={"amount": 9900, "currency": "EUR"})
        case "paused":
            await till.change_type(0, paused=True)
        case "event cancelled":
            await till.decide("cancel")
        case "limit":
            await till.held(1)

    again = await till.order(1, key="k1")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_key_is_forgotten_after_three_days(till: Till, clock: StandingClock) -> None:
    first = await till.order(1, key="k1")

    clock.move(hours=71, minutes=59)
    within = await till.order(1, key="k1")
    clock.move(minutes=1)
    after = await till.order(1, key="k1")

    assert within.content == first.content
    assert after.json()["order_id"] != first.json()["order_id"]


async def test_after_three_days_a_repeated_request_is_decided_as_a_new_one(api: Api, clock: StandingClock) -> None:
    till = await till_for(api, kind(), sales_end_date=NOON + timedelta(hours=1))
    await till.order(1, key="k1")

    clock.move(hours=72)

    assert code(await till.order(1, key="k1")) == (409, "sales_ended")


# whose order ---------------------------------------------------------------------------------------------------------

READS = [
    ("GET", "/v1/orders/{order_id}"),
    ("GET", "/v1/orders/{order_id}/admissions"),
    ("GET", "/v1/orders/{order_id}/payments"),
    ("GET", "/v1/orders/{order_id}/refunds"),
]
MOVES = [("POST", "/v1/orders/{order_id}/extend"), ("POST", "/v1/orders/{order_id}/cancel")]
STRANGERS = [
    "other user",
    "other organizer",
    "door device",
    "token of another order",
    "made-up order token",
    "own key without the scope",
    "organizer's key without the scope",
    "admin's key without the scope",
    "other user's key with all scopes",
]


async def stranger(till: Till, owner: str, who: str) -> str:
    """The bearer token of somebody who has nothing to do with the order."""
    api = till.api
    match who:
        case "other user":
            return await sign_up(api.house, "eve")
        case "other organizer":
            return await sign_up(api.house, "oscar", UserType.ORGANIZER)
        case "door device":
            return await door_device(api, till.sale)
        case "token of another order":
            return str((await till.held(1, email="eve@example.org"))["access_token"])
        case "made-up order token":
            return "oat_" + "A" * 43
        case "own key without the scope":
            return await api_key(api, owner, "check_ins")
        case "organizer's key without the scope":
            return await api_key(api, till.sale.organizer, "check_ins")
        case "admin's key without the scope":
            return await api_key(api, await sign_up(api.house, "root", UserType.ADMIN), "check_ins")
        case _:
            return await api_key(api, await sign_up(api.house, "eve"), "read", "events", "orders", "check_ins")


@pytest.mark.parametrize("who", STRANGERS)
async def test_to_everybody_else_the_order_does_not_exist(till: Till, who: str) -> None:
    owner = await sign_up(till.api.house, "grace")
    order = await till.held(1, token=owner)
    token = await stranger(till, owner, who)
    before = await everything(till.api.house.store, TABLES)

    for method, path in READS + MOVES:
        refused = await till.api.call(method, path.format(**order), token=token)
        unknown = await till.api.call(method, path.format(order_id="ord_" + "0" * 26), token=token)

        assert code(refused) == code(unknown) == (404, "not_found")
        assert refused.json() | {"instance": ""} == unknown.json() | {"instance": ""}
    assert await everything(till.api.house.store, TABLES) == before


async def test_without_credentials_there_is_nothing_to_see(till: Till) -> None:
    order = await till.held(1)

    for method, path in READS + MOVES:
        for token in (None, "nonsense"):
            for order_id in (order["order_id"], "ord_" + "0" * 26):
                refused = await till.api.call(method, path.format(order_id=order_id), token=token)
                assert code(refused) == (401, "unauthenticated")
    assert (await till.read(order))["payment_status"] == "pending"


async def test_a_key_that_may_only_read_changes_nothing(till: Till) -> None:
    owner = await sign_up(till.api.house, "grace")
    order = await till.held(1, token=owner)
    tokens = [await api_key(till.api, owner, "read"), await api_key(till.api, till.sale.organizer, "read")]

    refusals = {
        code(await till.api.call(method, path.format(**order), token=token))
        for method, path in MOVES
        for token in tokens
    }

    assert refusals == {(404, "not_found")}


@pytest.mark.parametrize("who", ["access token", "user", "user's key", "organizer", "organizer's key", "admin"])
async def test_owner_organizer_and_admin_have_the_order(till: Till, who: str) -> None:
    api = till.api
    owner = await sign_up(api.house, "grace")
    order = await till.held(1, token=owner)
    tokens = {
        "access token": order["access_token"],
        "user": owner,
        "user's key": await api_key(api, owner, "read", "orders"),
        "organizer": till.sale.organizer,
        "organizer's key": await api_key(api, till.sale.organizer, "read", "orders"),
        "admin": await sign_up(api.house, "root", UserType.ADMIN),
    }

    for method, path in READS + MOVES:
        assert (await api.call(method, path.format(**order), token=tokens[who])).status_code == 200


async def test_the_order_of_a_guest_is_not_that_of_a_user_with_the_same_address(till: Till) -> None:
    order = await till.held(1, email="grace@example.org")
    grace = await sign_up(till.api.house, "grace")

    assert code(await till.api.get(f"/v1/orders/{order['order_id']}", token=grace)) == (404, "not_found")
    assert (await till.api.get("/v1/users/me/orders", token=grace)).json()["data"] == []


async def test_a_key_that_may_not_order_cannot_order_for_its_user(till: Till) -> None:
    grace = await sign_up(till.api.house, "grace")

    refused = await till.order(1, token=await api_key(till.api, grace, "read", "events", "check_ins"))
    taken = await till.order(1, token=await api_key(till.api, grace, "orders"))

    assert (code(refused), taken.status_code) == ((404, "not_found"), 201)


async def test_a_token_that_is_not_good_does_not_order_as_a_guest(till: Till) -> None:
    refused = await till.order(1, token="ses_gone.secret")

    assert code(refused) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert await orders_stored(till.api) == 0


@pytest.mark.parametrize("who", STRANGERS)
async def test_to_everybody_else_an_event_has_no_list_of_orders(till: Till, who: str) -> None:
    owner = await sign_up(till.api.house, "grace")
    await till.held(1, token=owner)
    token = await stranger(till, owner, who)

    assert code(await till.api.get(f"/v1/events/{till.sale.event_id}/orders", token=token)) == (404, "not_found")


@pytest.mark.parametrize("who", ["door device", "token of another order", "own key without the scope"])
async def test_who_is_no_user_has_no_list_of_orders(till: Till, who: str) -> None:
    token = await stranger(till, await sign_up(till.api.house, "grace"), who)

    assert code(await till.api.get("/v1/users/me/orders", token=token)) == (404, "not_found")


async def test_lists_of_orders_need_a_login(till: Till) -> None:
    for path in ("/v1/users/me/orders", f"/v1/events/{till.sale.event_id}/orders"):
        assert code(await till.api.get(path)) == (401, "unauthenticated")


async def test_not_even_an_admin_lists_the_orders_of_an_event_that_does_not_exist(till: Till) -> None:
    admin = await sign_up(till.api.house, "root", UserType.ADMIN)

    assert code(await till.api.get("/v1/events/evt_none/orders", token=admin)) == (404, "not_found")


# the short way and the router ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {}),
        ({"lines": []}, {}),
        ({"event_id": "evt_none"}, {}),
        ({"customer": None}, {}),
        ({"price": 1}, {}),
        ({}, {"Idempotency-Key": ""}),
        ({}, {"Content-Type": "text/plain"}),
        ({}, {"Authorization": "Bearer nonsense"}),
    ],
    ids=["good", "no lines", "no event", "nobody", "unknown field", "no key", "no JSON", "bad token"],
)
async def test_an_order_means_the_same_past_the_router_and_through_it(
    body: dict[str, Any], headers: dict[str, str]
) -> None:
    """Under a prefix only the path with the prefix is the short way; without it the request comes to the route."""
    api = Api(make_house(root_path="/dev"))
    till = await till_for(api, kind())
    content = json.dumps(till.body(1) | body).encode()
    answers = []

    transport = httpx.ASGITransport(app=api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for path in ("/dev/v1/orders", "/v1/orders"):
            sent = {"Content-Type": "application/json", "Idempotency-Key": fresh_key()} | headers
            answers.append(await client.post(path, content=content, headers=sent))

    short, routed = answers
    assert code(short) == code(routed)
    assert short.json().keys() == routed.json().keys()
    assert short.headers["content-type"] == routed.headers["content-type"]


async def test_a_body_that_comes_in_pieces_is_one_body(till: Till) -> None:
    content = json.dumps(till.body(2)).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    transport = httpx.ASGITransport(app=till.api.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        taken = await client.post(
            "/v1/orders",
            content=pieces(),
            headers={"Content-Type": "application/json", "Idempotency-Key": fresh_key()},
        )

    assert (taken.status_code, taken.json()["lines"][0]["quantity"]) == (201, 2)


async def test_one_machine_does_not_drain_a_hall(clock: StandingClock) -> None:
    api = Api(make_house(clock=clock, rate_limits=True))
    till = await till_for(api, kind(quantity=10_000))
    bound = LIMITS[LimitKind.ORDER_FROM_ADDRESS].count

    answers = [await till.order(1, email=f"buyer{number}@example.org") for number in range(bound + 1)]
    clock.move(minutes=1)

    assert [answer.status_code for answer in answers] == [201] * bound + [429]
    assert code(answers[-1]) == (429, "too_many_requests")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await till.order(1)).status_code == 201
