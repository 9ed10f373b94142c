"""Views of the catalog for pages and API, read only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ticketing.base.house import House
from ticketing.base.search import SearchPage
from ticketing.catalog.model import Asked, Card, Found
from ticketing.catalog.rules import card_of, refuse_large_city, search_wish
from ticketing.catalog.store import read_city_venue_ids, read_public_events, read_ticket_types, read_venues
from ticketing.events.blocks import counted
from ticketing.events.model import Event, TicketType

PUBLIC_SECONDS: Final = 5
"""How long anyone between us and a visitor may keep a list: a rush on it is answered by caches, and nobody sees it much older."""

NOTHING: Final = SearchPage((), None)


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

    The index only nominates. A page may hold fewer events than `limit` where one that it named has gone meanwhile.
    """
    city_venue_ids = None
    if asked.city is not None:
        city_venue_ids = await read_city_venue_ids(house.store, asked.city)
        refuse_large_city(len(city_venue_ids))
    wish = search_wish(asked, city_venue_ids=city_venue_ids, now=now)
    page = NOTHING if wish is None else await house.search.search(wish, limit=limit, cursor=cursor)
    events = await read_public_events(house.store, page.event_ids)
    ticket_types = await read_ticket_types(house.store, events) if with_ticket_types else {}
    if with_ticket_types:
        events = tuple([await _counted(house, event, ticket_types) for event in events])
    return Found(
        events=events,
        venues=await read_venues(house.store, events) if with_venues else {},
        ticket_types=ticket_types,
        next_cursor=page.next_cursor,
    )


async def _counted(house: House, event: Event, ticket_types: dict[str, TicketType]) -> Event:
    """The event, and in `ticket_types` its types, with what is in blocks among what is left."""
    own = [ticket_types[each] for each in event.ticket_types if each in ticket_types]
    event, shown = await counted(house.store, event, own)
    ticket_types.update({ticket_type.ticket_type_id: ticket_type for ticket_type in shown})
    return event


def cards(found: Found, *, now: datetime) -> Iterable[Card]:
    """The events of a page, which was read with venues and ticket types, as cards."""
    for event in found.events:
        ticket_types = [found.ticket_types[each] for each in event.ticket_types if each in found.ticket_types]
        venue = None if event.venue_id is None else found.venues.get(event.venue_id)
        yield card_of(event, venue=venue, ticket_types=ticket_types, now=now)
