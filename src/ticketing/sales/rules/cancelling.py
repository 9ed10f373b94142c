"""Decisions of buyers who give tickets back: until when, which of them, and how much of the money goes back.

The terms are the event's: until `cancellation_hours` before it starts, what was paid goes back without `cancellation_fee_bp` of it. What
cost nothing may be given back until the event is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.admission.model import Admission, AdmissionStatus, Transfer
from ticketing.admission.rules import refuse_void, voided
from ticketing.base.errors import FieldError, Invalid, Kind, Refusal
from ticketing.events.model import Event, EventStatus
from ticketing.events.rules import EventCancelled
from ticketing.payments.model import Payment, Refund
from ticketing.sales.model import CancelWish, Order, PaymentStatus, RefundWish
from ticketing.sales.rules.refunds import decide_refund, places_of

BASIS_POINTS = 10_000
REASON = "Cancelled by the buyer."


class NothingToCancel(Refusal):
    """The order has no tickets that are good."""

    code = "nothing_to_cancel"
    kind = Kind.CONFLICT
    title = "This order has no tickets that could be cancelled."


class CancellationNotAllowed(Refusal):
    """The organizer takes no paid tickets of this event back."""

    code = "cancellation_not_allowed"
    kind = Kind.CONFLICT
    title = "Paid tickets of this event cannot be cancelled by who bought them."


class CancellationTooLate(Refusal):
    """The time to cancel is over; `until` says when it was."""

    code = "cancellation_too_late"
    kind = Kind.CONFLICT
    title = "It is too late to cancel tickets of this event."


class TicketUsed(Refusal):
    """Somebody entered with the ticket; `admission_id` says which one."""

    code = "ticket_used"
    kind = Kind.CONFLICT
    title = "Somebody entered with this ticket already, so it cannot be cancelled."


class TicketHandedOver(Refusal):
    """The ticket is somebody else's by now; `admission_id` says which one."""

    code = "ticket_handed_over"
    kind = Kind.CONFLICT
    title = "This ticket was handed over. It cannot be cancelled without its new holder."


class TicketOffered(Refusal):
    """The ticket is offered to somebody, who may still accept it; `admission_id` says which one, `transfer_id` by which offer."""

    code = "ticket_offered"
    kind = Kind.CONFLICT
    title = "This ticket is offered to somebody. Withdraw that offer first."


class CancellationChanged(Refusal):
    """Not as much would go back as the buyer was told; `refund_amount` says how much would."""

    code = "cancellation_changed"
    kind = Kind.CONFLICT
    title = "What you get back has changed since you looked. Look at it once more."


def refuse_cancellation(order: Order, event: Event, *, now: datetime) -> None:
    """Nothing, while tickets of this order may be given back by its buyer.

    A postponed event has no date to count from, so that nothing is too late. Raises NothingToCancel, EventCancelled (its money goes
    back by the organizer), CancellationNotAllowed, CancellationTooLate.
    """
    if order.payment_status not in (PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED):
        raise NothingToCancel
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    until = event.cancellable_until if order.total_amount else event.end_date_time
    if until is None:
        raise CancellationNotAllowed
    if event.status is not EventStatus.POSTPONED and now >= until:
        raise CancellationTooLate(until=until.isoformat())


def refuse_not_own(admissions: Sequence[Admission], offers: Mapping[str, Transfer], *, now: datetime) -> None:
    """Nothing, where all of these are in the hands of who bought them, and unused.

    `offers` are those by which they are offered, by id. Raises TicketUsed, TicketHandedOver, TicketOffered for the first that is not.
    """
    for admission in admissions:
        if admission.status is AdmissionStatus.USED:
            raise TicketUsed(admission_id=admission.admission_id)
        if admission.transfer_id is not None:
            raise TicketHandedOver(admission_id=admission.admission_id)
        offer = None if admission.offer_id is None else offers.get(admission.offer_id)
        if offer is not None and offer.is_open(now=now):
            raise TicketOffered(admission_id=admission.admission_id, transfer_id=offer.transfer_id)


def fee_of(price: int, *, fee_bp: int) -> int:
    """What is kept of a ticket that cost `price`, in the same minor units: rounded half up, for each ticket by itself.

    So several tickets given back at once bring as much as one after the other.
    """
    return (price * fee_bp + BASIS_POINTS // 2) // BASIS_POINTS


def refund_of(order: Order, event: Event, admissions: Sequence[Admission]) -> int:
    """What goes back for these tickets by the event's terms, in minor units, and never more than is left of what was paid."""
    prices = {line.ticket_type_id: line.unit_amount for line in order.lines}
    paid = [prices[admission.ticket_type_id] for admission in admissions]
    back = sum(price - fee_of(price, fee_bp=event.cancellation_fee_bp) for price in paid)
    return min(back, order.amount_paid - order.amount_refunded)


@dataclass(frozen=True, slots=True)
class CancelDecision:
    """What giving tickets back does: the order as it becomes, the refund (None where no money goes back), and what is void and free."""

    order: Order
    refund: Refund | None
    void: tuple[Admission, ...]
    given_back: Mapping[str, int]


def decide_cancellation(
    order: Order,
    event: Event,
    wish: CancelWish,
    *,
    admissions: Sequence[Admission],
    offers: Mapping[str, Transfer],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
    refund_id: str,
    now: datetime,
) -> CancelDecision:
    """The tickets are void, their places go back to the sale, and the money by the event's terms.

    Raises as `refuse_cancellation`, Invalid (tickets that are not this order's), AdmissionVoid, as `refuse_not_own`,
    CancellationChanged, then as `decide_refund`.
    """
    refuse_cancellation(order, event, now=now)
    chosen = _chosen(wish, admissions)
    refuse_not_own(chosen, offers, now=now)
    amount = refund_of(order, event, chosen)
    if wish.refund_amount not in (None, amount):
        raise CancellationChanged(refund_amount=amount)
    if amount:
        ids = tuple(admission.admission_id for admission in chosen)
        decided = decide_refund(
            order,
            RefundWish(amount, ids, REASON),
            admissions=admissions,
            payments=payments,
            refunds=refunds,
            refund_id=refund_id,
            now=now,
        )
        return CancelDecision(decided.order, decided.refund, decided.void, decided.given_back)
    keeps_some = any(not each.is_void and each not in chosen for each in admissions)
    status = order.payment_status
    if not keeps_some and order.amount_paid == order.amount_refunded:
        status = PaymentStatus.REFUNDED if order.total_amount else PaymentStatus.CANCELLED
    changed = replace(order, payment_status=status)
    return CancelDecision(changed, None, tuple(voided(each) for each in chosen), places_of(chosen))


def _chosen(wish: CancelWish, admissions: Sequence[Admission]) -> list[Admission]:
    if wish.admissions is None:
        chosen = [admission for admission in admissions if not admission.is_void]
        if not chosen:
            raise NothingToCancel
        return chosen
    known = {admission.admission_id: admission for admission in admissions}
    unknown = [
        FieldError(f"/admissions/{place}", "not_of_order", "is not an admission of this order")
        for place, admission_id in enumerate(wish.admissions)
        if admission_id not in known
    ]
    if unknown:
        raise Invalid(*unknown)
    named = [known[admission_id] for admission_id in dict.fromkeys(wish.admissions)]
    for admission in named:
        refuse_void(admission)
    return named
