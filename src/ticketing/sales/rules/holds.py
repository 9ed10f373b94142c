"""Decisions of the hold: whether what somebody wants can be ordered. What is left is decided by the commit.

The refusals of a sale come in the order in which `docs/refusals.md` lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.base.bounds import ORDER_LINES_MAX, TICKETS_PER_ORDER_MAX
from ticketing.base.errors import FieldError, Invalid, Kind, NotFound, Refusal
from ticketing.events.model import Event, EventStatus, Offer, TicketType
from ticketing.events.rules import EventCancelled
from ticketing.sales.model import Buyer, HoldWish, Order, OrderLine, PaymentStatus


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


@dataclass(frozen=True, slots=True)
class Held:
    """What `decide_hold` decided: the order, and how many each pool gives."""

    order: Order
    limit: int | None


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
