"""Decisions of payments: what is to be paid, and what money that came in does to its order."""

from dataclasses import replace
from datetime import datetime
from enum import Enum

from ticketing.base.bounds import PAYMENTS_PER_ORDER_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.events.model import Event, EventStatus
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.rules.holds import refuse_called_off
from ticketing.sales.rules.pending import refuse_not_pending


class TooManyPayments(Refusal):
    """The order has as many payments, or refunds, as it may."""

    code = "too_many_payments"
    kind = Kind.CONFLICT
    title = "This order has too many payments or refunds already."


def new_payment(order: Order, event: Event, method: PaymentMethod, *, payment_id: str, now: datetime) -> Payment:
    """The payment of what is still to pay, pending.

    Nobody begins to pay for what will not take place, or on a date that nobody knows. Raises EventCancelled, EventPostponed,
    then as `refuse_not_pending`, TooManyPayments.
    """
    refuse_called_off(event)
    refuse_not_pending(order, now=now)
    if len(order.payments) >= PAYMENTS_PER_ORDER_MAX:
        raise TooManyPayments
    return Payment(
        payment_id=payment_id,
        order_id=order.order_id,
        payment_date_time=now,
        payment_amount=order.total_amount - (order.amount_paid - order.amount_refunded),
        currency=order.currency,
        payment_method=method,
        transaction_id=None,
        payment_status=PaymentState.PENDING,
        completed_date_time=None,
        version=1,
    )


def with_payment(order: Order, payment: Payment, *, held_until: datetime | None = None) -> Order:
    """The order with one payment more, held until `held_until` if that is later."""
    expires_at = order.expires_at if held_until is None else max(order.expires_at, held_until)
    return replace(order, payments=(*order.payments, payment.payment_id), expires_at=expires_at)


class Settlement(Enum):
    """What money that came in does to its order."""

    COMPLETE = "complete"
    """The places are held still: the order is complete."""
    TAKE_AGAIN = "take again"
    """The hold ran out and the places went back: the order is complete if they can be taken again."""
    REFUND = "refund"
    """Nothing can be had for it: it is due to go back."""


def decide_settlement(order: Order, event: Event) -> Settlement:
    """What money for this order does, a `Settlement`. An unwritten expiry does not matter: the places are held until it is."""
    if event.status is EventStatus.CANCELLED:
        return Settlement.REFUND
    if order.payment_status is PaymentStatus.PENDING:
        return Settlement.COMPLETE
    if order.payment_status is PaymentStatus.EXPIRED:
        return Settlement.TAKE_AGAIN
    return Settlement.REFUND


def why_due_back(order: Order, event: Event) -> str:
    """Why money that came in is due to go back, for the organizer and the payer to read."""
    if event.status is EventStatus.CANCELLED:
        return "The event was cancelled."
    if order.payment_status is PaymentStatus.CANCELLED:
        return "The payment came after the order was cancelled."
    if order.payment_status.has_tickets:
        return "The order was paid already."
    return "The payment came when its places could not be had any more."


def paid(order: Order, payment: Payment) -> Order:
    """The order, complete by this payment."""
    return replace(
        order,
        payment_status=PaymentStatus.COMPLETED,
        amount_paid=order.amount_paid + payment.payment_amount,
    )


def due_back(order: Order, payment: Payment, *, refund_id: str, reason: str, now: datetime) -> tuple[Order, Refund]:
    """The order with money that bought nothing, and the refund that is due for it. Its status stays."""
    refund = Refund(
        refund_id=refund_id,
        order_id=order.order_id,
        payment_id=payment.payment_id,
        refund_date_time=now,
        refund_amount=payment.payment_amount,
        currency=payment.currency,
        reason=reason,
        admissions=(),
        refund_status=RefundState.DUE,
        version=1,
    )
    changed = replace(
        order,
        amount_paid=order.amount_paid + payment.payment_amount,
        amount_refunded=order.amount_refunded + payment.payment_amount,
        refunds=(*order.refunds, refund_id),
    )
    return changed, refund
