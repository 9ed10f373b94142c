"""The reads and records of payments and refunds."""

from collections.abc import Sequence

from ticketing.base.changes import Insert
from ticketing.base.store import Store
from ticketing.base.tables import Record
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState
from ticketing.schema.tables import PAYMENTS, REFUNDS, UNIQUES


def payment_of(record: Record) -> Payment:
    """The payment in a row of `payments`."""
    return Payment(
        **{
            **record,
            "payment_method": PaymentMethod(record["payment_method"]),
            "payment_status": PaymentState(record["payment_status"]),
        }
    )


def payment_record(payment: Payment) -> Record:
    """The row of `payments` for a payment."""
    return {name: getattr(payment, name) for name in PAYMENTS.column_names} | {
        "payment_method": payment.payment_method.value,
        "payment_status": payment.payment_status.value,
    }


def refund_of(record: Record) -> Refund:
    """The refund in a row of `refunds`."""
    return Refund(
        **{
            **record,
            "admissions": tuple(record["admissions"]),
            "refund_status": RefundState(record["refund_status"]),
        }
    )


def refund_record(refund: Refund) -> Record:
    """The row of `refunds` for a refund."""
    return {name: getattr(refund, name) for name in REFUNDS.column_names} | {
        "admissions": list(refund.admissions),
        "refund_status": refund.refund_status.value,
    }


def transaction_marker(payment: Payment, *, organizer_user_id: str) -> Insert:
    """The change that lets one transaction settle one payment only.

    What an organizer sees on a bank statement or a receipt is numbered by that organizer: two may both have a receipt 17.
    """
    assert payment.transaction_id is not None
    name = f"transaction#{organizer_user_id}#{payment.payment_method.value}#{payment.transaction_id}"
    return Insert(UNIQUES, {"name": name, "target_id": payment.payment_id})


async def read_payment(store: Store, payment_id: str) -> Payment | None:
    """The payment with this id."""
    record = await store.get(PAYMENTS, (payment_id,))
    return None if record is None else payment_of(record)


async def read_payments(store: Store, payment_ids: Sequence[str]) -> tuple[Payment, ...]:
    """Those of these payments that exist, in the order given."""
    records = await store.get_many(PAYMENTS, [(payment_id,) for payment_id in payment_ids])
    return tuple(payment_of(record) for record in records if record is not None)


async def read_refund(store: Store, refund_id: str) -> Refund | None:
    """The refund with this id."""
    record = await store.get(REFUNDS, (refund_id,))
    return None if record is None else refund_of(record)


async def read_refunds(store: Store, refund_ids: Sequence[str]) -> tuple[Refund, ...]:
    """Those of these refunds that exist, in the order given."""
    records = await store.get_many(REFUNDS, [(refund_id,) for refund_id in refund_ids])
    return tuple(refund_of(record) for record in records if record is not None)
