"""The checkout: what was chosen on the event's page, two fields, and one button."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.accounts.rules import name_parts
from ticketing.accounts.visitor import Visitor
from ticketing.base.bounds import NAME_LENGTH_MAX, ORDER_LINES_MAX, QUANTITY_MAX
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.money import Money
from ticketing.base.once import Keep
from ticketing.events.model import Event
from ticketing.events.store import read_offer
from ticketing.sales import actions, rules
from ticketing.sales.links import order_path
from ticketing.sales.model import Buyer, Customer, HoldWish, LineWish, Order
from ticketing.sales.pages.order import owned_order
from ticketing.sales.queries import NamedLine, named_lines
from ticketing.sales.rules import LimitPerCustomer, SoldOut
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web import forms
from ticketing.web.bodies import Email, Name
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import Entry, Filled, Form
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.limits import LimitKind, limited
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse
from ticketing.web.session import read_cookie, set_cookie
from ticketing.web.typos import likely_address

routes = APIRouter(include_in_schema=False)

NOTHING_CHOSEN: Final = declare_flash("nothing_chosen", N_("Choose at least one ticket."), "wait")
ORDERED: Final = "ordered"
"""The cookie with the way to what this browser ordered last, so that the same is not ordered twice by mistake."""
TICKET_PREFIX: Final = "tty_"
"""Fields with the number of tickets are called by the id of the ticket type."""


class DetailsForm(Form):
    """Who buys. `sure` is an address that looks mistyped and was sent a second time."""

    name: Annotated[
        Name,
        Entry(label=N_("Name"), autocomplete="name", enterkeyhint="next", messages={"missing": N_("Enter your name.")}),
    ]
    email: Annotated[
        Email,
        Entry(
            label=N_("E-mail"),
            kind="email",
            hint=N_("Your tickets go there."),
            autocomplete="email",
            enterkeyhint="done",
            messages={"missing": N_("Enter your e-mail address, so that your tickets reach you.")},
        ),
    ]
    sure: Annotated[str, Field(max_length=NAME_LENGTH_MAX * 2), Entry(label="")] = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is about to be ordered, as the offer is now."""

    event: Event
    venue: Venue | None
    lines: tuple[NamedLine, ...]
    total: Money
    wish: HoldWish

    @property
    def ticket_count(self) -> int:
        """How many tickets it is."""
        return sum(line.quantity for line in self.lines)


@routes.get("/events/{event_id}/checkout")
async def get_checkout(request: Request, event_id: str, house: TheHouse, now: Now, who: Visitor) -> Response:
    """The details of an order for what the query says: `?tty_…=2&tty_…=1`."""
    wish = _wish(event_id, request.query_params.multi_items())
    if wish is None:
        return _nothing_chosen(house, event_id)
    choice = await _choice(house, wish, now=now)
    user = who.user
    typed = {} if user is None else {"name": f"{user.first_name} {user.last_name}".strip(), "email": user.email}
    return _shown(request, house, choice, forms.blank(request, house, DetailsForm, now=now, **typed))


@routes.post("/events/{event_id}/checkout")
async def post_checkout(request: Request, event_id: str, house: TheHouse, now: Now, who: Visitor) -> Response:
    """The places are held, or the order is complete where it costs nothing; either way its own page follows."""
    filled = await forms.read(request, house, DetailsForm, now=now)
    wish = _wish(event_id, ((name, text) for name, texts in filled.typed.items() for text in texts))
    if wish is None:
        return _nothing_chosen(house, event_id)
    details = filled.value
    if details is not None:
        first = await forms.sent_before(request, house, filled, scope=who.idempotency_scope, now=now)
        if first is not None:
            return first
        before = await _ordered_before(request, house, filled, wish, _customer(details), now=now)
        if before is not None:
            return forms.see(house, order_path(house.keys, before.order_id))
    choice = await _choice(house, wish, now=now)
    if details is None:
        return _shown(request, house, choice, filled, status=422)
    likely = likely_address(details.email)
    if likely is not None and details.sure != details.email:
        asked = filled.with_problem(
            "email", N_("Did you mean %(likely)s? If your address is right, send it once more."), likely=likely
        )
        return _shown(request, house, choice, asked, status=422, sure=details.email)
    await limited(request, LimitKind.ORDER_FROM_ADDRESS)
    buyer = _buyer(request, house, who, details)

    async def act(keep: Keep[Order]) -> Order:
        return await actions.place_hold(house, wish, buyer, keep=keep, now=now)

    try:
        response = await forms.submit_once(
            request,
            house,
            filled,
            scope=who.idempotency_scope,
            act=act,
            then=lambda order: order_path(house.keys, order.order_id),
            now=now,
        )
    except SoldOut as refusal:
        told = _sold_out(filled, choice, refusal)
        return _shown(request, house, choice, told, status=409, sure=details.sure, fewer=_fewer(choice, refusal))
    except LimitPerCustomer as refusal:
        told = _over_limit(filled, refusal)
        return _shown(request, house, choice, told, status=409, sure=details.sure, fewer=_fewer(choice, refusal))
    set_cookie(response, house.settings, ORDERED, _way_of(response.headers["location"]), lasts=forms.FORM_LASTS)
    return response


@routes.get("/orders/{order_id}/{token}/again")
async def get_again(request: Request, order_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The details of an order for the same as this one, which is over, with the same name and address in its fields."""
    order = await owned_order(house, order_id, token)
    wish = HoldWish(order.event_id, tuple(LineWish(line.ticket_type_id, line.quantity) for line in order.lines))
    customer = order.customer
    typed = {"name": f"{customer.first_name} {customer.last_name}".strip(), "email": customer.email}
    choice = await _choice(house, wish, now=now)
    return _shown(request, house, choice, forms.blank(request, house, DetailsForm, now=now, **typed))


def _nothing_chosen(house: House, event_id: str) -> Response:
    response = forms.see(house, f"/events/{event_id}")
    leave_flash(response, house.settings, NOTHING_CHOSEN)
    return response


async def _ordered_before(
    request: Request, house: House, filled: Filled[DetailsForm], wish: HoldWish, customer: Customer, *, now: datetime
) -> Order | None:
    """The order that this form asks for once more: from a second tab, or from a page that was gone back to."""
    order_id, _, token = (read_cookie(request, house.settings, ORDERED) or "").partition(".")
    if not token:
        return None
    try:
        order = await owned_order(house, order_id, token)
    except NotFound:
        return None
    is_again = rules.is_sent_again(order, wish, customer, opened=forms.opened_at(filled.token), now=now)
    return order if is_again else None


def _way_of(location: str) -> str:
    """The id and the token of the order whose page has this address."""
    return ".".join(location.split("/")[-2:])


def _sold_out(filled: Filled[DetailsForm], choice: Choice, refusal: SoldOut) -> Filled[DetailsForm]:
    left = refusal.facts["left"]
    short = [line.ticket_type for line in choice.lines if line.ticket_type_id == refusal.facts.get("ticket_type_id")]
    if len(choice.lines) == 1 or not short:
        if left:
            return filled.with_problem("", N_("Not so many are left: you can still have %(left)s."), left=left)
        return filled.with_problem("", N_("These were the last ones: somebody was faster. Nothing is held or charged."))
    if left:
        message = N_("%(what)s: not so many are left, you can still have %(left)s.")
        return filled.with_problem("", message, what=short[0], left=left)
    return filled.with_problem("", N_("%(what)s: these have just gone. Nothing is held or charged."), what=short[0])


def _over_limit(filled: Filled[DetailsForm], refusal: LimitPerCustomer) -> Filled[DetailsForm]:
    most, left = refusal.facts["tickets_per_customer_max"], refusal.facts["left"]
    if left:
        message = N_(
            "Each person may have %(most)s tickets for this event, and %(left)s are left to you. Choose fewer."
        )
        return filled.with_problem("", message, most=most, left=left)
    message = N_("Each person may have %(most)s tickets for this event, and you have them already.")
    return filled.with_problem("", message, most=most)


def _fewer(choice: Choice, refusal: SoldOut | LimitPerCustomer) -> Mapping[str, int]:
    """How many of each chosen ticket type can be had at most after this refusal; nothing where none can."""
    left: int = refusal.facts["left"]
    short = refusal.facts.get("ticket_type_id")
    most = {
        line.ticket_type_id: min(line.quantity, left) if short in (None, line.ticket_type_id) else line.quantity
        for line in choice.lines
    }
    return most if any(most.values()) else {}


def _wish(event_id: str, fields: Iterable[tuple[str, str]]) -> HoldWish | None:
    """What the fields of ticket types say; None where nothing is chosen. What is no number counts as none."""
    chosen: dict[str, int] = {}
    for name, text in fields:
        digits = text.strip()
        if name.startswith(TICKET_PREFIX) and digits.isascii() and digits.isdigit() and len(digits) <= 8:
            quantity = min(int(digits), QUANTITY_MAX)
            if quantity:
                chosen[name] = chosen.get(name, 0) + quantity
    lines = tuple(LineWish(type_id, quantity) for type_id, quantity in chosen.items())
    return HoldWish(event_id, lines) if 0 < len(lines) <= ORDER_LINES_MAX else None


async def _choice(house: House, wish: HoldWish, *, now: datetime) -> Choice:
    """What is about to be ordered. Raises the refusals of `rules.decide_hold`; what is left is decided when it is ordered."""
    offer = await read_offer(house.store, wish.event_id)
    nobody = Buyer("", None, "", Customer("", "", ""))
    held = rules.decide_hold(wish, offer, nobody, order_id="", hold_seconds=house.settings.hold_seconds, now=now)
    assert offer is not None
    venue = None if offer.event.venue_id is None else await read_venue(house.store, offer.event.venue_id)
    return Choice(
        offer.event, venue, named_lines(offer, held.order), Money(held.order.total_amount, held.order.currency), wish
    )


def _buyer(request: Request, house: House, who: Principal, details: DetailsForm) -> Buyer:
    return actions.buyer_of(house, who, _customer(details), language=tongue_of(request).language)


def _customer(details: DetailsForm) -> Customer:
    first, last = name_parts(details.name)
    return Customer(details.email, first, last)


def _shown(
    request: Request,
    house: House,
    choice: Choice,
    form: Filled[DetailsForm],
    *,
    status: int = 200,
    sure: str = "",
    fewer: Mapping[str, int] = MappingProxyType({}),
) -> Response:
    return page(
        request,
        "sales/checkout.html",
        settings=house.settings,
        status=status,
        personal=True,
        for_back_button=True,
        choice=choice,
        event=choice.event,
        form=form,
        sure=sure,
        fewer=fewer,
        hold_minutes=house.settings.hold_seconds // 60,
    )
