"""Pure decisions of notify: which mails a fact asks for, what becomes of a delivery after an attempt, when it is tried again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from ticketing.base.bounds import MAIL_ATTEMPTS_MAX, MAIL_TRIED_FOR, MAILS_KEPT
from ticketing.base.errors import Kind, Refusal
from ticketing.base.ids import from_int
from ticketing.notify.model import Delivery, DeliveryStatus, Fact, Fate, MailKind, Outcome
from ticketing.sales.model import PaymentStatus

FIRST_PAUSE: Final = timedelta(seconds=20)
"""Greylisting servers want a second try after a minute or so: three tries lie within it."""
LONGEST_PAUSE: Final = timedelta(hours=2)
ATTEMPT_LASTS: Final = timedelta(seconds=90)
"""For so long a process has a delivery to itself: several times what the slowest server may take. One that is killed meanwhile
leaves it to be tried again after that."""


class NothingToResend(Refusal):
    """The order has no mail that could be sent again."""

    code = "nothing_to_resend"
    kind = Kind.CONFLICT
    title = "This order has no tickets yet, so there is nothing to send again."


class TooManyResends(Refusal):
    """The order's tickets were sent again as often as they may be."""

    code = "too_many_resends"
    kind = Kind.CONFLICT
    title = "These tickets were mailed again as often as they may be. Open the order by its link instead."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mail that a fact asks for."""

    kind: MailKind
    recipient: str
    language: str
    event_id: str | None
    order_id: str | None
    subject_id: str


OF_ONE_ORDER: Final[Mapping[str, tuple[MailKind, str]]] = {
    "order.completed": (MailKind.ORDER_CONFIRMED, "order_id"),
    "payment.promised": (MailKind.PAYMENT_INSTRUCTIONS, "payment_id"),
    "order.expired": (MailKind.ORDER_EXPIRED, "order_id"),
    "order.cancelled": (MailKind.ORDER_CANCELLED, "order_id"),
    "order.tickets_cancelled": (MailKind.TICKETS_CANCELLED, "refund_id"),
    "order.refunded": (MailKind.REFUND_MADE, "refund_id"),
    "order.refund_due": (MailKind.REFUND_DUE, "refund_id"),
}
"""Facts of one order: the kind of mail to its buyer, and the name in the fact's content of what it is about."""


class Side(Enum):
    """Who hears of what happens to a ticket."""

    HOLDER = "holder"
    """Who had it when it happened."""
    RECIPIENT = "recipient"
    """To whom it is offered, or who accepted it."""


OF_A_TICKET: Final[Mapping[str, tuple[tuple[MailKind, Side], ...]]] = {
    "admission.offered": ((MailKind.TICKET_OFFERED, Side.RECIPIENT),),
    "admission.offer_withdrawn": ((MailKind.OFFER_WITHDRAWN, Side.RECIPIENT),),
    "admission.offer_declined": ((MailKind.OFFER_DECLINED, Side.HOLDER),),
    "admission.transferred": ((MailKind.TICKET_RECEIVED, Side.RECIPIENT), (MailKind.TICKET_HANDED_OVER, Side.HOLDER)),
    "admission.renamed": ((MailKind.TICKET_RENAMED, Side.HOLDER),),
}
"""Facts of one ticket: the kinds of mail, and to whom each goes."""

OF_AN_ACCOUNT: Final[Mapping[str, MailKind]] = {
    "account.login_link_wanted": MailKind.LOGIN_LINK,
    "account.reset_link_wanted": MailKind.PASSWORD_RESET,
    "account.verify_link_wanted": MailKind.EMAIL_VERIFICATION,
}


def concerns_all(fact: Fact) -> MailKind | None:
    """The kind of mail that everybody with an order at the fact's event gets; None for every other fact."""
    match fact.kind:
        case "event.postponed":
            return MailKind.EVENT_POSTPONED
        case "event.cancelled":
            return MailKind.EVENT_CANCELLED
        case "event.published" if fact.content.get("was") == "postponed":
            return MailKind.EVENT_RESUMED
    return None


CONCERNED: Final = frozenset({PaymentStatus.PENDING, PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED})
"""Whose buyers hear that an event moves or is called off: those who have a ticket or wait for one."""


def delivery_of(wanted: Wanted, *, fact_id: str, again: int = 0, now: datetime) -> Delivery:
    """The delivery as it begins. Its id follows from fact, kind and recipient, so that there is only ever one.

    `again` counts resends: each is a delivery of its own.
    """
    name = f"{fact_id}\n{wanted.kind.value}\n{wanted.recipient.casefold()}\n{again}"
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return Delivery(
        delivery_id=from_int("dlv", int.from_bytes(digest, "big")),
        fact_id=fact_id,
        kind=wanted.kind,
        recipient=wanted.recipient,
        language=wanted.language,
        event_id=wanted.event_id,
        order_id=wanted.order_id,
        subject_id=wanted.subject_id,
        delivery_status=DeliveryStatus.QUEUED,
        attempts=0,
        next_attempt_at=now,
        last_error=None,
        created_date_time=now,
        sent_date_time=None,
        expires_at=now + MAILS_KEPT,
        version=1,
    )


def begun(delivery: Delivery, *, now: datetime) -> Delivery:
    """The delivery while a process is at it: nobody else tries it before that has had its time."""
    return replace(delivery, attempts=delivery.attempts + 1, next_attempt_at=now + ATTEMPT_LASTS)


def given_up(delivery: Delivery, why: str) -> Delivery:
    """The delivery that is not tried any more."""
    return replace(delivery, delivery_status=DeliveryStatus.DEAD, last_error=why)


def pause_after(attempts: int, *, spread: float) -> timedelta:
    """How long to wait after so many attempts: twice as long each time up to two hours, less up to half by `spread` (0 to 1).

    The spread keeps mails that failed together from coming back together.
    """
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts - 1, 20)))
    return pause - pause * (spread / 2)


def after_attempt(delivery: Delivery, outcome: Outcome, *, spread: float, now: datetime) -> Delivery:
    """The delivery after an attempt: handed over, refused for good, given up, or to be tried again."""
    match outcome.fate:
        case Fate.HANDED_OVER:
            return replace(delivery, delivery_status=DeliveryStatus.SENT, sent_date_time=now, last_error=None)
        case Fate.REFUSED:
            return replace(delivery, delivery_status=DeliveryStatus.FAILED, last_error=outcome.code)
        case Fate.LATER:
            if delivery.attempts >= MAIL_ATTEMPTS_MAX or is_too_old(delivery, now=now):
                return given_up(delivery, outcome.code)
            later = now + pause_after(delivery.attempts, spread=spread)
            return replace(delivery, next_attempt_at=later, last_error=outcome.code)


def is_too_old(delivery: Delivery, *, now: datetime) -> bool:
    """Whether what it says is news no more."""
    return now - delivery.created_date_time > MAIL_TRIED_FOR
