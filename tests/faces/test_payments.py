"""Payments over the JSON API: paying, promising, confirming late or twice, and whose payments they are."""

import asyncio
from datetime import timedelta
from typing import Any

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
from ticketing.base.bounds import PAYMENTS_PER_ORDER_MAX
from ticketing.sales.expiry import expire_holds
from ticketing.schema.tables import FACTS, PAYMENTS, TABLES


@pytest.fixture
async def till(api: Api) -> Till:
    return Till(api, await put_on_sale(api.house, kind("Balcony", quantity=10), capacity=10))


async def sweep(till: Till) -> None:
    await expire_holds(till.api.house, now=till.api.house.clock.now())


async def told(till: Till) -> list[str]:
    """The kinds of all facts, by the alphabet: facts of one moment have no order."""
    return sorted([row["kind"] async for row in till.api.house.store.scan(FACTS)])


# paying --------------------------------------------------------------------------------------------------------------


async def test_a_paid_order_is_complete_with_an_admission_for_each_ticket(till: Till) -> None:
    order = await till.held(2)

    paid = await till.pay(order)

    payment = paid.json()
    assert paid.status_code == 201
    assert paid.headers["location"] == f"/v1/payments/{payment['payment_id']}"
    assert (payment["payment_status"], payment["payment_amount"]) == ("completed", {"amount": 5000, "currency": "EUR"})
    assert payment["next_action"] is None
    stored = await till.read(order)
    assert (stored["payment_status"], stored["amount_paid"]["amount"]) == ("completed", 5000)
    assert [admission["status"] for admission in await till.admissions(order)] == ["valid"] * 2
    assert await told(till) == ["order.completed"]


async def test_a_declined_payment_leaves_the_order_to_be_paid_by_another(till: Till) -> None:
    order = await till.held(1)

    declined = await till.pay(order, outcome="declined", key="first try")
    between = await till.read(order)
    paid = await till.pay(order, key="second try")

    assert (declined.status_code, declined.json()["payment_status"]) == (201, "declined")
    assert (between["payment_status"], between["amount_paid"]["amount"]) == ("pending", 0)
    assert (paid.status_code, paid.json()["payment_status"]) == (201, "completed")
    assert (await till.read(order))["amount_paid"]["amount"] == 2500


async def test_a_declined_payment_repeated_under_its_key_is_the_same_declined_one(till: Till) -> None:
    order = await till.held(1)

    first = await till.pay(order, outcome="declined", key="k1")
    again = await till.pay(order, outcome="declined", key="k1")

    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_payment_pressed_fifty_times_is_one_payment(till: Till) -> None:
    order = await till.held(1)

    answers = await asyncio.gather(*(till.pay(order, key="double click") for _ in range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len([row async for row in till.api.house.store.scan(PAYMENTS)]) == 1
    assert (await till.read(order))["amount_paid"]["amount"] == 2500


async def test_payments_under_different_keys_at_once_take_the_money_once(till: Till) -> None:
    order = await till.held(1)

    answers = await asyncio.gather(*(till.pay(order) for _ in range(5)))

    assert sorted(code(answer) for answer in answers) == [(201, "")] + [(409, "already_paid")] * 4
    assert (await till.read(order))["amount_paid"]["amount"] == 2500


async def test_the_first_answer_to_a_payment_stands_when_the_order_is_long_paid(
    till: Till, clock: StandingClock
) -> None:
    order = await till.held(1)
    first = await till.pay(order, key="k1")

    clock.move(hours=1)
    await till.refund(order)
    again = await till.pay(order, key="k1")

    assert (again.status_code, again.content) == (201, first.content)


async def test_a_payment_needs_a_key(till: Till) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}/payments"

    refused = await till.api.post(path, {"payment_method": "test"}, token=order["access_token"])

    assert code(refused) == (400, "idempotency_key_missing")


async def test_an_order_that_costs_nothing_takes_no_payment(api: Api) -> None:
    till = Till(api, await put_on_sale(api.house, kind(price=0)))
    order = await till.held(1)

    assert code(await till.pay(order)) == (409, "already_paid")


async def test_what_was_cancelled_takes_no_payment(till: Till) -> None:
    order = await till.held(1)
    await till.cancel(order)

    assert code(await till.pay(order)) == (409, "order_cancelled")


@pytest.mark.parametrize("swept", [False, True], ids=["before anybody noticed", "after it was noticed"])
async def test_what_ran_out_takes_no_new_payment(till: Till, clock: StandingClock, swept: bool) -> None:
    order = await till.held(1)
    clock.move(minutes=15)
    if swept:
        await sweep(till)

    refused = [code(await till.pay(order, method=method)) for method in ("test", "bank_transfer", "cash")]

    assert refused == [(409, "hold_expired")] * 3


async def test_the_last_moment_is_soon_enough(till: Till, clock: StandingClock) -> None:
    order = await till.held(1)

    clock.move(minutes=14, seconds=59)

    assert (await till.pay(order)).status_code == 201


async def test_an_order_takes_fifty_payments_and_no_more(till: Till) -> None:
    order = await till.held(1)
    for _ in range(PAYMENTS_PER_ORDER_MAX):
        await till.pay(order, outcome="declined")

    assert code(await till.pay(order)) == (409, "too_many_payments")


@pytest.mark.parametrize(("called_off", "refusal"), [("cancel", "event_cancelled"), ("postpone", "event_postponed")])
@pytest.mark.parametrize("method", ["test", "bank_transfer", "cash"])
async def test_nobody_begins_to_pay_for_what_was_called_off_meanwhile(
    till: Till, called_off: str, refusal: str, method: str
) -> None:
    order = await till.held(1)

    await till.decide(called_off)

    assert code(await till.pay(order, method=method)) == (409, refusal)
    assert (await till.read(order))["amount_paid"]["amount"] == 0


async def test_a_postponed_event_that_goes_on_is_paid_for(till: Till) -> None:
    order = await till.held(1)
    await till.decide("postpone")

    await till.decide("publish")

    assert (await till.pay(order)).status_code == 201


async def test_an_event_cancelled_at_the_moment_of_payment_takes_no_money(api: Api, meanwhile: MeanwhileStore) -> None:
    till = Till(api, sale := await put_on_sale(api.house, kind()))
    order = await till.held(1)

    async def cancel() -> None:
        await till.decide("cancel")

    meanwhile.meanwhile = cancel
    refused = await till.pay(order)

    assert code(refused) == (409, "event_cancelled")
    await assert_books_balance(till.api.house, sale)


@pytest.mark.parametrize("method", ["card", "cheque", "", "TEST"])
async def test_a_way_of_paying_that_is_not_set_up_is_refused(till: Till, method: str) -> None:
    order = await till.held(1)

    refused = await till.pay(order, method=method)

    expected = "payment_method_not_available" if method == "card" else "invalid_request"
    assert code(refused) == (422, expected)


async def test_test_payments_exist_in_test_mode_only(clock: StandingClock) -> None:
    api = Api(make_house(clock=clock, test_mode=False))
    till = Till(api, await put_on_sale(api.house, kind()))
    order = await till.held(1)

    refused = await till.pay(order, method="test")

    assert code(refused) == (422, "payment_method_not_available")
    assert (await till.read(order))["payment_status"] == "pending"


@pytest.mark.parametrize(
    "more",
    [{"amount": 1}, {"payment_status": "completed"}, {"transaction_id": "mine"}],
    ids=lambda more: next(iter(more)),
)
async def test_nothing_can_be_smuggled_into_a_payment(till: Till, more: dict[str, Any]) -> None:
    order = await till.held(1)
    path = f"/v1/orders/{order['order_id']}/payments"

    refused = await till.api.post(path, {"payment_method": "test"} | more, key="k1", token=order["access_token"])

    assert [error["code"] for error in refused.json()["errors"]] == ["unknown_field"]


# money that comes later ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["bank_transfer", "cash"])
async def test_a_promise_keeps_the_places_for_days_and_says_how_to_pay(
    till: Till, clock: StandingClock, method: str
) -> None:
    order = await till.held(1)

    payment = await till.promised(order, method=method)

    assert (payment["payment_status"], payment["transaction_id"]) == ("pending", None)
    assert payment["next_action"]["type"] == "instructions"
    assert payment["next_action"]["reference"] == order["order_code"]
    assert "EUR 25.00" in payment["next_action"]["text"]
    clock.move(days=4)
    assert (await till.read(order))["expires_at"] == "2027-03-06T12:00:00Z"
    assert (await till.confirm(payment)).status_code == 200


async def test_promising_again_and_again_holds_the_places_no_longer(till: Till, clock: StandingClock) -> None:
    order = await till.held(1)
    await till.promised(order)

    clock.move(days=4)
    await till.promised(order)

    assert (await till.read(order))["expires_at"] == "2027-03-06T12:00:00Z"


async def test_a_promise_holds_no_place_beyond_the_end_of_the_event(api: Api) -> None:
    end = NOON + timedelta(days=1)
    till = Till(api, await put_on_sale(api.house, kind(), start_date_time=NOON, end_date_time=end))
    order = await till.held(1)

    await till.promised(order)

    assert (await till.read(order))["expires_at"] == "2027-03-02T12:00:00Z"


async def test_a_pending_test_payment_holds_no_place_for_longer(till: Till) -> None:
    order = await till.held(1)

    pending = await till.pay(order, outcome="pending")

    assert pending.json()["payment_status"] == "pending"
    assert (await till.read(order))["expires_at"] == order["expires_at"]


async def test_money_that_was_seen_completes_the_order(till: Till) -> None:
    order = await till.held(2)
    payment = await till.promised(order)

    confirmed = await till.confirm(payment, amount={"amount": 5000, "currency": "EUR"})

    assert (confirmed.status_code, confirmed.json()["payment_status"]) == (200, "completed")
    assert confirmed.json()["transaction_id"] == "statement-1"
    assert (await till.read(order))["payment_status"] == "completed"
    assert len(await till.admissions(order)) == 2


async def test_money_confirmed_again_by_the_same_transaction_is_booked_once(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)

    answers = [await till.confirm(payment, key=key) for key in (None, None, "k1", "k1", "k2")]

    assert {(answer.status_code, answer.json()["payment_status"]) for answer in answers} == {(200, "completed")}
    assert (await till.read(order))["amount_paid"]["amount"] == 2500
    assert len(await till.admissions(order)) == 1
    assert await told(till) == ["order.completed", "payment.promised"]


async def test_a_payment_is_not_completed_by_a_second_transaction(till: Till) -> None:
    payment = await till.promised(await till.held(1))
    await till.confirm(payment, transaction_id="statement-1")

    assert code(await till.confirm(payment, transaction_id="statement-2")) == (409, "payment_closed")


async def test_a_declined_payment_cannot_be_confirmed(till: Till) -> None:
    declined = (await till.pay(await till.held(1), outcome="declined")).json()

    assert code(await till.confirm(declined)) == (409, "payment_closed")


async def test_one_transaction_settles_one_payment(till: Till) -> None:
    first, second = [await till.promised(await till.held(1)) for _ in range(2)]
    await till.confirm(first, transaction_id="statement-1")

    refused = await till.confirm(second, transaction_id="statement-1")

    assert code(refused) == (409, "transaction_used")
    assert (await till.confirm(second, transaction_id="statement-2")).status_code == 200


async def test_two_organizers_may_number_their_receipts_alike(till: Till) -> None:
    other = Till(till.api, await put_on_sale(till.api.house, kind()))
    mine = await till.promised(await till.held(1), method="cash")
    theirs = await other.promised(await other.held(1), method="cash")

    answers = [await till.confirm(mine, transaction_id="17"), await other.confirm(theirs, transaction_id="17")]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("amount", [0, 2499, 2501, 5000])
async def test_another_amount_than_was_asked_for_completes_nothing(till: Till, amount: int) -> None:
    order = await till.held(1)
    payment = await till.promised(order)

    refused = await till.confirm(payment, amount={"amount": amount, "currency": "EUR"})

    assert code(refused) == (409, "amount_mismatch")
    assert refused.json()["payment_amount"] == 2500
    assert (await till.read(order))["payment_status"] == "pending"


async def test_money_in_another_currency_completes_nothing(till: Till) -> None:
    payment = await till.promised(await till.held(1))

    refused = await till.confirm(payment, amount={"amount": 2500, "currency": "USD"})

    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        ("/amount/currency", "currency_mismatch")
    ]


async def test_money_that_comes_twice_is_due_back_the_second_time_and_the_order_stays_good(till: Till) -> None:
    order = await till.held(1)
    transfer = await till.promised(order)
    cash = await till.promised(order, method="cash")

    await till.confirm(cash, transaction_id="receipt-1")
    await till.confirm(transfer, transaction_id="statement-1")

    stored = await till.read(order)
    assert stored["payment_status"] == "completed"
    assert (stored["amount_paid"]["amount"], stored["amount_refunded"]["amount"]) == (5000, 2500)
    assert [admission["status"] for admission in await till.admissions(order)] == ["valid"]
    (refund,) = await refunds_of(till, order)
    assert (refund["payment_id"], refund["refund_status"]) == (transfer["payment_id"], "due")
    assert refund["reason"] == "The order was paid already."
    await assert_books_balance(till.api.house, till.sale)


async def refunds_of(till: Till, order: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await till.api.get(f"/v1/orders/{order['order_id']}/refunds", token=order["access_token"])
    return list(answer.json()["data"])


async def test_money_for_a_cancelled_order_is_due_back_and_brings_nothing(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)
    await till.cancel(order)

    confirmed = await till.confirm(payment)

    assert confirmed.json()["payment_status"] == "completed"
    assert (await till.read(order))["payment_status"] == "cancelled"
    assert await till.admissions(order) == []
    assert [refund["reason"] for refund in await refunds_of(till, order)] == [
        "The payment came after the order was cancelled."
    ]
    assert await till.left() == Left(10, (10,))
    assert await told(till) == ["order.cancelled", "order.refund_due", "payment.promised"]
    await assert_books_balance(till.api.house, till.sale)


async def test_money_for_a_cancelled_event_is_due_back(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)
    await till.decide("cancel")

    await till.confirm(payment)

    assert [refund["reason"] for refund in await refunds_of(till, order)] == ["The event was cancelled."]
    assert await till.admissions(order) == []
    await assert_books_balance(till.api.house, till.sale)


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_money_that_meets_the_cancellation_of_its_event_is_due_back(
    api: Api, meanwhile: MeanwhileStore, clock: StandingClock, late: bool
) -> None:
    till = Till(api, await put_on_sale(api.house, kind()))
    order = await till.held(1)
    payment = await till.promised(order)
    if late:
        clock.move(days=6)
        await sweep(till)

    async def cancel() -> None:
        await till.decide("cancel")

    meanwhile.meanwhile = cancel
    await till.confirm(payment)

    assert await till.admissions(order) == []
    assert (await till.read(order))["amount_refunded"]["amount"] == 2500


async def test_a_promise_for_a_postponed_event_is_kept(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)
    await till.decide("postpone")

    await till.confirm(payment)

    assert (await till.read(order))["payment_status"] == "completed"


# late money ----------------------------------------------------------------------------------------------------------


async def test_money_that_comes_when_the_hold_ran_out_and_nobody_noticed_completes_the_order(
    till: Till, clock: StandingClock
) -> None:
    order = await till.held(2)
    payment = await till.promised(order)

    clock.move(days=6)
    await till.confirm(payment)

    assert (await till.read(order))["payment_status"] == "completed"
    assert await till.left() == Left(8, (8,))
    await assert_books_balance(till.api.house, till.sale)


async def test_late_money_takes_the_places_again(till: Till, clock: StandingClock) -> None:
    order = await till.held(2)
    payment = await till.promised(order)
    clock.move(days=6)
    await sweep(till)
    given_back = await till.left(CUSTOMER["email"])

    await till.confirm(payment)

    assert given_back == Left(10, (10,), (0,))
    assert await till.left(CUSTOMER["email"]) == Left(8, (8,), (-2,))
    assert (await till.read(order))["payment_status"] == "completed"
    assert len(await till.admissions(order)) == 2
    await assert_books_balance(till.api.house, till.sale)


@pytest.mark.parametrize("lacking", ["ticket type", "capacity"])
async def test_late_money_for_which_nothing_is_left_is_due_back_once(
    till: Till, clock: StandingClock, lacking: str
) -> None:
    order = await till.held(2)
    payment = await till.promised(order)
    clock.move(days=6)
    await sweep(till)
    if lacking == "ticket type":
        await till.change_type(0, quantity=1)
    else:
        await till.change(capacity=1)

    answers = [await till.confirm(payment) for _ in range(3)]

    assert {(answer.status_code, answer.json()["payment_status"]) for answer in answers} == {(200, "completed")}
    stored = await till.read(order)
    assert (stored["payment_status"], stored["amount_paid"], stored["amount_refunded"]) == (
        "expired",
        {"amount": 5000, "currency": "EUR"},
        {"amount": 5000, "currency": "EUR"},
    )
    assert [
        (refund["refund_amount"]["amount"], refund["refund_status"]) for refund in await refunds_of(till, order)
    ] == [(5000, "due")]
    assert await till.admissions(order) == []
    assert await told(till) == ["order.expired", "order.refund_due", "payment.promised"]
    await assert_books_balance(till.api.house, till.sale)


async def test_late_money_gets_the_place_that_a_hold_kept_too_long(till: Till, clock: StandingClock) -> None:
    order = await till.held(10)
    payment = await till.promised(order)
    clock.move(days=6)
    await till.held(10, email="sleeper@example.org")
    clock.move(minutes=15)

    await till.confirm(payment)

    assert (await till.read(order))["payment_status"] == "completed"
    await assert_books_balance(till.api.house, till.sale)


async def test_who_ordered_again_does_not_come_over_the_limit_by_late_money(api: Api, clock: StandingClock) -> None:
    till = Till(api, await put_on_sale(api.house, kind(), tickets_per_customer_max=4))
    first = await till.held(4)
    payment = await till.promised(first)
    clock.move(days=6)
    second = await till.sold(4)

    await till.confirm(payment)

    assert (await till.read(first))["payment_status"] == "expired"
    assert [refund["refund_status"] for refund in await refunds_of(till, first)] == ["due"]
    assert (len(await till.admissions(first)), len(await till.admissions(second))) == (0, 4)
    assert (await till.left(CUSTOMER["email"])).balances == (-4,)
    await assert_books_balance(api.house, till.sale)


async def test_late_money_comes_back_into_a_sale_that_ended_or_paused(till: Till, clock: StandingClock) -> None:
    """Who ordered in time and paid late gets what is left: the organizer's window is for new orders."""
    order = await till.held(1)
    payment = await till.promised(order)
    clock.move(days=6)
    await sweep(till)
    await till.change_type(0, paused=True)
    await till.change(sales_start_date="2027-01-01T00:00:00Z", sales_end_date="2027-03-02T00:00:00Z")

    await till.confirm(payment)

    assert (await till.read(order))["payment_status"] == "completed"


async def test_money_due_back_is_sent_once(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)
    await till.cancel(order)
    await till.confirm(payment)
    (refund,) = await refunds_of(till, order)
    path = f"/v1/refunds/{refund['refund_id']}/confirm"

    answers = [await till.api.post(path, token=till.sale.organizer, key=key) for key in (None, "k1", "k1", None)]

    assert [answer.json()["refund_status"] for answer in answers] == ["completed"] * 4
    assert (await till.read(order))["amount_refunded"]["amount"] == 2500


# what a confirmation is made of --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/transaction_id"),
        ({"transaction_id": ""}, "/transaction_id"),
        ({"transaction_id": "  "}, "/transaction_id"),
        ({"transaction_id": "t" * 201}, "/transaction_id"),
        ({"transaction_id": "a\nb"}, "/transaction_id"),
        ({"transaction_id": 17}, "/transaction_id"),
        ({"transaction_id": "t", "amount": 2500}, "/amount"),
        ({"transaction_id": "t", "amount": {"amount": -1, "currency": "EUR"}}, "/amount/amount"),
        ({"transaction_id": "t", "amount": {"amount": 25.0, "currency": "EUR"}}, "/amount/amount"),
        ({"transaction_id": "t", "payment_status": "completed"}, "/payment_status"),
    ],
)
async def test_a_confirmation_names_a_transaction(till: Till, body: dict[str, Any], pointer: str) -> None:
    payment = await till.promised(await till.held(1))

    refused = await till.api.post(
        f"/v1/payments/{payment['payment_id']}/confirm", body, key=fresh_key(), token=till.sale.organizer
    )

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


# whose payment -------------------------------------------------------------------------------------------------------


async def test_an_order_lists_its_payments_oldest_first(till: Till) -> None:
    order = await till.held(1)
    declined = (await till.pay(order, outcome="declined")).json()
    paid = (await till.pay(order)).json()

    listed = await till.api.get(f"/v1/orders/{order['order_id']}/payments", token=order["access_token"])

    assert listed.json() == {"data": [declined, paid], "next_cursor": None}


NOT_FOR_THEM = {
    "read": ["other user", "other organizer", "door device", "token of another order", "keys that may not read"],
    "pay": [
        "organizer",
        "admin",
        "other user",
        "other organizer",
        "door device",
        "token of another order",
        "keys that may only read",
    ],
    "confirm": [
        "access token",
        "owner",
        "other user",
        "other organizer",
        "door device",
        "token of another order",
        "keys that may only read",
    ],
}


async def tokens_of(till: Till, owner: str, order: dict[str, Any], who: str) -> list[str]:
    api = till.api
    match who:
        case "access token":
            return [order["access_token"]]
        case "owner":
            return [owner]
        case "organizer":
            return [till.sale.organizer]
        case "admin":
            return [await sign_up(api.house, "root", UserType.ADMIN)]
        case "other user":
            return [await sign_up(api.house, "eve")]
        case "other organizer":
            return [await sign_up(api.house, "oscar", UserType.ORGANIZER)]
        case "door device":
            return [await door_device(api, till.sale)]
        case "token of another order":
            return [(await till.held(1, email="eve@example.org"))["access_token"]]
        case _:
            users = (owner, till.sale.organizer, await sign_up(api.house, "root", UserType.ADMIN))
            scopes = ("check_ins", "orders") if who == "keys that may not read" else ("read", "events", "check_ins")
            return [await api_key(api, user, *scopes) for user in users]


@pytest.mark.parametrize(("what", "who"), [(what, who) for what, those in NOT_FOR_THEM.items() for who in those])
async def test_to_everybody_else_the_payment_does_not_exist(till: Till, what: str, who: str) -> None:
    owner = await sign_up(till.api.house, "grace")
    order = await till.held(1, token=owner)
    payment = await till.promised(order)
    tokens = await tokens_of(till, owner, order, who)
    before = await everything(till.api.house.store, TABLES)

    for token in tokens:
        for known in (True, False):
            payment_id = payment["payment_id"] if known else "pay_" + "0" * 26
            order_id = order["order_id"] if known else "ord_" + "0" * 26
            match what:
                case "read":
                    refused = await till.api.get(f"/v1/payments/{payment_id}", token=token)
                case "pay":
                    body = {"payment_method": "test"}
                    refused = await till.api.post(f"/v1/orders/{order_id}/payments", body, token=token, key=fresh_key())
                case _:
                    body = {"transaction_id": "forged"}
                    refused = await till.api.post(f"/v1/payments/{payment_id}/confirm", body, token=token)
            assert code(refused) == (404, "not_found")
    assert await everything(till.api.house.store, TABLES) == before


async def test_without_credentials_nothing_is_paid_read_or_confirmed(till: Till) -> None:
    order = await till.held(1)
    payment = await till.promised(order)
    payments = f"/v1/orders/{order['order_id']}/payments"
    one = f"/v1/payments/{payment['payment_id']}"

    answers = [
        await till.api.post(payments, {"payment_method": "test"}, key="k1"),
        await till.api.get(payments),
        await till.api.get(one),
        await till.api.post(f"{one}/confirm", {"transaction_id": "forged"}),
        await till.api.get("/v1/payments/pay_unknown"),
        await till.api.post("/v1/payments/pay_unknown/confirm", {"transaction_id": "forged"}),
    ]

    assert {code(answer) for answer in answers} == {(401, "unauthenticated")}
    assert (await till.read(order))["payment_status"] == "pending"


async def test_owner_organizer_and_admin_read_a_payment_and_all_but_the_owner_confirm_it(till: Till) -> None:
    api = till.api
    owner = await sign_up(api.house, "grace")
    order = await till.held(1, token=owner)
    path = f"/v1/payments/{(await till.promised(order))['payment_id']}"
    admin = await sign_up(api.house, "root", UserType.ADMIN)
    organizers = [admin, till.sale.organizer, await api_key(api, till.sale.organizer, "orders", "read")]

    read = [await api.get(path, token=token) for token in (owner, order["access_token"], *organizers)]
    confirmed = [await api.post(f"{path}/confirm", {"transaction_id": "t"}, token=token) for token in organizers]

    assert {answer.status_code for answer in read + confirmed} == {200}


async def test_a_user_pays_an_own_order_with_a_session_or_a_key(till: Till) -> None:
    owner = await sign_up(till.api.house, "grace")
    key = await api_key(till.api, owner, "orders")

    paid = [await till.pay(await till.held(1, token=owner), token=token) for token in (owner, key)]

    assert [answer.status_code for answer in paid] == [201, 201]
