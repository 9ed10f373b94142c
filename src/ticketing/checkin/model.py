"""A scan at the door, and what was answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Direction(Enum):
    """Which way the holder goes."""

    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a door asks. `code` is a ticket's code or the short one that people type; `scan_id` is made by the door for each scan.

    `scanned_at` is the door's own time, None for now; `gate` None for the device's name.
    """

    scan_id: str
    code: str
    direction: Direction
    scanned_at: datetime | None
    gate: str | None


@dataclass(frozen=True, slots=True)
class Passage:
    """The scan as it is decided: which way, when and where, all known."""

    direction: Direction
    at: datetime
    gate: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a scan: an HTTP status and the exact bytes of its JSON. `again` says that it was told before."""

    status: int
    content: bytes
    again: bool = False


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A scan of a known admission with its answer, kept under the door's `scan_id` so that it is told again.

    `fingerprint` tells scans apart; `result` is "admitted", "left" or a refusal's code; `sealed_answer` may hold a name, so it
    is encrypted.
    """

    event_id: str
    scan_id: str
    fingerprint: str
    admission_id: str
    direction: Direction
    result: str
    status: int
    sealed_answer: str
    gate: str | None
    scanned_by: str
    scanned_at: datetime
    created_date_time: datetime
