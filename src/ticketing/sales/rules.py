"""Pure decisions of sales: given facts, a wish and the time, what changes; or a refusal.

The refusals of a sale come in the order in which `docs/refusals.md` lists them. What is left in a pool is not read here: the
Takes of a decision hold or do not, and `actions/holds.py` says which refusal that is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from ticketing.admission.model import Admission, AdmissionStatus
from ticketing.admission.rules import voided
from ticketing.base.bounds import (
    HOLD_EXTENSIONS_MAX,
    ORDER_LINES_MAX,
    PAYMENTS_PER_ORDER_MAX,
    REFUNDS_PER_ORDER_MAX,
    TICKETS_PER_ORDER_MAX,
)
from ticketing.base.errors import FieldError, Invalid, Kind, NotFound, Refusal
from ticketing.events.model import Event, EventStatus, Offer, TicketType
from ticketing.events.rules import EventCancelled
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState
from ticketing.payments.rules import NothingToRefund, RefundOverPaid, refundable_payment
from ticketing.sales.model import Buyer, Customer, HoldWish, Order, OrderLine, PaymentStatus, RefundWish


class EventNotFound(NotFound):
    """There is no such event, or it is not public."""

    code = "event_not_found"
    kind = Kind.NOT_FOUND
    title = "There is no such event."


class EventPostponed(Refusal):
    """The event was postponed; its sale goes on when it has a new date."""

    code = "event_postponed"
    kind = Kind.CONFLICT
    title = "This event was postponed. Its sale goes on when it has a new date."


class SalesNotStarted(Refusal):
    """The event's sale has not begun; `sales_start_date` says when it will."""

    code = "sales_not_started"
    kind = Kind.CONFLICT
    title = "The sale of this event has not started yet."


class SalesEnded(Refusal):
    """The event's sale is over."""

    code = "sales_ended"
    kind = Kind.CONFLICT
    title = "The sale of this event has ended."


class TicketTypeNotFound(NotFound):
    """The event has no such ticket type."""

    code = "ticket_type_not_found"
    kind = Kind.NOT_FOUND
    title = "This event has no such ticket type."


class TicketTypeNotOnSale(Refusal):
    """The ticket type is paused, or its own sale has not begun or is over."""

    code = "ticket_type_not_on_sale"
    kind = Kind.CONFLICT
    title = "This ticket type is not on sale now."


class QuantityNotAllowed(Refusal):
    """More in one order than is allowed: of this type (`per_order_max`), or altogether."""

    code = "quantity_not_allowed"
    kind = Kind.NOT_ALLOWED
    title = "That is more than one order may have."


class LimitPerCustomer(Refusal):
    """The customer would have more tickets at this event than each may have; `left` says how many more are allowed."""

    code = "limit_per_customer"
    kind = Kind.CONFLICT
    title = "That is more than each customer may have at this event."


class SoldOut(Refusal):
    """Not as many places are left; `left` says how many are."""

    code = "sold_out"
    kind = Kind.CONFLICT
    title = "Not as many tickets are left."


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


class TooManyPayments(Refusal):
    """The order has as many payments, or refunds, as it may."""

    code = "too_many_payments"
    kind = Kind.CONFLICT
    title = "This order has too many payments or refunds already."


class NoTickets(Refusal):
    """The order has no tickets that are good: it was not paid, or all of them are void."""

    code = "no_tickets"
    kind = Kind.CONFLICT
    title = "This order has no tickets to show: it is not paid, or all of them are void."


class EmailNotProven(Refusal):
    """The user has not shown yet that the address of the account is the user's own."""

    code = "email_not_proven"
    kind = Kind.CONFLICT
    title = "Show first that the address is yours: ask for a link, and follow it while you are logged in."


@dataclass(frozen=True, slots=True)
class Held:
    """What `decide_hold` decided: the order, and how many each pool gives."""

    order: Order
    limit: int | None


# the hold ------------------------------------------------------------------------------------------------------------


def decide_hold(
    wish: HoldWish, offer: Offer | None, buyer: Buyer, *, order_id: str, hold_seconds: int, now: datetime
) -> Held:
    """The order that this wish becomes: pending until its hold runs out, or completed at once where it costs nothing.

    Refuses, in this order: EventNotFound, EventCancelled, EventPostponed, SalesNotStarted, SalesEnded, TicketTypeNotFound,
    TicketTypeNotOnSale, QuantityNotAllowed. The limit of each customer and what is left are decided by the commit.
    """
    if offer is None or not offer.event.is_public:
        raise EventNotFound
    event = offer.event
    refuse_closed(event, now=now)
    types = {ticket_type.ticket_type_id: ticket_type for ticket_type in offer.ticket_types}
    chosen: list[tuple[TicketType, int]] = []
    for line in wish.lines:
        ticket_type = types.get(line.ticket_type_id)
        if ticket_type is None:
            raise TicketTypeNotFound(ticket_type_id=line.ticket_type_id)
        chosen.append((ticket_type, line.quantity))
    for ticket_type, _ in chosen:
        refuse_not_on_sale(event, ticket_type, now=now)
    refuse_quantities(chosen)
    lines = tuple(
        OrderLine(ticket_type.ticket_type_id, quantity, ticket_type.price) for ticket_type, quantity in chosen
    )
    total = sum(line.subtotal_amount for line in lines)
    order = Order(
        order_id=order_id,
        event_id=event.event_id,
        user_id=buyer.user_id,
        account_user_id=buyer.account_user_id,
        order_date_time=now,
        total_amount=total,
        currency=event.currency,
        payment_status=PaymentStatus.PENDING if total else PaymentStatus.COMPLETED,
        expires_at=now + timedelta(seconds=hold_seconds),
        extensions=0,
        amount_paid=0,
        amount_refunded=0,
        customer=buyer.customer,
        payments=(),
        refunds=(),
        lines=lines,
        version=1,
        language=buyer.language,
    )
    return Held(order, event.tickets_per_customer_max)


def refuse_called_off(event: Event) -> None:
    """Nothing, while the event is to take place as announced. Raises EventCancelled, EventPostponed."""
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    if event.status is EventStatus.POSTPONED:
        raise EventPostponed


def refuse_closed(event: Event, *, now: datetime) -> None:
    """Nothing, while the event sells. Raises EventCancelled, EventPostponed, SalesNotStarted, SalesEnded."""
    refuse_called_off(event)
    if event.sales_start_date is not None and now < event.sales_start_date:
        raise SalesNotStarted(sales_start_date=event.sales_start_date.isoformat())
    if now >= event.end_date_time or (event.sales_end_date is not None and now >= event.sales_end_date):
        raise SalesEnded


def refuse_not_on_sale(event: Event, ticket_type: TicketType, *, now: datetime) -> None:
    """Nothing, while the type sells within its event's window. Raises TicketTypeNotOnSale."""
    starts, ends = ticket_type.sale_start_date_time, ticket_type.sale_end_date_time
    if ticket_type.paused or (starts is not None and now < starts) or (ends is not None and now >= ends):
        facts = {"ticket_type_id": ticket_type.ticket_type_id}
        if starts is not None and now < starts:
            facts["sale_start_date_time"] = starts.isoformat()
        raise TicketTypeNotOnSale(f"“{ticket_type.ticket_type}” is not on sale now.", **facts)


def refuse_quantities(chosen: Sequence[tuple[TicketType, int]]) -> None:
    """Nothing, where an order may have as many. Raises QuantityNotAllowed."""
    for ticket_type, quantity in chosen:
        most = ticket_type.per_order_max
        if most is not None and quantity > most:
            raise QuantityNotAllowed(
                f"One order may have at most {most} of “{ticket_type.ticket_type}”.",
                ticket_type_id=ticket_type.ticket_type_id,
                per_order_max=most,
            )
    if sum(quantity for _, quantity in chosen) > TICKETS_PER_ORDER_MAX:
        raise QuantityNotAllowed(f"One order may have at most {TICKETS_PER_ORDER_MAX} tickets.")


def merged_lines(lines: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """The lines with each ticket type once, its quantities added up: ten lines of one are ten. Raises Invalid if too many."""
    if len(lines) > ORDER_LINES_MAX:
        raise Invalid(FieldError("/lines", "too_long", f"at most {ORDER_LINES_MAX} lines"))
    merged: dict[str, int] = {}
    for ticket_type_id, quantity in lines:
        merged[ticket_type_id] = merged.get(ticket_type_id, 0) + quantity
    return tuple(merged.items())


# a pending order -----------------------------------------------------------------------------------------------------


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
    """The order, cancelled. One that was paid is refunded instead. Raises HoldExpired, AlreadyPaid; not when cancelled already."""
    if order.payment_status is PaymentStatus.CANCELLED:
        return order
    if order.payment_status is PaymentStatus.EXPIRED or ran_out(order, now=now):
        raise HoldExpired
    free = order.payment_status is PaymentStatus.COMPLETED and order.total_amount == 0
    if order.payment_status is not PaymentStatus.PENDING and not free:
        raise AlreadyPaid("This order is paid. Refund it instead.")
    return replace(order, payment_status=PaymentStatus.CANCELLED)


# payment -------------------------------------------------------------------------------------------------------------


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


# refund --------------------------------------------------------------------------------------------------------------


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
    void. Raises NothingToRefund, TooManyPayments, Invalid (admissions that are not this order's or are void), RefundOverPaid.
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
    all_back = amount == left
    changed = replace(
        order,
        amount_refunded=order.amount_refunded + amount,
        refunds=(*order.refunds, refund_id),
        payment_status=PaymentStatus.REFUNDED if all_back else PaymentStatus.PARTIALLY_REFUNDED,
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
