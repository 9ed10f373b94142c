"""Payments and refunds as records: money that came in, or is to, and money that went back."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class PaymentMethod(Enum):
    """How somebody pays."""

    CARD = "card"
    BANK_TRANSFER = "bank_transfer"
    CASH = "cash"
    TEST = "test"


class PaymentState(Enum):
    """How far a payment came."""

    PENDING = "pending"
    COMPLETED = "completed"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class TestOutcome(Enum):
    """What a test payment is told to do."""

    PAID = "paid"
    DECLINED = "declined"
    PENDING = "pending"


class RefundState(Enum):
    """Whether the money went back already."""

    DUE = "due"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in, or is to come in, for an order; `payment_amount` in minor units of `currency`."""

    payment_id: str
    order_id: str
    payment_date_time: datetime
    payment_amount: int
    currency: str
    payment_method: PaymentMethod
    transaction_id: str | None
    payment_status: PaymentState
    completed_date_time: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that went back, or is due to, against one payment; `admissions` are ids of those that it made void."""

    refund_id: str
    order_id: str
    payment_id: str
    refund_date_time: datetime
    refund_amount: int
    currency: str
    reason: str
    admissions: tuple[str, ...]
    refund_status: RefundState
    version: int
