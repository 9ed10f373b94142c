"""Tickets for the wallets of phones, from the page of an order and from that of a ticket that was handed over."""

from fastapi import APIRouter
from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.admission.actions import TO_READ, admission_for
from ticketing.admission.model import Admission
from ticketing.admission.wallet.offered import TheWallets
from ticketing.base.house import House
from ticketing.sales.pages.order import owned_order
from ticketing.sales.pages.tickets import held_admission
from ticketing.sales.wallets import apple_pass, google_address
from ticketing.web.drawing import TheDrawing
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

OF_ORDER = "/orders/{order_id}/{token}/tickets/{admission_id}"
HANDED = "/tickets/{transfer_id}/{token}"


@routes.get(OF_ORDER + "/apple.pkpass")
async def get_apple_of_order(
    order_id: str, token: str, admission_id: str, house: TheHouse, wallets: TheWallets, drawing: TheDrawing
) -> Response:
    """A ticket of the order, for Apple's wallet."""
    return await apple_pass(house, wallets, drawing, await _of_order(house, order_id, token, admission_id))


@routes.get(OF_ORDER + "/google-wallet")
async def get_google_of_order(
    order_id: str, token: str, admission_id: str, house: TheHouse, wallets: TheWallets, drawing: TheDrawing, now: Now
) -> Response:
    """To Google, with a ticket of the order."""
    admission = await _of_order(house, order_id, token, admission_id)
    return _away(await google_address(house, wallets, drawing, admission, now=now))


@routes.get(HANDED + "/apple.pkpass")
async def get_apple_of_ticket(
    transfer_id: str, token: str, house: TheHouse, wallets: TheWallets, drawing: TheDrawing
) -> Response:
    """The ticket that was handed over, for Apple's wallet."""
    return await apple_pass(house, wallets, drawing, await held_admission(house, transfer_id, token))


@routes.get(HANDED + "/google-wallet")
async def get_google_of_ticket(
    transfer_id: str, token: str, house: TheHouse, wallets: TheWallets, drawing: TheDrawing, now: Now
) -> Response:
    """To Google, with the ticket that was handed over."""
    admission = await held_admission(house, transfer_id, token)
    return _away(await google_address(house, wallets, drawing, admission, now=now))


async def _of_order(house: House, order_id: str, token: str, admission_id: str) -> Admission:
    """This ticket of the order whose page has this address. Raises NotFound for any other, and for one that was handed over."""
    await owned_order(house, order_id, token)
    return await admission_for(house, Principal(order_token=token), admission_id, TO_READ)


def _away(address: str) -> Response:
    """A redirect to another site, which hears nothing of the page that led there."""
    headers = {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers=headers)
