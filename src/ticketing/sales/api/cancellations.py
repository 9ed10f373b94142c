"""JSON routes by which a buyer gives tickets back."""

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.permissions import Right
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.errors import FieldError, Invalid, Refusal
from ticketing.base.times import shown
from ticketing.events.store import read_event
from ticketing.payments.queries import refund_view
from ticketing.sales import actions
from ticketing.sales.actions import Cancelled
from ticketing.sales.api.shown import RefundShown
from ticketing.sales.model import CancelWish, Order
from ticketing.web.bodies import Body, Identifier, MoneyBody, MoneyShown, Shown
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("orders")


class CancellationBody(Body):
    """Which tickets are given back, or all that are good; and what is expected for them, if that is to be compared."""

    admissions: Annotated[list[Identifier] | None, Field(min_length=1, max_length=TICKETS_PER_ORDER_MAX)] = None
    refund_amount: MoneyBody | None = None

    def wish(self, order: Order) -> CancelWish:
        """The same, as actions take it. Raises Invalid for another currency."""
        expected = self.refund_amount
        if expected is not None and expected.currency != order.currency:
            raise Invalid(FieldError("/refund_amount/currency", "other_currency", f"the order is in {order.currency}"))
        return CancelWish(
            None if self.admissions is None else tuple(self.admissions),
            None if expected is None else expected.amount,
        )


class CancellationShown(Shown):
    """Tickets that were given back. `refund` is null where no money goes back."""

    order_id: str
    admissions: list[str]
    refund_amount: MoneyShown
    refund: RefundShown | None


class TicketTermsShown(Shown):
    """What its buyer would get for a ticket; `refusal` is the code of why it cannot be given back."""

    admission_id: str
    refund_amount: MoneyShown
    refusal: str | None


class TermsShown(Shown):
    """How giving tickets back stands: before when, what is kept of what was paid, and each ticket that is not void.

    `refusal` is the code of why none can be given back; `until` is null where paid tickets never can.
    """

    until: str | None
    fee_bp: int
    refusal: str | None
    admissions: list[TicketTermsShown]


def _code(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.code


@routes.get("/orders/{order_id}/cancellation", response_model=TermsShown, summary="Ask what cancelling would bring")
async def get_cancellation(order_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its owner and the event's organizer."""
    order = await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )
    event = await read_event(house.store, order.event_id)
    assert event is not None, "an event that was public is never deleted"
    terms = await actions.cancellation_terms(house, order, event, await actions.admissions_of(house, order), now=now)
    until = event.cancellable_until if order.total_amount else event.end_date_time
    body = {
        "until": None if until is None else shown(until),
        "fee_bp": event.cancellation_fee_bp,
        "refusal": _code(terms.refusal),
        "admissions": [
            {
                "admission_id": ticket.admission.admission_id,
                "refund_amount": {"amount": ticket.refund_amount, "currency": order.currency},
                "refusal": _code(ticket.refusal),
            }
            for ticket in terms.tickets
        ],
    }
    return respond(Answer(200, body))


@routes.post(
    "/orders/{order_id}/cancellations",
    status_code=201,
    response_model=CancellationShown,
    summary="Cancel tickets by the event's terms",
)
async def post_cancellation(
    request: Request, order_id: str, body: CancellationBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """Its owner. The tickets are void, their places go back to the sale, and the money by the event's terms, once.

    Where the money cannot be sent by itself, the refund is `due` until the organizer says that it went.
    """
    order = await actions.order_for(house, who, order_id, owner=Right.CHANGE_OWN_ORDERS, organizer=None)
    wish = body.wish(order)
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: actions.cancel_tickets(house, order, wish, keep=keep, now=now),
        render=lambda done: Answer(201, _view(done)),
        now=now,
        required=True,
    )


def _view(done: Cancelled) -> dict[str, Any]:
    return {
        "order_id": done.order_id,
        "admissions": list(done.admissions),
        "refund_amount": {"amount": done.refund_amount, "currency": done.currency},
        "refund": None if done.refund is None else refund_view(done.refund),
    }
