"""The page on which a buyer gives tickets back: what ends, and what comes back in money, before anything happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.errors import NotFound, Refusal
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.base.once import Keep
from ticketing.events.model import Offer
from ticketing.events.store import read_offer
from ticketing.sales import actions
from ticketing.sales.actions import Cancelled, TicketTerms
from ticketing.sales.links import order_path
from ticketing.sales.model import CancelWish, Order
from ticketing.sales.pages.order import owned_order
from ticketing.sales.rules import CancellationChanged, refund_of
from ticketing.web import forms
from ticketing.web.bodies import Identifier
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import Entry, Filled, Form
from ticketing.web.i18n import N_
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

CANCELLED: Final = declare_flash("tickets_cancelled", N_("Cancelled. You get a mail that says so."))


class CancelForm(Form):
    """Which tickets are given back, and what the page said that comes back for them."""

    many: ClassVar[frozenset[str]] = frozenset({"admission"})
    admission: Annotated[
        list[Identifier], Field(min_length=1, max_length=TICKETS_PER_ORDER_MAX), Entry(label=N_("Tickets"))
    ]
    refund: Annotated[int, Field(ge=0), Entry(label="")]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A ticket that would be given back: its kind, its price, and what comes back for it."""

    admission_id: str
    ticket_type: str
    human_code: str
    price: Money
    back: Money


@dataclass(frozen=True, slots=True)
class Effect:
    """What giving tickets back would do, all in all; or why it cannot be done."""

    tickets: tuple[GivenBack, ...]
    back: Money
    kept: Money
    refusal: Refusal | None


@routes.get("/orders/{order_id}/{token}/cancellation")
async def get_cancellation(
    request: Request, order_id: str, token: str, house: TheHouse, now: Now, ticket: str = ""
) -> Response:
    """What cancelling would do: to `?ticket=`, or to all that can be cancelled."""
    order = await owned_order(house, order_id, token)
    return await _page(request, house, order, (ticket,) if ticket else None, now=now)


@routes.post("/orders/{order_id}/{token}/cancellation")
async def post_cancellation(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The tickets are given back; where their terms changed since the page was shown, it is shown again."""
    order = await owned_order(house, order_id, token)
    filled = await forms.read(request, house, CancelForm, now=now)
    if filled.value is None:
        chosen = tuple(filled.texts("admission"))[:TICKETS_PER_ORDER_MAX] or None
        return await _page(request, house, order, chosen, now=now, form=filled, status=422)
    wish = CancelWish(tuple(filled.value.admission), filled.value.refund)

    async def act(keep: Keep[Cancelled]) -> Cancelled:
        return await actions.cancel_tickets(house, order, wish, keep=keep, now=now)

    try:
        response = await forms.submit_once(
            request,
            house,
            filled,
            scope=f"order {order_id}",
            act=act,
            then=lambda _: order_path(house.keys, order_id),
            now=now,
        )
    except CancellationChanged as changed:
        told = filled.refused(changed)
        return await _page(request, house, order, wish.admissions, now=now, form=told, status=409)
    leave_flash(response, house.settings, CANCELLED)
    return response


async def _page(
    request: Request,
    house: House,
    order: Order,
    chosen: Sequence[str] | None,
    *,
    now: datetime,
    form: Filled[CancelForm] | None = None,
    status: int = 200,
) -> Response:
    offer = await read_offer(house.store, order.event_id)
    assert offer is not None, "an event that was public is never deleted"
    terms = await actions.cancellation_terms(
        house, order, offer.event, await actions.admissions_of(house, order), now=now
    )
    if chosen is None:
        tickets = terms.cancellable or terms.tickets
    else:
        tickets = tuple(each for each in terms.tickets if each.admission.admission_id in chosen)
        if not tickets:
            raise NotFound
    return page(
        request,
        "sales/cancel.html",
        settings=house.settings,
        status=status,
        personal=True,
        order=order,
        event=offer.event,
        effect=effect_of(order, offer, tickets),
        stay=len(terms.tickets) - len(tickets),
        own=order_path(house.keys, order.order_id),
        form=forms.blank(request, house, CancelForm, now=now),
        wrong=form,
    )


def effect_of(order: Order, offer: Offer, tickets: Sequence[TicketTerms]) -> Effect:
    """What giving these back does. The first refusal counts: all of them are given back, or none."""
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    prices = {line.ticket_type_id: line.unit_amount for line in order.lines}
    given = tuple(
        GivenBack(
            each.admission.admission_id,
            names.get(each.admission.ticket_type_id, ""),
            each.admission.human_code,
            Money(prices[each.admission.ticket_type_id], order.currency),
            Money(each.refund_amount, order.currency),
        )
        for each in tickets
    )
    back = refund_of(order, offer.event, [each.admission for each in tickets])
    paid = sum(ticket.price.amount for ticket in given)
    refusal = next((each.refusal for each in tickets if each.refusal is not None), None)
    return Effect(given, Money(back, order.currency), Money(paid - back, order.currency), refusal)
