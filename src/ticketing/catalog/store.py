"""The reads of the catalog: events by key, with their venues and ticket types, and the venues of a city."""

from collections.abc import Iterable, Sequence

from ticketing.base.bounds import CITY_VENUES_MAX, PAGE_LIMIT_MAX
from ticketing.base.store import Store
from ticketing.events.model import Category, Event, TicketType
from ticketing.events.store import category_of, event_of, page_of_categories, ticket_type_of
from ticketing.schema.tables import EVENTS, TICKETS, VENUES, index
from ticketing.venues.model import Venue, city_key
from ticketing.venues.store import venue_of


async def read_public_events(store: Store, event_ids: Sequence[str]) -> tuple[Event, ...]:
    """Those of these events that anyone may see, in the order given: an index may name what is gone, or never was public."""
    records = await store.get_many(EVENTS, [(event_id,) for event_id in event_ids]) if event_ids else []
    events = (event_of(record) for record in records if record is not None)
    return tuple(event for event in events if event.is_public)


async def read_venues(store: Store, events: Iterable[Event]) -> dict[str, Venue]:
    """The venues of these events, by id."""
    keys = [(venue_id,) for venue_id in dict.fromkeys(event.venue_id for event in events) if venue_id is not None]
    records = await store.get_many(VENUES, keys) if keys else []
    return {record["venue_id"]: venue_of(record) for record in records if record is not None}


async def read_ticket_types(store: Store, events: Iterable[Event]) -> dict[str, TicketType]:
    """The ticket types of these events, by id."""
    keys = [(ticket_type_id,) for event in events for ticket_type_id in event.ticket_types]
    records = await store.get_many(TICKETS, keys) if keys else []
    return {record["ticket_id"]: ticket_type_of(record) for record in records if record is not None}


async def read_city_venue_ids(store: Store, city: str) -> tuple[str, ...]:
    """Ids of the venues in a city, by its name without regard to case and accents; one more than a search can look at if there
    are that many."""
    key = city_key(city)
    found: list[str] = []
    cursor: str | None = None
    while key is not None and len(found) <= CITY_VENUES_MAX:
        page = await store.query(index("venues_by_city"), key, limit=PAGE_LIMIT_MAX, cursor=cursor)
        found += [record["venue_id"] for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(found[: CITY_VENUES_MAX + 1])


async def read_used_categories(store: Store, *, count: int) -> tuple[Category, ...]:
    """The categories that most events have, of the first hundred by name, in the order of their names."""
    page = await page_of_categories(store, limit=PAGE_LIMIT_MAX, cursor=None)
    used = [category for category in map(category_of, page.records) if category.use_count > 0]
    most_used = sorted(used, key=lambda category: -category.use_count)[:count]
    return tuple(category for category in used if category in most_used)
