"""JSON routes of an order's payments and refunds."""

from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, Unauthenticated
from ticketing.base.errors import FieldError, Invalid, NotFound
from ticketing.base.house import House
from ticketing.base.ids import order_code
from ticketing.payments.model import Payment, Refund
from ticketing.payments.queries import payment_view, refund_view
from ticketing.payments.store import read_payment, read_payments, read_refund, read_refunds
from ticketing.sales import actions
from ticketing.sales.api.shown import (
    ConfirmBody,
    PaymentBody,
    PaymentList,
    PaymentShown,
    RefundBody,
    RefundList,
    RefundShown,
)
from ticketing.sales.model import Order, RefundWish
from ticketing.web.bodies import MoneyBody
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, listed_from, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("payments")


def _payment_answer(house: House, status: int, payment: Payment) -> Answer:
    location = f"{house.settings.root_path}/v1/payments/{payment.payment_id}"
    headers = {"Location": location} if status == 201 else {}
    return Answer(status, payment_view(payment, order_code=order_code(payment.order_id)), headers)


def _refund_answer(status: int, refund: Refund) -> Answer:
    return Answer(status, refund_view(refund))


@routes.post("/orders/{order_id}/payments", status_code=201, response_model=PaymentShown, summary="Pay an order")
async def post_payment(
    request: Request, order_id: str, body: PaymentBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """Its owner. `test` exists in test mode only. `next_action` says what the payer has to do."""
    order = await actions.order_for(house, who, order_id, owner=Right.CHANGE_OWN_ORDERS, organizer=None)
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: actions.start_payment(house, order, body.payment_method, body.outcome, keep=keep, now=now),
        render=lambda payment: _payment_answer(house, 201, payment),
        now=now,
        required=True,
    )


@routes.get("/orders/{order_id}/payments", response_model=PaymentList, summary="List an order's payments")
async def get_payments(order_id: str, who: Who, house: TheHouse) -> Response:
    """Its owner and the event's organizer; the oldest first."""
    order = await _readable_order(house, who, order_id)
    payments = await read_payments(house.store, order.payments)
    code = order_code(order_id)
    return respond(Answer(200, listed_from([payment_view(payment, order_code=code) for payment in payments], None)))


@routes.get("/payments/{payment_id}", response_model=PaymentShown, summary="Read a payment")
async def get_payment(request: Request, payment_id: str, who: Who, house: TheHouse) -> Response:
    """The order's owner and the event's organizer."""
    if who.is_stranger:
        raise Unauthenticated
    payment = await read_payment(house.store, payment_id)
    if payment is None:
        raise NotFound
    await _readable_order(house, who, payment.order_id)
    body = payment_view(payment, order_code=order_code(payment.order_id))
    return reply(request, body, version=payment.version)


@routes.post("/payments/{payment_id}/confirm", response_model=PaymentShown, summary="Confirm that money came in")
async def post_confirm(
    request: Request, payment_id: str, body: ConfirmBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """The event's organizer, for a bank transfer or cash. The order is complete, or, where nothing is left, a refund is due."""
    if who.is_stranger:
        raise Unauthenticated
    payment = await read_payment(house.store, payment_id)
    if payment is None:
        raise NotFound
    await actions.order_for(house, who, payment.order_id, owner=None, organizer=Right.CHANGE_ORDERS_OF_EVENT)
    amount = _amount(body.amount, payment.currency)
    return await answer_once(
        request,
        house,
        scope=f"order {payment.order_id}",
        act=lambda keep: actions.settle(
            house, payment, transaction_id=body.transaction_id, amount=amount, keep=keep, now=now
        ),
        render=lambda settled: _payment_answer(house, 200, settled),
        now=now,
    )


@routes.post("/orders/{order_id}/refunds", status_code=201, response_model=RefundShown, summary="Refund an order")
async def post_refund(
    request: Request, order_id: str, body: RefundBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """The event's organizer; never more than was paid. Without `amount` and `admissions`, all that is left."""
    order = await actions.order_for(house, who, order_id, owner=None, organizer=Right.CHANGE_ORDERS_OF_EVENT)
    wish = RefundWish(
        amount=_amount(body.amount, order.currency),
        admissions=None if body.admissions is None else tuple(body.admissions),
        reason=body.reason,
    )
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: actions.refund_order(house, order, wish, keep=keep, now=now),
        render=lambda refund: _refund_answer(201, refund),
        now=now,
        required=True,
    )


@routes.get("/orders/{order_id}/refunds", response_model=RefundList, summary="List an order's refunds")
async def get_refunds(order_id: str, who: Who, house: TheHouse) -> Response:
    """Its owner and the event's organizer; the oldest first."""
    order = await _readable_order(house, who, order_id)
    refunds = await read_refunds(house.store, order.refunds)
    return respond(Answer(200, listed_from([refund_view(refund) for refund in refunds], None)))


@routes.post("/refunds/{refund_id}/confirm", response_model=RefundShown, summary="Confirm that a refund was sent")
async def post_refund_confirm(request: Request, refund_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """The event's organizer, for a refund that is `due`."""
    if who.is_stranger:
        raise Unauthenticated
    refund = await read_refund(house.store, refund_id)
    if refund is None:
        raise NotFound
    await actions.order_for(house, who, refund.order_id, owner=None, organizer=Right.CHANGE_ORDERS_OF_EVENT)
    return await answer_once(
        request,
        house,
        scope=f"order {refund.order_id}",
        act=lambda keep: actions.confirm_refund(house, refund, keep=keep),
        render=lambda done: _refund_answer(200, done),
        now=now,
    )


async def _readable_order(house: House, who: Principal, order_id: str) -> Order:
    return await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )


def _amount(money: MoneyBody | None, currency: str) -> int | None:
    """The amount in minor units. Raises Invalid for another currency than the order's."""
    if money is None:
        return None
    if money.currency != currency:
        raise Invalid(FieldError("/amount/currency", "currency_mismatch", f"must be {currency}"))
    return money.amount
