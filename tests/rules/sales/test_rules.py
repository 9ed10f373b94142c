"""The pure decisions of sales: what an order may become, and what money does to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import AN_EVENT
from tests.support.houses import NOON, make_house
from ticketing.base.bounds import HOLD_EXTENSIONS_MAX, ORDER_LINES_MAX
from ticketing.base.errors import Invalid, Refusal
from ticketing.events.model import EventStatus
from ticketing.payments.model import PaymentMethod
from ticketing.sales.model import Customer, Order, OrderLine, PaymentStatus
from ticketing.sales.rules import (
    AlreadyPaid,
    HoldExpired,
    NoMoreExtensions,
    OrderCancelled,
    Settlement,
    cancelled,
    decide_settlement,
    extended,
    merged_lines,
    new_payment,
    ran_out,
    shown_payment_status,
    why_due_back,
)
from ticketing.sales.store import allowance_name, guest_id, order_of, order_record

EXPIRY = NOON + timedelta(minutes=15)
PENDING = Order(
    order_id="ord_1",
    event_id="evt_spring",
    user_id="usr_guest",
    account_user_id=None,
    order_date_time=NOON,
    total_amount=5000,
    currency="EUR",
    payment_status=PaymentStatus.PENDING,
    expires_at=EXPIRY,
    extensions=0,
    amount_paid=0,
    amount_refunded=0,
    customer=Customer("ada@example.org", "Ada", "Lovelace"),
    payments=(),
    refunds=(),
    lines=(OrderLine("tty_balcony", 2, 2500),),
    version=1,
)
BEFORE, AT = EXPIRY - timedelta(microseconds=1), EXPIRY


def in_state(status: PaymentStatus, **more: Any) -> Order:
    return replace(PENDING, payment_status=status, **more)


@pytest.mark.parametrize("status", PaymentStatus)
def test_only_a_pending_order_runs_out_and_not_before_its_time(status: PaymentStatus) -> None:
    order = in_state(status)

    assert not ran_out(order, now=BEFORE)
    assert ran_out(order, now=AT) is (status is PaymentStatus.PENDING)
    expected = PaymentStatus.EXPIRED if status is PaymentStatus.PENDING else status
    assert (shown_payment_status(order, now=BEFORE), shown_payment_status(order, now=AT)) == (status, expected)


NOT_PENDING: list[tuple[PaymentStatus, datetime, type[Refusal]]] = [
    (PaymentStatus.PENDING, AT, HoldExpired),
    (PaymentStatus.EXPIRED, BEFORE, HoldExpired),
    (PaymentStatus.CANCELLED, BEFORE, OrderCancelled),
    (PaymentStatus.COMPLETED, BEFORE, AlreadyPaid),
    (PaymentStatus.PARTIALLY_REFUNDED, BEFORE, AlreadyPaid),
    (PaymentStatus.REFUNDED, AT, AlreadyPaid),
]


@pytest.mark.parametrize(("status", "now", "refusal"), NOT_PENDING)
def test_an_order_that_waits_for_no_payment_is_neither_paid_nor_extended(
    status: PaymentStatus, now: datetime, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        new_payment(in_state(status), AN_EVENT, PaymentMethod.TEST, payment_id="pay_1", now=now)
    with pytest.raises(refusal):
        extended(in_state(status), hold_seconds=900, now=now)


@pytest.mark.parametrize(("status", "now", "refusal"), [row for row in NOT_PENDING if row[2] is not OrderCancelled])
def test_an_order_that_ran_out_or_was_paid_is_not_cancelled(
    status: PaymentStatus, now: datetime, refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        cancelled(in_state(status), now=now)


def test_a_cancelled_order_stays_as_it_is_for_good() -> None:
    order = in_state(PaymentStatus.CANCELLED)

    assert cancelled(order, now=AT) is order


@pytest.mark.parametrize("status", [PaymentStatus.PENDING, PaymentStatus.COMPLETED])
def test_an_order_that_cost_nothing_is_cancelled_even_when_complete(status: PaymentStatus) -> None:
    free = in_state(status, total_amount=0, lines=(OrderLine("tty_child", 1, 0),))

    assert cancelled(free, now=BEFORE).payment_status is PaymentStatus.CANCELLED


def test_the_tenth_extension_is_the_last() -> None:
    assert extended(replace(PENDING, extensions=HOLD_EXTENSIONS_MAX - 1), hold_seconds=900, now=BEFORE).extensions == 10
    with pytest.raises(NoMoreExtensions):
        extended(replace(PENDING, extensions=HOLD_EXTENSIONS_MAX), hold_seconds=900, now=BEFORE)


@given(passed=st.integers(0, 899), hold_seconds=st.integers(1, 3600))
def test_an_extension_holds_from_now_and_never_for_less(passed: int, hold_seconds: int) -> None:
    now = NOON + timedelta(seconds=passed)

    changed = extended(PENDING, hold_seconds=hold_seconds, now=now)

    assert changed.expires_at == max(EXPIRY, now + timedelta(seconds=hold_seconds))


SETTLEMENTS = {
    PaymentStatus.PENDING: Settlement.COMPLETE,
    PaymentStatus.EXPIRED: Settlement.TAKE_AGAIN,
    PaymentStatus.CANCELLED: Settlement.REFUND,
    PaymentStatus.COMPLETED: Settlement.REFUND,
    PaymentStatus.PARTIALLY_REFUNDED: Settlement.REFUND,
    PaymentStatus.REFUNDED: Settlement.REFUND,
}


@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("event_status", [EventStatus.PUBLISHED, EventStatus.POSTPONED, EventStatus.CANCELLED])
def test_what_money_does_follows_from_order_and_event(status: PaymentStatus, event_status: EventStatus) -> None:
    event = replace(AN_EVENT, status=event_status)

    expected = Settlement.REFUND if event_status is EventStatus.CANCELLED else SETTLEMENTS[status]
    assert decide_settlement(in_state(status), event) is expected


@pytest.mark.parametrize(
    ("status", "event_status", "reason"),
    [
        (PaymentStatus.COMPLETED, EventStatus.PUBLISHED, "The order was paid already."),
        (PaymentStatus.REFUNDED, EventStatus.PUBLISHED, "The order was paid already."),
        (PaymentStatus.CANCELLED, EventStatus.PUBLISHED, "The payment came after the order was cancelled."),
        (PaymentStatus.EXPIRED, EventStatus.PUBLISHED, "The payment came when its places could not be had any more."),
        (PaymentStatus.PENDING, EventStatus.CANCELLED, "The event was cancelled."),
    ],
)
def test_money_that_is_due_back_says_why(status: PaymentStatus, event_status: EventStatus, reason: str) -> None:
    assert why_due_back(in_state(status), replace(AN_EVENT, status=event_status)) == reason


def test_a_payment_asks_for_what_is_still_to_pay() -> None:
    once_paid_back = replace(PENDING, amount_paid=5000, amount_refunded=5000)

    payment = new_payment(once_paid_back, AN_EVENT, PaymentMethod.CASH, payment_id="pay_2", now=NOON)

    assert payment.payment_amount == 5000


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10)), min_size=1, max_size=ORDER_LINES_MAX))
def test_lines_of_one_type_are_added_up_and_none_is_lost(lines: list[tuple[str, int]]) -> None:
    merged = merged_lines(lines)

    assert [type_id for type_id, _ in merged] == list(dict.fromkeys(type_id for type_id, _ in lines))
    assert sum(quantity for _, quantity in merged) == sum(quantity for _, quantity in lines)


def test_more_lines_than_an_order_may_have_are_refused_even_of_one_type() -> None:
    with pytest.raises(Invalid):
        merged_lines([("a", 1)] * (ORDER_LINES_MAX + 1))


@pytest.mark.parametrize("status", PaymentStatus)
def test_an_order_is_read_as_it_was_stored_and_is_on_hold_only_while_pending(status: PaymentStatus) -> None:
    order = in_state(status)

    record = order_record(order)

    assert order_of(record, order.lines) == order
    assert (record["hold_shard"] is not None) is (status is PaymentStatus.PENDING)


# customers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.org", "ADA@EXAMPLE.ORG"),
        ("ada@example.org", "ada+tickets@example.org"),
        ("ada+a+b@example.org", "Ada+c@example.org"),
    ],
)
def test_addresses_of_one_mailbox_share_an_allowance(one: str, other: str) -> None:
    house = make_house()

    assert allowance_name(house, one) == allowance_name(house, other)


@pytest.mark.parametrize("other", ["ada@example.com", "adb@example.org", "ada.b@example.org", "ada@sub.example.org"])
def test_addresses_of_different_mailboxes_do_not(other: str) -> None:
    house = make_house()

    assert allowance_name(house, "ada@example.org") != allowance_name(house, other)


def test_a_guest_with_a_tag_is_another_guest_with_the_same_allowance() -> None:
    house = make_house()

    assert guest_id(house, "ada+tickets@example.org") != guest_id(house, "ada@example.org")
    assert guest_id(house, "Ada@example.org") == guest_id(house, "ada@example.org")
