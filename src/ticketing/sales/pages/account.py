"""What a user has, on pages: events with their tickets, orders, and the button that takes over what was bought as a guest."""

from typing import Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.visitor import Visitor, to_login
from ticketing.base.bounds import PAGE_LIMIT
from ticketing.base.store import BadCursor
from ticketing.catalog.posters import poster
from ticketing.events.model import Event
from ticketing.sales import actions
from ticketing.sales.account import may_take_over, own_events, own_orders
from ticketing.sales.model import PaymentStatus
from ticketing.sales.rules import EmailNotProven
from ticketing.web import forms
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm
from ticketing.web.i18n import N_
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

ACCOUNT: Final = "/account"
ORDERS: Final = "/account/orders"
EVENTS_SHOWN: Final = 50
"""Few people have tickets for more: what is to come and what is over then stand in their order on one page."""
TAKEN_OVER: Final = declare_flash("orders_taken_over", N_("Your orders are in your account now."))
NOTHING_TAKEN: Final = declare_flash("orders_none_left", N_("There was no order left to add."), "wait")
PRESS_AGAIN: Final = declare_flash(
    "press_again", N_("This page was open for too long. Press the button once more."), "wait"
)
PROVE_FIRST: Final = declare_flash("prove_first", N_("Show first that the address is yours."), "wait")

STATE_WORDS: Final = {
    PaymentStatus.PENDING: ("wait", N_("Not paid yet")),
    PaymentStatus.COMPLETED: ("go", N_("Complete")),
    PaymentStatus.EXPIRED: ("", N_("Ran out")),
    PaymentStatus.CANCELLED: ("", N_("Order cancelled")),
    PaymentStatus.PARTIALLY_REFUNDED: ("", N_("Partly refunded")),
    PaymentStatus.REFUNDED: ("", N_("Refunded")),
}
"""How an order stands, in two words, and what they mean."""


@routes.get(ACCOUNT)
async def get_account(request: Request, who: Visitor, house: TheHouse, now: Now, cursor: str | None = None) -> Response:
    """The user's events with their tickets, those to come first."""
    user = who.user
    if user is None:
        return to_login(house, ACCOUNT)
    try:
        events = await own_events(house, user, limit=EVENTS_SHOWN, cursor=cursor, now=now)
    except BadCursor:
        return forms.see(house, ACCOUNT)
    return page(
        request,
        "sales/account.html",
        settings=house.settings,
        personal=True,
        user=user,
        events=events,
        is_first_page=cursor is None,
        takes_over=user.email_proven_at is not None and await may_take_over(house, user),
        button=forms.blank(request, house, ButtonForm, now=now),
        draw=_draw,
    )


@routes.get(ORDERS)
async def get_orders(request: Request, who: Visitor, house: TheHouse, now: Now, cursor: str | None = None) -> Response:
    """The user's orders, the newest first."""
    user = who.user
    if user is None:
        return to_login(house, ORDERS)
    try:
        own = await own_orders(house, user, limit=PAGE_LIMIT, cursor=cursor, now=now)
    except BadCursor:
        return forms.see(house, ORDERS)
    return page(
        request,
        "sales/orders.html",
        settings=house.settings,
        personal=True,
        own=own,
        states=STATE_WORDS,
        is_first_page=cursor is None,
    )


@routes.get("/account/claim")
async def get_after_claim(house: TheHouse) -> Response:
    """Whoever asks for it is led to where the button stands."""
    return forms.see(house, ACCOUNT)


@routes.post("/account/claim")
async def post_claim(request: Request, who: Visitor, house: TheHouse, now: Now) -> Response:
    """What was bought as a guest with the proven address is the user's."""
    if who.user is None:
        return to_login(house, ACCOUNT)
    filled = await forms.read(request, house, ButtonForm, now=now)
    response = forms.see(house, ACCOUNT)
    if filled.value is None:
        leave_flash(response, house.settings, PRESS_AGAIN)
        return response
    try:
        claimed = await actions.claim_orders(house, who)
    except EmailNotProven:
        leave_flash(response, house.settings, PROVE_FIRST)
    else:
        leave_flash(response, house.settings, TAKEN_OVER if claimed else NOTHING_TAKEN)
    return response


def _draw(event: Event) -> Markup:
    """The poster of an event, which holds nothing that anyone typed."""
    return Markup(poster(event.event_id, category=next(iter(event.categories), "")))  # noqa: S704
