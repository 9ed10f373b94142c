"""What may become of a payment by itself; what it does to an order is decided in `sales/rules/payments.py`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ticketing.base.errors import Kind, Refusal
from ticketing.payments.model import Payment, PaymentState, Refund


class PaymentMethodNotAvailable(Refusal):
    """This way of paying is not set up here."""

    code = "payment_method_not_available"
    kind = Kind.NOT_ALLOWED
    title = "This way of paying is not available here."


class AmountMismatch(Refusal):
    """The money that was seen is not the money that was asked for."""

    code = "amount_mismatch"
    kind = Kind.CONFLICT
    title = "The amount is not the one that this payment asks for."


class TransactionUsed(Refusal):
    """This transaction settled another payment already."""

    code = "transaction_used"
    kind = Kind.CONFLICT
    title = "This transaction settled another payment already."


class PaymentClosed(Refusal):
    """The payment was declined or cancelled, or completed by another transaction."""

    code = "payment_closed"
    kind = Kind.CONFLICT
    title = "This payment is closed. Start a new one."


class RefundOverPaid(Refusal):
    """More would go back than came in."""

    code = "refund_over_paid"
    kind = Kind.CONFLICT
    title = "That is more than what was paid and not refunded yet."


class NothingToRefund(Refusal):
    """Nothing was paid, or all of it went back."""

    code = "nothing_to_refund"
    kind = Kind.CONFLICT
    title = "There is nothing to refund."


def completed(payment: Payment, *, transaction_id: str, now: datetime) -> Payment:
    """The payment as its money came in; its version is still the one that was read. Raises PaymentClosed unless pending."""
    if payment.payment_status is not PaymentState.PENDING:
        raise PaymentClosed
    return replace(
        payment, payment_status=PaymentState.COMPLETED, transaction_id=transaction_id, completed_date_time=now
    )


def refundable_payment(payments: Sequence[Payment], refunds: Sequence[Refund], *, amount: int) -> Payment:
    """The payment that a refund of this amount goes against: the first that still has as much. Raises RefundOverPaid."""
    for payment in payments:
        if payment.payment_status is not PaymentState.COMPLETED:
            continue
        gone = sum(refund.refund_amount for refund in refunds if refund.payment_id == payment.payment_id)
        if payment.payment_amount - gone >= amount:
            return payment
    raise RefundOverPaid("No single payment has as much left; refund each payment by itself.")
