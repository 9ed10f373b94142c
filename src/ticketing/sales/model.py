"""Orders, their lines and customers, and the wishes for them."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from ticketing.base.ids import order_code
from ticketing.base.money import Money

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from ticketing.base.quick import dataclass


class PaymentStatus(Enum):
    """How an order stands."""

    PENDING = "pending"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"

    @property
    def has_tickets(self) -> bool:
        """Whether the order brought admissions (some of which may be void by now)."""
        return self in (PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who buys, as entered."""

    email: str
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who an order belongs to: a user with a login (`account_user_id` is the same id), or a guest known by the address."""

    user_id: str
    account_user_id: str | None
    allowance: str
    customer: Customer
    language: str | None = None


@dataclass(frozen=True, slots=True)
class LineWish:
    """So many of one ticket type."""

    ticket_type_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class HoldWish:
    """What somebody wants to buy; each ticket type stands once, the quantities are at least 1."""

    event_id: str
    lines: tuple[LineWish, ...]


@dataclass(frozen=True, slots=True)
class OrderLine:
    """So many of one ticket type in an order, at the price of when it was ordered, in minor units of the order's currency."""

    ticket_type_id: str
    quantity: int
    unit_amount: int

    @property
    def subtotal_amount(self) -> int:
        """What the line costs."""
        return self.quantity * self.unit_amount


@dataclass(frozen=True, slots=True)
class Order:
    """One purchase. Pending, it holds its places until `expires_at`; amounts are minor units of `currency`.

    `amount_refunded` counts what is due to go back as well as what went.
    """

    order_id: str
    event_id: str
    user_id: str
    account_user_id: str | None
    order_date_time: datetime
    total_amount: int
    currency: str
    payment_status: PaymentStatus
    expires_at: datetime
    extensions: int
    amount_paid: int
    amount_refunded: int
    customer: Customer
    payments: tuple[str, ...]
    refunds: tuple[str, ...]
    lines: tuple[OrderLine, ...]
    version: int
    language: str | None = None
    """In which mails about it are written; None: English."""

    @property
    def ticket_count(self) -> int:
        """How many tickets the order is for."""
        return sum(line.quantity for line in self.lines)

    @property
    def code(self) -> str:
        """Its short code, which people read out."""
        return order_code(self.order_id)

    @property
    def total(self) -> Money:
        """What it costs."""
        return Money(self.total_amount, self.currency)

    @property
    def refunded(self) -> Money:
        """What went back of it, or is due to."""
        return Money(self.amount_refunded, self.currency)


@dataclass(frozen=True, slots=True)
class CancelWish:
    """Which tickets their buyer gives back (None: all that are good), and what the buyer was told to get for them (None: nothing)."""

    admissions: tuple[str, ...] | None
    refund_amount: int | None


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What is to go back: an amount, or what these admissions cost, or (neither) all that is left."""

    amount: int | None
    admissions: tuple[str, ...] | None
    reason: str
