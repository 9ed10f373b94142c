"""Who is let in and out, and every "no" of the door, in order of precedence."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from ticketing.admission.model import Admission, AdmissionStatus
from ticketing.base.bounds import DEVICES_PER_EVENT_MAX
from ticketing.base.errors import FieldError, Invalid, Kind, Refusal
from ticketing.base.times import written
from ticketing.checkin.model import Direction, Passage, Scan


class ScanIdReused(Refusal):
    """The scan id was used for another scan, or by another door."""

    code = "scan_id_reused"
    kind = Kind.NOT_ALLOWED
    title = "This scan_id was used for another scan. Make a fresh one for each."


class UnknownCode(Refusal):
    """The text is no code of this house, or nothing is known by it."""

    code = "unknown_code"
    kind = Kind.NOT_FOUND
    title = "There is no ticket with this code."


class BadSignature(Refusal):
    """The code looks like one of ours, but we did not sign it."""

    code = "bad_signature"
    kind = Kind.CONFLICT
    title = "This code was not made here. Do not admit."


class OtherEvent(Refusal):
    """The ticket is good for another event."""

    code = "other_event"
    kind = Kind.CONFLICT
    title = "This ticket is for another event."


class VoidAdmission(Refusal):
    """The ticket was refunded or withdrawn."""

    code = "void_admission"
    kind = Kind.CONFLICT
    title = "This ticket is no longer good."


class ReplacedCode(Refusal):
    """The ticket is good, but not this code of it: it was handed over or renamed, and has a newer one."""

    code = "replaced_code"
    kind = Kind.CONFLICT
    title = "This ticket has a newer code: it was handed over or renamed. Only that one is good."


class AlreadyIn(Refusal):
    """Somebody entered with this ticket and has not left: `entered_at` and `gate` say when and where."""

    code = "already_in"
    kind = Kind.CONFLICT
    title = "Somebody entered with this ticket already."


class NotIn(Refusal):
    """Nobody is inside with this ticket, so nobody can leave with it."""

    code = "not_in"
    kind = Kind.CONFLICT
    title = "Nobody is inside with this ticket."


class TooManyDevices(Refusal):
    """The event has as many door devices as it may."""

    code = "too_many_devices"
    kind = Kind.CONFLICT
    title = f"An event has at most {DEVICES_PER_EVENT_MAX} door devices. Remove one first."


def passed(admission: Admission, passage: Passage, *, event_id: str, generation: int) -> Admission:
    """The admission after its holder went through the door of this event; its version is still the one that was read.

    `generation` is the code's. One that entered stays used, so that it is never sold again. An admission
    exists only once its order is paid, so nothing here can be unpaid. Raises OtherEvent, VoidAdmission,
    ReplacedCode, AlreadyIn, NotIn.
    """
    if admission.event_id != event_id:
        raise OtherEvent
    if admission.is_void:
        raise VoidAdmission
    if generation != admission.generation:
        raise ReplacedCode
    match passage.direction:
        case Direction.ENTRY:
            if admission.entered_at is not None:
                raise AlreadyIn
            return replace(admission, status=AdmissionStatus.USED, entered_at=passage.at, entered_gate=passage.gate)
        case Direction.EXIT:
            if admission.entered_at is None:
                raise NotIn
            return replace(admission, entered_at=None, entered_gate=None)


def passage_of(scan: Scan, *, device_name: str | None, now: datetime) -> Passage:
    """The scan with what it left open. A door whose clock is fast has not scanned in the future."""
    return Passage(
        direction=scan.direction,
        at=now if scan.scanned_at is None else min(scan.scanned_at, now),
        gate=device_name if scan.gate is None else scan.gate,
    )


def fingerprint_of(scan: Scan, *, scanned_by: str) -> str:
    """What tells one scan from another under the same scan id.

    Who scanned belongs to it: if two doors made the same scan id of the same code, the second must not be told "admitted" again.
    """
    parts = (
        scanned_by,
        scan.code,
        scan.direction.value,
        None if scan.scanned_at is None else written(scan.scanned_at),
        scan.gate,
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def refuse_past(expires_at: datetime | None, *, now: datetime) -> None:
    """Nothing, where a device's end lies ahead or is open. Raises Invalid."""
    if expires_at is not None and expires_at <= now:
        raise Invalid(FieldError("/expires_at", "in_the_past", "must lie ahead"))
