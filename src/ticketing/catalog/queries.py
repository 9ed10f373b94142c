"""Views of the catalog for pages and API, read only."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

from ticketing.base.bounds import CITY_VENUES_MAX
from ticketing.base.house import House
from ticketing.base.search import SearchPage, words_of
from ticketing.base.store import Range, Store
from ticketing.catalog.model import Asked, Card, Found
from ticketing.catalog.rules import card_of, is_asked_for, refuse_large_city, search_wish
from ticketing.catalog.store import read_city_venue_ids, read_public_events, read_ticket_types, read_venues
from ticketing.events.blocks import counted
from ticketing.events.model import Event, TicketType
from ticketing.schema.tables import index

PUBLIC_SECONDS: Final = 1
"""How long anyone between us and a visitor may keep a list: a rush on it is answered by caches, and nobody sees it much older."""

NOTHING: Final = SearchPage((), None)
CITIES_MAX: Final = 100
"""To choose from while typing; any other can be typed too."""
CITIES_KEPT: Final = timedelta(minutes=1)
_CITIES: WeakKeyDictionary[Store, tuple[datetime, tuple[str, ...]]] = WeakKeyDictionary()
NOMINATIONS_MAX: Final = 4
"""Pages of the index that are looked through for one that has something: days and prices are exact only once an event is read."""


async def find_events(
    house: House,
    asked: Asked,
    *,
    limit: int,
    cursor: str | None,
    now: datetime,
    with_venues: bool = False,
    with_ticket_types: bool = False,
) -> Found:
    """One page of public events that match, each as it stands now. Raises BadCursor, CityTooLarge, Invalid.

    The index only nominates. A page may hold fewer events than `limit` where one that it named has gone meanwhile, or is on another
    day by its own calendar, or costs more now.
    """
    city_venue_ids = None
    if asked.city is not None:
        city_venue_ids = await read_city_venue_ids(house.store, asked.city)
        refuse_large_city(len(city_venue_ids))
    wish = search_wish(asked, city_venue_ids=city_venue_ids, now=now)
    with_ticket_types = with_ticket_types or asked.price_max is not None
    events: tuple[Event, ...] = ()
    ticket_types: dict[str, TicketType] = {}
    next_cursor = cursor
    for _ in range(NOMINATIONS_MAX):
        page = NOTHING if wish is None else await house.search.search(wish, limit=limit, cursor=next_cursor)
        named = await read_public_events(house.store, page.event_ids)
        if with_ticket_types:
            ticket_types = await read_ticket_types(house.store, named)
            named = tuple([await _counted(house, event, ticket_types) for event in named])
        events = tuple(each for each in named if is_asked_for(asked, each, _types_of(each, ticket_types), now=now))
        next_cursor = page.next_cursor
        if events or next_cursor is None:
            break
    return Found(
        events=events,
        venues=await read_venues(house.store, events) if with_venues else {},
        ticket_types=ticket_types,
        next_cursor=next_cursor,
    )


def _types_of(event: Event, ticket_types: Mapping[str, TicketType]) -> list[TicketType]:
    return [ticket_types[each] for each in event.ticket_types if each in ticket_types]


async def _counted(house: House, event: Event, ticket_types: dict[str, TicketType]) -> Event:
    """The event, and in `ticket_types` its types, with what is in blocks among what is left."""
    event, shown = await counted(house.store, event, _types_of(event, ticket_types))
    ticket_types.update({ticket_type.ticket_type_id: ticket_type for ticket_type in shown})
    return event


async def known_cities(house: House, *, now: datetime) -> tuple[str, ...]:
    """Cities to choose from, by name: those of the first venues. Read at most once a minute by each process."""
    kept = _CITIES.get(house.store)
    if kept is None or kept[0] <= now:
        page = await house.store.query(index("venues_by_name"), "0", limit=CITY_VENUES_MAX)
        cities = {record["city_key"]: record["city"] for record in page.records if record["city_key"]}
        kept = _CITIES[house.store] = (now + CITIES_KEPT, tuple(sorted(cities.values(), key=words_of)[:CITIES_MAX]))
    return kept[1]


async def past_events(house: House, asked: Asked, *, limit: int, cursor: str | None, now: datetime) -> Found:
    """One page of what took place at a venue, in a category or by an organizer, whichever `asked` names, the latest first.

    A page may hold fewer than `limit`, since what still goes on is not over. Raises BadCursor.
    """
    index_name, value = _index_of(asked)
    page = await house.store.query(
        index(index_name), value, within=Range(None, now), limit=limit, cursor=cursor, descending=True
    )
    events = await read_public_events(house.store, [record["event_id"] for record in page.records])
    over = tuple(event for event in events if event.end_date_time <= now)
    return Found(
        events=over,
        venues=await read_venues(house.store, over),
        ticket_types=await read_ticket_types(house.store, over),
        next_cursor=page.next_cursor,
    )


def _index_of(asked: Asked) -> tuple[str, str]:
    for index_name, value in (
        ("events_by_venue", asked.venue_id),
        ("mapping_live", asked.category_id),
        ("events_by_organizer", asked.organizer_user_id),
    ):
        if value is not None:
            return index_name, value
    raise AssertionError("what took place is asked of a venue, a category or an organizer")


def cards(found: Found, *, now: datetime) -> Iterable[Card]:
    """The events of a page, which was read with venues and ticket types, as cards."""
    for event in found.events:
        ticket_types = _types_of(event, found.ticket_types)
        venue = None if event.venue_id is None else found.venues.get(event.venue_id)
        yield card_of(event, venue=venue, ticket_types=ticket_types, now=now)
