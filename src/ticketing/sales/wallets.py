"""Tickets for the wallets of phones, the same over the API and on the pages."""

from datetime import datetime
from typing import Final

from starlette.responses import Response

from ticketing.admission.model import Admission
from ticketing.admission.signing import code_of
from ticketing.admission.wallet.card import Card
from ticketing.admission.wallet.offered import APPLE_MEDIA, Wallets
from ticketing.base.house import House
from ticketing.catalog.posters import ground_colour
from ticketing.events.calendar import event_url
from ticketing.events.model import EventStatus
from ticketing.events.store import read_offer
from ticketing.sales.printed import private_file
from ticketing.sales.printing import place_of
from ticketing.sales.store import read_order
from ticketing.venues.store import read_venue
from ticketing.web.drawing import Drawing
from ticketing.web.i18n import SOURCE
from ticketing.web.wording import local

E7: Final = 10_000_000


async def apple_pass(house: House, wallets: Wallets, drawing: Drawing, admission: Admission) -> Response:
    """The ticket for Apple's wallet, void where it or its event is. Raises WalletNotOffered, Busy."""
    passes = wallets.for_apple()
    card = await card_of(house, admission)
    return private_file(
        await drawing.of(passes.package, card), APPLE_MEDIA, name=f"ticket-{admission.admission_id}.pkpass"
    )


async def google_address(
    house: House, wallets: Wallets, drawing: Drawing, admission: Admission, *, now: datetime
) -> str:
    """Where Google offers to keep the ticket. Whoever has the address has the ticket. Raises WalletNotOffered, Busy."""
    passes = wallets.for_google()
    card = await card_of(house, admission)
    return await drawing.of(passes.save_url, card, now=now)


async def card_of(house: House, admission: Admission) -> Card:
    """What wallets show of this admission, whose holder asks."""
    order = await read_order(house.store, admission.order_id)
    offer = await read_offer(house.store, admission.event_id)
    assert order is not None, "an admission has its order"
    assert offer is not None, "an event that was public is never deleted"
    event = offer.event
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    wish = None if venue is None else venue.wish
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    is_off = admission.is_void or event.status is EventStatus.CANCELLED
    return Card(
        card_id=f"{admission.admission_id}.{admission.generation}",
        event_id=event.event_id,
        event_name=event.event_name,
        starts_at=local(event.start_date_time, event.timezone),
        ends_at=local(event.end_date_time, event.timezone),
        has_date=event.status is not EventStatus.POSTPONED,
        venue_name="" if wish is None else wish.venue_name,
        address=", ".join(place_of(venue)[1:]),
        latitude=None if wish is None or wish.latitude_e7 is None else wish.latitude_e7 / E7,
        longitude=None if wish is None or wish.longitude_e7 is None else wish.longitude_e7 / E7,
        ticket_type=names.get(admission.ticket_type_id, ""),
        holder=f"{admission.attendee.first_name} {admission.attendee.last_name}".strip(),
        order_code=order.code,
        code=None if is_off else code_of(house.keys, admission),
        human_code=None if is_off else admission.human_code,
        is_off=is_off,
        link=event_url(house.settings, event.event_id),
        colour=ground_colour(event.event_id, category=next(iter(event.categories), "")),
        language=order.language or SOURCE,
    )
