"""Tickets as files for those they belong to, the same over the API and on the pages."""

from collections.abc import Sequence
from typing import Final

from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.admission.model import Admission
from ticketing.admission.sheet import Sheet
from ticketing.base.house import House
from ticketing.sales import actions
from ticketing.sales.model import Order
from ticketing.sales.printing import sheets_of
from ticketing.sales.rules import NoTickets
from ticketing.web.drawing import Drawing

PDF: Final = "application/pdf"


async def tickets_to_print(house: House, drawing: Drawing, who: Principal, order: Order) -> Response:
    """The order's tickets as PDF, without those that are void or were handed over. Raises NoTickets where none is left."""
    every = await actions.admissions_of(house, order)
    own = await actions.shown_to(house, who, every)
    admissions = [each for each in every if not each.is_void and each.admission_id in own]
    if not admissions:
        raise NoTickets
    return await printed(house, drawing, order, admissions, name=f"tickets-{order.code}")


async def printed(
    house: House, drawing: Drawing, order: Order, admissions: Sequence[Admission], *, name: str
) -> Response:
    """These admissions of the order as PDF; none of them is void."""
    sheets = await sheets_of(house, order, admissions)
    return private_file(await drawing.of(_drawn, sheets), PDF, name=f"{name}.pdf")


def _drawn(sheets: Sequence[Sheet]) -> bytes:
    # Only where somebody prints: what draws takes a fifth of a second to import, which a cold start need not wait for.
    from ticketing.admission.pdf import tickets_pdf

    return tickets_pdf(sheets, title=f"{sheets[0].event_name}: {len(sheets)} × ticket", language="en")


def private_file(content: bytes, media: str, *, name: str) -> Response:
    """A file that is kept by nobody between."""
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, media_type=media, headers=headers)
