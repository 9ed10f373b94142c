"""JSON routes of the door: parse, act, render."""

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.model import Device
from ticketing.accounts.store import device_of
from ticketing.admission.model import Admission, AdmissionStatus
from ticketing.base.bounds import NAME_LENGTH_MAX, SCANNED_LENGTH_MAX
from ticketing.base.times import shown
from ticketing.checkin import actions
from ticketing.checkin.actions import NewDevice, Scanned
from ticketing.checkin.model import Direction, Scan, Told
from ticketing.checkin.rules import AlreadyIn
from ticketing.checkin.store import page_of_devices
from ticketing.events.api.common import Cursor, Limit
from ticketing.web.bodies import Body, MadeIdentifier, Moment, Name, Shown
from ticketing.web.once import answer_once
from ticketing.web.replies import (
    JSON,
    PROBLEM_JSON,
    STATUS_OF_KIND,
    Answer,
    encoded,
    limit_of,
    listed,
    problem,
    respond,
)
from ticketing.web.routing import Now, TheHouse, router

routes = router("check-ins")


class ScanBody(Body):
    """A scan. `code` is what the QR symbol says, or the short code as typed."""

    code: Annotated[str, Field(min_length=1, max_length=SCANNED_LENGTH_MAX, examples=["7K2M-9XQ4-AB3D"])]
    scan_id: Annotated[
        MadeIdentifier,
        Field(
            description="Made by the door, fresh for each scan; sent again when no answer came.",
            examples=["2f0c6f0e-6d4b-4a52-9d0c-6a3f7f8f3b11"],
        ),
    ]
    direction: Direction = Direction.ENTRY
    scanned_at: Annotated[
        Moment | None, Field(description="When the door scanned, if not now.", examples=["2027-05-01T18:00:00Z"])
    ] = None
    gate: Annotated[
        Name | None, Field(description="Where; a device's name if nothing is said.", examples=["North"])
    ] = None

    def scan(self) -> Scan:
        """The same, as actions take it."""
        return Scan(
            scan_id=self.scan_id,
            code=self.code,
            direction=self.direction,
            scanned_at=self.scanned_at,
            gate=self.gate,
        )


class HolderShown(Shown):
    """Who holds the ticket, without the address."""

    first_name: str
    last_name: str


class ScannedAdmissionShown(Shown):
    """The ticket as the door sees it."""

    admission_id: str
    ticket_type_id: str
    status: AdmissionStatus
    attendee: HolderShown


class CheckInShown(Shown):
    """Somebody passed. `result` is `admitted` or `left`."""

    result: str
    event_id: str
    scan_id: str
    direction: Direction
    scanned_at: str
    gate: str | None
    admission: ScannedAdmissionShown


class DeviceBody(Body):
    """A scanner as its organizer describes it. Without `expires_at` it works until it is removed."""

    name: Annotated[Name, Field(max_length=NAME_LENGTH_MAX, examples=["North gate 1"])]
    expires_at: Annotated[Moment | None, Field(examples=["2027-05-02T04:00:00Z"])] = None


class DeviceShown(Shown):
    """A scanner."""

    device_id: str
    event_id: str
    name: str
    created_date_time: str
    expires_at: str | None


class NewDeviceShown(DeviceShown):
    """A scanner with its token, which is shown this once."""

    token: str


class DeviceList(Shown):
    """A page of scanners."""

    data: list[DeviceShown]
    next_cursor: str | None


def _admission_shown(admission: Admission) -> dict[str, Any]:
    return {
        "admission_id": admission.admission_id,
        "ticket_type_id": admission.ticket_type_id,
        "status": admission.status.value,
        "attendee": {
            "first_name": admission.attendee.first_name,
            "last_name": admission.attendee.last_name,
        },
    }


def told(scanned: Scanned, *, event_id: str, path: str, root_path: str) -> Told:
    """The answer to a scan, as kept and sent."""
    admission = scanned.admission
    refusal = scanned.refusal
    if refusal is not None:
        facts: dict[str, Any] = {"admission": _admission_shown(admission)}
        if isinstance(refusal, AlreadyIn) and admission.entered_at is not None:
            facts |= {"entered_at": shown(admission.entered_at), "gate": admission.entered_gate}
        document = problem(refusal, instance=path, root_path=root_path)
        return Told(STATUS_OF_KIND[refusal.kind], encoded(document | facts))
    body = {
        "result": scanned.result,
        "event_id": event_id,
        "scan_id": scanned.scan.scan_id,
        "direction": scanned.passage.direction.value,
        "scanned_at": shown(scanned.passage.at),
        "gate": scanned.passage.gate,
        "admission": _admission_shown(admission),
    }
    return Told(201, encoded(body))


@routes.post(
    "/events/{event_id}/check-ins",
    status_code=201,
    response_model=CheckInShown,
    responses={
        404: {"description": "`unknown_code`, or `not_found` for who may not scan here"},
        409: {
            "description": "`bad_signature`, `other_event`, `void_admission`, `replaced_code`, `already_in`, `not_in`"
        },
        422: {"description": "`scan_id_reused`"},
    },
    summary="Check a ticket in or out",
)
async def post_check_in(
    request: Request, event_id: str, body: ScanBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """For the event's organizer, API keys with the scope `check_ins`, and the event's door devices.

    The same `scan_id` with the same content finds the same answer, so a scan is repeated without fear. `already_in` says in
    `entered_at` and `gate` when and where the first one entered.
    """
    door = await actions.door_of(house, who, event_id)
    answer = await actions.check_in(
        house,
        door,
        body.scan(),
        render=lambda scanned: told(
            scanned, event_id=event_id, path=request.url.path, root_path=house.settings.root_path
        ),
        now=now,
    )
    return Response(
        answer.content,
        status_code=answer.status,
        media_type=JSON if answer.status < 400 else PROBLEM_JSON,
        headers={"Idempotent-Replayed": "true"} if answer.again else {},
    )


def device_shown(device: Device) -> dict[str, Any]:
    """A device as JSON."""
    return {
        "device_id": device.device_id,
        "event_id": device.event_id,
        "name": device.name,
        "created_date_time": shown(device.created_date_time),
        "expires_at": None if device.expires_at is None else shown(device.expires_at),
    }


def _created(made: NewDevice) -> Answer:
    return Answer(201, {**device_shown(made.device), "token": made.token})


@routes.post(
    "/events/{event_id}/devices", status_code=201, response_model=NewDeviceShown, summary="Create a door device"
)
async def post_device(
    request: Request, event_id: str, body: DeviceBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """The event's organizer only. `token` is shown this once; it opens nothing but this event's door."""
    event = await actions.own_event(house, who, event_id)
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_device(
            house, event, name=body.name, expires_at=body.expires_at, keep=keep, now=now
        ),
        render=_created,
        now=now,
    )


@routes.get("/events/{event_id}/devices", response_model=DeviceList, summary="List an event's door devices")
async def get_devices(event_id: str, who: Who, house: TheHouse, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The event's organizer only; oldest first."""
    event = await actions.own_event(house, who, event_id)
    page = await page_of_devices(house.store, event.event_id, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: device_shown(device_of(record)))))


@routes.delete("/events/{event_id}/devices/{device_id}", status_code=204, summary="Remove a door device")
async def delete_device(event_id: str, device_id: str, who: Who, house: TheHouse) -> Response:
    """The event's organizer only. Its token opens nothing from then on."""
    event = await actions.own_event(house, who, event_id)
    await actions.remove_device(house, event, device_id)
    return Response(status_code=204)
