"""Refunds over the JSON API: in full, in part, of single admissions, never more than was paid, and who may."""

import asyncio
from typing import Any

import pytest

from tests.support.houses import Api, StandingClock, sign_up
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
from ticketing.base.bounds import REFUNDS_PER_ORDER_MAX
from ticketing.schema.tables import FACTS, TABLES


@pytest.fixture
async def till(api: Api) -> Till:
    """Ten places in the balcony for 25.00, ten in the stalls for 40.00, ten free ones; fifteen in all, six for each."""
    kinds = [
        kind("Balcony", price=2500, quantity=10),
        kind("Stalls", price=4000, quantity=10),
        kind("Child", price=0, quantity=10),
    ]
    return Till(api, await put_on_sale(api.house, *kinds, capacity=15, tickets_per_customer_max=6))


async def statuses(till: Till, order: dict[str, Any]) -> list[str]:
    return [admission["status"] for admission in await till.admissions(order)]


async def money(till: Till, order: dict[str, Any]) -> tuple[str, int, int]:
    stored = await till.read(order)
    return stored["payment_status"], stored["amount_paid"]["amount"], stored["amount_refunded"]["amount"]


async def enter(till: Till, admission: dict[str, Any]) -> None:
    answer = await till.api.post(
        f"/v1/events/{till.sale.event_id}/check-ins",
        {"code": admission["code"], "scan_id": fresh_key(), "direction": "entry"},
        token=till.sale.organizer,
    )
    assert answer.status_code == 201, answer.text


# what goes back ------------------------------------------------------------------------------------------------------


async def test_a_refund_in_full_gives_back_all_money_and_all_places_and_ends_all_tickets(till: Till) -> None:
    order = await till.sold(2, 1, 1)

    refunded = await till.refund(order, reason="Asked for.")

    refund = refunded.json()
    assert refunded.status_code == 201
    assert (refund["refund_amount"], refund["refund_status"]) == ({"amount": 9000, "currency": "EUR"}, "completed")
    assert refund["reason"] == "Asked for."
    assert len(refund["admissions"]) == 4
    assert await money(till, order) == ("refunded", 9000, 9000)
    assert await statuses(till, order) == ["void"] * 4
    assert await till.left(CUSTOMER["email"]) == Left(15, (10, 10, 10), (0,))
    await assert_books_balance(till.api.house, till.sale)


async def test_a_refund_of_one_admission_gives_back_its_price_and_its_place_everywhere(till: Till) -> None:
    order = await till.sold(2, 1)
    stalls = (await till.admissions(order))[2]

    refunded = await till.refund(order, admissions=[stalls["admission_id"]])

    assert refunded.json()["refund_amount"]["amount"] == 4000
    assert await money(till, order) == ("partially_refunded", 9000, 4000)
    assert await statuses(till, order) == ["valid", "valid", "void"]
    assert await till.left(CUSTOMER["email"]) == Left(13, (8, 10, 10), (-2,))
    await assert_books_balance(till.api.house, till.sale)


async def test_a_refunded_ticket_shows_no_code_and_opens_no_door(till: Till) -> None:
    order = await till.sold(1)
    (admission,) = await till.admissions(order)

    await till.refund(order)
    scanned = await till.api.post(
        f"/v1/events/{till.sale.event_id}/check-ins",
        {"code": admission["code"], "scan_id": "1", "direction": "entry"},
        token=till.sale.organizer,
    )

    assert code(scanned) == (409, "void_admission")
    assert [(one["code"], one["human_code"]) for one in await till.admissions(order)] == [(None, None)]


async def test_a_refund_of_an_amount_leaves_the_tickets_good(till: Till) -> None:
    order = await till.sold(2)

    refunded = await till.refund(order, amount=1000)

    assert (refunded.json()["refund_amount"]["amount"], refunded.json()["admissions"]) == (1000, [])
    assert await money(till, order) == ("partially_refunded", 5000, 1000)
    assert await statuses(till, order) == ["valid"] * 2
    assert await till.left() == Left(13, (8, 10, 10))


@pytest.mark.parametrize("amounts", [(5000,), (1000, 4000)])
async def test_when_all_of_the_money_went_back_the_tickets_are_void(till: Till, amounts: tuple[int, ...]) -> None:
    order = await till.sold(2)

    for amount in amounts:
        await till.refund(order, amount=amount)

    assert await money(till, order) == ("refunded", 5000, 5000)
    assert await statuses(till, order) == ["void"] * 2
    assert await till.left(CUSTOMER["email"]) == Left(15, (10, 10, 10), (0,))


async def test_tickets_that_were_not_named_stay_good_and_their_order_is_refunded_in_part(till: Till) -> None:
    order = await till.sold(1, 0, 1)
    paid, child = [one["admission_id"] for one in await till.admissions(order)]

    await till.refund(order, admissions=[paid])
    after_one = await money(till, order), await statuses(till, order)
    nothing_left = await till.refund(order, admissions=[child])

    assert after_one == (("partially_refunded", 2500, 2500), ["void", "valid"])
    assert code(nothing_left) == (409, "nothing_to_refund")
    await assert_books_balance(till.api.house, till.sale)


async def test_a_fee_may_be_kept_when_a_ticket_is_given_back(till: Till) -> None:
    order = await till.sold(1)
    (admission,) = await till.admissions(order)

    await till.refund(order, amount=2000, admissions=[admission["admission_id"]])

    assert await money(till, order) == ("partially_refunded", 2500, 2000)
    assert await statuses(till, order) == ["void"]
    assert await till.left() == Left(15, (10, 10, 10))


async def test_the_rest_goes_back_after_a_refund_in_part(till: Till) -> None:
    order = await till.sold(2)
    await till.refund(order, amount=1200)

    rest = await till.refund(order)

    assert rest.json()["refund_amount"]["amount"] == 3800
    assert await money(till, order) == ("refunded", 5000, 5000)


async def test_an_admission_named_twice_is_refunded_once(till: Till) -> None:
    order = await till.sold(2)
    first = (await till.admissions(order))[0]["admission_id"]

    refunded = await till.refund(order, admissions=[first, first])

    assert refunded.json()["refund_amount"]["amount"] == 2500
    assert refunded.json()["admissions"] == [first]


async def test_a_ticket_that_was_used_is_refunded_and_its_place_is_not_sold_again(till: Till) -> None:
    order = await till.sold(2)
    used = (await till.admissions(order))[0]
    await enter(till, used)

    await till.refund(order)

    assert await statuses(till, order) == ["void"] * 2
    assert await till.left(CUSTOMER["email"]) == Left(14, (9, 10, 10), (-1,))
    await assert_books_balance(till.api.house, till.sale)


async def test_the_price_that_was_paid_goes_back_whatever_it_is_now(till: Till) -> None:
    order = await till.sold(1)
    await till.change_type(0, price={"amount": 9900, "currency": "EUR"})

    refunded = await till.refund(order, admissions=[(await till.admissions(order))[0]["admission_id"]])

    assert refunded.json()["refund_amount"]["amount"] == 2500


async def test_a_place_that_came_back_is_sold_again(api: Api) -> None:
    till = Till(api, await put_on_sale(api.house, kind(quantity=1), capacity=1))
    order = await till.sold(1)
    before = code(await till.order(1, email="bob@example.org"))

    await till.refund(order)

    assert (before, code(await till.order(1, email="bob@example.org"))) == ((409, "sold_out"), (201, ""))


async def test_cash_that_goes_back_is_due_until_it_was_sent(till: Till) -> None:
    order = await till.held(1)
    await till.confirm(await till.promised(order, method="cash"))

    refunded = await till.refund(order)
    sent = await till.api.post(f"/v1/refunds/{refunded.json()['refund_id']}/confirm", token=till.sale.organizer)

    assert (refunded.json()["refund_status"], sent.json()["refund_status"]) == ("due", "completed")


async def test_a_cancelled_event_gives_the_money_back(till: Till) -> None:
    order = await till.sold(1)
    await till.decide("cancel")

    assert (await till.refund(order)).status_code == 201
    assert await money(till, order) == ("refunded", 2500, 2500)


async def test_the_refund_of_money_that_came_twice_takes_nothing_from_the_good_payment(till: Till) -> None:
    order = await till.held(1)
    transfer, cash = await till.promised(order), await till.promised(order, method="cash")
    await till.confirm(cash, transaction_id="receipt-1")
    await till.confirm(transfer, transaction_id="statement-1")

    refunded = await till.refund(order)

    assert refunded.json()["payment_id"] == cash["payment_id"]
    assert code(await till.refund(order)) == (409, "nothing_to_refund")
    assert await money(till, order) == ("refunded", 5000, 5000)
    await assert_books_balance(till.api.house, till.sale)


async def test_every_refund_is_told(till: Till) -> None:
    order = await till.sold(2)

    await till.refund(order, amount=1000)

    kinds = [row["kind"] async for row in till.api.house.store.scan(FACTS)]
    assert sorted(kinds) == ["order.completed", "order.refunded"]


# what does not go back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [5001, 10**12])
async def test_no_more_goes_back_than_was_paid(till: Till, amount: int) -> None:
    order = await till.sold(2)

    refused = await till.refund(order, amount=amount)

    assert (code(refused), refused.json()["left"]) == ((409, "refund_over_paid"), 5000)
    assert await money(till, order) == ("completed", 5000, 0)


async def test_no_more_goes_back_than_is_left(till: Till) -> None:
    order = await till.sold(2)
    await till.refund(order, amount=3000)

    refused = await till.refund(order, amount=2001)
    by_admissions = await till.refund(order, admissions=[(await till.admissions(order))[0]["admission_id"]])

    assert (code(refused), refused.json()["left"]) == ((409, "refund_over_paid"), 2000)
    assert (code(by_admissions), by_admissions.json()["left"]) == ((409, "refund_over_paid"), 2000)


async def test_refunds_at_once_do_not_add_up_to_more_than_was_paid(till: Till) -> None:
    order = await till.sold(2)

    answers = await asyncio.gather(*(till.refund(order, amount=2000) for _ in range(6)))

    assert sorted(code(answer) for answer in answers) == [(201, "")] * 2 + [(409, "refund_over_paid")] * 4
    assert await money(till, order) == ("partially_refunded", 5000, 4000)
    await assert_books_balance(till.api.house, till.sale)


async def test_a_refund_pressed_many_times_goes_back_once(till: Till) -> None:
    order = await till.sold(2)

    answers = await asyncio.gather(*(till.refund(order, amount=1000, key="double click") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await money(till, order) == ("partially_refunded", 5000, 1000)


async def test_the_first_answer_to_a_refund_stands_when_nothing_is_left(till: Till) -> None:
    order = await till.sold(1)
    first = await till.refund(order, key="k1")

    again = await till.refund(order, key="k1")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_refund_needs_a_key(till: Till) -> None:
    order = await till.sold(1)

    refused = await till.api.post(f"/v1/orders/{order['order_id']}/refunds", {}, token=till.sale.organizer)

    assert code(refused) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("state", ["pending", "free", "cancelled", "refunded", "expired"])
async def test_where_no_money_is_none_goes_back(till: Till, clock: StandingClock, state: str) -> None:
    order = await till.held(*((0, 0, 1) if state == "free" else (1,)))
    match state:
        case "cancelled":
            await till.cancel(order)
        case "refunded":
            await till.pay(order)
            await till.refund(order)
        case "expired":
            clock.move(minutes=15)

    answers = [await till.refund(order), await till.refund(order, amount=1)]

    assert [code(answer) for answer in answers] == [(409, "nothing_to_refund")] * 2


async def test_a_refund_of_nothing_is_none(till: Till) -> None:
    order = await till.sold(1, 0, 1)
    free = (await till.admissions(order))[1]["admission_id"]

    answers = [await till.refund(order, amount=0), await till.refund(order, admissions=[free])]

    assert [code(answer) for answer in answers] == [(409, "nothing_to_refund")] * 2
    assert await statuses(till, order) == ["valid", "valid"]


async def test_admissions_of_another_order_or_void_ones_are_not_refunded(till: Till) -> None:
    mine, theirs = await till.sold(2), await till.sold(1, email="bob@example.org")
    good, void = [admission["admission_id"] for admission in await till.admissions(mine)]
    foreign = (await till.admissions(theirs))[0]["admission_id"]
    await till.refund(mine, admissions=[void])

    refused = await till.refund(mine, admissions=[good, void, foreign, "adm_none"])

    assert code(refused) == (422, "invalid_request")
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        (f"/admissions/{place}", "not_refundable") for place in (1, 2, 3)
    ]
    assert await statuses(till, mine) == ["valid", "void"]
    assert await statuses(till, theirs) == ["valid"]


async def test_an_order_has_a_hundred_refunds_and_no_more(api: Api) -> None:
    till = Till(api, await put_on_sale(api.house, kind(price=100_000)))
    order = await till.sold(1)
    for _ in range(REFUNDS_PER_ORDER_MAX):
        assert (await till.refund(order, amount=1)).status_code == 201

    assert code(await till.refund(order, amount=1)) == (409, "too_many_payments")


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"amount": {"amount": -1, "currency": "EUR"}}, "/amount/amount"),
        ({"amount": {"amount": 2**63, "currency": "EUR"}}, "/amount/amount"),
        ({"amount": {"amount": 10.0, "currency": "EUR"}}, "/amount/amount"),
        ({"amount": {"amount": "10", "currency": "EUR"}}, "/amount/amount"),
        ({"amount": {"amount": True, "currency": "EUR"}}, "/amount/amount"),
        ({"amount": {"amount": 10, "currency": "USD"}}, "/amount/currency"),
        ({"amount": {"amount": 10}}, "/amount/currency"),
        ({"amount": 10}, "/amount"),
        ({"admissions": []}, "/admissions"),
        ({"admissions": ["adm"] * 51}, "/admissions"),
        ({"admissions": "all"}, "/admissions"),
        ({"reason": "r" * 501}, "/reason"),
        ({"refund_status": "completed"}, "/refund_status"),
        ({"payment_id": "pay_other"}, "/payment_id"),
    ],
)
async def test_a_wish_that_is_none_is_refused(till: Till, wish: dict[str, Any], pointer: str) -> None:
    order = await till.sold(1)
    path = f"/v1/orders/{order['order_id']}/refunds"

    refused = await till.api.post(path, wish, key="k1", token=till.sale.organizer)

    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {pointer}
    assert await money(till, order) == ("completed", 2500, 0)


# who may -------------------------------------------------------------------------------------------------------------


async def test_an_order_lists_its_refunds_oldest_first_to_its_owner_and_its_organizer(till: Till) -> None:
    order = await till.sold(2)
    refunds = [(await till.refund(order, amount=amount)).json() for amount in (1000, 500)]
    path = f"/v1/orders/{order['order_id']}/refunds"

    listed = [await till.api.get(path, token=token) for token in (order["access_token"], till.sale.organizer)]

    assert [answer.json() for answer in listed] == [{"data": refunds, "next_cursor": None}] * 2


NOT_THEIRS = [
    "access token",
    "owner",
    "other user",
    "other organizer",
    "door device",
    "token of another order",
    "keys without the scope",
]


@pytest.mark.parametrize("who", NOT_THEIRS)
async def test_nobody_but_the_organizer_gives_money_back_or_says_that_it_went(till: Till, who: str) -> None:
    api = till.api
    owner = await sign_up(api.house, "grace")
    order = await till.held(1, token=owner)
    await till.confirm(await till.promised(order))
    due = (await till.refund(order, amount=1000)).json()
    match who:
        case "access token":
            tokens = [order["access_token"]]
        case "owner":
            tokens = [owner]
        case "other user":
            tokens = [await sign_up(api.house, "eve")]
        case "other organizer":
            tokens = [await sign_up(api.house, "oscar", UserType.ORGANIZER)]
        case "door device":
            tokens = [await door_device(api, till.sale)]
        case "token of another order":
            tokens = [(await till.held(1, email="eve@example.org"))["access_token"]]
        case _:
            users = (owner, till.sale.organizer, await sign_up(api.house, "root", UserType.ADMIN))
            tokens = [await api_key(api, user, "read", "events", "check_ins") for user in users]
    before = await everything(api.house.store, TABLES)

    for token in tokens:
        for order_id in (order["order_id"], "ord_" + "0" * 26):
            refused = await api.post(f"/v1/orders/{order_id}/refunds", {}, token=token, key=fresh_key())
            assert code(refused) == (404, "not_found")
        for refund_id in (due["refund_id"], "ref_" + "0" * 26):
            assert code(await api.post(f"/v1/refunds/{refund_id}/confirm", token=token)) == (404, "not_found")
    assert await everything(api.house.store, TABLES) == before


async def test_without_credentials_no_money_goes_back(till: Till) -> None:
    order = await till.held(1)
    await till.confirm(await till.promised(order))
    due = (await till.refund(order, amount=1000)).json()

    answers = [
        await till.api.post(f"/v1/orders/{order['order_id']}/refunds", {}, key="k1"),
        await till.api.get(f"/v1/orders/{order['order_id']}/refunds"),
        await till.api.post(f"/v1/refunds/{due['refund_id']}/confirm"),
        await till.api.post("/v1/refunds/ref_unknown/confirm"),
    ]

    assert {code(answer) for answer in answers} == {(401, "unauthenticated")}
    assert await money(till, order) == ("partially_refunded", 2500, 1000)


async def test_an_organizers_key_and_an_admin_give_money_back(till: Till) -> None:
    order = await till.sold(2)
    path = f"/v1/orders/{order['order_id']}/refunds"
    tokens = [
        await api_key(till.api, till.sale.organizer, "orders"),
        await sign_up(till.api.house, "root", UserType.ADMIN),
    ]

    answers = [
        await till.api.post(path, {"amount": {"amount": 100, "currency": "EUR"}}, key=fresh_key(), token=token)
        for token in tokens
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
