"""A delivery: one mail to one person about one fact; what becomes of it; and the post office that it is handed to."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


class MailKind(Enum):
    """What a mail says. Each kind has a template of this name in every language."""

    ORDER_CONFIRMED = "order_confirmed"
    PAYMENT_INSTRUCTIONS = "payment_instructions"
    ORDER_EXPIRED = "order_expired"
    ORDER_CANCELLED = "order_cancelled"
    TICKETS_CANCELLED = "tickets_cancelled"
    REFUND_MADE = "refund_made"
    REFUND_DUE = "refund_due"
    EVENT_POSTPONED = "event_postponed"
    EVENT_CANCELLED = "event_cancelled"
    EVENT_RESUMED = "event_resumed"
    TICKET_OFFERED = "ticket_offered"
    OFFER_WITHDRAWN = "offer_withdrawn"
    OFFER_DECLINED = "offer_declined"
    TICKET_RECEIVED = "ticket_received"
    TICKET_HANDED_OVER = "ticket_handed_over"
    TICKET_RENAMED = "ticket_renamed"
    LOGIN_LINK = "login_link"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind of mail
    EMAIL_VERIFICATION = "email_verification"

    @property
    def is_of_account(self) -> bool:
        """Whether it is about a login and carries a link that is good once."""
        return self in (MailKind.LOGIN_LINK, MailKind.PASSWORD_RESET, MailKind.EMAIL_VERIFICATION)

    @property
    def is_of_a_ticket(self) -> bool:
        """Whether it is about one ticket that changes hands or names; its `subject_id` is the transfer, or the admission."""
        return self in (
            MailKind.TICKET_OFFERED,
            MailKind.OFFER_WITHDRAWN,
            MailKind.OFFER_DECLINED,
            MailKind.TICKET_RECEIVED,
            MailKind.TICKET_HANDED_OVER,
            MailKind.TICKET_RENAMED,
        )


class DeliveryStatus(Enum):
    """How far a mail came. A queued one is tried until it is handed over, refused for good, or given up."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One mail to one person. `subject_id` is what it is about beside order and event: a payment, a refund, a link.

    While queued it is not tried before `next_attempt_at`; a process that is at it has it until then.
    """

    delivery_id: str
    fact_id: str
    kind: MailKind
    recipient: str
    language: str
    event_id: str | None
    order_id: str | None
    subject_id: str
    delivery_status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime
    last_error: str | None
    created_date_time: datetime
    sent_date_time: datetime | None
    expires_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, as `notify` reads it, with how far its telling came (a cursor, where it concerns many)."""

    fact_id: str
    kind: str
    event_id: str | None
    subject_id: str
    content: dict[str, str]
    created_date_time: datetime
    shard: str
    told_up_to: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail. `media_type` is like `application/pdf`."""

    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it goes out: the envelope and the message with its headers. `needs_utf8`: its addresses are not ASCII."""

    sender: str
    recipient: str
    content: bytes
    needs_utf8: bool


class Fate(Enum):
    """What became of a letter at the post office."""

    HANDED_OVER = "handed over"
    LATER = "later"
    """Not now: the server asked for patience, or the connection broke. It may have been handed over all the same."""
    REFUSED = "refused"
    """Never: the server does not take this letter."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter, and a code that says why; never the server's own words, which may name people."""

    fate: Fate
    code: str = ""


class Post(Protocol):
    """Takes letters. Many may be sent at once; how many go at a time is its own matter."""

    async def is_open(self) -> bool:
        """Whether letters can be handed over now: the server is there and takes our log-in."""
        ...

    async def send(self, letter: Letter) -> Outcome:
        """What became of the letter. Raises nothing for what servers and networks do."""
        ...

    async def close(self) -> None:
        """No connection is left open."""
        ...
