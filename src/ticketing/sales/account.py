"""What an account has: the events that its user has tickets for, its orders, and guest orders that it may take over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.accounts.model import User, normal_email
from ticketing.admission.queries import AttendedEvent, events_attended
from ticketing.admission.store import walk_of_user
from ticketing.base.bounds import PAGE_LIMIT_MAX
from ticketing.base.house import House
from ticketing.base.store import Store
from ticketing.events.model import Event
from ticketing.events.store import event_of
from ticketing.sales.links import ticket_path
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.rules import shown_payment_status
from ticketing.sales.store import guest_id, orders_of, page_of_account
from ticketing.schema.tables import EVENTS, ORDERS, VENUES
from ticketing.venues.model import Venue
from ticketing.venues.store import venue_of


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order of the user's own, with its event and how it stands now."""

    order: Order
    event: Event
    status: PaymentStatus


@dataclass(frozen=True, slots=True)
class OwnOrders:
    """A page of orders, the newest first."""

    orders: tuple[OwnOrder, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event, the number of valid tickets that the user has for it, and the paths of the pages that show them: own orders, and tickets
    that were handed to the user."""

    event: Event
    venue: Venue | None
    tickets: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnEvents:
    """A page of events: those to come, the next first, and those that are over, the latest first."""

    upcoming: tuple[OwnEvent, ...]
    past: tuple[OwnEvent, ...]
    next_cursor: str | None


async def own_orders(house: House, user: User, *, limit: int, cursor: str | None, now: datetime) -> OwnOrders:
    """The orders of this user, the newest first. Raises BadCursor."""
    page = await page_of_account(house.store, user.user_id, limit=limit, cursor=cursor)
    orders = await orders_of(house.store, page)
    events = await _events(house.store, [order.event_id for order in orders])
    own = (OwnOrder(order, events[order.event_id], shown_payment_status(order, now=now)) for order in orders)
    return OwnOrders(tuple(own), page.next_cursor)


async def own_events(house: House, user: User, *, limit: int, cursor: str | None, now: datetime) -> OwnEvents:
    """The events for which this user has valid tickets. A page has those that were set up last, whenever they are. Raises BadCursor."""
    page = await events_attended(house.store, user.user_id, limit=limit, cursor=cursor)
    venues = await _venues(house.store, [each.event.venue_id for each in page.attended])
    found = [
        OwnEvent(each.event, venues.get(each.event.venue_id or ""), each.admissions_count, _paths(house, each))
        for each in page.attended
    ]
    over = [each for each in found if each.event.end_date_time <= now]
    to_come = [each for each in found if each.event.end_date_time > now]
    return OwnEvents(
        tuple(sorted(to_come, key=lambda each: each.event.start_date_time)),
        tuple(sorted(over, key=lambda each: each.event.start_date_time, reverse=True)),
        page.next_cursor,
    )


async def may_take_over(house: House, user: User) -> bool:
    """Whether orders were made with this user's address as a guest, as far as the guest's latest hundred tickets tell."""
    page = await walk_of_user(
        house.store, guest_id(house, user.email), before_event_id=None, limit=PAGE_LIMIT_MAX, cursor=None
    )
    order_ids = dict.fromkeys(record["order_id"] for record in page.records)
    records = await house.store.get_many(ORDERS, [(order_id,) for order_id in order_ids])
    address = normal_email(user.email)
    return any(
        record is not None and record["account_user_id"] is None and normal_email(record["customer_email"]) == address
        for record in records
    )


def _paths(house: House, attended: AttendedEvent) -> tuple[str, ...]:
    """An order's own address is not given out here: its page is looked up for its owner."""
    orders = (f"/orders/{order_id}" for order_id in attended.order_ids)
    handed = (ticket_path(house.keys, transfer_id) for transfer_id in attended.transfer_ids)
    return (*orders, *handed)


async def _events(store: Store, event_ids: Sequence[str]) -> dict[str, Event]:
    records = await store.get_many(EVENTS, [(event_id,) for event_id in dict.fromkeys(event_ids)])
    return {record["event_id"]: event_of(record) for record in records if record is not None}


async def _venues(store: Store, venue_ids: Sequence[str | None]) -> dict[str, Venue]:
    wanted = dict.fromkeys(venue_id for venue_id in venue_ids if venue_id is not None)
    records = await store.get_many(VENUES, [(venue_id,) for venue_id in wanted])
    return {record["venue_id"]: venue_of(record) for record in records if record is not None}
