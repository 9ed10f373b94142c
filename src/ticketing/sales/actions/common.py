"""What several use cases of sales have in common: admissions and facts of an order, places that go back, reading again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ticketing.admission.model import Admission, Attendee
from ticketing.admission.rules import admission_ids, new_admissions
from ticketing.admission.signing import signer_of
from ticketing.admission.store import admission_record, read_admissions
from ticketing.base.changes import Change, Give, Insert, Take
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.events.blocks import capacity_pool, ticket_pool
from ticketing.events.model import Event
from ticketing.events.store import read_event
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    read_order,
)
from ticketing.schema.facts import happened
from ticketing.schema.tables import ADMISSIONS

ROUNDS_MAX: Final = 8
"""How often a decision that met a conflict is read and made again. Each round means that somebody else got something done."""


def admission_changes(house: House, order: Order, *, now: datetime) -> list[Change]:
    """The admissions that a complete order brings, as changes of the commit that completes it."""
    customer = order.customer
    admissions = new_admissions(
        order_id=order.order_id,
        event_id=order.event_id,
        user_id=order.user_id,
        attendee=Attendee(customer.email, customer.first_name, customer.last_name),
        lines=[(line.ticket_type_id, line.quantity) for line in order.lines],
        human_code=signer_of(house.keys).human_code,
        now=now,
    )
    return [Insert(ADMISSIONS, admission_record(admission)) for admission in admissions]


def fact(house: House, kind: str, order: Order, event: Event, *, now: datetime, **content: Any) -> tuple[Change, ...]:
    """The changes that store what happened to an order, to be told later."""
    return happened(
        house,
        kind,
        whose=event.organizer_user_id,
        event_id=order.event_id,
        subject_id=order.order_id,
        now=now,
        order_id=order.order_id,
        **content,
    )


async def admissions_of(house: House, order: Order) -> tuple[Admission, ...]:
    """The admissions that an order brought, read by key."""
    if not order.payment_status.has_tickets and order.payment_status is not PaymentStatus.CANCELLED:
        return ()
    return await read_admissions(house.store, admission_ids(order.order_id, order.ticket_count))


def gives(house: House, order: Order, places: Mapping[str, int], *, event_version: int | None = None) -> list[Change]:
    """The changes that give these places back: of each ticket type, of the event, and of what the customer may still have.

    With `event_version` they hold only if the event is still as it was read.
    """
    count = sum(places.values())
    if count == 0:
        return []
    return [
        *(Give(ticket_pool(type_id), number) for type_id, number in places.items()),
        Give(capacity_pool(order.event_id), count, version=event_version),
        Give(allowance_pool(order.event_id, allowance_name(house, order.customer.email)), count),
    ]


async def read_again(house: House, order: Order) -> Order:
    """The order as it is now. Raises NotFound."""
    read = await read_order(house.store, order.order_id)
    if read is None:
        raise NotFound
    return read


async def event_of(house: House, order: Order) -> Event:
    """The event of an order, as it is now."""
    event = await read_event(house.store, order.event_id)
    assert event is not None, "an event that was public is never deleted"
    return event


def is_short(conflict: Conflict) -> bool:
    """Whether a pool had not enough, rather than that something was changed meanwhile."""
    change, found = conflict.change, conflict.found
    if not isinstance(change, Take):
        return False
    return change.version is None or (found is not None and found["version"] == change.version)
