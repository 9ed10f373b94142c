"""Many things at once, interleaved in every way that a seed can think of: the books balance, and nobody is told wrongly."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.houses import StandingClock, make_house
from tests.support.interleaved import InterleavedStore
from tests.support.sales import Sale, assert_books_balance, guest_buyer, kind, left, put_on_sale
from tests.support.stores import LaggingStore
from ticketing.accounts.bearer import principal_of
from ticketing.accounts.model import Principal
from ticketing.base.changes import Replace
from ticketing.base.errors import Refusal
from ticketing.base.house import House
from ticketing.base.once import keep_nothing
from ticketing.base.store import Busy, Conflict
from ticketing.events.actions.events import move_event
from ticketing.events.actions.ticket_types import change_ticket_type
from ticketing.events.rules import cancelled_event
from ticketing.payments.model import Payment, PaymentMethod, PaymentState
from ticketing.payments.model import TestOutcome as Outcome
from ticketing.payments.store import read_payment, read_refunds
from ticketing.sales import actions
from ticketing.sales.expiry import HOLDS_PER_SWEEP_MAX, expire_hold, expire_holds
from ticketing.sales.model import Order, PaymentStatus, RefundWish
from ticketing.sales.rules import SoldOut
from ticketing.sales.store import read_order
from ticketing.schema.tables import ADMISSIONS, FACTS, REFUNDS
from ticketing.storage.memory import MemoryStore

SEEDS = range(20)


def interleaved(seed: int) -> House:
    return make_house(InterleavedStore(MemoryStore(), seed=seed))


def move_clock(house: House, **by: float) -> None:
    clock = house.clock
    assert isinstance(clock, StandingClock)
    clock.move(**by)


async def hold(house: House, sale: Sale, *quantities: int, email: str = "ada@example.org") -> Order:
    buyer = guest_buyer(house, email)
    return await actions.place_hold(house, sale.wish(*quantities), buyer, keep=keep_nothing, now=house.clock.now())


async def pay(house: House, order: Order) -> Payment:
    return await actions.start_payment(
        house, order, PaymentMethod.TEST, Outcome.PAID, keep=keep_nothing, now=house.clock.now()
    )


async def promise(house: House, order: Order) -> Payment:
    return await actions.start_payment(
        house, order, PaymentMethod.BANK_TRANSFER, Outcome.PAID, keep=keep_nothing, now=house.clock.now()
    )


async def confirm(house: House, payment: Payment, transaction_id: str = "statement 1") -> Payment:
    return await actions.settle(house, payment, transaction_id=transaction_id, amount=None, now=house.clock.now())


async def cancel(house: House, order: Order) -> Order:
    return await actions.cancel_order(house, order, by_owner=True, keep=keep_nothing, now=house.clock.now())


async def again(house: House, order: Order) -> Order:
    read = await read_order(house.store, order.order_id)
    assert read is not None
    return read


async def at_once(*doings: Coroutine[Any, Any, Any]) -> list[Any]:
    """What each did, or the refusal that it met; nothing else may happen."""
    outcomes = await asyncio.gather(*doings, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Refusal):
            raise outcome
    return outcomes


def count_done(outcomes: list[Any]) -> int:
    return sum(not isinstance(outcome, Refusal) for outcome in outcomes)


async def facts_of(house: House, order: Order) -> list[str]:
    return [row["kind"] async for row in house.store.scan(FACTS) if row["subject_id"] == order.order_id]


# one place, everybody wants it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_place_is_sold_to_one_of_many(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=1))

    outcomes = await at_once(*(hold(house, sale, 1, email=f"buyer{number}@example.org") for number in range(12)))

    assert count_done(outcomes) == 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, Refusal)} == {SoldOut}
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nobody_is_told_sold_out_while_a_hold_that_ran_out_has_the_place(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=4))
    await hold(house, sale, 4, email="sleeper@example.org")
    move_clock(house, minutes=15)

    outcomes = await at_once(*(hold(house, sale, 1, email=f"buyer{number}@example.org") for number in range(4)))

    assert [type(outcome) for outcome in outcomes] == [Order] * 4
    assert (await left(house, sale)).types == (0,)
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_processes_that_sweep_at_once_tell_nobody_sold_out_wrongly(seed: int) -> None:
    store = MemoryStore()
    clock = StandingClock()
    one, other = (make_house(InterleavedStore(store, seed=seed + place), clock=clock) for place in (0, 1000))
    sale = await put_on_sale(one, kind(quantity=2))
    await hold(one, sale, 2, email="sleeper@example.org")
    move_clock(one, minutes=15)

    outcomes = await at_once(hold(one, sale, 1, email="a@example.org"), hold(other, sale, 1, email="b@example.org"))

    assert [type(outcome) for outcome in outcomes] == [Order] * 2
    await assert_books_balance(one, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_capacity_of_one_is_sold_once_over_two_ticket_types(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind("Balcony", quantity=1), kind("Stalls", quantity=1), capacity=1)

    outcomes = await at_once(
        *(hold(house, sale, number % 2, 1 - number % 2, email=f"buyer{number}@example.org") for number in range(6))
    )

    assert count_done(outcomes) == 1
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_customer_who_orders_many_times_at_once_comes_to_the_limit_and_not_beyond(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind("Balcony"), kind("Stalls"), tickets_per_customer_max=4)

    outcomes = await at_once(
        *(hold(house, sale, number % 2, 1 - number % 2, email=f"ada+{number}@example.org") for number in range(10))
    )

    assert count_done(outcomes) == 4
    assert (await left(house, sale, "ada@example.org")).balances == (-4,)
    await assert_books_balance(house, sale)


# places that come back, once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_sweep_a_cancellation_and_a_payment_at_once_leave_one_of_them_true(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=3), capacity=3, tickets_per_customer_max=3)
    order = await hold(house, sale, 3)
    soon = order.expires_at

    outcomes = await at_once(
        cancel(house, order),
        pay(house, order),
        actions.extend_hold(house, order, keep=keep_nothing, now=house.clock.now()),
        *(expire_hold(house, order.order_id, now=soon) for _ in range(3)),
        expire_holds(house, now=soon),
    )

    status = (await again(house, order)).payment_status
    assert status in (PaymentStatus.CANCELLED, PaymentStatus.COMPLETED, PaymentStatus.EXPIRED)
    assert sum(outcome is True for outcome in outcomes) <= 1
    assert (await left(house, sale)).types == ((0,) if status is PaymentStatus.COMPLETED else (3,))
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_hold_that_ran_out_gives_back_once_whoever_notices(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=3), capacity=3, tickets_per_customer_max=3)
    order = await hold(house, sale, 3)
    move_clock(house, minutes=15)

    outcomes = await at_once(
        *(expire_hold(house, order.order_id, now=house.clock.now()) for _ in range(4)),
        expire_holds(house, now=house.clock.now()),
    )

    assert sum(int(outcome) for outcome in outcomes) == 1
    assert await left(house, sale, "ada@example.org") == replace(await left(house, sale), types=(3,), balances=(0,))
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_free_order_cancelled_many_times_at_once_gives_back_once(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind("Child", price=0, quantity=3), capacity=3)
    order = await hold(house, sale, 3)

    outcomes = await at_once(*(cancel(house, order) for _ in range(4)))

    assert [outcome.payment_status for outcome in outcomes] == [PaymentStatus.CANCELLED] * 4
    assert (await left(house, sale)).types == (3,)
    assert (await facts_of(house, order)).count("order.cancelled") == 1
    await assert_books_balance(house, sale)


# money ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_payments_at_once_take_the_money_once(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind())
    order = await hold(house, sale, 2)

    outcomes = await at_once(pay(house, order), pay(house, order))

    assert count_done(outcomes) == 1
    paid = await again(house, order)
    assert (paid.amount_paid, paid.amount_refunded) == (5000, 0)
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_money_confirmed_many_times_at_once_is_booked_once(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind())
    order = await hold(house, sale, 2)
    payment = await promise(house, order)

    outcomes = await at_once(*(confirm(house, payment) for _ in range(5)))

    assert {(outcome.payment_status, outcome.transaction_id) for outcome in outcomes} == {
        (PaymentState.COMPLETED, "statement 1")
    }
    assert (await again(house, order)).amount_paid == 5000
    assert (await facts_of(house, order)).count("order.completed") == 1
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_transaction_settles_one_of_two_payments(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind())
    orders = [await hold(house, sale, 1, email=email) for email in ("ada@example.org", "bob@example.org")]
    payments = [await promise(house, order) for order in orders]

    outcomes = await at_once(*(confirm(house, payment) for payment in payments))

    assert count_done(outcomes) == 1
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_late_money_for_the_last_place_completes_one_order_and_is_due_back_to_the_other(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=1))
    payments = []
    for email in ("ada@example.org", "bob@example.org"):
        order = await hold(house, sale, 1, email=email)
        payments.append(await promise(house, order))
        move_clock(house, days=6)
        await expire_holds(house, now=house.clock.now())

    outcomes = await at_once(
        *(confirm(house, payment, f"statement {number}") for number, payment in enumerate(payments) for _ in range(2))
    )

    assert count_done(outcomes) == 4
    stored = [await read_order(house.store, payment.order_id) for payment in payments]
    assert sorted((order.payment_status.value, order.amount_refunded) for order in stored if order) == [
        ("completed", 0),
        ("expired", 2500),
    ]
    assert len([row async for row in house.store.scan(REFUNDS)]) == 1
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_late_money_gets_the_place_of_a_hold_that_ran_out_too(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(quantity=1))
    payment = await promise(house, await hold(house, sale, 1))
    move_clock(house, days=6)
    await expire_holds(house, now=house.clock.now())
    sleeper = await hold(house, sale, 1, email="sleeper@example.org")
    move_clock(house, minutes=15)

    await at_once(confirm(house, payment), expire_hold(house, sleeper.order_id, now=house.clock.now()))

    order = await read_order(house.store, payment.order_id)
    assert order is not None
    assert (order.payment_status, order.amount_refunded) == (PaymentStatus.COMPLETED, 0)
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_money_for_an_event_cancelled_at_that_moment_is_kept_with_tickets_or_due_back(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind())
    organizer = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
    order = await hold(house, sale, 1)
    payment = await promise(house, order)

    await at_once(
        confirm(house, payment),
        move_event(
            house,
            organizer,
            sale.event_id,
            lambda event: cancelled_event(event, now=house.clock.now()),
            keep=keep_nothing,
            now=house.clock.now(),
        ),
    )

    stored = await again(house, order)
    assert (stored.payment_status, stored.amount_refunded) in (
        (PaymentStatus.COMPLETED, 0),
        (PaymentStatus.PENDING, 2500),
    )
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_refunds_at_once_never_give_back_more_than_came_in(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind())
    order = await hold(house, sale, 2)
    await pay(house, order)
    paid = await again(house, order)

    async def refund(amount: int) -> object:
        return await actions.refund_order(
            house, paid, RefundWish(amount, None, ""), keep=keep_nothing, now=house.clock.now()
        )

    outcomes = await at_once(*(refund(2000) for _ in range(4)), refund(5000))

    stored = await again(house, order)
    went = [refund.refund_amount for refund in await read_refunds(house.store, stored.refunds)]
    assert sum(went) == stored.amount_refunded <= 5000
    assert len(went) == count_done(outcomes)
    assert went in ([2000, 2000], [5000])
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_price_that_changes_while_people_order_is_never_mixed_with_the_old_one_afterwards(seed: int) -> None:
    house = interleaved(seed)
    sale = await put_on_sale(house, kind(price=2500))
    organizer = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
    await hold(house, sale, 1, email="early@example.org")
    changed = asyncio.Event()

    async def dearer() -> None:
        await change_ticket_type(
            house, organizer, sale.ticket_types[0], lambda wish: replace(wish, price=4000), expected=None
        )
        changed.set()

    async def order(number: int) -> tuple[bool, int]:
        after = changed.is_set()
        return after, (await hold(house, sale, 1, email=f"buyer{number}@example.org")).total_amount

    async def order_afterwards() -> tuple[bool, int]:
        await changed.wait()
        return await order(99)

    outcomes = await at_once(dearer(), *(order(number) for number in range(4)), order_afterwards())

    assert all(amount in (2500, 4000) for _, amount in outcomes[1:])
    assert all(amount == 4000 for after, amount in outcomes[1:] if after)
    assert outcomes[-1] == (True, 4000)


# everything ----------------------------------------------------------------------------------------------------------


async def _prepared(house: House, sale: Sale, dice: random.Random) -> tuple[list[Order], list[Payment]]:
    """Orders in every state, and payments under way."""
    orders: list[Order] = []
    payments: list[Payment] = []
    for number in range(6):
        buyer = f"buyer{number % 3}@example.org"
        outcome = (await at_once(hold(house, sale, dice.randint(0, 1), 1, dice.randint(0, 1), email=buyer)))[0]
        if isinstance(outcome, Order):
            orders.append(outcome)
            outcome = (await at_once(dice.choice((pay, promise, cancel))(house, outcome)))[0]
            if isinstance(outcome, Payment):
                payments.append(outcome)
        move_clock(house, minutes=dice.choice((0, 0, 10, 7200)))
    return orders, payments


def _doing(
    house: House, sale: Sale, organizer: Principal, orders: list[Order], payments: list[Payment], dice: random.Random
) -> Coroutine[Any, Any, Any]:
    """Any one thing that somebody may do."""
    now = house.clock.now()
    order = dice.choice(orders)
    payment = dice.choice(payments) if payments else None

    async def enter() -> None:
        rows = [row async for row in house.store.scan(ADMISSIONS) if row["order_id"] == order.order_id]
        for row in rows[:1]:
            used = row | {"status": "used" if row["status"] == "valid" else row["status"], "entered_at": now}
            with suppress(Conflict):
                await house.store.commit((Replace(ADMISSIONS, used),))

    async def on_fresh(act: Callable[[Order], Awaitable[Any]]) -> Any:
        return await act(await again(house, order))

    async def confirm_fresh() -> Any:
        read = await read_payment(house.store, payment.payment_id) if payment else None
        return None if read is None else await confirm(house, read, f"statement {dice.randint(1, 3)}")

    def refund(wish: RefundWish) -> Coroutine[Any, Any, Any]:
        return on_fresh(lambda read: actions.refund_order(house, read, wish, keep=keep_nothing, now=now))

    quantity = dice.randint(0, 6)
    return dice.choice(
        (
            lambda: hold(house, sale, 1, dice.randint(0, 2), email=f"buyer{dice.randint(0, 3)}@example.org"),
            lambda: hold(house, sale, 0, 0, dice.randint(1, 3), email=f"buyer{dice.randint(0, 3)}@example.org"),
            lambda: on_fresh(lambda read: cancel(house, read)),
            lambda: on_fresh(lambda read: pay(house, read)),
            lambda: on_fresh(lambda read: actions.extend_hold(house, read, keep=keep_nothing, now=now)),
            confirm_fresh,
            confirm_fresh,
            lambda: expire_holds(house, now=now),
            lambda: refund(RefundWish(dice.randint(1, 4000), None, "")),
            lambda: refund(RefundWish(None, None, "")),
            lambda: change_ticket_type(
                house, organizer, sale.ticket_types[1], lambda wish: replace(wish, quantity=quantity), expected=None
            ),
            enter,
        )
    )()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60)
def test_whatever_is_done_at_once_the_books_balance(seed: int) -> None:
    async def run() -> None:
        dice = random.Random(seed)
        house = interleaved(seed)
        sale = await put_on_sale(
            house,
            kind("Balcony", quantity=4),
            kind("Stalls", price=4000, quantity=5),
            kind("Child", price=0, quantity=3),
            capacity=9,
            tickets_per_customer_max=5,
        )
        organizer = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
        orders, payments = await _prepared(house, sale, dice)
        if not orders:
            return

        outcomes = await at_once(*(_doing(house, sale, organizer, orders, payments, dice) for _ in range(14)))

        assert not any(isinstance(outcome, Busy) for outcome in outcomes)
        await assert_books_balance(house, sale)

    asyncio.run(run())


# an index that lags --------------------------------------------------------------------------------------------------


async def test_a_sweep_is_not_stopped_by_a_lagging_index_that_still_names_what_others_ended() -> None:
    store = LaggingStore(MemoryStore(), lag_commits=1000)
    house = make_house(store)
    sale = await put_on_sale(house, kind(quantity=HOLDS_PER_SWEEP_MAX + 1))
    others = [await hold(house, sale, 1, email=f"buyer{number}@example.org") for number in range(HOLDS_PER_SWEEP_MAX)]
    move_clock(house, minutes=1)
    await hold(house, sale, 1, email="sleeper@example.org")
    move_clock(house, minutes=15)
    await store.catch_up()
    for order in others:
        await expire_hold(house, order.order_id, now=house.clock.now())
    await hold(house, sale, 50, email="ada@example.org")

    last = await hold(house, sale, 50, email="ada@example.org")
    really_last = await hold(house, sale, 1, email="ada@example.org")

    assert (last.ticket_count, really_last.ticket_count) == (50, 1)
    await assert_books_balance(house, sale)


async def test_a_hold_that_was_extended_is_not_ended_by_an_index_that_does_not_know_it_yet() -> None:
    store = LaggingStore(MemoryStore(), lag_commits=1000)
    house = make_house(store)
    sale = await put_on_sale(house, kind(quantity=1))
    order = await hold(house, sale, 1)
    await store.catch_up()
    move_clock(house, minutes=14)
    await actions.extend_hold(house, order, keep=keep_nothing, now=house.clock.now())
    move_clock(house, minutes=2)

    ended = await expire_holds(house, now=house.clock.now())

    assert ended == 0
    assert (await again(house, order)).payment_status is PaymentStatus.PENDING
    await assert_books_balance(house, sale)


async def test_hundreds_who_are_short_at_once_share_one_sweep() -> None:
    store = MemoryStore()
    house = make_house(InterleavedStore(store, seed=1))
    sale = await put_on_sale(house, kind(quantity=10))
    for number in range(10):
        await hold(house, sale, 1, email=f"sleeper{number}@example.org")
    move_clock(house, minutes=15)

    outcomes = await at_once(*(expire_holds(house, now=house.clock.now()) for _ in range(100)))

    assert outcomes == [10] * 100


async def test_who_comes_later_is_not_content_with_a_sweep_that_went_less_far() -> None:
    house = interleaved(1)
    sale = await put_on_sale(house, kind(quantity=2))
    await hold(house, sale, 1, email="first@example.org")
    move_clock(house, minutes=1)
    second = await hold(house, sale, 1, email="second@example.org")
    earlier, later = second.expires_at - timedelta(minutes=1), second.expires_at

    await at_once(expire_holds(house, now=earlier), expire_holds(house, now=later), expire_holds(house, now=earlier))

    assert (await left(house, sale)).types == (2,)


async def test_who_gives_up_waiting_for_a_sweep_does_not_stop_it_for_others() -> None:
    house = interleaved(1)
    sale = await put_on_sale(house, kind(quantity=1))
    await hold(house, sale, 1, email="sleeper@example.org")
    move_clock(house, minutes=15)
    impatient = asyncio.ensure_future(expire_holds(house, now=house.clock.now()))
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(expire_holds(house, now=house.clock.now()))
    await asyncio.sleep(0)

    impatient.cancel()

    assert await patient == 1
    assert (await left(house, sale)).types == (1,)
