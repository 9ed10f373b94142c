"""The reads and records of events, ticket types and categories."""

from collections.abc import Iterable

from ticketing.base.bounds import BLOCKS_PER_POOL_MAX, DEVICES_PER_EVENT_MAX
from ticketing.base.store import Page, Store
from ticketing.base.tables import Record
from ticketing.events.model import Category, CategoryMapping, Event, EventStatus, Offer, TicketType
from ticketing.schema.tables import EVENT_CATEGORIES, EVENT_CATEGORY_MAPPING, EVENTS, LISTINGS, TICKETS, index

PUBLIC_SHARD = "0"


def event_of(record: Record) -> Event:
    """The event in a row of `events`."""
    return Event(
        event_id=record["event_id"],
        event_name=record["event_name"],
        description=record["description"],
        start_date_time=record["start_date_time"],
        end_date_time=record["end_date_time"],
        venue_id=record["venue_id"],
        organizer_user_id=record["organizer_user_id"],
        categories=tuple(record["categories"]),
        tags=tuple(record["tags"]),
        image_url=record["image_url"],
        capacity=record["capacity"],
        capacity_available=record["capacity_available"],
        ticket_types=tuple(record["ticket_types"]),
        sales_start_date=record["sales_start_date"],
        sales_end_date=record["sales_end_date"],
        status=EventStatus(record["status"]),
        external_links=tuple(record["external_links"]),
        timezone=record["timezone"],
        currency=record["currency"],
        tickets_per_customer_max=record["tickets_per_customer_max"],
        created_date_time=record["created_date_time"],
        last_updated_date_time=record["last_updated_date_time"],
        version=record["version"],
        transfers_allowed=record["transfers_allowed"] is not False,
        cancellation_hours=record["cancellation_hours"],
        cancellation_fee_bp=record["cancellation_fee_bp"] or 0,
        spread_sale=record["spread_sale"] is True,
        blocks_out=BLOCKS_PER_POOL_MAX - record["blocks_left"],
    )


def event_record(event: Event) -> Record:
    """The row of `events` for an event."""
    return {
        "event_id": event.event_id,
        "event_name": event.event_name,
        "description": event.description,
        "start_date_time": event.start_date_time,
        "end_date_time": event.end_date_time,
        "venue_id": event.venue_id,
        "organizer_user_id": event.organizer_user_id,
        "categories": list(event.categories),
        "tags": list(event.tags),
        "image_url": event.image_url,
        "capacity": event.capacity,
        "capacity_available": event.capacity_available,
        "devices_available": DEVICES_PER_EVENT_MAX,  # as a new event begins; a replacement leaves pools alone
        "ticket_types": list(event.ticket_types),
        "sales_start_date": event.sales_start_date,
        "sales_end_date": event.sales_end_date,
        "status": event.status.value,
        "external_links": list(event.external_links),
        "timezone": event.timezone,
        "currency": event.currency,
        "tickets_per_customer_max": event.tickets_per_customer_max,
        "public_shard": PUBLIC_SHARD if event.is_public else None,
        "created_date_time": event.created_date_time,
        "last_updated_date_time": event.last_updated_date_time,
        "version": event.version,
        "transfers_allowed": event.transfers_allowed,
        "cancellation_hours": event.cancellation_hours,
        "cancellation_fee_bp": event.cancellation_fee_bp,
        "spread_sale": event.spread_sale,
        "blocks_left": BLOCKS_PER_POOL_MAX,  # as a new event begins
    }


def ticket_type_of(record: Record) -> TicketType:
    """The ticket type in a row of `tickets`."""
    return TicketType(
        ticket_type_id=record["ticket_id"],
        event_id=record["event_id"],
        ticket_type=record["ticket_type"],
        description=record["description"],
        price=record["price"],
        quantity=record["quantity"],
        quantity_available=record["quantity_available"],
        sale_start_date_time=record["sale_start_date_time"],
        sale_end_date_time=record["sale_end_date_time"],
        per_order_max=record["per_order_max"],
        paused=record["paused"],
        created_date_time=record["created_date_time"],
        version=record["version"],
        blocks_out=BLOCKS_PER_POOL_MAX - record["blocks_left"],
    )


def ticket_type_record(ticket_type: TicketType) -> Record:
    """The row of `tickets` for a ticket type."""
    return {
        "ticket_id": ticket_type.ticket_type_id,
        "event_id": ticket_type.event_id,
        "ticket_type": ticket_type.ticket_type,
        "description": ticket_type.description,
        "price": ticket_type.price,
        "quantity": ticket_type.quantity,
        "quantity_available": ticket_type.quantity_available,
        "sale_start_date_time": ticket_type.sale_start_date_time,
        "sale_end_date_time": ticket_type.sale_end_date_time,
        "per_order_max": ticket_type.per_order_max,
        "paused": ticket_type.paused,
        "created_date_time": ticket_type.created_date_time,
        "version": ticket_type.version,
        "blocks_left": BLOCKS_PER_POOL_MAX,  # as a new one begins; a replacement leaves pools alone
    }


def category_of(record: Record) -> Category:
    """The category in a row of `event_categories`."""
    return Category(
        category_id=record["category_id"],
        category_name=record["category_name"],
        use_count=record["use_count"],
        created_date_time=record["created_date_time"],
        version=record["version"],
    )


def category_record(category: Category) -> Record:
    """The row of `event_categories` for a category."""
    return {
        "category_id": category.category_id,
        "category_name": category.category_name,
        "category_shard": "0",
        "use_count": category.use_count,
        "created_date_time": category.created_date_time,
        "version": category.version,
    }


def mapping_of(record: Record) -> CategoryMapping:
    """The mapping in a row of `event_category_mapping`."""
    return CategoryMapping(
        event_id=record["event_id"],
        category_id=record["category_id"],
        is_live=record["live_category"] is not None,
        start_date_time=record["start_date_time"],
        version=record["version"],
    )


def mapping_record(mapping: CategoryMapping) -> Record:
    """The row of `event_category_mapping` for a mapping."""
    return {
        "event_id": mapping.event_id,
        "category_id": mapping.category_id,
        "live_category": mapping.category_id if mapping.is_live else None,
        "start_date_time": mapping.start_date_time,
        "version": mapping.version,
    }


async def read_event(store: Store, event_id: str) -> Event | None:
    """The event with this id, drafts too."""
    record = await store.get(EVENTS, (event_id,))
    return None if record is None else event_of(record)


async def read_ticket_type(store: Store, ticket_type_id: str) -> TicketType | None:
    """The ticket type with this id."""
    record = await store.get(TICKETS, (ticket_type_id,))
    return None if record is None else ticket_type_of(record)


async def read_ticket_types(store: Store, event: Event) -> tuple[TicketType, ...]:
    """The ticket types of an event in its order, by their keys; one that was deleted since `event` was read is left out."""
    if not event.ticket_types:
        return ()
    records = await store.get_many(TICKETS, [(ticket_type_id,) for ticket_type_id in event.ticket_types])
    return tuple(ticket_type_of(record) for record in records if record is not None)


async def read_offer(store: Store, event_id: str) -> Offer | None:
    """The event with this id, drafts too, and its ticket types. No index is asked, so nothing lags."""
    event = await read_event(store, event_id)
    return None if event is None else Offer(event, await read_ticket_types(store, event))


async def read_category(store: Store, category_id: str) -> Category | None:
    """The category with this id."""
    record = await store.get(EVENT_CATEGORIES, (category_id,))
    return None if record is None else category_of(record)


async def read_categories(store: Store, category_ids: Iterable[str]) -> dict[str, Category]:
    """Those of these categories that exist, by id, in the order given."""
    keys = [(category_id,) for category_id in dict.fromkeys(category_ids)]
    records = await store.get_many(EVENT_CATEGORIES, keys) if keys else []
    return {record["category_id"]: category_of(record) for record in records if record is not None}


async def page_of_categories(store: Store, *, limit: int, cursor: str | None) -> Page:
    """Rows of all categories, by name."""
    return await store.query(index("categories_by_name"), "0", limit=limit, cursor=cursor)


async def read_mappings(store: Store, event: Event) -> dict[str, CategoryMapping]:
    """The mappings of an event, by category id."""
    keys = [(event.event_id, category_id) for category_id in event.categories]
    records = await store.get_many(EVENT_CATEGORY_MAPPING, keys) if keys else []
    return {record["category_id"]: mapping_of(record) for record in records if record is not None}


async def read_listing_version(store: Store, event_id: str) -> int | None:
    """The version of an event's listing; None where it has none."""
    record = await store.get(LISTINGS, (event_id,))
    return None if record is None else int(record["version"])
