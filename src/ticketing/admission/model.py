"""An admission, and the attendee who holds it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class AdmissionStatus(Enum):
    """What an admission is good for. A used one stays used when its holder goes out; whether somebody is inside says `entered_at`."""

    VALID = "valid"
    USED = "used"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who holds an admission. Names may be empty; the address is where the ticket was sent."""

    email: str
    first_name: str
    last_name: str


class TransferStatus(Enum):
    """What became of an offer to hand a ticket over. That it ran out is not stored: `expires_at` says so."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Transfer:
    """A ticket offered to somebody else, who may accept it until `expires_at`. Its tokens are derived, never stored."""

    transfer_id: str
    admission_id: str
    event_id: str
    recipient: Attendee
    status: TransferStatus
    created_date_time: datetime
    expires_at: datetime
    ended_date_time: datetime | None
    version: int

    def is_open(self, *, now: datetime) -> bool:
        """Whether it can still be accepted, as far as it goes by the offer itself."""
        return self.status is TransferStatus.OFFERED and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Admission:
    """One person's right to enter. `entered_at` and `entered_gate` are of the entry that stands, None while outside.

    Its identity is `admission_id` for good: codes show it, with the `generation` under which they are true.
    """

    admission_id: str
    event_id: str
    order_id: str
    ticket_type_id: str
    user_id: str
    attendee: Attendee
    status: AdmissionStatus
    generation: int
    entered_at: datetime | None
    entered_gate: str | None
    human_code: str
    created_date_time: datetime
    version: int
    holds_place: bool = True
    """False once its place went back to the sale. The place of one that was used never does."""
    transfer_id: str | None = None
    """The transfer by which its holder has it; None while that is who ordered it."""
    offer_id: str | None = None
    """The transfer by which it was last offered to somebody, unless that was accepted or withdrawn. It may have run out."""

    @property
    def is_void(self) -> bool:
        """Whether it opens no door any more."""
        return self.status is AdmissionStatus.VOID
