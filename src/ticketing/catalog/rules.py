"""How a visitor's filters become a search, and what a card says of an event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ticketing.base.bounds import CITY_VENUES_MAX, SEARCH_WORDS_MAX, TICKETS_PER_ORDER_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.base.money import Money
from ticketing.base.search import Phase, SearchWish, words_of
from ticketing.catalog.model import Asked, Card, EventShown, Notice, TypeShown
from ticketing.events.listing import facet
from ticketing.events.model import Event, EventStatus, ShownStatus, TicketType, TicketTypeStatus
from ticketing.events.rules import sale_starts, shown_status, ticket_type_status
from ticketing.venues.model import Venue

FEW_LEFT_MAX: Final = 20
"""From here on down a card says how few are left: less than a coach load."""

PHASES: Final = {
    ShownStatus.UPCOMING: Phase.UPCOMING,
    ShownStatus.ONGOING: Phase.ONGOING,
    ShownStatus.COMPLETED: Phase.COMPLETED,
}


class CityTooLarge(Refusal):
    """The city has more venues than one search can look at."""

    code = "city_too_large"
    kind = Kind.NOT_ALLOWED
    title = f"This city has more than {CITY_VENUES_MAX} venues. Search for its name with `q`, or for one venue with `venue_id`."


def refuse_large_city(venue_count: int) -> None:
    """Nothing, where a search can look at so many venues. Raises CityTooLarge: half an answer would look like all of it."""
    if venue_count > CITY_VENUES_MAX:
        raise CityTooLarge


def search_wish(asked: Asked, *, city_venue_ids: Sequence[str] | None, now: datetime) -> SearchWish | None:
    """What the search index is asked. `city_venue_ids` are the venues of the city, None where no city is asked for.

    None: nothing can match, because there is no word in what was typed. The face bounds the number of words.
    """
    words = words_of(asked.words)
    if asked.words.strip() and not words:
        return None
    assert len(words) <= SEARCH_WORDS_MAX
    groups: list[tuple[str, ...]] = []
    for kind, value in (
        ("category", asked.category_id),
        ("tag", asked.tag),
        ("venue", asked.venue_id),
        ("organizer", asked.organizer_user_id),
        ("status", _stored_status(asked.status)),
    ):
        if value is not None:
            groups.append((facet(kind, value),))
    if city_venue_ids is not None:
        groups.append(tuple(facet("venue", venue_id) for venue_id in city_venue_ids))
    return SearchWish(
        now=now,
        words=words,
        facets=tuple(groups),
        starts_from=asked.starts_from,
        starts_to=asked.starts_to,
        phase=None if asked.status is None else PHASES.get(asked.status),
    )


def _stored_status(status: ShownStatus | None) -> str | None:
    if status is None:
        return None
    return EventStatus.PUBLISHED.value if status in PHASES else status.value


def card_of(event: Event, *, venue: Venue | None, ticket_types: Sequence[TicketType], now: datetime) -> Card:
    """What the start page says of an event at `now`."""
    statuses = [ticket_type_status(event, ticket_type, now=now) for ticket_type in ticket_types]
    on_sale = [
        ticket_type
        for ticket_type, status in zip(ticket_types, statuses, strict=True)
        if status is TicketTypeStatus.ON_SALE
    ]
    prices = {ticket_type.price for ticket_type in on_sale or ticket_types}
    left = min(sum(ticket_type.quantity_available for ticket_type in on_sale), event.capacity_available)
    starts = [sale_starts(event, ticket_type) for ticket_type in ticket_types]
    opening = min((start for start in starts if start is not None and now < start), default=None)
    notice = _notice(event, statuses, left=left, now=now)
    return Card(
        event=event,
        venue=venue,
        price_from=Money(min(prices), event.currency) if prices else None,
        is_one_price=len(prices) == 1,
        notice=notice,
        sale_starts=opening if notice is Notice.NOT_YET else None,
        left=left if notice is Notice.FEW_LEFT else None,
    )


def _notice(event: Event, statuses: Sequence[TicketTypeStatus], *, left: int, now: datetime) -> Notice | None:
    status = shown_status(event, now=now)
    if status is ShownStatus.CANCELLED:
        return Notice.CANCELLED
    if status is ShownStatus.POSTPONED:
        return Notice.POSTPONED
    if status is ShownStatus.COMPLETED:
        return Notice.OVER
    if TicketTypeStatus.ON_SALE in statuses and left <= FEW_LEFT_MAX:
        return Notice.FEW_LEFT
    if status is ShownStatus.ONGOING:
        return Notice.ON_NOW
    if TicketTypeStatus.ON_SALE in statuses:
        return None
    if TicketTypeStatus.NOT_YET in statuses:
        return Notice.NOT_YET
    return Notice.SOLD_OUT if TicketTypeStatus.SOLD_OUT in statuses else None


def event_shown(event: Event, *, venue: Venue | None, ticket_types: Sequence[TicketType], now: datetime) -> EventShown:
    """What the page of an event says at `now`."""
    types = tuple(_type_shown(event, each, now=now) for each in ticket_types)
    for_sale = [each.price for each in types if each.most] or [each.price for each in types]
    return EventShown(
        event=event,
        venue=venue,
        status=shown_status(event, now=now),
        types=types,
        price_from=min(for_sale, key=lambda price: price.amount, default=None),
    )


def _type_shown(event: Event, ticket_type: TicketType, *, now: datetime) -> TypeShown:
    status = ticket_type_status(event, ticket_type, now=now)
    left = max(0, min(ticket_type.quantity_available, event.capacity_available))
    bounds = [TICKETS_PER_ORDER_MAX, left, ticket_type.per_order_max, event.tickets_per_customer_max]
    on_sale = status is TicketTypeStatus.ON_SALE
    return TypeShown(
        ticket_type=ticket_type,
        price=Money(ticket_type.price, event.currency),
        status=status,
        most=min(bound for bound in bounds if bound is not None) if on_sale else 0,
        left=left if on_sale and left <= FEW_LEFT_MAX else None,
        sale_starts=sale_starts(event, ticket_type) if status is TicketTypeStatus.NOT_YET else None,
    )
