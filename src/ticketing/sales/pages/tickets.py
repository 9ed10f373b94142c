"""The pages of somebody who is given a ticket: the offer, and the ticket once it was accepted. Their addresses are the keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.accounts.visitor import Visitor
from ticketing.admission.actions import decline
from ticketing.admission.model import Admission, Attendee, Transfer, TransferStatus
from ticketing.admission.rules import OfferEnded, OfferExpired, refuse_acceptance, refuse_void
from ticketing.admission.store import read_admission, read_transfer
from ticketing.admission.tokens import is_holder_token
from ticketing.admission.wallet.offered import wallets_of
from ticketing.base.errors import NotFound, Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep
from ticketing.catalog.posters import poster
from ticketing.events.calendar import MEDIA
from ticketing.events.model import Event, Offer
from ticketing.events.store import read_offer
from ticketing.sales import actions
from ticketing.sales.actions import HandedOver
from ticketing.sales.links import offer_path, ticket_path
from ticketing.sales.model import Customer, Order
from ticketing.sales.pages.holding import HolderForm, Holding, Wrong, full_name
from ticketing.sales.printed import printed, private_file
from ticketing.sales.printing import calendar_of
from ticketing.sales.store import read_order
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web import forms
from ticketing.web.bodies import Email, Name
from ticketing.web.drawing import TheDrawing
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.names import said_name
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

ACCEPTED: Final = declare_flash("ticket_accepted", N_("The ticket is yours. It is on its way by mail as well."))
DECLINED: Final = declare_flash("ticket_declined", N_("You declined. The ticket stays where it was."))
OFFER: Final = "/offers/{transfer_id}/{token}"
TICKET: Final = "/tickets/{transfer_id}/{token}"


class AcceptForm(HolderForm):
    """Who has the ticket from now on."""

    name: Annotated[Name, Entry(label=N_("Name"), autocomplete="name", messages={"missing": N_("Enter your name.")})]
    email: Annotated[
        Email,
        Entry(label=N_("E-mail"), kind="email", hint=N_("Your ticket goes there."), autocomplete="email"),
    ]


@dataclass(frozen=True, slots=True)
class Given:
    """A ticket that goes from hand to hand, with what pages show of it."""

    transfer: Transfer
    admission: Admission
    order: Order
    offer: Offer
    venue: Venue | None
    giver: str

    @property
    def event(self) -> Event:
        """What it is for."""
        return self.offer.event

    @property
    def ticket_type(self) -> str:
        """Its kind."""
        names = {each.ticket_type_id: each.ticket_type for each in self.offer.ticket_types}
        return names.get(self.admission.ticket_type_id, "")


# the offer -----------------------------------------------------------------------------------------------------------


@routes.get(OFFER)
async def get_offer(
    request: Request, transfer_id: str, token: str, who: Visitor, house: TheHouse, now: Now
) -> Response:
    """What is offered by whom, with one form to accept and one button to decline; or what became of it."""
    transfer = await actions.offered_transfer(house, who, transfer_id, token)
    return await _offer_page(request, house, transfer, now=now)


@routes.post(OFFER + "/accept")
async def post_accept(
    request: Request, transfer_id: str, token: str, who: Visitor, house: TheHouse, now: Now
) -> Response:
    """The ticket is the recipient's, and its page follows."""
    transfer = await actions.offered_transfer(house, who, transfer_id, token)
    filled = await forms.read(request, house, AcceptForm, now=now)
    if filled.value is None:
        return await _offer_page(request, house, transfer, now=now, form=filled, status=422)
    holder = filled.value.attendee()
    language = tongue_of(request).language

    async def act(keep: Keep[HandedOver]) -> HandedOver:
        return await actions.accept(house, who, transfer, holder=holder, language=language, keep=keep, now=now)

    try:
        response = await forms.submit_once(
            request,
            house,
            filled,
            scope=f"transfer {transfer_id}",
            act=act,
            then=lambda _: ticket_path(house.keys, transfer_id),
            now=now,
        )
    except Refusal:  # the page says how the offer stands
        return forms.see(house, offer_path(house.keys, transfer_id))
    leave_flash(response, house.settings, ACCEPTED)
    return response


@routes.post(OFFER + "/decline")
async def post_decline(
    request: Request, transfer_id: str, token: str, who: Visitor, house: TheHouse, now: Now
) -> Response:
    """The offer is off, and the page says so."""
    transfer = await actions.offered_transfer(house, who, transfer_id, token)
    filled = await forms.read(request, house, ButtonForm, now=now)
    own = offer_path(house.keys, transfer_id)
    if filled.value is None:
        return await _offer_page(request, house, transfer, now=now, problem=filled, status=422)

    async def act(keep: Keep[Transfer]) -> Transfer:
        return await decline(house, transfer, keep=keep, now=now)

    try:
        response = await forms.submit_once(
            request, house, filled, scope=f"transfer {transfer_id}", act=act, then=lambda _: own, now=now
        )
    except OfferEnded:
        return forms.see(house, own)
    leave_flash(response, house.settings, DECLINED)
    return response


async def _offer_page(
    request: Request,
    house: House,
    transfer: Transfer,
    *,
    now: datetime,
    form: Filled[AcceptForm] | None = None,
    problem: Filled[ButtonForm] | None = None,
    status: int = 200,
) -> Response:
    given = await _given(house, transfer)
    recipient = transfer.recipient
    return page(
        request,
        "sales/offer.html",
        settings=house.settings,
        status=status,
        personal=True,
        given=given,
        event=given.event,
        state=_state(given, now=now),
        own=offer_path(house.keys, transfer.transfer_id),
        ticket=ticket_path(house.keys, transfer.transfer_id),
        form=form or forms.blank(request, house, AcceptForm, now=now, name=full_name(recipient), email=recipient.email),
        button=forms.blank(request, house, ButtonForm, now=now),
        wrong=form or problem,
    )


def _state(given: Given, *, now: datetime) -> str:
    """`open`, `accepted` (and still held by this transfer), `ended`, `expired`, or the code of why it cannot change hands."""
    if given.transfer.status is TransferStatus.ACCEPTED and given.admission.transfer_id == given.transfer.transfer_id:
        return "accepted"
    try:
        refuse_acceptance(given.admission, given.transfer, given.event, now=now)
    except OfferEnded:
        return "ended"
    except OfferExpired:
        return "expired"
    except Refusal as refusal:
        return refusal.code
    return "open"


# the ticket afterwards -----------------------------------------------------------------------------------------------


@routes.get(TICKET)
async def get_ticket(request: Request, transfer_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The ticket of who accepted it; or to whom it went on, where it is somebody else's by now."""
    given = await _held(house, transfer_id, token)
    return await _ticket_page(request, house, given, now=now)


@routes.get(TICKET + "/ticket.pdf")
async def get_pdf(transfer_id: str, token: str, house: TheHouse, drawing: TheDrawing) -> Response:
    """The ticket to print. Raises NotFound where it went on, AdmissionVoid."""
    given = await _held(house, transfer_id, token, still=True)
    refuse_void(given.admission)
    name = f"ticket-{given.admission.human_code}"
    return await printed(house, drawing, given.order, [given.admission], name=name)


@routes.get(TICKET + "/calendar.ics")
async def get_calendar(transfer_id: str, token: str, house: TheHouse) -> Response:
    """The event for a calendar. Raises NotFound where the ticket went on."""
    given = await _held(house, transfer_id, token, still=True)
    admission_id = given.admission.admission_id
    content = await calendar_of(house, given.order, [given.admission], uid=admission_id)
    return private_file(content, MEDIA, name=f"ticket-{admission_id}.ics")


@routes.post(TICKET + "/name")
async def post_name(request: Request, transfer_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """Somebody else comes with the ticket."""
    given = await _held(house, transfer_id, token, still=True)
    done = await _holding(house, given.transfer).rename(request, given.admission.admission_id, now=now)
    return await _ticket_page(request, house, given, now=now, wrong=done) if isinstance(done, Wrong) else done


@routes.post(TICKET + "/offer")
async def post_offer(request: Request, transfer_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The ticket is offered to somebody else."""
    given = await _held(house, transfer_id, token, still=True)
    done = await _holding(house, given.transfer).give(request, given.admission.admission_id, now=now)
    return await _ticket_page(request, house, given, now=now, wrong=done) if isinstance(done, Wrong) else done


@routes.post(TICKET + "/withdraw")
async def post_withdraw(request: Request, transfer_id: str, token: str, house: TheHouse, now: Now) -> Response:
    """The offer of the ticket is withdrawn."""
    given = await _held(house, transfer_id, token, still=True)
    done = await _holding(house, given.transfer).take_back(request, given.admission.admission_id, now=now)
    return await _ticket_page(request, house, given, now=now, problem=done) if isinstance(done, Filled) else done


async def _held(house: House, transfer_id: str, token: str, *, still: bool = False) -> Given:
    """The ticket that was accepted by this transfer, for who has its token; with `still`, unless it went on. Raises NotFound."""
    transfer = await read_transfer(house.store, transfer_id)
    if transfer is None or not is_holder_token(house.keys, token, transfer_id):
        raise NotFound
    if transfer.status is not TransferStatus.ACCEPTED:
        raise NotFound
    given = await _given(house, transfer)
    if still and given.admission.transfer_id != transfer_id:
        raise NotFound
    return given


async def held_admission(house: House, transfer_id: str, token: str) -> Admission:
    """The ticket that was accepted by this transfer and has not gone on, for who has its token. Raises NotFound."""
    return (await _held(house, transfer_id, token, still=True)).admission


def _holding(house: House, transfer: Transfer) -> Holding:
    path = ticket_path(house.keys, transfer.transfer_id)
    return Holding(house, Principal(ticket_token=path.rpartition("/")[2]), path, held_by=transfer.transfer_id)


async def _ticket_page(
    request: Request,
    house: House,
    given: Given,
    *,
    now: datetime,
    wrong: Wrong | None = None,
    problem: Filled[ButtonForm] | None = None,
) -> Response:
    holding = _holding(house, given.transfer)
    admission = given.admission
    is_own = admission.transfer_id == given.transfer.transfer_id
    own = frozenset((admission.admission_id,)) if is_own else frozenset[str]()
    names = {admission.ticket_type_id: given.ticket_type}
    (ticket,) = await holding.tickets(request, [admission], given.event, names, own=own, wrong=wrong, now=now)
    return page(
        request,
        "sales/ticket.html",
        settings=house.settings,
        status=200 if wrong is None and problem is None else 422,
        personal=True,
        given=given,
        event=given.event,
        ticket=ticket,
        is_own=is_own,
        own=holding.path,
        wallets=wallets_of(request),
        button=forms.blank(request, house, ButtonForm, now=now),
        wrong=problem or (None if wrong is None else wrong.form),
        draw=Markup(poster(given.event.event_id, category=next(iter(given.event.categories), ""))),  # noqa: S704 - drawn here, holds nothing typed
    )


async def _given(house: House, transfer: Transfer) -> Given:
    store = house.store
    admission = await read_admission(store, transfer.admission_id)
    assert admission is not None, "admissions are never deleted"
    order = await read_order(store, admission.order_id)
    assert order is not None, "orders are never deleted"
    offer = await read_offer(store, admission.event_id)
    assert offer is not None, "an event that was public is never deleted"
    venue_id = offer.event.venue_id
    venue = None if venue_id is None else await read_venue(store, venue_id)
    before = None if admission.transfer_id is None else await read_transfer(store, admission.transfer_id)
    giver = order.customer if before is None else before.recipient
    return Given(transfer, admission, order, offer, venue, said_name(_called(giver)))


def _called(person: Customer | Attendee) -> str:
    return f"{person.first_name} {person.last_name}".strip()
