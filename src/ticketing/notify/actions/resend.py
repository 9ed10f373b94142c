"""The tickets of an order are mailed once more."""

from datetime import datetime

from ticketing.base.bounds import RESENDS_PER_ORDER_MAX
from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Conflict
from ticketing.notify.model import Delivery, MailKind
from ticketing.notify.rules import NothingToResend, TooManyResends, Wanted, delivery_of
from ticketing.notify.store import delivery_record, stored_among
from ticketing.sales.model import Order
from ticketing.schema.tables import DELIVERIES
from ticketing.web.i18n import SOURCE


async def resend(house: House, order: Order, *, keep: Keep[Delivery], now: datetime) -> Delivery:
    """The order's tickets are on their way to its buyer again, to the address that bought and no other.

    Each time is a delivery with an id of its own, of which there are so many and no more. Raises NothingToResend, TooManyResends.
    """
    if not order.payment_status.has_tickets:
        raise NothingToResend
    wanted = Wanted(
        kind=MailKind.ORDER_CONFIRMED,
        recipient=order.customer.email,
        language=order.language or SOURCE,
        event_id=order.event_id,
        order_id=order.order_id,
        subject_id=order.order_id,
    )
    times = range(1, RESENDS_PER_ORDER_MAX + 1)
    possible = [delivery_of(wanted, fact_id=order.order_id, again=time, now=now) for time in times]
    stored = await stored_among(house.store, [delivery.delivery_id for delivery in possible])
    for delivery in possible:
        if delivery.delivery_id in stored:
            continue
        try:
            await commit_once(house, (*keep(delivery), Insert(DELIVERIES, delivery_record(delivery))))
        except Conflict:  # somebody asked at the same moment
            continue
        return delivery
    raise TooManyResends
