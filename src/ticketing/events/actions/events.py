"""Use cases of events: read, decide, commit, answer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, demand, permits
from ticketing.base.changes import Change
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Conflict
from ticketing.events.actions.rounds import in_rounds, refuse_unseen
from ticketing.events.commits import insertion, relisting, removal, replacement
from ticketing.events.model import Category, CategoryMapping, Event, EventWish, TicketType
from ticketing.events.rules import EventInUse, changed_event, new_event, refuse_deletion, wish_of
from ticketing.events.store import read_categories, read_event, read_listing_version, read_mappings, read_ticket_types
from ticketing.schema.facts import happened
from ticketing.schema.tables import EVENTS
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around an event and is stored with it. The ticket types were read after the listing, whose version guards them."""

    venue: Venue | None
    categories: dict[str, Category]
    mappings: dict[str, CategoryMapping]
    listing_version: int | None
    ticket_types: tuple[TicketType, ...]


async def create_event(house: House, who: Principal, wish: EventWish, *, keep: Keep[Event], now: datetime) -> Event:
    """A new draft of this organizer is stored.

    Raises Unauthenticated, NotFound for those who may not, Invalid, CapacityOverVenue.
    """
    organizer = demand(who, Right.CREATE_EVENT)
    event_id = house.new_id("evt", now)

    async def attempt() -> Event:
        venue = await _venue(house, wish.venue_id)
        categories = await read_categories(house.store, wish.categories)
        event = new_event(
            event_id, wish, organizer_user_id=organizer.user_id, venue=venue, categories=categories, now=now
        )
        await commit_once(house, (*keep(event), *insertion(event, venue=venue, categories=categories)))
        return event

    return await in_rounds(house.store, attempt)


async def visible_event(house: House, who: Principal, event_id: str) -> Event:
    """The event, which this principal may see: a draft is there for its organizer and admins only. Raises NotFound."""
    event = await read_event(house.store, event_id)
    if event is None or not may_see(who, event):
        raise NotFound
    return event


def may_see(who: Principal, event: Event) -> bool:
    """Whether this principal may see the event."""
    return event.is_public or permits(who, Right.READ_EVENT_AS_ORGANIZER, owner_user_id=event.organizer_user_id)


async def own_event(house: House, who: Principal, event_id: str) -> Event:
    """The event, which this principal may change. Raises Unauthenticated, NotFound."""
    event = await read_event(house.store, event_id)
    demand(who, Right.CHANGE_EVENT, owner_user_id=None if event is None else event.organizer_user_id)
    if event is None:
        raise NotFound
    return event


async def change_event(
    house: House,
    who: Principal,
    event_id: str,
    amend: Callable[[EventWish], EventWish],
    *,
    expected: int | None,
    now: datetime,
) -> Event:
    """The event is described anew, as `amend` says of what it was. `expected` is the version that it must have, None for any.

    Raises Unauthenticated, NotFound, ChangedMeanwhile, Invalid, CurrencyFixed, CapacityOverVenue.
    """

    async def attempt() -> Event:
        event = await own_event(house, who, event_id)
        refuse_unseen(expected, event.version)
        wish = amend(wish_of(event))
        around = await _around(house, event, venue_id=wish.venue_id, category_ids=wish.categories)
        changed = changed_event(event, wish, venue=around.venue, categories=around.categories, now=now)
        # An edit of an event that was published meanwhile fails by its version, and finds the listing in the next round.
        await house.store.commit(_replacement(event, changed, around))
        return replace(changed, version=event.version + 1)

    return await in_rounds(house.store, attempt)


async def move_event(
    house: House, who: Principal, event_id: str, decide: Callable[[Event], Event], *, keep: Keep[Event], now: datetime
) -> Event:
    """The event is published, postponed or cancelled, as `decide` says, and that is stored as a fact; where it is so already,
    nothing changes.

    Raises Unauthenticated, NotFound, and what `decide` raises.
    """

    async def attempt() -> Event:
        event = await own_event(house, who, event_id)
        decided = decide(event)
        if decided is event:
            remembered = keep(event)
            if remembered:
                await commit_once(house, remembered)
            return event
        around = await _around(house, event, venue_id=event.venue_id, category_ids=event.categories)
        moved = replace(decided, version=event.version + 1)
        told = happened(
            house,
            f"event.{moved.status.value}",
            whose=event.organizer_user_id,
            event_id=event_id,
            subject_id=event_id,
            now=now,
            was=event.status.value,
        )
        await commit_once(house, (*keep(moved), *_replacement(event, decided, around), *told))
        return moved

    return await in_rounds(house.store, attempt)


async def delete_event(house: House, who: Principal, event_id: str, *, expected: int | None) -> None:
    """The draft is gone with its ticket types. Raises Unauthenticated, NotFound, ChangedMeanwhile, EventInUse."""

    async def attempt() -> None:
        event = await own_event(house, who, event_id)
        refuse_unseen(expected, event.version)
        refuse_deletion(event)
        mappings = await read_mappings(house.store, event)
        ticket_types = await read_ticket_types(house.store, event)
        try:
            await house.store.commit(removal(event, mappings=mappings, ticket_types=ticket_types))
        except Conflict as conflict:
            if conflict.change.table is EVENTS and (conflict.found or {}).get("version") == event.version:
                raise EventInUse from conflict  # a door device was made for it
            raise

    await in_rounds(house.store, attempt)


async def _venue(house: House, venue_id: str | None) -> Venue | None:
    return None if venue_id is None else await read_venue(house.store, venue_id)


async def _around(house: House, event: Event, *, venue_id: str | None, category_ids: tuple[str, ...]) -> _Around:
    return _Around(
        venue=await _venue(house, venue_id),
        categories=await read_categories(house.store, category_ids),
        mappings=await read_mappings(house.store, event),
        listing_version=await read_listing_version(house.store, event.event_id) if event.is_public else None,
        ticket_types=await read_ticket_types(house.store, event),
    )


def _replacement(before: Event, after: Event, around: _Around) -> tuple[Change, ...]:
    return replacement(
        before,
        after,
        venue=around.venue,
        categories=around.categories,
        mappings=around.mappings,
        listing_version=around.listing_version,
        ticket_types=around.ticket_types,
    )


async def relisted(
    house: House, event: Event, ticket_types: Callable[[], Awaitable[Iterable[TicketType]]]
) -> tuple[Change, ...]:
    """The changes that list an event anew which sells these ticket types from now on: none for a draft, which is in no list.

    They hold only if nobody listed it since, so that of two who change prices at once the second looks again. `ticket_types` reads
    what it will sell; it is called once the listing was read.
    """
    if not event.is_public:
        return ()
    listing_version = await read_listing_version(house.store, event.event_id)
    return relisting(
        event,
        venue=await _venue(house, event.venue_id),
        categories=await read_categories(house.store, event.categories),
        ticket_types=await ticket_types(),
        listing_version=listing_version,
    )
