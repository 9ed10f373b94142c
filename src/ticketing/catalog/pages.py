"""Public HTML pages of the catalog: the start page, and the page of an event."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import SEARCH_LENGTH_MAX, SEARCH_WORDS_MAX
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.search import words_of
from ticketing.base.store import BadCursor
from ticketing.catalog.model import Asked, Card, Found
from ticketing.catalog.posters import poster
from ticketing.catalog.queries import PUBLIC_SECONDS, cards, find_events
from ticketing.catalog.rules import event_shown
from ticketing.catalog.store import read_used_categories
from ticketing.catalog.structured import map_url, structured_data
from ticketing.events.blocks import counted
from ticketing.events.calendar import MEDIA, Dated, calendar_file, event_url, host_of
from ticketing.events.model import ShownStatus
from ticketing.events.store import read_categories, read_event, read_offer
from ticketing.venues.store import read_venue
from ticketing.web.headers import secured
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

CARDS: Final = 24
"""Fills rows of one, two, three and four."""
ON_NOW_MAX: Final = 4
CHIPS: Final = 12


@routes.get("/")
async def get_home(
    request: Request,
    house: TheHouse,
    now: Now,
    q: str = "",
    category: str = "",
    venue: str = "",
    cursor: str | None = None,
) -> Response:
    """What is to come, by date, or what a search finds, by relevance."""
    typed = " ".join(q[:SEARCH_LENGTH_MAX].split())
    asked = Asked(
        words=_searched(typed),
        category_id=category or None,
        venue_id=venue or None,
        starts_from=None if typed else now,
    )
    place = await read_venue(house.store, venue) if venue else None
    try:
        found = await _found(house, asked, limit=CARDS, cursor=cursor, now=now)
    except BadCursor:
        cursor = None
        found = await _found(house, asked, limit=CARDS, cursor=None, now=now)
    on_now: Iterable[Card] = ()
    if not typed and cursor is None:
        going_on = Asked(category_id=category or None, venue_id=venue or None, status=ShownStatus.ONGOING)
        on_now = cards(await _found(house, going_on, limit=ON_NOW_MAX, cursor=None, now=now), now=now)
    categories = await read_used_categories(house.store, count=CHIPS)
    return page(
        request,
        "catalog/home.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS,
        typed=typed,
        category=next((each for each in categories if each.category_id == category), None),
        categories=categories,
        venue=place,
        cards=list(cards(found, now=now)),
        on_now=list(on_now),
        is_first_page=cursor is None,
        link=_link,
        next_query=_link(q=typed, category=category, venue=venue, cursor=found.next_cursor)
        if found.next_cursor
        else None,
        draw=_draw,
    )


@routes.get("/events/{event_id}")
async def get_event_page(request: Request, event_id: str, house: TheHouse, now: Now) -> Response:
    """All that a visitor wants to know of an event, and its ticket types to choose from."""
    offer = await read_offer(house.store, event_id)
    if offer is None or not offer.event.is_public:
        raise NotFound
    event, ticket_types = await counted(house.store, offer.event, offer.ticket_types)
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    categories = await read_categories(house.store, event.categories)
    shown = event_shown(event, venue=venue, ticket_types=ticket_types, now=now)
    url = f"{house.settings.base_url}{house.settings.root_path}/events/{event.event_id}"
    return page(
        request,
        "catalog/event.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS if now < event.end_date_time else 60,
        shown=shown,
        event=event,
        venue=venue,
        state=shown.status.value,
        categories=list(categories.values()),
        map_url=map_url(venue),
        structured=Markup(structured_data(shown, url=url)),  # noqa: S704 - its angle brackets are escaped
        draw=Markup(poster(event.event_id, category=next(iter(event.categories), ""))),  # noqa: S704 - drawn here
    )


@routes.get("/events/{event_id}/calendar.ics")
async def get_calendar(event_id: str, house: TheHouse) -> Response:
    """A public event for a calendar."""
    event = await read_event(house.store, event_id)
    if event is None or not event.is_public:
        raise NotFound
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    settings = house.settings
    entry = Dated(event, venue, uid=f"{event_id}@{host_of(settings)}", url=event_url(settings, event_id))
    headers = {"Cache-Control": "public, max-age=60", "Content-Disposition": 'attachment; filename="event.ics"'}
    return secured(Response(calendar_file([entry], name=event.event_name), media_type=MEDIA, headers=headers))


@routes.get("/events/{event_id}/poster.svg")
async def get_poster(event_id: str, house: TheHouse) -> Response:
    """The drawn poster of a public event, as a picture of its own."""
    event = await read_event(house.store, event_id)
    if event is None or not event.is_public:
        raise NotFound
    drawn = poster(event.event_id, category=next(iter(event.categories), ""))
    return secured(Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"}))


async def _found(house: House, asked: Asked, *, limit: int, cursor: str | None, now: datetime) -> Found:
    return await find_events(
        house, asked, limit=limit, cursor=cursor, now=now, with_venues=True, with_ticket_types=True
    )


def _searched(typed: str) -> str:
    """What was typed, without the words past the bound: a page does its best where the API refuses."""
    words = words_of(typed)
    return " ".join(words[:SEARCH_WORDS_MAX]) if len(words) > SEARCH_WORDS_MAX else typed


def _link(**parameters: Any) -> str:
    """The start page with these parameters, empty ones left out."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"/?{query}" if query else "/"


def _draw(card: Card) -> Markup:
    """The poster of an event, which holds nothing that anyone typed."""
    return Markup(poster(card.event.event_id, category=next(iter(card.event.categories), "")))  # noqa: S704
