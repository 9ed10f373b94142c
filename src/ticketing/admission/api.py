"""JSON routes of admissions: parse, act, render."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
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
)
from ticketing.admission.rules import refuse_void
from ticketing.admission.signing import code_of
from ticketing.base.bounds import NAME_LENGTH_MAX
from ticketing.events.api.common import Cursor, Limit
from ticketing.events.api.events import EventShown
from ticketing.events.api.events import rendered as rendered_event
from ticketing.web.bodies import Body, Email, OptionalName, Shown, refuse_null
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
    """A ticket. `code` is what its QR symbol says; a void ticket has neither `code` nor `human_code`."""

    admission_id: str
    event_id: str
    order_id: str
    ticket_type_id: str
    status: AdmissionStatus
    code: str | None
    human_code: str | None
    attendee: AttendeeShown
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
    """For its owner (the order's `access_token`, or the user who bought it) and the event's organizer."""
    admission = await actions.admission_for(house, who, admission_id, TO_READ)
    return reply(request, admission_view(house.keys, admission), version=admission.version)


@routes.patch("/admissions/{admission_id}", response_model=AdmissionShown, summary="Rename an admission's attendee")
async def patch_admission(
    request: Request, admission_id: str, body: AdmissionPatch, who: Who, house: TheHouse
) -> Response:
    """For its owner and the event's organizer, until somebody entered with it.

    It needs no new place, so it works when the event is sold out. The code stays as it is: whoever renames has it and hands it on.
    """
    admission = await actions.admission_for(house, who, admission_id, TO_CHANGE)
    refuse_changed(expected_version(request), admission.version)
    attendee: Attendee = replace(admission.attendee, **body.attendee.model_dump(exclude_unset=True))
    changed = await actions.rename(house, admission, attendee)
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
