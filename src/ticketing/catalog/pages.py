"""Public HTML pages of the catalog: the start page."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import SEARCH_LENGTH_MAX, SEARCH_WORDS_MAX
from ticketing.base.house import House
from ticketing.base.search import words_of
from ticketing.base.store import BadCursor
from ticketing.catalog.model import Asked, Card, Found
from ticketing.catalog.posters import poster
from ticketing.catalog.queries import PUBLIC_SECONDS, cards, find_events
from ticketing.catalog.store import read_used_categories
from ticketing.events.model import ShownStatus
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

CARDS: Final = 24
"""Fills rows of one, two, three and four."""
ON_NOW_MAX: Final = 4
CHIPS: Final = 12


@routes.get("/")
async def get_home(
    request: Request, house: TheHouse, now: Now, q: str = "", category: str = "", cursor: str | None = None
) -> Response:
    """What is to come, by date, or what a search finds, by relevance."""
    typed = " ".join(q[:SEARCH_LENGTH_MAX].split())
    asked = Asked(
        words=_searched(typed),
        category_id=category or None,
        starts_from=None if typed else now,
    )
    try:
        found = await _found(house, asked, limit=CARDS, cursor=cursor, now=now)
    except BadCursor:
        cursor = None
        found = await _found(house, asked, limit=CARDS, cursor=None, now=now)
    on_now: Iterable[Card] = ()
    if not typed and cursor is None:
        going_on = Asked(category_id=category or None, status=ShownStatus.ONGOING)
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
        cards=list(cards(found, now=now)),
        on_now=list(on_now),
        is_first_page=cursor is None,
        link=_link,
        next_query=_link(q=typed, category=category, cursor=found.next_cursor) if found.next_cursor else None,
        draw=_draw,
    )


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
