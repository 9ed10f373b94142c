"""What makes a demo of real events: ticket types by rule, and past dates moved into the future."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ticketing.base import money
from ticketing.importing import conferences, nyphil, worldcup
from ticketing.importing.local_time import WrongLocalTime, moment_of, wall_time, zone_named
from ticketing.importing.model import ImportedEvent, ImportedTicketType, ImportedVenue

WEEKS_OF_A_YEAR: Final = 52
CONCERT_PLACES: Final = 2_200  # As many as the orchestra's own hall seats; the source gives no capacities.
CONFERENCE_PLACES: Final = 800
ONLINE_PLACES: Final = 5_000
OTHER_PLACES: Final = 500


@dataclass(frozen=True, slots=True)
class _Share:
    """A ticket type: its price in euros of an ordinary event, and its share of the places in percent."""

    ticket_type: str
    euros: int
    percent: int


_MATCH: Final = (_Share("Category 1", 300, 20), _Share("Category 2", 180, 30), _Share("Category 3", 90, 50))
_CONCERT: Final = (_Share("Orchestra", 110, 50), _Share("Balcony", 65, 40), _Share("Student", 20, 10))
_FAMILY_CONCERT: Final = (_Share("Adult", 30, 50), _Share("Child", 12, 50))
_CONFERENCE: Final = (_Share("Early bird", 290, 30), _Share("Regular", 490, 70))
_FREE: Final = (_Share("Free admission", 0, 100),)
_OTHER: Final = (_Share("Regular", 40, 100),)
_ONLINE: Final = _Share("Online", 90, 100)

# What the prices of a match are multiplied by, in percent, as its stage is the tag.
_STAGE_PERCENT: Final[Mapping[str, int]] = {
    "Round of 32": 120,
    "Round of 16": 150,
    "Quarter-final": 220,
    "Semi-final": 350,
    "Match for third place": 200,
    "Final": 600,
}


@dataclass(frozen=True, slots=True)
class _PriceLevel:
    """What prices look like in a currency: so many units for an euro of the table, rounded to a multiple of `step`."""

    units: int
    step: int


_EURO: Final = "EUR"
_ONLINE_CURRENCY: Final = "USD"
_LEVELS: Final[Mapping[str, _PriceLevel]] = {
    **dict.fromkeys("AUD CAD CHF EUR GBP NZD SGD USD".split(), _PriceLevel(1, 1)),
    "AED": _PriceLevel(4, 5),
    "BRL": _PriceLevel(5, 5),
    "CNY": _PriceLevel(7, 10),
    "CZK": _PriceLevel(25, 50),
    "DKK": _PriceLevel(7, 5),
    "GEL": _PriceLevel(3, 5),
    "HUF": _PriceLevel(400, 500),
    "ILS": _PriceLevel(4, 5),
    "INR": _PriceLevel(50, 50),
    "JPY": _PriceLevel(150, 500),
    "KRW": _PriceLevel(1_400, 1_000),
    "KWD": _PriceLevel(1, 1),
    "MDL": _PriceLevel(20, 50),
    "MXN": _PriceLevel(20, 50),
    "NOK": _PriceLevel(11, 10),
    "PHP": _PriceLevel(50, 50),
    "PLN": _PriceLevel(4, 5),
    "RON": _PriceLevel(5, 5),
    "RSD": _PriceLevel(117, 100),
    "SEK": _PriceLevel(11, 10),
    "THB": _PriceLevel(35, 50),
    "TRY": _PriceLevel(40, 50),
    "ZAR": _PriceLevel(18, 10),
}
_CURRENCY_BY_COUNTRY: Final[Mapping[str, str]] = {
    "AE": "AED",
    "AU": "AUD",
    "BR": "BRL",
    "CA": "CAD",
    "CH": "CHF",
    "CN": "CNY",
    "CZ": "CZK",
    "DK": "DKK",
    "GB": "GBP",
    "GE": "GEL",
    "HU": "HUF",
    "IL": "ILS",
    "IN": "INR",
    "JP": "JPY",
    "KR": "KRW",
    "KW": "KWD",
    "MD": "MDL",
    "MX": "MXN",
    "NO": "NOK",
    "NZ": "NZD",
    "PH": "PHP",
    "PL": "PLN",
    "RO": "RON",
    "RS": "RSD",
    "SE": "SEK",
    "SG": "SGD",
    "TH": "THB",
    "TR": "TRY",
    "US": "USD",
    "ZA": "ZAR",
}


def public(events: Iterable[ImportedEvent]) -> tuple[ImportedEvent, ...]:
    """The events without the private ones, which the orchestra's record has, often in people's homes, and nobody sells."""
    return tuple(event for event in events if nyphil.TAG_PRIVATE not in event.tags)


def priced(event: ImportedEvent, *, venue: ImportedVenue | None) -> ImportedEvent:
    """The event with a currency by its country, a capacity, and ticket types that fill the capacity exactly.

    `venue` is the event's own, None for one that is online only. The prices are made up. An event that has ticket types
    keeps them.
    """
    if event.ticket_types:
        return event
    currency = _currency(venue)
    shares, places = _shares(event, venue)
    stage_percent = next((_STAGE_PERCENT[tag] for tag in event.tags if tag in _STAGE_PERCENT), 100)
    ticket_types: list[ImportedTicketType] = []
    left = places
    for share in shares:
        quantity = left if share is shares[-1] else places * share.percent // 100
        left -= quantity
        if quantity:
            price = _minor_units(share.euros * stage_percent // 100, currency)
            ticket_types.append(ImportedTicketType(share.ticket_type, price, quantity))
    capacity = places
    if venue is not None and conferences.CATEGORY in event.categories and conferences.TAG_ONLINE in event.tags:
        # Who watches from home takes no place in the house, but one of the event.
        price = _minor_units(_ONLINE.euros, currency)
        ticket_types.append(ImportedTicketType(_ONLINE.ticket_type, price, places))
        capacity += places
    return replace(event, capacity=capacity, currency=currency, ticket_types=tuple(ticket_types))


def shifted(events: Sequence[ImportedEvent], *, now: datetime) -> tuple[ImportedEvent, ...]:
    """The events with those that began by `now` moved into the future by whole weeks, keeping weekday and local time.

    All move by multiples of one period: as many years of 52 weeks as the events span. So a concert of December stays
    in December, and two events that do not meet in a hall do not meet after the shift. Events that are still to come
    stay as they are. Give the events of one source at a time, since sources that lie years apart span more years.

    Where the new day has no such local time, the clock having been put forward over it, it is that much later.
    """
    if not events:
        return ()
    starts = [event.start_date_time for event in events]
    span_in_weeks = (max(starts) - min(starts)) // timedelta(weeks=1) + 1
    period = timedelta(weeks=-(-span_in_weeks // WEEKS_OF_A_YEAR) * WEEKS_OF_A_YEAR)
    return tuple(_moved_past(event, now=now, period=period) for event in events)


def _moved_past(event: ImportedEvent, *, now: datetime, period: timedelta) -> ImportedEvent:
    if event.start_date_time > now:
        return event
    by = (now - event.start_date_time) // period * period
    while (start := _later(event.start_date_time, by=by, timezone=event.timezone)) <= now:
        by += period
    end = _later(event.end_date_time, by=by, timezone=event.timezone)
    if end <= start:  # Only where the start fell into an hour that clocks skip.
        end = start + (event.end_date_time - event.start_date_time)
    sales_start, sales_end = event.sales_start_date, event.sales_end_date
    return replace(
        event,
        start_date_time=start,
        end_date_time=end,
        sales_start_date=_later(sales_start, by=by, timezone=event.timezone) if sales_start else None,
        sales_end_date=_later(sales_end, by=by, timezone=event.timezone) if sales_end else None,
    )


def _later(moment: datetime, *, by: timedelta, timezone: str) -> datetime:
    """The moment when clocks there show the same time, `by` whole days later."""
    if not by:
        return moment
    zone = zone_named(timezone)
    assert zone is not None
    local = wall_time(moment, zone) + by
    try:
        return moment_of(local, zone)
    except WrongLocalTime:
        # With the offset from before the gap: as far behind the gap as the time was behind its beginning.
        return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _currency(venue: ImportedVenue | None) -> str:
    if venue is None:
        return _ONLINE_CURRENCY
    return _CURRENCY_BY_COUNTRY.get(venue.country or "", _EURO)


def _shares(event: ImportedEvent, venue: ImportedVenue | None) -> tuple[tuple[_Share, ...], int]:
    """The ticket types that suit the event, and its number of places."""
    shares: tuple[_Share, ...] = _OTHER
    places = OTHER_PLACES
    if nyphil.TAG_FREE in event.tags:
        shares, places = _FREE, CONCERT_PLACES
    elif set(worldcup.CATEGORIES) <= set(event.categories):
        shares = _MATCH
    elif nyphil.CATEGORY in event.categories:
        shares, places = (_FAMILY_CONCERT if "Family" in event.categories else _CONCERT), CONCERT_PLACES
    elif conferences.CATEGORY in event.categories:
        shares, places = (_CONFERENCE, CONFERENCE_PLACES) if venue else ((_ONLINE,), ONLINE_PLACES)
    return shares, event.capacity or (venue.capacity if venue else None) or places


def _minor_units(euros: int, currency: str) -> int:
    level = _LEVELS[currency]
    steps = -(-euros * level.units // level.step)  # Rounded up, so that only what is free costs nothing.
    return int(steps * level.step * 10 ** money.minor_digits(currency))
