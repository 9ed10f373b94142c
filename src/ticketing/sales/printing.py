"""What a ticket says in print: the words of an admission with its event, place, price and order."""

from collections.abc import Sequence
from datetime import timedelta

from ticketing.admission.model import Admission
from ticketing.admission.sheet import Sheet
from ticketing.admission.signing import code_of
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.catalog.posters import ground_colour
from ticketing.events.calendar import Dated, calendar_file, event_url, host_of
from ticketing.events.model import Event, EventStatus, Offer
from ticketing.events.store import read_event, read_offer
from ticketing.sales.model import Order
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web.wording import clock, local, price, zone

TERMS = (
    "This ticket lets one person in, once. The first one who comes with its code is let in, so show the code to nobody before "
    "the entrance, and put no picture of it on the internet. Where the ticket is handed over, or its name changed, a new code "
    "replaces this one."
)
NOTICES = {
    EventStatus.CANCELLED: "This event was cancelled.",
    EventStatus.POSTPONED: "Postponed: the date below no longer holds.",
}


async def sheets_of(house: House, order: Order, admissions: Sequence[Admission]) -> tuple[Sheet, ...]:
    """What is printed of these admissions of the order; none of them is void."""
    offer = await read_offer(house.store, order.event_id)
    assert offer is not None, "an event that was public is never deleted"
    venue = None if offer.event.venue_id is None else await read_venue(house.store, offer.event.venue_id)
    return tuple(_sheet(house, order, admission, offer, venue) for admission in admissions)


def _sheet(house: House, order: Order, admission: Admission, offer: Offer, venue: Venue | None) -> Sheet:
    event = offer.event
    code = code_of(house.keys, admission)
    assert code is not None
    amounts = {line.ticket_type_id: line.unit_amount for line in order.lines}
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    return Sheet(
        event_name=event.event_name,
        day=day_of(event),
        time=time_of(event),
        place=place_of(venue),
        ticket_type=names.get(admission.ticket_type_id, "Ticket"),
        holder=f"{admission.attendee.first_name} {admission.attendee.last_name}".strip(),
        price=price(Money(amounts[admission.ticket_type_id], order.currency)),
        order_code=order.code,
        human_code=admission.human_code,
        code=code,
        terms=TERMS,
        notice=NOTICES.get(event.status, ""),
        link=f"{house.settings.base_url}{house.settings.root_path}/",
        colour=ground_colour(event.event_id, category=next(iter(event.categories), "")),
    )


async def calendar_of(house: House, order: Order, admissions: Sequence[Admission], *, uid: str) -> bytes:
    """The event of these admissions of an order as a calendar file. Its entry is off where all of them are void."""
    event = await read_event(house.store, order.event_id)
    assert event is not None, "an event that was public is never deleted"
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    live = sum(not admission.is_void for admission in admissions)
    entry = Dated(
        event=event,
        venue=venue,
        uid=f"{uid}@{host_of(house.settings)}",
        url=event_url(house.settings, event.event_id),
        words=f"{live} × ticket, order {order.code}.",
        is_off=live == 0,
    )
    return calendar_file([entry], name=event.event_name)


def day_of(event: Event) -> str:
    """`Saturday 1 May 2027`, and the last day where the event has more than a night."""
    start, end = local(event.start_date_time, event.timezone), local(event.end_date_time, event.timezone)
    first = f"{start:%A} {start.day} {start:%B %Y}"
    if end - start <= timedelta(hours=18):
        return first
    return f"{first} – {end:%A} {end.day} {end:%B %Y}"


def time_of(event: Event) -> str:
    """`19:30 – 22:00 (Europe/Vienna, CEST)`: both times as clocks show them there."""
    start, end = local(event.start_date_time, event.timezone), local(event.end_date_time, event.timezone)
    return f"{clock(start)} – {clock(end)} ({event.timezone}, {zone(start)})"


def place_of(venue: Venue | None) -> tuple[str, ...]:
    """The venue's name, street and city, what of it is known."""
    if venue is None:
        return ()
    wish = venue.wish
    city = " ".join(part for part in (wish.zip_code, wish.city) if part)
    return tuple(
        part for part in (wish.venue_name, wish.address, ", ".join(filter(None, (city, wish.country)))) if part
    )
