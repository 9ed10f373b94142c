"""Decisions of refunds: how much goes back, which tickets end with it, and which places go back to the sale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.admission.model import Admission, AdmissionStatus
from ticketing.admission.rules import voided
from ticketing.base.bounds import REFUNDS_PER_ORDER_MAX
from ticketing.base.errors import FieldError, Invalid
from ticketing.payments.model import Payment, PaymentMethod, Refund, RefundState
from ticketing.payments.rules import NothingToRefund, RefundOverPaid, refundable_payment
from ticketing.sales.model import Order, PaymentStatus, RefundWish
from ticketing.sales.rules.payments import TooManyPayments


@dataclass(frozen=True, slots=True)
class RefundDecision:
    """What a refund does: the order and refund as they become, the admissions made void, and the places that go back."""

    order: Order
    refund: Refund
    void: tuple[Admission, ...]
    given_back: Mapping[str, int]


def decide_refund(
    order: Order,
    wish: RefundWish,
    *,
    admissions: Sequence[Admission],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
    refund_id: str,
    now: datetime,
) -> RefundDecision:
    """What this refund does. Places of admissions that nobody entered with go back to the sale; used ones are not resold.

    With a `wish.amount` alone, money goes back and the admissions stay good, until nothing is left of the money: then they are
    void. Where admissions are named, the others stay good though nothing is left of the money, and the order is refunded in part
    for as long as one of them is.

    Raises NothingToRefund, TooManyPayments, Invalid (admissions that are not this order's or are void), RefundOverPaid.
    """
    left = order.amount_paid - order.amount_refunded
    if not order.payment_status.has_tickets or left <= 0:
        raise NothingToRefund
    if len(order.refunds) >= REFUNDS_PER_ORDER_MAX:
        raise TooManyPayments
    prices = {line.ticket_type_id: line.unit_amount for line in order.lines}
    live = {admission.admission_id: admission for admission in admissions if not admission.is_void}
    if wish.admissions is not None:
        unknown = [
            FieldError(
                f"/admissions/{place}", "not_refundable", "is not an admission of this order, or is void already"
            )
            for place, admission_id in enumerate(wish.admissions)
            if admission_id not in live
        ]
        if unknown:
            raise Invalid(*unknown)
        chosen = [live[admission_id] for admission_id in dict.fromkeys(wish.admissions)]
    else:
        chosen = list(live.values()) if wish.amount in (None, left) else []
    amount = wish.amount
    if amount is None:
        amount = left if wish.admissions is None else sum(prices[admission.ticket_type_id] for admission in chosen)
    if amount > left:
        raise RefundOverPaid(left=left)
    if amount <= 0:
        raise NothingToRefund
    payment = refundable_payment(payments, refunds, amount=amount)
    refund = Refund(
        refund_id=refund_id,
        order_id=order.order_id,
        payment_id=payment.payment_id,
        refund_date_time=now,
        refund_amount=amount,
        currency=order.currency,
        reason=wish.reason,
        admissions=tuple(admission.admission_id for admission in chosen),
        refund_status=RefundState.COMPLETED if payment.payment_method is PaymentMethod.TEST else RefundState.DUE,
        version=1,
    )
    keeps_tickets = len(chosen) < len(live)
    changed = replace(
        order,
        amount_refunded=order.amount_refunded + amount,
        refunds=(*order.refunds, refund_id),
        payment_status=PaymentStatus.REFUNDED
        if amount == left and not keeps_tickets
        else PaymentStatus.PARTIALLY_REFUNDED,
    )
    return RefundDecision(changed, refund, tuple(voided(admission) for admission in chosen), places_of(chosen))


def places_of(admissions: Sequence[Admission]) -> dict[str, int]:
    """How many places of each ticket type go back when these become void: those that nobody entered with."""
    places: dict[str, int] = {}
    for admission in admissions:
        if admission.status is AdmissionStatus.VALID:
            places[admission.ticket_type_id] = places.get(admission.ticket_type_id, 0) + 1
    return places


def refund_done(refund: Refund) -> Refund:
    """The refund whose money went back."""
    return replace(refund, refund_status=RefundState.COMPLETED)
