"""What a search finds a public event by: its words, and a token for each filter."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from ticketing.base.search import searchable
from ticketing.base.tables import Record
from ticketing.events.model import Event, folded
from ticketing.venues.model import Venue


def facet(kind: str, value: str) -> str:
    """The token of one filter, `tag_2c26b46b68ffc68f`: letters, digits and one underscore, whatever the value holds.

    `kind` is `category` (with an id), `tag`, `venue` (id), `organizer` (id) or `status` (the stored one). Case, accents and
    spaces of `value` make no difference.
    """
    return f"{kind}_{hashlib.sha256(folded(value).encode()).hexdigest()[:16]}"


FREE: Final = "price_free"
PRICE_BANDS: Final[tuple[int, ...]] = tuple(step * 10**digits for digits in range(2, 13) for step in (1, 2, 5))
"""The most that a price of each band is, in minor units: near enough to one another that few events are read in vain, and few enough
that a search can ask for all below a price."""


def price_facet(currency: str, prices: Iterable[int]) -> str | None:
    """The token of the lowest of these prices, `price_eur5000`; None without any.

    It stands for all ticket types, sold out or not: what can be bought now never costs less.
    """
    lowest = min(prices, default=None)
    if lowest is None:
        return None
    return FREE if lowest <= 0 else f"price_{currency.lower()}{_band(lowest)}"


def price_facets_up_to(currency: str | None, price_max: int) -> tuple[str, ...]:
    """The tokens of every event that may have a price of at most `price_max`; free events have no currency."""
    if currency is None or price_max <= 0:
        return (FREE,)
    bands = PRICE_BANDS[: bisect_left(PRICE_BANDS, _band(price_max)) + 1]
    return (FREE, *(f"price_{currency.lower()}{band}" for band in bands))


def _band(price: int) -> int:
    return PRICE_BANDS[min(bisect_left(PRICE_BANDS, price), len(PRICE_BANDS) - 1)]


def listing_record(
    event: Event,
    *,
    category_names: Iterable[str],
    venue: Venue | None,
    prices: Iterable[int] = (),
    version: int | None = None,
) -> Record:
    """The row of `listings` for an event that sells at these prices; `version` is that of the row that it replaces, None where there
    is none.

    Facets are made of what never goes stale: ids, and the event's own fields. The words of the venue and the categories are as
    of the event's last change: a venue that is renamed later is found by its facet at once, by its new name after the next.
    """
    place = () if venue is None else (venue.wish.venue_name, venue.wish.city, venue.wish.state, venue.wish.country)
    words = [*event.tags, *category_names, *(part for part in place if part), event.description]
    return {
        "event_id": event.event_id,
        "event_name": searchable((event.event_name,)),
        "words": searchable(words),
        "facets": _facets(event, prices),
        "start_date_time": event.start_date_time,
        "end_date_time": event.end_date_time,
        "version": 1 if version is None else version,
    }


def _facets(event: Event, prices: Iterable[int]) -> list[str]:
    facets = [facet("category", category_id) for category_id in event.categories]
    facets += [facet("tag", tag) for tag in event.tags]
    if event.venue_id is not None:
        facets.append(facet("venue", event.venue_id))
    facets += [facet("organizer", event.organizer_user_id), facet("status", event.status.value)]
    price = price_facet(event.currency, prices)
    return list(dict.fromkeys([*facets, *([] if price is None else [price])]))
