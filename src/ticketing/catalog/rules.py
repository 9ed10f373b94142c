"""How a visitor's filters become a search, and what a card says of an event."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ticketing.base.bounds import CITY_VENUES_MAX, SEARCH_WORDS_MAX, TICKETS_PER_ORDER_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.base.money import Money
from ticketing.base.search import Phase, SearchWish, words_of
from ticketing.catalog.model import Asked, Card, EventShown, Notice, SaleState, Span, TypeShown, When
from ticketing.events.listing import facet, price_facets_up_to
from ticketing.events.model import Event, EventStatus, ShownStatus, TicketType, TicketTypeStatus
from ticketing.events.rules import sale_ends, sale_starts, shown_status, ticket_type_status
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
    if asked.price_max is not None:
        groups.append(price_facets_up_to(asked.currency, asked.price_max))
    around = _moments_around(asked.span, now=now)
    return SearchWish(
        now=now,
        words=words,
        facets=tuple(groups),
        starts_from=max(filter(None, (asked.starts_from, around[0])), default=None),
        starts_to=min(filter(None, (asked.starts_to, around[1])), default=None),
        phase=None if asked.status is None else PHASES.get(asked.status),
    )


WEST_OF_ALL: Final = timedelta(hours=12)
EAST_OF_ALL: Final = timedelta(hours=14)
"""A day begins first at UTC+14 and ends last at UTC-12."""
_SATURDAY: Final = 5
_WEEK: Final = timedelta(days=6)
_DAY: Final = timedelta(days=1)


def days_of(span: Span, *, today: date) -> tuple[date, date]:
    """The first and the last of these days, where it is `today`. On a Sunday the weekend is still the one that goes on."""
    match span.named:
        case When.TODAY:
            return today, today
        case When.WEEK:
            return today, today + _WEEK
        case When.WEEKEND:
            saturday = today + timedelta(days=_SATURDAY - today.weekday())
            return saturday, saturday + _DAY
        case None:
            return span.first or date.min, span.last or date.max


def is_within(span: Span, moment: datetime, *, timezone: str, now: datetime) -> bool:
    """Whether clocks and calendars of this zone show one of these days at that moment."""
    zone = ZoneInfo(timezone)
    first, last = days_of(span, today=now.astimezone(zone).date())
    return first <= moment.astimezone(zone).date() <= last


def _moments_around(span: Span | None, *, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Moments between which these days lie everywhere on earth: half-open, None where there is no bound."""
    if span is None:
        return None, None
    first, _ = days_of(span, today=(now - WEST_OF_ALL).date())
    _, last = days_of(span, today=(now + EAST_OF_ALL).date())
    return (
        None if first == date.min else datetime.combine(first, time(), UTC) - EAST_OF_ALL,
        None if last == date.max else datetime.combine(last + _DAY, time(), UTC) + WEST_OF_ALL,
    )


def is_asked_for(asked: Asked, event: Event, ticket_types: Sequence[TicketType], *, now: datetime) -> bool:
    """Whether the event as it stands now fits what an index can only come near to: days in its own zone, and what it costs now."""
    if asked.span is not None and not is_within(asked.span, event.start_date_time, timezone=event.timezone, now=now):
        return False
    if asked.price_max is None:
        return True
    price, _ = _price_from(event, ticket_types, now=now)
    if price is None or price.amount > asked.price_max:
        return False
    return price.amount == 0 or price.currency == asked.currency


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
    price, is_one = _price_from(event, ticket_types, now=now)
    left = min(sum(ticket_type.quantity_available for ticket_type in on_sale), event.capacity_available)
    starts = [sale_starts(event, ticket_type) for ticket_type in ticket_types]
    opening = min((start for start in starts if start is not None and now < start), default=None)
    notice = _notice(event, statuses, left=left, now=now)
    return Card(
        event=event,
        venue=venue,
        price_from=price,
        is_one_price=is_one,
        notice=notice,
        sale_starts=opening if notice is Notice.NOT_YET else None,
        left=left if notice is Notice.FEW_LEFT else None,
    )


def _price_from(event: Event, ticket_types: Sequence[TicketType], *, now: datetime) -> tuple[Money | None, bool]:
    """The lowest price that can be bought at `now`, else of all, and whether there is no other."""
    on_sale = [each for each in ticket_types if ticket_type_status(event, each, now=now) is TicketTypeStatus.ON_SALE]
    prices = {each.price for each in on_sale or ticket_types}
    return (Money(min(prices), event.currency) if prices else None), len(prices) == 1


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
    sale = _sale_state(types)
    starts = [each.sale_starts for each in types if each.sale_starts is not None]
    return EventShown(
        event=event,
        venue=venue,
        status=shown_status(event, now=now),
        types=types,
        price_from=min(for_sale, key=lambda price: price.amount, default=None),
        sale=sale,
        opens=min(starts, default=None) if sale is SaleState.NOT_YET else None,
    )


_SALE_OF_TYPES: Final = (
    (TicketTypeStatus.NOT_YET, SaleState.NOT_YET),
    (TicketTypeStatus.SOLD_OUT, SaleState.SOLD_OUT),
    (TicketTypeStatus.PAUSED, SaleState.PAUSED),
)
"""What is said of a sale in which nothing can be bought: the first of these that any type is."""


def _sale_state(types: Sequence[TypeShown]) -> SaleState:
    if not types:
        return SaleState.NOTHING
    if any(each.most for each in types):
        return SaleState.OPEN
    statuses = {each.status for each in types}
    return next((state for status, state in _SALE_OF_TYPES if status in statuses), SaleState.ENDED)


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
        sale_ends=ends if on_sale and (ends := sale_ends(event, ticket_type)) < event.end_date_time else None,
    )
