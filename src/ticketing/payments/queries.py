"""Views of payments and refunds, as the API shows them."""

from typing import Any

from ticketing.base.money import Money, in_words
from ticketing.base.times import shown
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund


def payment_view(payment: Payment, *, order_code: str) -> dict[str, Any]:
    """A payment as JSON, with what its payer has to do next."""
    return {
        "payment_id": payment.payment_id,
        "order_id": payment.order_id,
        "payment_date_time": shown(payment.payment_date_time),
        "payment_amount": {"amount": payment.payment_amount, "currency": payment.currency},
        "payment_method": payment.payment_method.value,
        "payment_status": payment.payment_status.value,
        "transaction_id": payment.transaction_id,
        "completed_date_time": None if payment.completed_date_time is None else shown(payment.completed_date_time),
        "next_action": _next_action(payment, order_code),
    }


def _next_action(payment: Payment, order_code: str) -> dict[str, Any] | None:
    if payment.payment_status is not PaymentState.PENDING:
        return None
    amount = in_words(Money(payment.payment_amount, payment.currency))
    if payment.payment_method is PaymentMethod.BANK_TRANSFER:
        text = f"Transfer {amount} to the organizer with the reference {order_code}."
        return {"type": "instructions", "text": text, "reference": order_code}
    if payment.payment_method is PaymentMethod.CASH:
        text = f"Pay {amount} at the box office and say {order_code}."
        return {"type": "instructions", "text": text, "reference": order_code}
    return None


def refund_view(refund: Refund) -> dict[str, Any]:
    """A refund as JSON."""
    return {
        "refund_id": refund.refund_id,
        "order_id": refund.order_id,
        "payment_id": refund.payment_id,
        "refund_date_time": shown(refund.refund_date_time),
        "refund_amount": {"amount": refund.refund_amount, "currency": refund.currency},
        "reason": refund.reason,
        "admissions": list(refund.admissions),
        "refund_status": refund.refund_status.value,
    }
