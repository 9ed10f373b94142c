"""Routes of what a buyer holds in the hand: tickets to print, pictures of codes, calendar files."""

from typing import Final

from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.permissions import Right, Unauthenticated
from ticketing.admission.actions import TO_READ, admission_for
from ticketing.admission.qr import qr_png
from ticketing.admission.rules import refuse_void
from ticketing.admission.signing import code_of
from ticketing.admission.wallet.offered import APPLE_MEDIA, TheWallets
from ticketing.base.ids import order_code
from ticketing.events.calendar import MEDIA
from ticketing.sales import actions
from ticketing.sales.printed import PDF, printed, private_file, tickets_to_print
from ticketing.sales.printing import calendar_of
from ticketing.sales.rules import NoTickets
from ticketing.sales.store import read_order
from ticketing.sales.wallets import apple_pass, google_address
from ticketing.web.bodies import Shown
from ticketing.web.drawing import TheDrawing
from ticketing.web.replies import Answer, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("documents")

PNG: Final = "image/png"


class WalletAddress(Shown):
    """Where Google offers to keep the ticket. Whoever has the address has the ticket."""

    url: str


@routes.get(
    "/orders/{order_id}/tickets.pdf",
    response_class=Response,
    responses={200: {"content": {PDF: {}}, "description": "A page of A4 for each ticket."}},
    summary="Print an order's tickets",
)
async def get_tickets_pdf(order_id: str, who: Who, house: TheHouse, drawing: TheDrawing) -> Response:
    """Its owner and the event's organizer. Tickets that are void or were handed over are left out.

    Without any other, it is refused with `no_tickets`.
    """
    if who.is_stranger:
        raise Unauthenticated
    order = await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )
    return await tickets_to_print(house, drawing, who, order)


@routes.get(
    "/admissions/{admission_id}/ticket.pdf",
    response_class=Response,
    responses={200: {"content": {PDF: {}}, "description": "A page of A4."}},
    summary="Print a ticket",
)
async def get_ticket_pdf(admission_id: str, who: Who, house: TheHouse, drawing: TheDrawing) -> Response:
    """For whoever may read the admission; a void one is refused with `admission_void`."""
    admission = await admission_for(house, who, admission_id, TO_READ)
    refuse_void(admission)
    order = await read_order(house.store, admission.order_id)
    assert order is not None
    return await printed(house, drawing, order, [admission], name=f"ticket-{admission.human_code}")


@routes.get(
    "/orders/{order_id}/calendar.ics",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}, "description": "The event as a calendar entry."}},
    summary="Put an order's event into a calendar",
)
async def get_order_calendar(order_id: str, who: Who, house: TheHouse) -> Response:
    """Its owner and the event's organizer, once it has tickets. Where all of them are void by now, the entry says `CANCELLED`."""
    if who.is_stranger:
        raise Unauthenticated
    order = await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )
    every = await actions.admissions_of(house, order)
    own = await actions.shown_to(house, who, every)
    admissions = [each for each in every if each.admission_id in own]
    if not admissions:
        raise NoTickets
    content = await calendar_of(house, order, admissions, uid=order_id)
    return private_file(content, MEDIA, name=f"order-{order_code(order_id)}.ics")


@routes.get(
    "/admissions/{admission_id}/calendar.ics",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}, "description": "The event as a calendar entry."}},
    summary="Put a ticket's event into a calendar",
)
async def get_admission_calendar(admission_id: str, who: Who, house: TheHouse) -> Response:
    """For whoever may read the admission. Where it is void by now, the entry says `CANCELLED`."""
    admission = await admission_for(house, who, admission_id, TO_READ)
    order = await read_order(house.store, admission.order_id)
    assert order is not None
    content = await calendar_of(house, order, [admission], uid=admission_id)
    return private_file(content, MEDIA, name=f"ticket-{admission_id}.ics")


@routes.get(
    "/admissions/{admission_id}/apple.pkpass",
    response_class=Response,
    responses={200: {"content": {APPLE_MEDIA: {}}, "description": "A signed pass."}},
    summary="Put a ticket into Apple's wallet",
)
async def get_apple_pass(
    admission_id: str, who: Who, house: TheHouse, wallets: TheWallets, drawing: TheDrawing
) -> Response:
    """For whoever may read the admission, where this site has keys for it. Where the ticket or its event is off, so is the pass."""
    admission = await admission_for(house, who, admission_id, TO_READ)
    return await apple_pass(house, wallets, drawing, admission)


@routes.get(
    "/admissions/{admission_id}/google-wallet",
    response_model=WalletAddress,
    summary="Put a ticket into Google's wallet",
)
async def get_google_wallet(
    admission_id: str, who: Who, house: TheHouse, wallets: TheWallets, drawing: TheDrawing, now: Now
) -> Response:
    """For whoever may read the admission, where this site has keys for it: the address to lead its holder to."""
    admission = await admission_for(house, who, admission_id, TO_READ)
    address = await google_address(house, wallets, drawing, admission, now=now)
    return respond(Answer(200, {"url": address}, {"Cache-Control": "no-store"}))


@routes.get(
    "/admissions/{admission_id}/code.png",
    response_class=Response,
    responses={200: {"content": {PNG: {}}, "description": "The QR symbol of the admission's code, 490 pixels a side."}},
    summary="Draw an admission's QR symbol as PNG",
)
async def get_code_png(admission_id: str, who: Who, house: TheHouse, drawing: TheDrawing) -> Response:
    """For whoever may read the admission; a void one is refused with `admission_void`."""
    admission = await admission_for(house, who, admission_id, TO_READ)
    refuse_void(admission)
    code = code_of(house.keys, admission)
    assert code is not None
    return private_file(await drawing.of(qr_png, code), PNG, name=f"ticket-{admission.human_code}.png")
