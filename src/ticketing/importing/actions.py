"""Stores what a reader handed over: venues, categories and events with their ticket types, each once however often it is run."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ticketing.base.changes import Insert, Remove
from ticketing.base.errors import Invalid, Refusal
from ticketing.base.house import House
from ticketing.base.store import Busy, Conflict
from ticketing.base.tables import Record
from ticketing.events.actions.categories import ensure_category
from ticketing.events.commits import insertion
from ticketing.events.model import Category, Event, EventWish, TicketType, TicketTypeWish
from ticketing.events.rules import event_with, new_event, new_ticket_type, published_event
from ticketing.importing.model import Import, ImportedEvent, ImportedTicketType, ImportedVenue, Mistake
from ticketing.schema.tables import UNIQUES, VENUES
from ticketing.venues.model import Venue, VenueWish
from ticketing.venues.rules import new_venue
from ticketing.venues.store import read_venue, venue_record

AT_ONCE: Final = 100
"""Events on their way into the store together: enough to fill a batch, few enough to leave room for sales."""
ROUNDS_MAX: Final = 8
"""How often an event is tried again where the store is busy or a category changed under it."""
PAUSE_SECONDS: Final = 0.2
CURRENCY: Final = "EUR"
"""Of an event whose source names none; it can be changed as long as the event has no ticket types."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an import did: how much of it is new, how many events were there before, and what could not go in."""

    venues: int
    events: int
    ticket_types: int
    known_events: int
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one event."""

    ticket_types: int = 0
    known: bool = False
    mistake: Mistake | None = None


async def load(
    house: House,
    organizer_user_id: str,
    content: Import,
    *,
    now: datetime,
    progress: Progress = lambda _done, _all: None,
) -> Loaded:
    """All of the import is stored as this organizer's, events published. What was stored by an earlier run is left as it is.

    An event that cannot go in is named among the mistakes, with those of the reader, and the others go in. Raises Busy where the
    store takes nothing for long.
    """
    owner = _Owner(house, organizer_user_id, now)
    venues, new_venues = await owner.store_venues(content.venues)
    names = dict.fromkeys(name for event in content.events for name in event.categories)
    categories = {name: await ensure_category(house, name, now=now) for name in names}
    known = await owner.known("event", [event.source_key for event in content.events])
    done: list[_Done] = []
    for start in range(0, len(content.events), AT_ONCE):
        some = content.events[start : start + AT_ONCE]
        done += await asyncio.gather(
            *(
                owner.store_event(event, venues=venues, categories=categories)
                for event in some
                if event.source_key not in known
            )
        )
        progress(start + len(some), len(content.events))
    stored = [one for one in done if not one.known and one.mistake is None]
    return Loaded(
        venues=new_venues,
        events=len(stored),
        ticket_types=sum(one.ticket_types for one in stored),
        known_events=len(known) + sum(one.known for one in done),
        mistakes=(*content.mistakes, *(one.mistake for one in done if one.mistake is not None)),
    )


class _Owner:
    """Stores things of one organizer, each with a marker that says that it was imported."""

    def __init__(self, house: House, organizer_user_id: str, now: datetime) -> None:
        self._house = house
        self._user_id = organizer_user_id
        self._now = now

    def _marker(self, kind: str, source_key: str) -> str:
        # The organizer's id is part of it: one organizer's own numbers say nothing of another's.
        return f"import#{self._user_id}#{kind}#{source_key}"

    async def known(self, kind: str, source_keys: Sequence[str]) -> dict[str, str]:
        """The ids of what an earlier run stored, by source key."""
        keys = [(self._marker(kind, source_key),) for source_key in source_keys]
        found = await self._house.store.get_many(UNIQUES, keys)
        return {
            source_key: marker["target_id"]
            for source_key, marker in zip(source_keys, found, strict=True)
            if marker is not None
        }

    async def store_venues(self, venues: Sequence[ImportedVenue]) -> tuple[dict[str, Venue], int]:
        """Every venue by source key, and how many of them are new."""
        known = await self.known("venue", [venue.source_key for venue in venues])
        stored: dict[str, Venue] = {}
        count = 0
        for imported in venues:
            venue_id = known.get(imported.source_key)
            venue = None if venue_id is None else await read_venue(self._house.store, venue_id)
            if venue is None:
                venue = await self._store_venue(imported, is_stale=venue_id is not None)
                count += 1
            stored[imported.source_key] = venue
        return stored, count

    async def _store_venue(self, imported: ImportedVenue, *, is_stale: bool) -> Venue:
        house = self._house
        name = self._marker("venue", imported.source_key)
        if is_stale:  # the venue was deleted since, and is needed again
            await house.store.commit((Remove(UNIQUES, (name,)),))
        venue = new_venue(
            house.new_id("ven", self._now), _venue_wish(imported), owner_user_id=self._user_id, now=self._now
        )
        marker: Record = {"name": name, "target_id": venue.venue_id}
        try:
            await house.store.commit((Insert(UNIQUES, marker), Insert(VENUES, venue_record(venue))))
        except Conflict:  # the same import runs twice at once
            stored, _ = await self.store_venues((imported,))
            return stored[imported.source_key]
        return venue

    async def store_event(
        self, imported: ImportedEvent, *, venues: dict[str, Venue], categories: dict[str, Category]
    ) -> _Done:
        """The event is stored with its ticket types, or is there already, or what is wrong with it is told."""
        house = self._house
        event_id = house.new_id("evt", self._now)
        marker: Record = {"name": self._marker("event", imported.source_key), "target_id": event_id}
        venue = venues.get(imported.venue_key) if imported.venue_key is not None else None
        for round_number in range(1, ROUNDS_MAX + 1):
            named = {categories[name].category_id: categories[name] for name in imported.categories}
            try:
                event, ticket_types = self._published(event_id, imported, venue=venue, categories=named)
                changes = insertion(event, venue=venue, categories=named, ticket_types=ticket_types)
                await house.store.commit((Insert(UNIQUES, marker), *changes))
            except Busy:
                if round_number == ROUNDS_MAX:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
            except Refusal as refusal:
                return _Done(mistake=Mistake(imported.source_key, _reason(refusal)))
            except Conflict as conflict:
                if conflict.change.table is UNIQUES:
                    return _Done(known=True)  # the same import runs twice at once
                if venue is not None:
                    venue = await read_venue(house.store, venue.venue_id)
                for name in imported.categories:
                    categories[name] = await ensure_category(house, name, now=self._now)
            else:
                return _Done(ticket_types=len(ticket_types))
        return _Done(
            mistake=Mistake(imported.source_key, "its venue or categories were changed again and again meanwhile")
        )

    def _published(
        self, event_id: str, imported: ImportedEvent, *, venue: Venue | None, categories: dict[str, Category]
    ) -> tuple[Event, list[TicketType]]:
        now = self._now
        wish = _event_wish(imported, venue=venue, categories=categories)
        event = new_event(event_id, wish, organizer_user_id=self._user_id, venue=venue, categories=categories, now=now)
        ticket_types: list[TicketType] = []
        for imported_type in imported.ticket_types:
            ticket_type_id = self._house.new_id("tty", now)
            type_wish = _ticket_type_wish(imported_type, currency=wish.currency)
            ticket_types.append(new_ticket_type(ticket_type_id, event, type_wish, now=now))
            event = event_with(event, ticket_type_id, now=now)
        return replace(published_event(event, now=now), version=1), ticket_types


def _venue_wish(venue: ImportedVenue) -> VenueWish:
    return VenueWish(
        venue_name=venue.venue_name,
        address=venue.address or None,
        city=venue.city or None,
        state=venue.state or None,
        zip_code=venue.zip_code or None,
        country=venue.country,
        capacity=venue.capacity,
        amenities=venue.amenities,
        timezone=venue.timezone,
        latitude_e7=None if venue.latitude is None else round(venue.latitude * 10_000_000),
        longitude_e7=None if venue.longitude is None else round(venue.longitude * 10_000_000),
    )


def _event_wish(event: ImportedEvent, *, venue: Venue | None, categories: dict[str, Category]) -> EventWish:
    return EventWish(
        event_name=event.event_name,
        description=event.description,
        start_date_time=event.start_date_time,
        end_date_time=event.end_date_time,
        venue_id=None if venue is None else venue.venue_id,
        categories=tuple(categories),
        tags=event.tags,
        image_url=event.image_url,
        capacity=event.capacity,
        sales_start_date=event.sales_start_date,
        sales_end_date=event.sales_end_date,
        external_links=event.external_links,
        timezone=event.timezone,
        currency=event.currency or CURRENCY,
        tickets_per_customer_max=None,
    )


def _ticket_type_wish(ticket_type: ImportedTicketType, *, currency: str) -> TicketTypeWish:
    return TicketTypeWish(
        ticket_type=ticket_type.ticket_type,
        description="",
        price=ticket_type.price_amount,
        currency=currency,
        quantity=ticket_type.quantity,
        sale_start_date_time=None,
        sale_end_date_time=None,
        per_order_max=None,
        paused=False,
    )


def _reason(refusal: Refusal) -> str:
    if isinstance(refusal, Invalid):
        return "; ".join(f"{error.pointer.lstrip('/')} {error.detail}" for error in refusal.errors)
    return refusal.detail
