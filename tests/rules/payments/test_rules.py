"""What may become of a payment, and which one a refund goes against."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.houses import NOON
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState
from ticketing.payments.queries import payment_view
from ticketing.payments.rules import PaymentClosed, RefundOverPaid, completed, refundable_payment

PENDING = Payment(
    payment_id="pay_1",
    order_id="ord_1",
    payment_date_time=NOON,
    payment_amount=5000,
    currency="EUR",
    payment_method=PaymentMethod.BANK_TRANSFER,
    transaction_id=None,
    payment_status=PaymentState.PENDING,
    completed_date_time=None,
    version=3,
)


def paid(payment_id: str, amount: int, state: PaymentState = PaymentState.COMPLETED) -> Payment:
    return replace(PENDING, payment_id=payment_id, payment_amount=amount, payment_status=state)


def refund(payment_id: str, amount: int, state: RefundState = RefundState.COMPLETED) -> Refund:
    return Refund("ref_1", "ord_1", payment_id, NOON, amount, "EUR", "", (), state, 1)


def test_a_pending_payment_is_completed_by_its_transaction() -> None:
    done = completed(PENDING, transaction_id="statement 17", now=NOON)

    assert (done.payment_status, done.transaction_id, done.completed_date_time, done.version) == (
        PaymentState.COMPLETED,
        "statement 17",
        NOON,
        3,
    )


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.PENDING])
def test_a_payment_that_is_closed_is_not_completed(state: PaymentState) -> None:
    with pytest.raises(PaymentClosed):
        completed(paid("pay_1", 5000, state), transaction_id="statement 17", now=NOON)


def test_a_refund_goes_against_the_first_payment_that_has_as_much_left() -> None:
    payments = [paid("pay_1", 1000), paid("pay_2", 5000), paid("pay_3", 5000)]

    assert refundable_payment(payments, [], amount=1001).payment_id == "pay_2"
    assert refundable_payment(payments, [refund("pay_2", 4000)], amount=1001).payment_id == "pay_3"


@pytest.mark.parametrize("state", RefundState)
def test_what_is_due_to_go_back_counts_as_what_went(state: RefundState) -> None:
    with pytest.raises(RefundOverPaid):
        refundable_payment([paid("pay_1", 5000)], [refund("pay_1", 1, state)], amount=5000)


@pytest.mark.parametrize("state", [state for state in PaymentState if state is not PaymentState.COMPLETED])
def test_a_payment_whose_money_never_came_is_not_refunded(state: PaymentState) -> None:
    with pytest.raises(RefundOverPaid):
        refundable_payment([paid("pay_1", 5000, state)], [], amount=1)


@given(
    amounts=st.lists(st.integers(1, 100), max_size=4),
    wishes=st.lists(st.integers(1, 100), max_size=12),
)
def test_no_payment_is_ever_refunded_beyond_its_amount(amounts: list[int], wishes: list[int]) -> None:
    payments = [paid(f"pay_{number}", amount) for number, amount in enumerate(amounts)]
    refunds: list[Refund] = []
    for wish in wishes:
        try:
            chosen = refundable_payment(payments, refunds, amount=wish)
        except RefundOverPaid:
            continue
        refunds.append(refund(chosen.payment_id, wish))

    for payment in payments:
        gone = sum(one.refund_amount for one in refunds if one.payment_id == payment.payment_id)
        assert gone <= payment.payment_amount


def test_only_a_payment_that_is_waited_for_has_a_next_action() -> None:
    transfer = payment_view(PENDING, order_code="ABCD-EFGH-JKMN")["next_action"]
    done = payment_view(paid("pay_1", 5000), order_code="ABCD-EFGH-JKMN")["next_action"]
    test = payment_view(replace(PENDING, payment_method=PaymentMethod.TEST), order_code="ABCD")["next_action"]

    assert transfer == {
        "type": "instructions",
        "text": "Transfer EUR 50.00 to the organizer with the reference ABCD-EFGH-JKMN.",
        "reference": "ABCD-EFGH-JKMN",
    }
    assert (done, test) == (None, None)
