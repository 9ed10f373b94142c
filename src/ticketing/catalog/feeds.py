"""What programs read of the catalog: calendars to subscribe to, and the lists by which search engines find every event."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ticketing.base.bounds import (
    FEED_EVENTS_MAX,
    FEEDS_KEPT_MAX,
    PAGE_LIMIT_MAX,
    SITEMAP_MONTHS_MAX,
    SITEMAP_URLS_MAX,
)
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import Range, Store
from ticketing.catalog.model import Asked
from ticketing.catalog.queries import find_events
from ticketing.events.calendar import MEDIA, Dated, calendar_file, event_url, host_of
from ticketing.events.store import PUBLIC_SHARD, read_category
from ticketing.schema.tables import index
from ticketing.venues.store import read_venue
from ticketing.web.drawing import Drawing, TheDrawing
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

FEED_KEPT: Final = timedelta(minutes=5)
SITEMAP_KEPT: Final = timedelta(hours=1)
LOOKS_BACK: Final = timedelta(days=30)
"""A calendar keeps what was for a month, so that who missed it finds it, and what was cancelled is still told as such."""
ROWS_PER_READ: Final = 500
PLACES: Final = "places"
"""The part of the sitemap that is no month."""
XML: Final = "application/xml; charset=utf-8"
SITEMAP_SCHEMA: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"


@dataclass(frozen=True, slots=True)
class Feed:
    """A document as everybody gets it, until it is made anew."""

    content: bytes
    media: str
    changed: datetime | None
    until: datetime

    @property
    def tag(self) -> str:
        """Its ETag."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:24]}"'


class Feeds:
    """The documents that this process made lately, those asked for longest ago forgotten first: programs ask every few minutes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Feed] = OrderedDict()

    def kept(self, name: str, *, now: datetime) -> Feed | None:
        """The document of this name, while it may still be given out."""
        feed = self._kept.get(name)
        if feed is None or feed.until <= now:
            return None
        self._kept.move_to_end(name)
        return feed

    def keep(self, name: str, feed: Feed) -> Feed:
        """The same document, which is kept from now on."""
        self._kept[name] = feed
        self._kept.move_to_end(name)
        if len(self._kept) > FEEDS_KEPT_MAX:
            self._kept.popitem(last=False)
        return feed


async def _feeds_of(request: Request) -> Feeds:
    feeds: Feeds = request.app.state.feeds
    return feeds


TheFeeds = Annotated[Feeds, Depends(_feeds_of)]


def _answer(request: Request, feed: Feed, *, seconds: int) -> Response:
    """The document, or 304 to who has it already."""
    headers = {"ETag": feed.tag, "Cache-Control": f"public, max-age={seconds}"}
    if feed.changed is not None:
        headers["Last-Modified"] = format_datetime(feed.changed.replace(microsecond=0), usegmt=True)
    asked = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    same = feed.tag in asked
    if not any(asked) and feed.changed is not None:
        same = request.headers.get("if-modified-since") == headers["Last-Modified"]
    if same:
        return Response(status_code=304, headers=headers)
    return Response(feed.content, media_type=feed.media, headers=headers)


# calendars -----------------------------------------------------------------------------------------------------------


@routes.get("/calendar.ics")
async def get_calendar(request: Request, house: TheHouse, feeds: TheFeeds, drawing: TheDrawing, now: Now) -> Response:
    """What is to come, everywhere."""
    return await _calendar(request, house, feeds, drawing, Asked(), title="Events", now=now)


@routes.get("/venues/{venue_id}/calendar.ics")
async def get_venue_calendar(
    request: Request, venue_id: str, house: TheHouse, feeds: TheFeeds, drawing: TheDrawing, now: Now
) -> Response:
    """What is to come at a venue."""
    venue = await read_venue(house.store, venue_id)
    if venue is None:
        raise NotFound
    asked = Asked(venue_id=venue_id)
    return await _calendar(request, house, feeds, drawing, asked, title=venue.wish.venue_name, now=now)


@routes.get("/categories/{category_id}/calendar.ics")
async def get_category_calendar(
    request: Request, category_id: str, house: TheHouse, feeds: TheFeeds, drawing: TheDrawing, now: Now
) -> Response:
    """What is to come in a category."""
    category = await read_category(house.store, category_id)
    if category is None:
        raise NotFound
    asked = Asked(category_id=category_id)
    return await _calendar(request, house, feeds, drawing, asked, title=category.category_name, now=now)


@routes.get("/organizers/{user_id}/calendar.ics")
async def get_organizer_calendar(
    request: Request, user_id: str, house: TheHouse, feeds: TheFeeds, drawing: TheDrawing, now: Now
) -> Response:
    """What an organizer has to come. Who has no public event looks like nobody, so that no account is found this way."""
    asked = Asked(organizer_user_id=user_id)
    return await _calendar(request, house, feeds, drawing, asked, title="Events", now=now)


async def _calendar(
    request: Request, house: House, feeds: Feeds, drawing: Drawing, asked: Asked, *, title: str, now: datetime
) -> Response:
    name = f"calendar {asked.venue_id} {asked.category_id} {asked.organizer_user_id}"
    feed = feeds.kept(name, now=now)
    if feed is None:
        entries = await _entries(house, asked, now=now)
        content = await drawing.of(calendar_file, entries, name=title)
        changed = max((entry.event.last_updated_date_time for entry in entries), default=None)
        feed = feeds.keep(name, Feed(content, MEDIA, changed, now + FEED_KEPT))
    return _answer(request, feed, seconds=int(FEED_KEPT.total_seconds()))


async def _entries(house: House, asked: Asked, *, now: datetime) -> list[Dated]:
    """The events that match, from a month ago on, as entries; no drafts, and no more than a calendar bears."""
    from_then = Asked(
        venue_id=asked.venue_id,
        category_id=asked.category_id,
        organizer_user_id=asked.organizer_user_id,
        starts_from=now - LOOKS_BACK,
    )
    entries: list[Dated] = []
    cursor: str | None = None
    while len(entries) < FEED_EVENTS_MAX:
        found = await find_events(house, from_then, limit=PAGE_LIMIT_MAX, cursor=cursor, now=now, with_venues=True)
        for event in found.events:
            venue = None if event.venue_id is None else found.venues.get(event.venue_id)
            uid = f"{event.event_id}@{host_of(house.settings)}"
            entries.append(Dated(event, venue, uid, event_url(house.settings, event.event_id)))
        cursor = found.next_cursor
        if cursor is None:
            break
    return entries[:FEED_EVENTS_MAX]


# search engines ------------------------------------------------------------------------------------------------------


@routes.get("/robots.txt")
async def get_robots(house: TheHouse) -> Response:
    """What search engines may read: the public pages, and no data behind them."""
    root = house.settings.root_path
    lines = (
        "User-agent: *",
        *(f"Disallow: {root}{path}" for path in ("/v1/", "/orders/", "/events/*/checkout", "/outbox")),
        f"Sitemap: {house.settings.base_url}{root}/sitemap.xml",
    )
    return PlainTextResponse("\n".join(lines) + "\n", headers={"Cache-Control": "public, max-age=3600"})


@routes.get("/sitemap.xml")
async def get_sitemap(request: Request, house: TheHouse, feeds: TheFeeds, now: Now) -> Response:
    """One part for venues and categories, and one for each month in which events begin."""
    feed = feeds.kept("sitemap", now=now)
    if feed is None:
        base = f"{house.settings.base_url}{house.settings.root_path}"
        names = [PLACES, *await _months(house.store)]
        parts = [f"<sitemap><loc>{base}/sitemaps/{name}.xml</loc></sitemap>" for name in names]
        content = _xml(f'<sitemapindex xmlns="{SITEMAP_SCHEMA}">{"".join(parts)}</sitemapindex>')
        feed = feeds.keep("sitemap", Feed(content, XML, None, now + SITEMAP_KEPT))
    return _answer(request, feed, seconds=int(SITEMAP_KEPT.total_seconds()))


@routes.get("/sitemaps/{part}.xml")
async def get_sitemap_part(request: Request, part: str, house: TheHouse, feeds: TheFeeds, now: Now) -> Response:
    """The public events that begin in a month with their organizers, or all venues and categories: as many as one part may name."""
    feed = feeds.kept(f"sitemap {part}", now=now)
    if feed is not None:
        return _answer(request, feed, seconds=int(SITEMAP_KEPT.total_seconds()))
    if part == PLACES:
        urls = await _places(house)
        return _sitemap(request, feeds, part, urls, now=now)
    month = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", part)
    if month is None or not 1970 <= int(month[1]) <= 9998:
        raise NotFound
    start = datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)
    return _sitemap(request, feeds, part, await _urls(house, start, _next_month(start)), now=now)


def _sitemap(request: Request, feeds: Feeds, part: str, urls: list[str], *, now: datetime) -> Response:
    content = _xml(f'<urlset xmlns="{SITEMAP_SCHEMA}">{"".join(urls)}</urlset>')
    feed = feeds.keep(f"sitemap {part}", Feed(content, XML, None, now + SITEMAP_KEPT))
    return _answer(request, feed, seconds=int(SITEMAP_KEPT.total_seconds()))


def _xml(body: str) -> bytes:
    # Nothing that anyone typed is in it: addresses are made of the configured base and of ids.
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


async def _months(store: Store) -> list[str]:
    """The months from the first public event to the last one, the latest if there are too many."""
    ends = [
        await store.query(index("events_public"), PUBLIC_SHARD, limit=1, descending=descending)
        for descending in (False, True)
    ]
    if not ends[0].records or not ends[1].records:
        return []
    first, last = (page.records[0]["start_date_time"] for page in ends)
    return list(_between(first, last))[-SITEMAP_MONTHS_MAX:]


def _between(first: datetime, last: datetime) -> Iterator[str]:
    month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= last:
        yield f"{month.year:04}-{month.month:02}"
        month = _next_month(month)


async def _urls(house: House, start: datetime, end: datetime) -> list[str]:
    urls: list[str] = []
    organizers: dict[str, None] = {}
    cursor: str | None = None
    while len(urls) < SITEMAP_URLS_MAX:
        page = await house.store.query(
            index("events_public"), PUBLIC_SHARD, within=Range(start, end), limit=ROWS_PER_READ, cursor=cursor
        )
        for record in page.records:
            urls.append(_url(house, f"/events/{record['event_id']}", record["last_updated_date_time"]))
            organizers[record["organizer_user_id"]] = None
        cursor = page.next_cursor
        if cursor is None:
            break
    urls += [_url(house, f"/organizers/{each}") for each in organizers]
    return urls[:SITEMAP_URLS_MAX]


async def _places(house: House) -> list[str]:
    """The calendar, every category and every venue."""
    urls = [_url(house, "/calendar")]
    for index_name, path, key in (
        ("categories_by_name", "/categories/", "category_id"),
        ("venues_by_name", "/venues/", "venue_id"),
    ):
        cursor: str | None = None
        while len(urls) < SITEMAP_URLS_MAX:
            page = await house.store.query(index(index_name), "0", limit=ROWS_PER_READ, cursor=cursor)
            urls += [_url(house, path + record[key]) for record in page.records]
            cursor = page.next_cursor
            if cursor is None:
                break
    return urls[:SITEMAP_URLS_MAX]


def _url(house: House, path: str, changed: datetime | None = None) -> str:
    last = "" if changed is None else f"<lastmod>{changed:%Y-%m-%d}</lastmod>"
    return f"<url><loc>{house.settings.base_url}{house.settings.root_path}{path}</loc>{last}</url>"
