"""What machines read on the page of an event: schema.org data for search engines, and where maps show its venue."""

from typing import Any, Final
from urllib.parse import urlencode

import orjson

from ticketing.base.money import Money, minor_digits
from ticketing.base.times import shown as written
from ticketing.catalog.model import EventShown, TypeShown
from ticketing.events.model import ShownStatus, TicketTypeStatus
from ticketing.venues.model import Venue

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
        "description": event.description or event.event_name,
        "startDate": written(event.start_date_time),
        "endDate": written(event.end_date_time),
        "eventStatus": _STATUS.get(shown.status, "https://schema.org/EventScheduled"),
        "url": url,
        "image": [event.image_url or f"{url}/poster.svg"],
        "offers": [_offer(each, url=url) for each in shown.types],
    }
    if venue is None:
        data["eventAttendanceMode"] = "https://schema.org/OnlineEventAttendanceMode"
        data["location"] = {"@type": "VirtualLocation", "url": url}
    else:
        data["eventAttendanceMode"] = "https://schema.org/OfflineEventAttendanceMode"
        data["location"] = _place(venue)
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
