"""A house with very many events, made by rule from the real ones that ship, and kept so that a second run finds it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from unittest.mock import patch

from bench.progress import say
from bench.stage import STAGES, Stage, begin, organizer_of
from ticketing.base import search
from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.ids import from_int
from ticketing.base.tables import Record, Table
from ticketing.entry.opening import OpenHouse
from ticketing.events import listing
from ticketing.events.actions.categories import ensure_category
from ticketing.events.commits import insertion
from ticketing.events.model import Category, Event, EventStatus, TicketType
from ticketing.importing.model import ImportedEvent, ImportedVenue
from ticketing.importing.sources import SOURCES, shipped, with_tickets
from ticketing.schema.tables import TABLES, VENUES
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.sql.migrate import latest_revision
from ticketing.storage.sql.rows import shape_of
from ticketing.storage.sql.search import OPTIMIZE
from ticketing.storage.sql.sqlite import SqliteEngine
from ticketing.venues.model import Venue, VenueWish
from ticketing.venues.rules import new_venue
from ticketing.venues.store import venue_record

RULE = 2  # Of how events are made: another number makes them anew.
EVENTS_PER_VENUE = 50
YEARS = 5
EVENTS_PER_TRANSACTION = 2_000
TRANSACTIONS_BEFORE_CHECKPOINT = 10
TEXTS_REMEMBERED = 100_000
COMPLETE = "complete"
CANCELLED_EACH = 50
_SYLLABLES = "ka lo mi ren tor vel sha dra bon qui pel zu ost wyn jar nim".split()


@dataclass(frozen=True, slots=True)
class Models:
    """The real events and venues that others are made from."""

    events: tuple[ImportedEvent, ...]
    venues: tuple[ImportedVenue, ...]


def models() -> Models:
    """All that ships, with ticket types and prices made up where the source has none."""
    contents = [with_tickets(shipped(name)) for name in SOURCES]
    return Models(
        tuple(event for content in contents for event in content.events),
        tuple(venue for content in contents for venue in content.venues),
    )


def made_up_name(number: int) -> str:
    """The performer of an event: one of 65,536 names of four syllables, spread over the events."""
    spread = number * 40_503 & 0xFFFF
    return "".join(_SYLLABLES[spread >> shift & 15] for shift in (0, 4, 8, 12))


def event_id_of(number: int) -> str:
    """The id of an event by its number."""
    return from_int("evt", number)


def crowded(count: int, *, scenario: str) -> Stage:
    """The house with so many events, made where there is none of this rule and schema yet."""
    folder = STAGES / f"events-{count}-{latest_revision()}-{RULE}"
    if (folder / COMPLETE).exists():
        return begin(folder)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    made = begin(folder)
    # The same few hundred texts come again and again: what they are folded to is remembered, which halves the time.
    words_of, facet = lru_cache(TEXTS_REMEMBERED)(search.words_of), lru_cache(TEXTS_REMEMBERED)(listing.facet)
    with (
        patch.object(search, "words_of", words_of),
        patch.object(listing, "facet", facet),
        made.opened() as opened,
    ):
        _fill(opened, count, scenario=scenario)
    (folder / COMPLETE).touch()
    return made


def _fill(opened: OpenHouse, count: int, *, scenario: str) -> None:
    house = opened.house
    assert isinstance(opened.store, CoalescedStore)
    engine = opened.store.engine
    assert isinstance(engine, SqliteEngine)
    now = house.clock.now()
    organizer_user_id = asyncio.run(organizer_of(house))
    real = models()
    venues = [_venue(number, real, owner_user_id=organizer_user_id, now=now) for number in range(_venue_count(count))]
    names = dict.fromkeys(name for event in real.events for name in event.categories)
    categories = asyncio.run(_categories(house, names, now=now))
    uses: Counter[str] = Counter()
    writer = engine.writer
    writer.pragma("synchronous", "off")  # It is made again where this run ends early; what is measured only reads.
    rows = _Rows()
    for venue in venues:
        rows.add(VENUES, venue_record(venue))
    rows.write(engine)
    began = time.monotonic()
    numbers = iter(range(count))
    transactions = done = 0
    while some := list(islice(numbers, EVENTS_PER_TRANSACTION)):
        for number in some:
            model = real.events[number * 31 % len(real.events)]
            venue = venues[number * 7_919 % len(venues)]
            event, ticket_types = _event(number, model, venue, categories, organizer_user_id=organizer_user_id, now=now)
            named = {categories[name].category_id: categories[name] for name in model.categories}
            for change in insertion(event, venue=venue, categories=named, ticket_types=ticket_types):
                if isinstance(change, Insert):
                    rows.add(change.table, change.record)
            uses.update(event.categories)
        rows.write(engine)
        transactions += 1
        done += len(some)
        if transactions % TRANSACTIONS_BEFORE_CHECKPOINT == 0 or done == count:
            writer.wal_checkpoint()
            say(scenario, f"{done:,} of {count:,} events, {done / (time.monotonic() - began):,.0f}/s")
    with writer:
        writer.executemany(
            "update event_categories set use_count = ? where category_id = ?",
            [(times, category_id) for category_id, times in uses.items()],
        )
    writer.execute(OPTIMIZE)
    writer.wal_checkpoint()


async def _categories(house: House, names: Iterable[str], *, now: datetime) -> dict[str, Category]:
    return {name: await ensure_category(house, name, now=now) for name in names}


class _Rows:
    """Records on their way into the file, by table."""

    def __init__(self) -> None:
        self._records: dict[str, list[Record]] = {}

    def add(self, table: Table, record: Record) -> None:
        """The record is written with the others."""
        self._records.setdefault(table.name, []).append(record)

    def write(self, engine: SqliteEngine) -> None:
        """All of them are in the file, in one transaction."""
        writer = engine.writer
        with writer:
            for table in TABLES:
                records = self._records.pop(table.name, [])
                if records:
                    names = table.column_names
                    statement = f"insert into {table.name} ({', '.join(names)}) values ({', '.join('?' * len(names))})"
                    writer.executemany(statement, zip(*shape_of(table).to_columns(records), strict=True))


def _venue_count(count: int) -> int:
    return max(20, count // EVENTS_PER_VENUE)


def _venue(number: int, real: Models, *, owner_user_id: str, now: datetime) -> Venue:
    model = real.venues[number % len(real.venues)]
    turn = number // len(real.venues)
    wish = VenueWish(
        venue_name=f"{model.venue_name} {turn}" if turn else model.venue_name,
        address=model.address or None,
        city=f"{model.city} {turn}" if turn else model.city or None,
        state=model.state or None,
        zip_code=model.zip_code or None,
        country=model.country,
        capacity=None,
        amenities=model.amenities,
        timezone=model.timezone,
        latitude_e7=None,
        longitude_e7=None,
    )
    return new_venue(from_int("ven", number), wish, owner_user_id=owner_user_id, now=now)


def _event(
    number: int,
    model: ImportedEvent,
    venue: Venue,
    categories: dict[str, Category],
    *,
    organizer_user_id: str,
    now: datetime,
) -> tuple[Event, list[TicketType]]:
    """Real name, text, tags, length and prices; day, venue, one made-up performer and a number by rule."""
    event_id = event_id_of(number)
    days = number * 618_033 % (365 * YEARS) - 365 * YEARS // 2
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + timedelta(days=days, minutes=model.start_date_time.hour * 60 + number % 4 * 15)
    currency = model.currency or "EUR"
    ticket_types = [
        TicketType(
            ticket_type_id=from_int("tty", number << 8 | place),
            event_id=event_id,
            ticket_type=imported.ticket_type,
            description="",
            price=imported.price_amount,
            quantity=imported.quantity,
            quantity_available=imported.quantity,
            sale_start_date_time=None,
            sale_end_date_time=None,
            per_order_max=None,
            paused=False,
            created_date_time=now,
            version=1,
        )
        for place, imported in enumerate(model.ticket_types)
    ]
    capacity = model.capacity or sum(ticket_type.quantity for ticket_type in ticket_types)
    event = Event(
        event_id=event_id,
        event_name=f"{model.event_name[:150]} with {made_up_name(number)}, No. {number}",
        description=model.description,
        start_date_time=start,
        end_date_time=start + (model.end_date_time - model.start_date_time),
        venue_id=venue.venue_id,
        organizer_user_id=organizer_user_id,
        categories=tuple(categories[name].category_id for name in model.categories),
        tags=model.tags,
        image_url=model.image_url,
        capacity=capacity,
        capacity_available=capacity,
        ticket_types=tuple(ticket_type.ticket_type_id for ticket_type in ticket_types),
        sales_start_date=None,
        sales_end_date=None,
        status=EventStatus.CANCELLED if number % CANCELLED_EACH == 0 else EventStatus.PUBLISHED,
        external_links=model.external_links,
        timezone=model.timezone,
        currency=currency,
        tickets_per_customer_max=None,
        created_date_time=now,
        last_updated_date_time=now,
        version=1,
    )
    return event, ticket_types
