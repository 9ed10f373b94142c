"""The calendar: what is on in a month, day by day."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import CALENDAR_EVENTS_MAX, PAGE_LIMIT_MAX
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.base.store import Store
from ticketing.catalog.model import Span
from ticketing.catalog.pages.home import CHIPS
from ticketing.catalog.queries import PUBLIC_SECONDS, find_events
from ticketing.catalog.rules import CityTooLarge
from ticketing.catalog.seeking import FREE, Sought, asked_of, price_of, sought
from ticketing.catalog.store import read_used_categories
from ticketing.events.model import Event, EventStatus
from ticketing.events.store import PUBLIC_SHARD, read_category
from ticketing.schema.tables import index
from ticketing.venues.store import read_venue
from ticketing.web.i18n import tongue_of
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

SHOWN_PER_DAY: Final = 4
_MONDAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - a day of the week, of no zone
_MONTH: Final = re.compile("([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on a day, at `start` by its own clock."""

    event: Event
    start: datetime
    is_off: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a month with the events that begin on it, as many as there is room for, and how many more there are."""

    date: date
    entries: tuple[Entry, ...]
    more: int
    is_today: bool

    @property
    def moment(self) -> datetime:
        """The day as filters of times take it."""
        return datetime.combine(self.date, time())


@routes.get("/calendar")
async def get_calendar_page(request: Request, house: TheHouse, now: Now, month: str = "") -> Response:
    """A month as a table of its days, the present one where none is named. Raises NotFound for what is no month."""
    seeks = sought(dict(request.query_params)).but(when="", since="", until="")
    first = _first_of(month) if month else now.date().replace(day=1)
    if first is None:
        raise NotFound
    too_large = False
    try:
        events, is_cut = await _events_of(house, seeks, first, now=now)
    except CityTooLarge:
        events, is_cut, too_large = [], False, True
    began, ends = await _ends(house.store)
    before, after = _month_before(first), _month_after(first)
    price = price_of(seeks.price)
    begins = tongue_of(request).locale.first_week_day
    return page(
        request,
        "catalog/calendar.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS,
        seeks=seeks,
        categories=(used := await read_used_categories(house.store, count=CHIPS)),
        category=next((each for each in used if each.category_id == seeks.category), None)
        or (await read_category(house.store, seeks.category) if seeks.category else None),
        venue=await read_venue(house.store, seeks.venue) if seeks.venue else None,
        price=None if price is None else Money(price[1], price[0]),
        free=FREE,
        first=datetime.combine(first, time()),
        weeks=_weeks(first, events, today=now.date(), begins=begins),
        week_days=[_MONDAY + timedelta(days=begins + number) for number in range(7)],
        feed=_feed(seeks),
        is_cut=is_cut,
        too_large=too_large,
        is_empty=not events,
        is_this_month=first == now.date().replace(day=1),
        before=datetime.combine(before, time()) if before >= began else None,
        after=datetime.combine(after, time()) if after <= ends else None,
    )


def _feed(seeks: Sought) -> str:
    """The calendar to subscribe to that comes nearest to the page."""
    if seeks.venue:
        return f"/venues/{seeks.venue}/calendar.ics"
    return f"/categories/{seeks.category}/calendar.ics" if seeks.category else "/calendar.ics"


def _first_of(month: str) -> date | None:
    named = _MONTH.fullmatch(month)
    return date(int(named[1]), int(named[2]), 1) if named and 1970 <= int(named[1]) <= 9_997 else None


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


async def _events_of(house: House, seeks: Sought, first: date, *, now: datetime) -> tuple[list[Event], bool]:
    """What begins in the month by its own calendar, up to the bound, and whether that cut something off."""
    span = Span(first, _month_after(first) - timedelta(days=1))
    asked = asked_of(seeks.but(since=first.isoformat(), until=span.last.isoformat() if span.last else ""), now=now)
    events: list[Event] = []
    cursor: str | None = None
    while len(events) < CALENDAR_EVENTS_MAX:
        found = await find_events(house, asked, limit=PAGE_LIMIT_MAX, cursor=cursor, now=now)
        events += found.events
        cursor = found.next_cursor
        if cursor is None:
            break
    return events[:CALENDAR_EVENTS_MAX], cursor is not None


def _weeks(first: date, events: list[Event], *, today: date, begins: int) -> list[list[Day | None]]:
    """The weeks of a month, each of seven days that begin with the weekday `begins` (0 is Monday); None for those of its neighbours."""
    entries: dict[date, list[Entry]] = {}
    for event in events:
        start = event.start_date_time.astimezone(ZoneInfo(event.timezone))
        is_off = event.status is not EventStatus.PUBLISHED
        entries.setdefault(start.date(), []).append(Entry(event, start, is_off))
    for those in entries.values():
        those.sort(key=lambda each: each.start.time())
    weeks = calendar.Calendar(begins).monthdatescalendar(first.year, first.month)
    return [
        [_day(each, entries.get(each, []), today=today) if each.month == first.month else None for each in week]
        for week in weeks
    ]


def _day(each: date, entries: list[Entry], *, today: date) -> Day:
    room = len(entries) if len(entries) <= SHOWN_PER_DAY else SHOWN_PER_DAY - 1
    return Day(each, tuple(entries[:room]), len(entries) - room, each == today)


async def _ends(store: Store) -> tuple[date, date]:
    """The months of the first and the last public event: beyond them there is nothing to turn to."""
    ends = [
        await store.query(index("events_public"), PUBLIC_SHARD, limit=1, descending=descending)
        for descending in (False, True)
    ]
    days = [each.records[0]["start_date_time"].date().replace(day=1) for each in ends if each.records]
    return (days[0], days[-1]) if days else (date.max, date.min)
