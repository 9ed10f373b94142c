"""JSON routes of notify: what was mailed of an event or an order, and the tickets once more."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.permissions import Right, demand
from ticketing.base.errors import NotFound
from ticketing.base.times import shown
from ticketing.events.api.common import Cursor, Limit
from ticketing.events.store import read_event
from ticketing.notify.actions.resend import resend
from ticketing.notify.model import Delivery, DeliveryStatus, MailKind
from ticketing.notify.store import delivery_of_record, page_of_event, page_of_order
from ticketing.sales.actions import order_for
from ticketing.web.bodies import Shown
from ticketing.web.limits import LimitKind, limited
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, limit_of, listed, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("mails")


class DeliveryShown(Shown):
    """One mail to one person, and how far it came. `last_error` is a code, such as `smtp_550`."""

    delivery_id: str
    kind: MailKind
    recipient: str
    language: str
    event_id: str | None
    order_id: str | None
    delivery_status: DeliveryStatus
    attempts: int
    next_attempt_at: str | None
    last_error: str | None
    created_date_time: str
    sent_date_time: str | None


class DeliveryList(Shown):
    """A page of mails, the newest first."""

    data: list[DeliveryShown]
    next_cursor: str | None


def rendered(delivery: Delivery) -> dict[str, Any]:
    """A delivery as JSON."""
    queued = delivery.delivery_status is DeliveryStatus.QUEUED
    return {
        "delivery_id": delivery.delivery_id,
        "kind": delivery.kind.value,
        "recipient": delivery.recipient,
        "language": delivery.language,
        "event_id": delivery.event_id,
        "order_id": delivery.order_id,
        "delivery_status": delivery.delivery_status.value,
        "attempts": delivery.attempts,
        "next_attempt_at": shown(delivery.next_attempt_at) if queued else None,
        "last_error": delivery.last_error,
        "created_date_time": shown(delivery.created_date_time),
        "sent_date_time": None if delivery.sent_date_time is None else shown(delivery.sent_date_time),
    }


@routes.get("/events/{event_id}/deliveries", response_model=DeliveryList, summary="List an event's mails")
async def get_event_deliveries(
    event_id: str, who: Who, house: TheHouse, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """The event's organizer; the newest first."""
    event = await read_event(house.store, event_id)
    demand(who, Right.READ_ORDERS_OF_EVENT, owner_user_id=None if event is None else event.organizer_user_id)
    if event is None:
        raise NotFound
    page = await page_of_event(house.store, event_id, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered(delivery_of_record(record)))))


@routes.get("/orders/{order_id}/deliveries", response_model=DeliveryList, summary="List an order's mails")
async def get_order_deliveries(
    order_id: str, who: Who, house: TheHouse, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """Its owner and the event's organizer; the newest first."""
    await order_for(house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT)
    page = await page_of_order(house.store, order_id, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered(delivery_of_record(record)))))


@routes.post(
    "/orders/{order_id}/resend", status_code=202, response_model=DeliveryShown, summary="Mail the tickets again"
)
async def post_resend(request: Request, order_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its owner and the event's organizer. All tickets of the order go to the address that bought them."""
    order = await order_for(house, who, order_id, owner=Right.CHANGE_OWN_ORDERS, organizer=Right.CHANGE_ORDERS_OF_EVENT)
    await limited(request, LimitKind.RESEND_OF_ORDER, key=order_id)
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: resend(house, order, keep=keep, now=now),
        render=lambda delivery: Answer(202, rendered(delivery)),
        now=now,
    )
