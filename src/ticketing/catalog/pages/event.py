"""The page of an event, its calendar file, and its poster."""

from typing import Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import NotFound
from ticketing.catalog.posters import poster
from ticketing.catalog.rules import event_shown
from ticketing.catalog.structured import map_url, structured_data
from ticketing.catalog.watching import Watches
from ticketing.events.blocks import counted
from ticketing.events.calendar import MEDIA, Dated, calendar_file, event_url, host_of
from ticketing.events.model import ShownStatus
from ticketing.events.store import read_categories, read_event, read_offer
from ticketing.venues.store import read_venue
from ticketing.web.headers import secured
from ticketing.web.limits import address_of
from ticketing.web.markdown import excerpt, rendered
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

SELLING: Final = (ShownStatus.UPCOMING, ShownStatus.ONGOING)
"""While an event stands so, what is left of it may change under a visitor's eyes."""
SELLING_SECONDS: Final = 1
"""Longer than this nobody between us and a visitor keeps a page that says what is left."""
EXCERPT_MAX: Final = 155
"""What search engines show of a description."""


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
        public_seconds=SELLING_SECONDS if now < event.end_date_time else 60,
        shown=shown,
        event=event,
        venue=venue,
        state=shown.status.value,
        is_live=_watches_of(request) is not None and shown.status in SELLING and bool(shown.types),
        categories=list(categories.values()),
        map_url=map_url(venue),
        description=rendered(event.description),
        excerpt=excerpt(event.description, most=EXCERPT_MAX) or event.event_name,
        structured=Markup(structured_data(shown, url=url)),  # noqa: S704 - its angle brackets are escaped
        draw=Markup(poster(event.event_id, category=next(iter(event.categories), ""))),  # noqa: S704 - drawn here
    )


@routes.get("/events/{event_id}/availability")
async def get_availability(request: Request, event_id: str) -> Response:
    """What is left, as server-sent events: now, and whenever it changes. Raises NotFound where no streams are offered."""
    watches = _watches_of(request)
    if watches is None:
        raise NotFound
    return await watches.open(event_id, client=address_of(request.scope))


def _watches_of(request: Request) -> Watches | None:
    """The streams of this process; None where an answer cannot stay open, as on Lambda."""
    watches: Watches | None = request.app.state.watches
    return watches


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
