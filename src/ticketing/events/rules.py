"""What an event and its ticket types are at a moment, and what may become of them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime

from ticketing.base.bounds import (
    BLOCK_PLACES_MAX,
    BLOCK_PLACES_MIN,
    EVENT_DURATION_MAX,
    POOL_MAX,
    TICKET_TYPES_PER_EVENT_MAX,
)
from ticketing.base.errors import FieldError, Invalid, Kind, Refusal
from ticketing.events.model import (
    Category,
    Event,
    EventStatus,
    EventWish,
    ShownStatus,
    TicketType,
    TicketTypeStatus,
    TicketTypeWish,
)
from ticketing.venues.model import Venue


class EventCancelled(Refusal):
    """The event was cancelled, which is final."""

    code = "event_cancelled"
    kind = Kind.CONFLICT
    title = "This event was cancelled."


class EventIsDraft(Refusal):
    """The event was never public, so there is nothing to postpone or cancel."""

    code = "event_is_draft"
    kind = Kind.CONFLICT
    title = "This event is a draft. Nobody knows of it: change its dates, or delete it."


class EventInUse(Refusal):
    """The event was public, or something hangs on it, so it stays."""

    code = "event_in_use"
    kind = Kind.CONFLICT
    title = "Only a draft without door devices can be deleted. Cancel the event instead."


class CapacityOverVenue(Refusal):
    """The event would let in more than its venue holds."""

    code = "capacity_over_venue"
    kind = Kind.NOT_ALLOWED
    title = "The event's capacity is more than its venue holds."


class CurrencyFixed(Refusal):
    """The event has ticket types, whose prices are in its currency."""

    code = "currency_fixed"
    kind = Kind.CONFLICT
    title = "The event has ticket types priced in its currency. Delete them before changing it."


class CurrencyMismatch(Refusal):
    """The price is in another currency than the event's."""

    code = "currency_mismatch"
    kind = Kind.NOT_ALLOWED
    title = "All prices of an event are in its currency."


class TooManyTicketTypes(Refusal):
    """The event has as many ticket types as it may."""

    code = "too_many_ticket_types"
    kind = Kind.CONFLICT
    title = f"An event has at most {TICKET_TYPES_PER_EVENT_MAX} ticket types."


class TicketTypeInUse(Refusal):
    """Tickets of this type are sold or held, so it stays."""

    code = "ticket_type_in_use"
    kind = Kind.CONFLICT
    title = "Tickets of this type were ordered. Pause it, or lower its quantity, instead."


class CategoryExists(Refusal):
    """Another category has this name; case, accents and spaces make no difference."""

    code = "category_exists"
    kind = Kind.CONFLICT
    title = "There is a category of this name already."


class CategoryInUse(Refusal):
    """Events have this category, so it stays."""

    code = "category_in_use"
    kind = Kind.CONFLICT
    title = "Events have this category. Take it from them first."


class TooManyCategories(Refusal):
    """There are as many categories as there may be."""

    code = "too_many_categories"
    kind = Kind.CONFLICT
    title = "There are too many categories already. Delete one that nobody uses."


# what they are at a moment -------------------------------------------------------------------------------------------


def shown_status(event: Event, *, now: datetime) -> ShownStatus:
    """What the public sees of the event at `now`. It begins with `start_date_time` and is over with `end_date_time`."""
    if event.status is not EventStatus.PUBLISHED:
        return ShownStatus(event.status.value)
    if now < event.start_date_time:
        return ShownStatus.UPCOMING
    return ShownStatus.ONGOING if now < event.end_date_time else ShownStatus.COMPLETED


def sale_starts(event: Event, ticket_type: TicketType) -> datetime | None:
    """When the sale of this type begins, itself included: the later of the event's start and the type's. None: at once.

    A type's window lies within the event's, so that closing the event's sale closes every type's.
    """
    starts = [start for start in (event.sales_start_date, ticket_type.sale_start_date_time) if start is not None]
    return max(starts, default=None)


def sale_ends(event: Event, ticket_type: TicketType) -> datetime:
    """When the sale of this type ends, itself excluded: the earliest of the event's end of sales, the type's, and the event's end.

    Who buys while the event lasts may still go in (box office); afterwards there is nothing left to sell.
    """
    ends = [end for end in (event.sales_end_date, ticket_type.sale_end_date_time) if end is not None]
    return min([*ends, event.end_date_time])


def ticket_type_status(event: Event, ticket_type: TicketType, *, now: datetime) -> TicketTypeStatus:
    """Whether this type of this event can be bought at `now`, and the first reason why not, in the order of a sale's refusals.

    A postponed event pauses its sale: nobody knows what date they would buy.
    """
    if event.status is EventStatus.CANCELLED:
        return TicketTypeStatus.ENDED
    starts = sale_starts(event, ticket_type)
    if event.status is EventStatus.DRAFT or (starts is not None and now < starts):
        return TicketTypeStatus.NOT_YET
    if now >= sale_ends(event, ticket_type):
        return TicketTypeStatus.ENDED
    if ticket_type.paused or event.status is EventStatus.POSTPONED:
        return TicketTypeStatus.PAUSED
    if _is_gone(ticket_type.quantity_available, ticket_type.blocks_out) or _is_gone(
        event.capacity_available, event.blocks_out
    ):
        return TicketTypeStatus.SOLD_OUT
    return TicketTypeStatus.ON_SALE


def _is_gone(left: int, blocks_out: int) -> bool:
    return left <= 0 and not blocks_out  # what is in blocks comes back before anybody hears that nothing is left


def block_places(left: int, *, blocks_out: int) -> int:
    """How many places one more block takes out of a pool that has `left`, or is filled up with; 0 where it is not worth it.

    A quarter of what would be each block's share, so that most of the pool stays where everybody finds it.
    """
    places = min(BLOCK_PLACES_MAX, left // (4 * (blocks_out + 1)))
    return places if places >= BLOCK_PLACES_MIN else 0


def capacity_pool(capacity: int | None) -> int:
    """What the pool of an event of this capacity starts with."""
    return POOL_MAX if capacity is None else capacity


# what may become of an event -----------------------------------------------------------------------------------------

_WISH_FIELDS = tuple(field.name for field in fields(EventWish))


def wish_of(event: Event) -> EventWish:
    """What the organizer says of this event."""
    return EventWish(**{name: getattr(event, name) for name in _WISH_FIELDS})


def new_event(
    event_id: str,
    wish: EventWish,
    *,
    organizer_user_id: str,
    venue: Venue | None,
    categories: Mapping[str, Category],
    now: datetime,
) -> Event:
    """The draft as it begins. `venue` and `categories` are what the wish names, as far as it exists.

    Raises Invalid, CapacityOverVenue.
    """
    _refuse_wrong_fields(wish, venue=venue, categories=categories)
    _refuse_over_venue(wish, venue=venue)
    return Event(
        event_id=event_id,
        **{name: getattr(wish, name) for name in _WISH_FIELDS},
        organizer_user_id=organizer_user_id,
        capacity_available=capacity_pool(wish.capacity),
        ticket_types=(),
        status=EventStatus.DRAFT,
        created_date_time=now,
        last_updated_date_time=now,
        version=1,
    )


def changed_event(
    event: Event, wish: EventWish, *, venue: Venue | None, categories: Mapping[str, Category], now: datetime
) -> Event:
    """The event described anew, its pool moved by what its capacity moves; its version is still the one that was read.

    The capacity may go below what is sold and held: nobody is thrown out, nothing more is sold. Raises Invalid, CurrencyFixed,
    CapacityOverVenue (not where neither venue nor capacity change: the venue may have shrunk since).
    """
    _refuse_wrong_fields(wish, venue=venue, categories=categories)
    if event.ticket_types and wish.currency != event.currency:
        raise CurrencyFixed
    if (wish.venue_id, wish.capacity) != (event.venue_id, event.capacity):
        _refuse_over_venue(wish, venue=venue)
    moved = capacity_pool(wish.capacity) - capacity_pool(event.capacity)
    return replace(
        event,
        **{name: getattr(wish, name) for name in _WISH_FIELDS},
        capacity_available=event.capacity_available + moved,
        last_updated_date_time=now,
    )


def _refuse_wrong_fields(wish: EventWish, *, venue: Venue | None, categories: Mapping[str, Category]) -> None:
    errors: list[FieldError] = []
    if wish.end_date_time <= wish.start_date_time:
        errors.append(FieldError("/end_date_time", "not_after_start", "must be after start_date_time"))
    elif wish.end_date_time - wish.start_date_time > EVENT_DURATION_MAX:
        detail = f"must be at most {EVENT_DURATION_MAX.days} days after start_date_time"
        errors.append(FieldError("/end_date_time", "too_long", detail))
    if _ends_too_soon(wish.sales_start_date, wish.sales_end_date):
        errors.append(FieldError("/sales_end_date", "not_after_start", "must be after sales_start_date"))
    if wish.venue_id is not None and venue is None:
        errors.append(FieldError("/venue_id", "unknown_venue", "there is no such venue"))
    for position, category_id in enumerate(wish.categories):
        if category_id not in categories:
            errors.append(FieldError(f"/categories/{position}", "unknown_category", "there is no such category"))
    if errors:
        raise Invalid(*errors)


def _ends_too_soon(start: datetime | None, end: datetime | None) -> bool:
    return start is not None and end is not None and end <= start


def _refuse_over_venue(wish: EventWish, *, venue: Venue | None) -> None:
    if venue is None or venue.wish.capacity is None or wish.capacity is None:
        return
    if wish.capacity > venue.wish.capacity:
        raise CapacityOverVenue(
            f"The venue holds {venue.wish.capacity}; the event's capacity would be {wish.capacity}.",
            venue_capacity=venue.wish.capacity,
        )


def published_event(event: Event, *, now: datetime) -> Event:
    """The event, public; one that was postponed takes place again. Raises EventCancelled.

    Without ticket types it may be public too: entry may be free, or the sale come later.
    """
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    return _with_status(event, EventStatus.PUBLISHED, now=now)


def postponed_event(event: Event, *, now: datetime) -> Event:
    """The event, off its date; new dates may follow, and then it is published again. Raises EventIsDraft, EventCancelled."""
    _refuse_draft(event)
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    return _with_status(event, EventStatus.POSTPONED, now=now)


def cancelled_event(event: Event, *, now: datetime) -> Event:
    """The event, off for good. Raises EventIsDraft."""
    _refuse_draft(event)
    return _with_status(event, EventStatus.CANCELLED, now=now)


def _refuse_draft(event: Event) -> None:
    if event.status is EventStatus.DRAFT:
        raise EventIsDraft


def _with_status(event: Event, status: EventStatus, *, now: datetime) -> Event:
    return event if event.status is status else replace(event, status=status, last_updated_date_time=now)


def refuse_deletion(event: Event) -> None:
    """Nothing, where the event may be deleted. Raises EventInUse.

    Only what was public can have orders, and what was public is never a draft again: its version guards that.
    """
    if event.is_public:
        raise EventInUse


# what may become of a ticket type ------------------------------------------------------------------------------------

_TYPE_FIELDS = tuple(field.name for field in fields(TicketTypeWish) if field.name != "currency")


def ticket_type_wish_of(event: Event, ticket_type: TicketType) -> TicketTypeWish:
    """What the organizer says of this ticket type."""
    return TicketTypeWish(**{name: getattr(ticket_type, name) for name in _TYPE_FIELDS}, currency=event.currency)


def new_ticket_type(ticket_type_id: str, event: Event, wish: TicketTypeWish, *, now: datetime) -> TicketType:
    """The ticket type as it begins, all of it left. Raises Invalid, EventCancelled, TooManyTicketTypes, CurrencyMismatch."""
    _refuse_wrong_window(wish)
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    if len(event.ticket_types) >= TICKET_TYPES_PER_EVENT_MAX:
        raise TooManyTicketTypes
    _refuse_other_currency(event, wish)
    return TicketType(
        ticket_type_id=ticket_type_id,
        event_id=event.event_id,
        **{name: getattr(wish, name) for name in _TYPE_FIELDS},
        quantity_available=wish.quantity,
        created_date_time=now,
        version=1,
    )


def changed_ticket_type(event: Event, ticket_type: TicketType, wish: TicketTypeWish) -> TicketType:
    """The ticket type described anew, its pool moved by what its quantity moves; its version is still the one that was read.

    The quantity may go below what is sold and held: nobody is thrown out, nothing more is sold. Raises Invalid, CurrencyMismatch.
    """
    _refuse_wrong_window(wish)
    _refuse_other_currency(event, wish)
    moved = wish.quantity - ticket_type.quantity
    return replace(
        ticket_type,
        **{name: getattr(wish, name) for name in _TYPE_FIELDS},
        quantity_available=ticket_type.quantity_available + moved,
    )


def _refuse_wrong_window(wish: TicketTypeWish) -> None:
    if _ends_too_soon(wish.sale_start_date_time, wish.sale_end_date_time):
        raise Invalid(FieldError("/sale_end_date_time", "not_after_start", "must be after sale_start_date_time"))


def _refuse_other_currency(event: Event, wish: TicketTypeWish) -> None:
    if wish.currency != event.currency:
        raise CurrencyMismatch(f"The event's prices are in {event.currency}, not {wish.currency}.")


def refuse_ticket_type_deletion(ticket_type: TicketType) -> None:
    """Nothing, where all of this type is left. Raises TicketTypeInUse."""
    if ticket_type.quantity_available != ticket_type.quantity:
        raise TicketTypeInUse


def event_with(event: Event, ticket_type_id: str, *, now: datetime) -> Event:
    """The event, which offers this ticket type too, last."""
    return replace(event, ticket_types=(*event.ticket_types, ticket_type_id), last_updated_date_time=now)


def event_without(event: Event, ticket_type_id: str, *, now: datetime) -> Event:
    """The event, which no longer offers this ticket type."""
    left = tuple(offered for offered in event.ticket_types if offered != ticket_type_id)
    return replace(event, ticket_types=left, last_updated_date_time=now)
