"""Use cases of the door: scans, and the devices that make them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from ticketing.accounts.model import Device, Principal
from ticketing.accounts.permissions import Right, demand
from ticketing.accounts.store import device_record, read_device
from ticketing.admission import codes
from ticketing.admission.model import Admission
from ticketing.admission.signing import signer_of
from ticketing.admission.store import admission_record, admissions_by_human_code, read_admission
from ticketing.base.changes import Change, Check, Give, Insert, Remove, Replace, Take
from ticketing.base.errors import NotFound, Refusal
from ticketing.base.house import House, secret_hash
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.checkin.model import CheckIn, Direction, Passage, Scan, Told
from ticketing.checkin.rules import (
    AlreadyIn,
    BadSignature,
    NotIn,
    ReplacedCode,
    ScanIdReused,
    TooManyDevices,
    UnknownCode,
    VoidAdmission,
    fingerprint_of,
    passage_of,
    passed,
    refuse_past,
)
from ticketing.checkin.sealing import opened, sealed
from ticketing.checkin.store import check_in_record, devices_pool, read_check_in
from ticketing.events.model import Event
from ticketing.events.store import read_event
from ticketing.schema.tables import ADMISSIONS, CHECK_INS, DEVICES, EVENTS

ROUNDS_MAX: Final = 8
"""Each lost round means that another scan, rename or refund of this one ticket came through: eight are not a queue at a door."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan that was decided. `admission` is as it stands afterwards; `refusal` says why nobody passed, None if somebody did."""

    scan: Scan
    passage: Passage
    admission: Admission
    refusal: Refusal | None

    @property
    def result(self) -> str:
        """The word for it: "admitted", "left", or the refusal's code."""
        if self.refusal is not None:
            return self.refusal.code
        return "admitted" if self.passage.direction is Direction.ENTRY else "left"


Render: TypeAlias = Callable[[Scanned], Told]
"""How a face answers a scan, in the very bytes that are kept and told again."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a scan is made, and by whom: a user's or a device's id."""

    event_id: str
    scanned_by: str
    device_name: str | None


async def door_of(house: House, who: Principal, event_id: str) -> Door:
    """The door of this event, at which this principal may scan: its organizer, an admin, or a device made for it.

    Raises Unauthenticated without credentials, NotFound without the right.
    """
    if who.device is not None:
        if who.device.event_id != event_id:
            raise NotFound
        return Door(event_id, scanned_by=who.device.device_id, device_name=who.device.name)
    event = await read_event(house.store, event_id)
    user = demand(who, Right.CHECK_IN, owner_user_id=None if event is None else event.organizer_user_id)
    if event is None:
        raise NotFound
    return Door(event_id, scanned_by=user.user_id, device_name=None)


async def check_in(house: House, door: Door, scan: Scan, *, render: Render, now: datetime) -> Told:
    """The scan is decided once: its answer and the admission change in one commit, and the same scan finds the same answer.

    Raises, in this order: ScanIdReused, UnknownCode, BadSignature, OtherEvent; Busy where too much happens to one ticket. These are
    not kept: they change nothing, stay true or were about nothing that we know, and a forger could fill the store with them.
    VoidAdmission, ReplacedCode, AlreadyIn and NotIn are told by `render` and kept, since they may no longer be true when asked again.
    """
    fingerprint = fingerprint_of(scan, scanned_by=door.scanned_by)
    told = await _told_before(house, door, scan, fingerprint=fingerprint)
    if told is not None:
        return told
    presented = await _presented(house, door.event_id, scan.code)
    passage = passage_of(scan, device_name=door.device_name, now=now)
    for _ in range(ROUNDS_MAX):
        admission = await read_admission(house.store, presented.admission_id)
        if admission is None:
            raise UnknownCode
        guard: Change
        try:
            after = passed(admission, passage, event_id=door.event_id, generation=presented.generation)
            scanned = Scanned(scan, passage, after, refusal=None)
            guard = Replace(ADMISSIONS, admission_record(after))
        except (VoidAdmission, ReplacedCode, AlreadyIn, NotIn) as refusal:
            scanned = Scanned(scan, passage, admission, refusal)
            guard = Check(ADMISSIONS, (admission.admission_id,), admission.version)
        told = render(scanned)
        kept = CheckIn(
            event_id=door.event_id,
            scan_id=scan.scan_id,
            fingerprint=fingerprint,
            admission_id=admission.admission_id,
            direction=scan.direction,
            result=scanned.result,
            status=told.status,
            sealed_answer=sealed(house, told.content, name=_name(door, scan)),
            gate=passage.gate,
            scanned_by=door.scanned_by,
            scanned_at=passage.at,
            created_date_time=now,
        )
        try:
            await house.store.commit((Insert(CHECK_INS, check_in_record(kept)), guard))
        except Conflict:
            earlier = await _told_before(house, door, scan, fingerprint=fingerprint)
            if earlier is not None:
                return earlier
            continue
        return told
    raise Busy


async def _told_before(house: House, door: Door, scan: Scan, *, fingerprint: str) -> Told | None:
    """What was answered to this scan before. Raises ScanIdReused where its id is another's."""
    earlier = await read_check_in(house.store, event_id=door.event_id, scan_id=scan.scan_id)
    if earlier is None:
        return None
    if earlier.fingerprint != fingerprint:
        raise ScanIdReused
    return Told(earlier.status, opened(house, earlier.sealed_answer, name=_name(door, scan)), again=True)


def _name(door: Door, scan: Scan) -> str:
    return f"{door.event_id}\n{scan.scan_id}"


@dataclass(frozen=True, slots=True)
class Presented:
    """The admission that a code is proven to name, and the code's generation."""

    admission_id: str
    generation: int


async def _presented(house: House, event_id: str, text: str) -> Presented:
    """Which admission is presented. Raises UnknownCode, BadSignature."""
    try:
        parts = codes.read(text)
    except codes.BadCode:
        return await _presented_by_hand(house, event_id, text)
    signed_for = event_id
    if not parts.is_for(event_id):
        # Only the event that it was made for can say whether we signed it: a forged one is not called another event's ticket.
        admission = await read_admission(house.store, parts.admission_id)
        if admission is None:
            raise BadSignature
        signed_for = admission.event_id
    # One key for each event so far; asking for others would only derive keys that nobody signed with.
    if parts.kid != codes.KID_FIRST or not codes.signature_holds(
        parts, public_key=signer_of(house.keys).public_key(signed_for, parts.kid)
    ):
        raise BadSignature
    return Presented(parts.admission_id, parts.generation)


async def _presented_by_hand(house: House, event_id: str, text: str) -> Presented:
    human_code = codes.normalise_human_code(text)
    if human_code is None:
        raise UnknownCode
    candidates = await admissions_by_human_code(house.store, human_code)
    here_first = sorted(candidates, key=lambda admission: admission.event_id != event_id)
    if not here_first:
        raise UnknownCode
    # Of the generation that has this short code: one that is handed over at this moment has another.
    return Presented(here_first[0].admission_id, generation=here_first[0].generation)


# Devices -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device with its token, which is shown this once."""

    device: Device
    token: str


async def own_event(house: House, who: Principal, event_id: str) -> Event:
    """The event, whose door devices this principal manages. Raises Unauthenticated, NotFound."""
    event = await read_event(house.store, event_id)
    demand(who, Right.MANAGE_DEVICES, owner_user_id=None if event is None else event.organizer_user_id)
    if event is None:
        raise NotFound
    return event


async def create_device(
    house: House, event: Event, *, name: str, expires_at: datetime | None, keep: Keep[NewDevice], now: datetime
) -> NewDevice:
    """A device that may scan at this event, until it is removed or expires. Raises Invalid, TooManyDevices, NotFound."""
    refuse_past(expires_at, now=now)
    secret = house.new_secret()
    device = Device(
        device_id=house.new_id("dev", now),
        event_id=event.event_id,
        name=name,
        secret_hash=secret_hash(secret),
        created_date_time=now,
        expires_at=expires_at,
    )
    made = NewDevice(device, token=f"{device.device_id}.{secret}")
    changes = (*keep(made), Take(devices_pool(event.event_id), 1), Insert(DEVICES, device_record(device)))
    try:
        await commit_once(house, changes)
    except Conflict as conflict:
        if conflict.change.table is EVENTS and conflict.found is not None:
            raise TooManyDevices from conflict
        raise NotFound from conflict
    return made


async def remove_device(house: House, event: Event, device_id: str) -> None:
    """The device scans no more. Raises NotFound where this event has no such device."""
    device = await read_device(house.store, device_id)
    if device is None or device.event_id != event.event_id:
        raise NotFound
    try:
        await house.store.commit((Remove(DEVICES, (device_id,)), Give(devices_pool(event.event_id), 1)))
    except Conflict as conflict:
        raise NotFound from conflict
