"""The start page: what is on, by date or by relevance, narrowed down by category, place, days and price."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.house import House
from ticketing.base.money import Money, minor_digits
from ticketing.base.store import BadCursor
from ticketing.catalog.model import Asked, Card, Found, Span
from ticketing.catalog.pages.common import CARDS, drawn
from ticketing.catalog.queries import PUBLIC_SECONDS, cards, find_events, known_cities
from ticketing.catalog.rules import CityTooLarge, days_of
from ticketing.catalog.seeking import FREE, Sought, asked_of, price_of, sought, span_of
from ticketing.catalog.store import read_used_categories
from ticketing.events.model import Category, ShownStatus
from ticketing.events.store import read_category
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

ON_NOW_MAX: Final = 4
CHIPS: Final = 12
PRICES: Final = (10, 25, 50, 100)
"""Prices that can be chosen, in whole units of a currency that has two minor digits."""
COARSE: Final = 100
"""A unit of a currency without minor digits is worth about so much less: what is offered is that much more."""
CURRENCIES_MAX: Final = 2


class PriceChoice(NamedTuple):
    """A price that can be chosen, as the address has it."""

    value: str
    most: Money


@routes.get("/")
async def get_home(request: Request, house: TheHouse, now: Now, cursor: str | None = None) -> Response:
    """What is to come, by date, or what a search finds, by relevance."""
    seeks = sought(dict(request.query_params))
    too_large = False
    try:
        found, cursor = await _found(house, seeks, cursor=cursor, now=now)
    except CityTooLarge:
        found, cursor, too_large = Found((), {}, {}, None), None, True
    on_now = await _on_now(house, seeks, now=now) if cursor is None and not too_large else []
    shown = list(cards(found, now=now))
    used = await read_used_categories(house.store, count=CHIPS)
    category, venue = await _category(house, seeks, used), await _venue(house, seeks)
    return page(
        request,
        "catalog/home.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS,
        seeks=seeks,
        category=category,
        categories=used,
        venue=venue,
        cities=await known_cities(house, now=now),
        prices=_prices(seeks, shown),
        price=_money(seeks),
        free=FREE,
        too_large=too_large,
        cards=shown,
        on_now=on_now,
        is_first_page=cursor is None,
        next_query=f"/{seeks.query(cursor=found.next_cursor)}" if found.next_cursor else None,
        draw=drawn,
    )


async def _found(house: House, seeks: Sought, *, cursor: str | None, now: datetime) -> tuple[Found, str | None]:
    """What matches from the cursor on, and that cursor; one that nobody gave out is left out."""
    asked = asked_of(seeks, now=now)
    try:
        return await _search(house, asked, limit=CARDS, cursor=cursor, now=now), cursor
    except BadCursor:
        return await _search(house, asked, limit=CARDS, cursor=None, now=now), None


async def _search(house: House, asked: Asked, *, limit: int, cursor: str | None, now: datetime) -> Found:
    return await find_events(
        house, asked, limit=limit, cursor=cursor, now=now, with_venues=True, with_ticket_types=True
    )


async def _on_now(house: House, seeks: Sought, *, now: datetime) -> list[Card]:
    """What goes on at this moment, unless words or days are asked for that leave it out."""
    if seeks.words or not _is_about_today(span_of(seeks), now=now):
        return []
    asked = asked_of(seeks.but(when="", since="", until=""), now=now)
    going_on = Asked(
        category_id=asked.category_id,
        tag=asked.tag,
        city=asked.city,
        venue_id=asked.venue_id,
        price_max=asked.price_max,
        currency=asked.currency,
        status=ShownStatus.ONGOING,
    )
    found = await _search(house, going_on, limit=ON_NOW_MAX, cursor=None, now=now)
    return list(cards(found, now=now))


def _is_about_today(span: Span | None, *, now: datetime) -> bool:
    """Whether what began earlier still counts. Who names days of the calendar is shown what begins on them."""
    if span is None:
        return True
    first, last = days_of(span, today=now.date())
    return span.named is not None and first <= now.date() <= last


async def _category(house: House, seeks: Sought, used: Sequence[Category]) -> Category | None:
    if not seeks.category:
        return None
    named = next((each for each in used if each.category_id == seeks.category), None)
    return named or await read_category(house.store, seeks.category)


async def _venue(house: House, seeks: Sought) -> Venue | None:
    return await read_venue(house.store, seeks.venue) if seeks.venue else None


def _prices(seeks: Sought, shown: Sequence[Card]) -> list[PriceChoice]:
    """Prices to choose from, in the currencies of what stands on the page, the most frequent first."""
    counted: dict[str, int] = {}
    for card in shown:
        counted[card.event.currency] = counted.get(card.event.currency, 0) + 1
    currencies = sorted(counted, key=lambda currency: -counted[currency])[:CURRENCIES_MAX]
    choices = [
        PriceChoice(f"{currency}-{amount}", Money(amount, currency))
        for currency in currencies
        for amount in (_minor(units, currency) for units in PRICES)
    ]
    chosen = _money(seeks)
    if chosen is not None and chosen not in [each.most for each in choices]:
        choices.append(PriceChoice(seeks.price, chosen))
    return choices


def _minor(units: int, currency: str) -> int:
    digits = minor_digits(currency)
    return units * (10**digits if digits else COARSE)


def _money(seeks: Sought) -> Money | None:
    price = price_of(seeks.price)
    return None if price is None else Money(price[1], price[0])
