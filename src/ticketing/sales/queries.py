"""Views of orders, as the API and the pages show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ticketing.base.money import Money
from ticketing.base.times import shown
from ticketing.events.model import Offer
from ticketing.sales.model import Order
from ticketing.sales.rules import shown_payment_status


def order_view(order: Order, *, now: datetime) -> dict[str, Any]:
    """An order as JSON."""
    currency = order.currency
    customer = order.customer
    return {
        "order_id": order.order_id,
        "order_code": order.code,
        "event_id": order.event_id,
        "user_id": order.user_id,
        "payment_status": shown_payment_status(order, now=now).value,
        "total_amount": {"amount": order.total_amount, "currency": currency},
        "amount_paid": {"amount": order.amount_paid, "currency": currency},
        "amount_refunded": {"amount": order.amount_refunded, "currency": currency},
        "lines": [
            {
                "ticket_type_id": line.ticket_type_id,
                "quantity": line.quantity,
                "unit_price": {"amount": line.unit_amount, "currency": currency},
                "subtotal_amount": {"amount": line.subtotal_amount, "currency": currency},
            }
            for line in order.lines
        ],
        "order_date_time": shown(order.order_date_time),
        "expires_at": shown(order.expires_at),
        "extensions": order.extensions,
        "customer": {
            "email": customer.email,
            "first_name": customer.first_name,
            "last_name": customer.last_name,
        },
    }


@dataclass(frozen=True, slots=True)
class NamedLine:
    """A line of an order with the name of its ticket type, and what it costs."""

    ticket_type_id: str
    ticket_type: str
    quantity: int
    subtotal: Money


def named_lines(offer: Offer, order: Order) -> tuple[NamedLine, ...]:
    """The order's lines with the names that its event gives them now. A ticket type that is not offered any more has none."""
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    return tuple(
        NamedLine(
            line.ticket_type_id,
            names.get(line.ticket_type_id, ""),
            line.quantity,
            Money(line.subtotal_amount, order.currency),
        )
        for line in order.lines
    )
