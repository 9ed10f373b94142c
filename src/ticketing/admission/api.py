"""JSON routes of admissions: parse, act, render."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.model import normal_email
from ticketing.accounts.permissions import Right, demand_own
from ticketing.admission import actions
from ticketing.admission.actions import TO_CHANGE, TO_READ
from ticketing.admission.model import AdmissionStatus, Attendee
from ticketing.admission.qr import qr_svg
from ticketing.admission.queries import (
    AttendedEvent,
    AttendeeFilter,
    admission_view,
    attendees,
    attendees_view,
    events_attended,
    transfer_view,
)
from ticketing.admission.rules import refuse_void
from ticketing.admission.signing import code_of
from ticketing.base.bounds import NAME_LENGTH_MAX
from ticketing.events.api.common import Cursor, Limit
from ticketing.events.api.events import EventShown
from ticketing.events.api.events import rendered as rendered_event
from ticketing.web.bodies import Body, Email, OptionalName, Shown, refuse_null
from ticketing.web.limits import LimitKind, limited
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, expected_version, limit_of, listed_from, refuse_changed, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("admissions")

SVG = "image/svg+xml"


class AttendeePatch(Body):
    """The fields of an attendee that change; the others stay."""

    email: Annotated[Email | None, Field(examples=["grace@example.org"])] = None
    first_name: Annotated[OptionalName | None, Field(examples=["Grace"])] = None
    last_name: Annotated[OptionalName | None, Field(examples=["Hopper"])] = None

    @model_validator(mode="after")
    def _required_stay(self) -> "AttendeePatch":
        return refuse_null(self, "email", "first_name", "last_name")


class AdmissionPatch(Body):
    """What may change of an admission: who holds it."""

    attendee: AttendeePatch


class AttendeeShown(Shown):
    """Who holds an admission."""

    email: str
    first_name: str
    last_name: str


class AdmissionShown(Shown):
    """A ticket. `code` is what its QR symbol says; a void ticket has neither `code` nor `human_code`.

    One that was `handed_over` shows who ordered it neither of them, and no attendee. `offer_id` is the transfer by which it was
    offered last, unless that was accepted or withdrawn.
    """

    admission_id: str
    event_id: str
    order_id: str
    ticket_type_id: str
    status: AdmissionStatus
    code: str | None
    human_code: str | None
    attendee: AttendeeShown
    handed_over: bool
    offer_id: str | None
    created_date_time: str


class AttendeeAtDoor(Shown):
    """Who holds an admission; `email` is null for door devices."""

    email: str | None
    first_name: str
    last_name: str


class AttendeeOfEvent(Shown):
    """An attendee with the admission. `entered_at` is of the entry that stands, null while outside."""

    admission_id: str
    order_id: str
    order_code: str
    ticket_type_id: str
    status: AdmissionStatus
    human_code: str | None
    attendee: AttendeeAtDoor
    entered_at: str | None
    entered_gate: str | None


class AttendeeList(Shown):
    """A page of attendees."""

    data: list[AttendeeOfEvent]
    next_cursor: str | None


@routes.get("/admissions/{admission_id}", response_model=AdmissionShown, summary="Read an admission")
async def get_admission(request: Request, admission_id: str, who: Who, house: TheHouse) -> Response:
    """For its holder (the order's `access_token`, that of who accepted it, or the user) and the event's organizer."""
    admission = await actions.admission_for(house, who, admission_id, TO_READ)
    return reply(request, admission_view(house.keys, admission), version=admission.version)


@routes.patch("/admissions/{admission_id}", response_model=AdmissionShown, summary="Rename an admission's attendee")
async def patch_admission(
    request: Request, admission_id: str, body: AdmissionPatch, who: Who, house: TheHouse, now: Now
) -> Response:
    """For its holder and the event's organizer, until somebody entered with it.

    It needs no new place, so it works when the event is sold out. Another attendee has another code, which the answer shows: the old one
    is refused at the door with `replaced_code`.
    """
    admission = await actions.admission_for(house, who, admission_id, TO_CHANGE)
    refuse_changed(expected_version(request), admission.version)
    attendee: Attendee = replace(admission.attendee, **body.attendee.model_dump(exclude_unset=True))
    changed = await actions.rename(house, admission, attendee, now=now)
    return reply(request, admission_view(house.keys, changed), version=changed.version)


@routes.get(
    "/admissions/{admission_id}/qr.svg",
    response_class=Response,
    responses={200: {"content": {SVG: {}}, "description": "The QR symbol of the admission's code."}},
    summary="Draw an admission's QR symbol",
)
async def get_qr(admission_id: str, who: Who, house: TheHouse) -> Response:
    """For whoever may read the admission; a void one is refused with `admission_void`."""
    admission = await actions.admission_for(house, who, admission_id, TO_READ)
    refuse_void(admission)
    code = code_of(house.keys, admission)
    assert code is not None
    picture = qr_svg(code, title=f"Ticket {admission.human_code}")
    return Response(picture, media_type=SVG, headers={"Cache-Control": "private, no-store"})


class TransferBody(Body):
    """Who a ticket is offered to."""

    email: Annotated[Email, Field(examples=["grace@example.org"])]
    first_name: Annotated[OptionalName, Field(examples=["Grace"])] = ""
    last_name: Annotated[OptionalName, Field(examples=["Hopper"])] = ""


class TransferShown(Shown):
    """An offer to hand a ticket over, and what became of it."""

    transfer_id: str
    admission_id: str
    event_id: str
    status: Literal["offered", "accepted", "withdrawn", "expired"]
    recipient: AttendeeShown
    created_date_time: str
    expires_at: str
    ended_date_time: str | None


async def limit_offers(request: Request, admission_id: str, recipient: Attendee) -> None:
    """Nothing, where the ticket may be offered once more, and to this address. Raises TooManyRequests."""
    await limited(request, LimitKind.OFFER_OF_TICKET, key=admission_id)
    await limited(request, LimitKind.OFFER_TO_RECIPIENT, key=normal_email(recipient.email))


@routes.post(
    "/admissions/{admission_id}/transfer",
    status_code=201,
    response_model=TransferShown,
    summary="Offer a ticket to somebody else",
)
async def post_transfer(
    request: Request, admission_id: str, body: TransferBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """For its holder and the event's organizer. The recipient gets a secret link by e-mail, which nobody else sees.

    Until it is accepted, the ticket stays good as it is, and the offer can be withdrawn. After a week, or with the event, it runs out.
    """
    admission = await actions.admission_for(house, who, admission_id, TO_CHANGE)
    recipient = Attendee(body.email, body.first_name, body.last_name)
    await limit_offers(request, admission_id, recipient)
    return await answer_once(
        request,
        house,
        scope=f"admission {admission_id}",
        act=lambda keep: actions.offer(house, admission, recipient, keep=keep, now=now),
        render=lambda transfer: Answer(
            201,
            transfer_view(transfer, now=now),
            {"Location": f"{house.settings.root_path}/v1/transfers/{transfer.transfer_id}"},
        ),
        now=now,
    )


@routes.get("/transfers/{transfer_id}", response_model=TransferShown, summary="Read a transfer")
async def get_transfer(request: Request, transfer_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """For who has the ticket, the event's organizer, and the recipient with the token of the offer."""
    transfer = await actions.transfer_for(house, who, transfer_id, TO_READ, recipient_too=True)
    return reply(request, transfer_view(transfer, now=now), version=transfer.version)


@routes.post("/transfers/{transfer_id}/withdraw", response_model=TransferShown, summary="Withdraw an offer")
async def post_withdraw(request: Request, transfer_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """For who has the ticket and the event's organizer, until it is accepted."""
    transfer = await actions.transfer_for(house, who, transfer_id, TO_CHANGE)
    return await answer_once(
        request,
        house,
        scope=f"admission {transfer.admission_id}",
        act=lambda keep: actions.withdraw(house, transfer, keep=keep, now=now),
        render=lambda ended: Answer(200, transfer_view(ended, now=now)),
        now=now,
    )


class AttendedEventShown(EventShown):
    """An event, and how many tickets that are not void you have for it; 100 stands for 100 or more."""

    admissions_count: int


class AttendedList(Shown):
    """A page of events that I attend."""

    data: list[AttendedEventShown]
    next_cursor: str | None


def _attended(attended: AttendedEvent, *, now: datetime) -> dict[str, Any]:
    return {**rendered_event(attended.event, now=now), "admissions_count": attended.admissions_count}


@routes.get("/users/me/events", response_model=AttendedList, summary="List the events that I attend")
async def get_my_events(who: Who, house: TheHouse, now: Now, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Each event for which you have a ticket that is not void, once, the newest first; `admissions_count` stops at 100."""
    user = demand_own(who, Right.READ_OWN_ORDERS)
    page = await events_attended(house.store, user.user_id, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed_from([_attended(each, now=now) for each in page.attended], page.next_cursor)))


@routes.get("/events/{event_id}/attendees", response_model=AttendeeList, summary="List an event's attendees")
async def get_attendees(
    event_id: str,
    who: Who,
    house: TheHouse,
    q: Annotated[
        str | None,
        Query(max_length=NAME_LENGTH_MAX, description="Words of a name or address, an order code or a human code."),
    ] = None,
    ticket_type_id: Annotated[str | None, Query(description="Only this ticket type.")] = None,
    status: Annotated[AdmissionStatus | None, Query(description="Only admissions of this status.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> Response:
    """For the event's organizer, and for its door devices without e-mail addresses.

    With filters, a page may be short or empty and still have a `next_cursor`: go on from there.
    """
    view = await attendees_view(house, who, event_id)
    wanted = AttendeeFilter(text=(q or "").strip() or None, ticket_type_id=ticket_type_id, status=status)
    page = await attendees(house.store, event_id, wanted, view, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed_from([view.shown(each) for each in page.admissions], page.next_cursor)))
