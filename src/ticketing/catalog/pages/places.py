"""The pages of a venue, a category and an organizer: what they are, what is to come there, and what was."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import BadCursor
from ticketing.catalog.model import Asked, Found
from ticketing.catalog.pages.common import CARDS, drawn, public_url
from ticketing.catalog.queries import PUBLIC_SECONDS, cards, find_events, past_events
from ticketing.catalog.structured import listing_data, map_url, place_data
from ticketing.events.model import ShownStatus
from ticketing.events.store import read_category
from ticketing.venues.store import read_venue
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

ON_NOW_MAX: Final = 4


@routes.get("/venues/{venue_id}")
async def get_venue_page(
    request: Request, venue_id: str, house: TheHouse, now: Now, past: str = "", cursor: str | None = None
) -> Response:
    """A venue: where it is, what it has, and what is on."""
    venue = await read_venue(house.store, venue_id)
    if venue is None:
        raise NotFound
    path = f"/venues/{venue_id}"
    return await _answer(
        request,
        house,
        Asked(venue_id=venue_id),
        path=path,
        is_past=bool(past),
        cursor=cursor,
        now=now,
        heading=venue.wish.venue_name,
        kind="venue",
        venue=venue,
        map_url=map_url(venue),
        about=place_data(venue, url=public_url(house, path)),
    )


@routes.get("/categories/{category_id}")
async def get_category_page(
    request: Request, category_id: str, house: TheHouse, now: Now, past: str = "", cursor: str | None = None
) -> Response:
    """A category: what is on in it."""
    category = await read_category(house.store, category_id)
    if category is None:
        raise NotFound
    return await _answer(
        request,
        house,
        Asked(category_id=category_id),
        path=f"/categories/{category_id}",
        is_past=bool(past),
        cursor=cursor,
        now=now,
        heading=category.category_name,
        kind="category",
    )


@routes.get("/organizers/{user_id}")
async def get_organizer_page(
    request: Request, user_id: str, house: TheHouse, now: Now, past: str = "", cursor: str | None = None
) -> Response:
    """An organizer: what they offer. Who has no public event looks like nobody, so that no account is found this way."""
    asked = Asked(organizer_user_id=user_id)
    if not (await find_events(house, asked, limit=1, cursor=None, now=now)).events:
        raise NotFound
    return await _answer(
        request,
        house,
        asked,
        path=f"/organizers/{user_id}",
        is_past=bool(past),
        cursor=cursor,
        now=now,
        heading=None,
        kind="organizer",
    )


async def _answer(
    request: Request,
    house: House,
    asked: Asked,
    *,
    path: str,
    is_past: bool,
    cursor: str | None,
    now: datetime,
    heading: str | None,
    kind: str,
    about: dict[str, Any] | None = None,
    **shown: Any,
) -> Response:
    try:
        found = await _found(house, asked, is_past=is_past, cursor=cursor, now=now)
    except BadCursor:
        cursor = None
        found = await _found(house, asked, is_past=is_past, cursor=None, now=now)
    on_now = Found((), {}, {}, None)
    if cursor is None and not is_past:
        going_on = replace(asked, status=ShownStatus.ONGOING)
        on_now = await find_events(
            house, going_on, limit=ON_NOW_MAX, cursor=None, now=now, with_venues=True, with_ticket_types=True
        )
    data = listing_data(
        [*on_now.events, *found.events],
        about=about,
        url_of=lambda event: public_url(house, f"/events/{event.event_id}"),
    )
    return page(
        request,
        "catalog/place.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS,
        heading=heading,
        kind=kind,
        here=path,
        is_past=is_past,
        is_first_page=cursor is None,
        next_cursor=found.next_cursor,
        cards=list(cards(found, now=now)),
        on_now=list(cards(on_now, now=now)),
        structured=Markup(data),  # noqa: S704 - its angle brackets are escaped
        draw=drawn,
        **shown,
    )


async def _found(house: House, asked: Asked, *, is_past: bool, cursor: str | None, now: datetime) -> Found:
    if is_past:
        return await past_events(house, asked, limit=CARDS, cursor=cursor, now=now)
    to_come = replace(asked, starts_from=now)
    return await find_events(
        house, to_come, limit=CARDS, cursor=cursor, now=now, with_venues=True, with_ticket_types=True
    )
