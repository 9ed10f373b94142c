"""An order as its owner sees it: the hold with its time, ways to pay, and the tickets. The address is the key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right
from ticketing.accounts.visitor import Visitor
from ticketing.admission.wallet.offered import wallets_of
from ticketing.base.bounds import HOLD_EXTENSIONS_MAX
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.base.once import Keep
from ticketing.catalog.posters import poster
from ticketing.events.model import Event, EventStatus
from ticketing.events.store import read_offer
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState, TestOutcome
from ticketing.payments.store import read_payments, read_refunds
from ticketing.sales import actions
from ticketing.sales.links import order_path
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.pages.holding import Holding, Ticket, Wrong
from ticketing.sales.printed import tickets_to_print
from ticketing.sales.queries import NamedLine, named_lines
from ticketing.sales.rules import shown_payment_status
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web import forms
from ticketing.web.drawing import TheDrawing
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled, Form
from ticketing.web.i18n import N_
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

EXTENDED: Final = declare_flash("hold_extended", N_("Your places are held for longer."))
CANCELLED: Final = declare_flash("order_cancelled", N_("The order was cancelled, and its places went back."))


METHOD_WORDS: Final = {
    "test": N_("Test payment: nothing is charged"),
    "bank_transfer": N_("Bank transfer"),
    "cash": N_("Cash at the box office"),
}


class PayForm(Form):
    """How to pay."""

    method: Annotated[
        Literal["test", "bank_transfer", "cash"],
        Entry(label=N_("How do you pay?"), kind="radio", messages={"missing": N_("Choose how you pay.")}),
    ]


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the page shows of an order."""

    order: Order
    status: PaymentStatus
    event: Event
    venue: Venue | None
    lines: tuple[NamedLine, ...]
    tickets: tuple[Ticket, ...]
    promised: Payment | None
    refund_due: Money | None
    cancellable: frozenset[str]
    """Ids of the tickets that their buyer may give back now."""

    @property
    def has_valid_tickets(self) -> bool:
        """Whether there is anything to print or to show at the door."""
        return any(not ticket.admission.is_void for ticket in self.tickets)

    @property
    def can_print(self) -> bool:
        """Whether any of them is the owner's still."""
        return any(ticket.symbol is not None for ticket in self.tickets)


@routes.get("/orders/{order_id}")
async def get_own_order(order_id: str, house: TheHouse, who: Visitor, token: str = "") -> Response:
    """The order's page, for whoever follows the link of a mail, and for the user who is logged in and owns it."""
    if token:
        await owned_order(house, order_id, token)
        return forms.see(house, order_path(house.keys, order_id))
    order = await actions.order_for(house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=None)
    return forms.see(house, order_path(house.keys, order.order_id))


@routes.get("/orders/{order_id}/{token}")
async def get_order(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The order's page."""
    order = await owned_order(house, order_id, token)
    return await _page(request, house, order, now=now)


@routes.get("/orders/{order_id}/{token}/tickets.pdf")
async def get_pdf(order_id: str, token: str, house: TheHouse, drawing: TheDrawing) -> Response:
    """The order's tickets to print. Raises NoTickets where none is valid."""
    order = await owned_order(house, order_id, token)
    return await tickets_to_print(house, drawing, Principal(order_token=token), order)


@routes.post("/orders/{order_id}/{token}/pay")
async def post_pay(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """A payment is begun; a test payment is paid at once."""
    order = await owned_order(house, order_id, token)
    filled = await forms.read(request, house, PayForm, now=now)
    if filled.value is None:
        return await _page(request, house, order, now=now, pay=filled, status=422)
    method = PaymentMethod(filled.value.method)

    async def act(keep: Keep[Payment]) -> Payment:
        return await actions.start_payment(house, order, method, TestOutcome.PAID, keep=keep, now=now)

    return await _once(request, house, order, filled, act, now=now)


@routes.post("/orders/{order_id}/{token}/extend")
async def post_extend(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The places are held for longer."""
    order = await owned_order(house, order_id, token)
    return await _pressed(request, house, order, actions.extend_hold, said=EXTENDED, now=now)


@routes.post("/orders/{order_id}/{token}/cancel")
async def post_cancel(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The order is cancelled."""
    order = await owned_order(house, order_id, token)
    return await _pressed(request, house, order, partial(actions.cancel_order, by_owner=True), said=CANCELLED, now=now)


@routes.post("/orders/{order_id}/{token}/tickets/{admission_id}/name")
async def post_name(
    request: Request, order_id: str, token: str, admission_id: str, house: TheHouse, now: Now
) -> Response:
    """Somebody else comes with this ticket."""
    order = await owned_order(house, order_id, token)
    done = await holding_of(house, order).rename(request, admission_id, now=now)
    return await _page(request, house, order, now=now, wrong=done, status=422) if isinstance(done, Wrong) else done


@routes.post("/orders/{order_id}/{token}/tickets/{admission_id}/offer")
async def post_offer(
    request: Request, order_id: str, token: str, admission_id: str, house: TheHouse, now: Now
) -> Response:
    """The ticket is offered to somebody else."""
    order = await owned_order(house, order_id, token)
    done = await holding_of(house, order).give(request, admission_id, now=now)
    return await _page(request, house, order, now=now, wrong=done, status=422) if isinstance(done, Wrong) else done


@routes.post("/orders/{order_id}/{token}/tickets/{admission_id}/withdraw")
async def post_withdraw(
    request: Request, order_id: str, token: str, admission_id: str, house: TheHouse, now: Now
) -> Response:
    """The offer of the ticket is withdrawn."""
    order = await owned_order(house, order_id, token)
    done = await holding_of(house, order).take_back(request, admission_id, now=now)
    return await _page(request, house, order, now=now, problem=done, status=422) if isinstance(done, Filled) else done


def holding_of(house: House, order: Order) -> Holding:
    """The tickets of an order in the hands of who ordered."""
    who = Principal(order_token=house.keys.order_token(order.order_id))
    return Holding(house, who, order_path(house.keys, order.order_id), held_by=None)


async def owned_order(house: House, order_id: str, token: str) -> Order:
    """The order whose page has this address. Raises NotFound for any other token."""
    return await actions.order_for(
        house, Principal(order_token=token), order_id, owner=Right.READ_OWN_ORDERS, organizer=None
    )


async def _pressed(request: Request, house: House, order: Order, action: Any, *, said: str, now: datetime) -> Response:
    """A button of the page was pressed: `action` is done to the order, once, and the page says so."""
    filled = await forms.read(request, house, ButtonForm, now=now)
    if filled.value is None:
        return await _page(request, house, order, now=now, problem=filled, status=422)

    async def act(keep: Keep[Order]) -> Order:
        changed: Order = await action(house, order, keep=keep, now=now)
        return changed

    response = await _once(request, house, order, filled, act, now=now)
    leave_flash(response, house.settings, said)
    return response


async def _once(
    request: Request, house: House, order: Order, filled: Filled[Any], act: Any, *, now: datetime
) -> Response:
    path = order_path(house.keys, order.order_id)
    return await forms.submit_once(
        request, house, filled, scope=f"order {order.order_id}", act=act, then=lambda _: path, now=now
    )


async def _page(
    request: Request,
    house: House,
    order: Order,
    *,
    now: datetime,
    pay: Filled[PayForm] | None = None,
    wrong: Wrong | None = None,
    problem: Filled[ButtonForm] | None = None,
    status: int = 200,
) -> Response:
    shown = await _shown(request, house, order, wrong=wrong, now=now)
    methods = ["test", "bank_transfer", "cash"] if house.settings.test_mode else ["bank_transfer", "cash"]
    return page(
        request,
        "sales/order.html",
        settings=house.settings,
        status=status,
        personal=True,
        shown=shown,
        order=order,
        event=shown.event,
        own=order_path(house.keys, order.order_id),
        wallets=wallets_of(request),
        pay=pay or forms.blank(request, house, PayForm, now=now, method=methods[0]),
        methods=[(method, METHOD_WORDS[method]) for method in methods],
        button=forms.blank(request, house, ButtonForm, now=now),
        wrong=problem or pay or (None if wrong is None else wrong.form),
        draw=Markup(poster(shown.event.event_id, category=next(iter(shown.event.categories), ""))),  # noqa: S704 - drawn here, holds nothing typed
        can_extend=order.extensions < HOLD_EXTENSIONS_MAX,
        again=_again(house, order, shown.event, now=now),
    )


def _again(house: House, order: Order, event: Event, *, now: datetime) -> str | None:
    """Where the same can be ordered again, while it may be on sale."""
    if event.status is not EventStatus.PUBLISHED or now >= event.end_date_time:
        return None
    return f"{order_path(house.keys, order.order_id)}/again"


async def _shown(
    request: Request,
    house: House,
    order: Order,
    *,
    wrong: Wrong | None,
    now: datetime,
) -> Shown:
    offer = await read_offer(house.store, order.event_id)
    assert offer is not None, "an event that was public is never deleted"
    event = offer.event
    names = {each.ticket_type_id: each.ticket_type for each in offer.ticket_types}
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    payments = await read_payments(house.store, order.payments)
    refunds = await read_refunds(house.store, order.refunds)
    every = await actions.admissions_of(house, order)
    holding = holding_of(house, order)
    own = await actions.shown_to(house, holding.who, every)
    tickets = await holding.tickets(request, every, event, names, own=own, wrong=wrong, now=now)
    terms = await actions.cancellation_terms(house, order, event, every, now=now)
    return Shown(
        order=order,
        status=shown_payment_status(order, now=now),
        event=event,
        venue=venue,
        lines=named_lines(offer, order),
        tickets=tickets,
        promised=_promised(payments),
        refund_due=_refund_due(refunds),
        cancellable=frozenset(ticket.admission.admission_id for ticket in terms.cancellable),
    )


def _promised(payments: Sequence[Payment]) -> Payment | None:
    """The newest payment that somebody said would come."""
    waiting = [payment for payment in payments if payment.payment_status is PaymentState.PENDING]
    return waiting[-1] if waiting else None


def _refund_due(refunds: Sequence[Refund]) -> Money | None:
    due = [refund for refund in refunds if refund.refund_status is RefundState.DUE]
    return Money(sum(refund.refund_amount for refund in due), due[0].currency) if due else None
