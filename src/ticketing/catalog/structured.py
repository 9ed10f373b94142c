"""What machines read on the page of an event: schema.org data for search engines, and where maps show its venue."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from ticketing.base.money import Money, minor_digits
from ticketing.base.times import shown as written
from ticketing.catalog.model import EventShown, TypeShown
from ticketing.events.model import Event, ShownStatus, TicketTypeStatus
from ticketing.venues.model import Venue
from ticketing.web.markdown import excerpt

DESCRIPTION_MAX: Final = 1_000
"""What search engines show of a description is a tenth of that."""
_STATUS: Final = {
    ShownStatus.CANCELLED: "https://schema.org/EventCancelled",
    ShownStatus.POSTPONED: "https://schema.org/EventPostponed",
}
_AVAILABILITY: Final = {
    TicketTypeStatus.ON_SALE: "https://schema.org/InStock",
    TicketTypeStatus.SOLD_OUT: "https://schema.org/SoldOut",
    TicketTypeStatus.NOT_YET: "https://schema.org/PreOrder",
}
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def structured_data(shown: EventShown, *, url: str) -> str:
    """The event as schema.org `Event` with an `Offer` for each ticket type, as JSON-LD that may stand inside a script element."""
    event, venue = shown.event, shown.venue
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.event_name,
        "description": excerpt(event.description, most=DESCRIPTION_MAX) or event.event_name,
        "startDate": written(event.start_date_time),
        "endDate": written(event.end_date_time),
        "eventStatus": _STATUS.get(shown.status, "https://schema.org/EventScheduled"),
        "url": url,
        "image": [event.image_url or f"{url}/image.png"],
        "offers": [_offer(each, url=url) for each in shown.types],
    }
    if venue is None:
        data["eventAttendanceMode"] = "https://schema.org/OnlineEventAttendanceMode"
        data["location"] = {"@type": "VirtualLocation", "url": url}
    else:
        data["eventAttendanceMode"] = "https://schema.org/OfflineEventAttendanceMode"
        data["location"] = _place(venue)
    return _written(data)


def listing_data(events: Sequence[Event], *, about: dict[str, Any] | None, url_of: Callable[[Event], str]) -> str:
    """What is listed on a page as schema.org `ItemList`, with what the page is about before it, as JSON-LD for a script element."""
    items = [
        {"@type": "ListItem", "position": place, "name": event.event_name, "url": url_of(event)}
        for place, event in enumerate(events, 1)
    ]
    listed = {"@type": "ItemList", "numberOfItems": len(items), "itemListElement": items}
    return _written({"@context": "https://schema.org", "@graph": [*([] if about is None else [about]), listed]})


def place_data(venue: Venue, *, url: str) -> dict[str, Any]:
    """The venue as schema.org `Place` with all that is known of it."""
    wish = venue.wish
    data = _place(venue) | {"@id": url, "url": url}
    if wish.latitude_e7 is not None and wish.longitude_e7 is not None:
        data["geo"] = {
            "@type": "GeoCoordinates",
            "latitude": wish.latitude_e7 / 10**7,
            "longitude": wish.longitude_e7 / 10**7,
        }
    if wish.capacity is not None:
        data["maximumAttendeeCapacity"] = wish.capacity
    if wish.amenities:
        data["amenityFeature"] = [
            {"@type": "LocationFeatureSpecification", "name": each, "value": True} for each in wish.amenities
        ]
    return data


def _written(data: dict[str, Any]) -> str:
    text = orjson.dumps(data).decode()
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    return text


def _offer(each: TypeShown, *, url: str) -> dict[str, Any]:
    offer = {
        "@type": "Offer",
        "name": each.ticket_type.ticket_type,
        "price": _decimal(each.price),
        "priceCurrency": each.price.currency,
        "availability": _AVAILABILITY.get(each.status, "https://schema.org/Discontinued"),
        "url": url,
    }
    if each.sale_starts is not None:
        offer["validFrom"] = written(each.sale_starts)
    return offer


def _place(venue: Venue) -> dict[str, Any]:
    wish = venue.wish
    address = {
        "streetAddress": wish.address,
        "addressLocality": wish.city,
        "postalCode": wish.zip_code,
        "addressRegion": wish.state,
        "addressCountry": wish.country,
    }
    known = {name: value for name, value in address.items() if value}
    return {"@type": "Place", "name": wish.venue_name, "address": {"@type": "PostalAddress", **known}}


def _decimal(money: Money) -> str:
    """`25.00`: schema.org wants a point and no separators."""
    digits = minor_digits(money.currency)
    if not digits:
        return str(money.amount)
    whole, part = divmod(money.amount, 10**digits)
    return f"{whole}.{part:0{digits}d}"


def map_url(venue: Venue | None) -> str | None:
    """Where OpenStreetMap shows the venue; None where nothing of its place is known."""
    if venue is None:
        return None
    wish = venue.wish
    if wish.latitude_e7 is not None and wish.longitude_e7 is not None:
        latitude, longitude = wish.latitude_e7 / 10**7, wish.longitude_e7 / 10**7
        return f"https://www.openstreetmap.org/?mlat={latitude:.7f}&mlon={longitude:.7f}#map=16/{latitude:.5f}/{longitude:.5f}"
    if not (wish.address or wish.city):
        return None
    words = ", ".join(part for part in (wish.venue_name, wish.address, wish.city, wish.country) if part)
    return f"https://www.openstreetmap.org/search?{urlencode({'query': words})}"
