"""Decisions of an order that waits for its payment: how long it is held, when it runs out, and that it is cancelled."""

from dataclasses import replace
from datetime import datetime, timedelta

from ticketing.base.bounds import HOLD_EXTENSIONS_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.sales.model import Customer, HoldWish, Order, PaymentStatus


class HoldExpired(Refusal):
    """The order's hold ran out, and its places went back."""

    code = "hold_expired"
    kind = Kind.CONFLICT
    title = "The time to pay ran out and the places went back. Order again."


class AlreadyPaid(Refusal):
    """The order is paid (or cost nothing); to undo it, refund it."""

    code = "already_paid"
    kind = Kind.CONFLICT
    title = "This order is complete already."


class OrderCancelled(Refusal):
    """The order was cancelled, which is final."""

    code = "order_cancelled"
    kind = Kind.CONFLICT
    title = "This order was cancelled."


class NoMoreExtensions(Refusal):
    """The hold was extended as often as it may be."""

    code = "no_more_extensions"
    kind = Kind.CONFLICT
    title = f"A hold can be extended at most {HOLD_EXTENSIONS_MAX} times."


def ran_out(order: Order, *, now: datetime) -> bool:
    """Whether the order is pending no longer than its hold lasts: its places are due to go back."""
    return order.payment_status is PaymentStatus.PENDING and order.expires_at <= now


def shown_payment_status(order: Order, *, now: datetime) -> PaymentStatus:
    """How the order stands to whoever looks: one whose hold ran out is expired, whether or not that was written yet."""
    return PaymentStatus.EXPIRED if ran_out(order, now=now) else order.payment_status


def is_sent_again(order: Order, wish: HoldWish, customer: Customer, *, opened: datetime, now: datetime) -> bool:
    """Whether a form that was opened then asks once more for this order, which the same browser placed before.

    The same tickets for the same person: while they wait to be paid, nobody means them twice; once they are theirs, only a form
    that was open already when they were ordered (a second tab) can have meant these.
    """
    ordered = {line.ticket_type_id: line.quantity for line in order.lines}
    wished = {line.ticket_type_id: line.quantity for line in wish.lines}
    if (order.event_id, ordered, order.customer) != (wish.event_id, wished, customer):
        return False
    status = shown_payment_status(order, now=now)
    return status is PaymentStatus.PENDING or (status is PaymentStatus.COMPLETED and opened <= order.order_date_time)


def refuse_not_pending(order: Order, *, now: datetime) -> None:
    """Nothing, while the order waits for its payment. Raises HoldExpired, AlreadyPaid, OrderCancelled."""
    if order.payment_status is PaymentStatus.EXPIRED or ran_out(order, now=now):
        raise HoldExpired
    if order.payment_status is PaymentStatus.CANCELLED:
        raise OrderCancelled
    if order.payment_status is not PaymentStatus.PENDING:
        raise AlreadyPaid


def extended(order: Order, *, hold_seconds: int, now: datetime) -> Order:
    """The order held for `hold_seconds` from now, or as long as it was. Raises as `refuse_not_pending`, NoMoreExtensions."""
    refuse_not_pending(order, now=now)
    if order.extensions >= HOLD_EXTENSIONS_MAX:
        raise NoMoreExtensions
    later = max(order.expires_at, now + timedelta(seconds=hold_seconds))
    return replace(order, expires_at=later, extensions=order.extensions + 1)


def expired(order: Order) -> Order:
    """The order whose hold ran out. It is kept: a payment that comes late finds it."""
    assert order.payment_status is PaymentStatus.PENDING
    return replace(order, payment_status=PaymentStatus.EXPIRED)


def cancelled(order: Order, *, now: datetime) -> Order:
    """The order, cancelled. One that was paid is refunded, or its tickets are given back by its event's terms, instead.

    Raises HoldExpired, AlreadyPaid; not when cancelled already.
    """
    if order.payment_status is PaymentStatus.CANCELLED:
        return order
    if order.payment_status is PaymentStatus.EXPIRED or ran_out(order, now=now):
        raise HoldExpired
    free = order.payment_status is PaymentStatus.COMPLETED and order.total_amount == 0
    if order.payment_status is not PaymentStatus.PENDING and not free:
        raise AlreadyPaid("This order is paid. Refund it instead.")
    return replace(order, payment_status=PaymentStatus.CANCELLED)
