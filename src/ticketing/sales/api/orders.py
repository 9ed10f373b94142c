"""JSON routes of orders. `answer_order` is the hot one: the server calls it before the router gets to see the request."""

from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who, principal_of
from ticketing.accounts.model import STRANGER
from ticketing.accounts.permissions import Right, Unauthenticated, demand
from ticketing.admission.api import AdmissionShown
from ticketing.admission.queries import admission_view
from ticketing.base.changes import Change
from ticketing.base.errors import Invalid, Kind, NotFound, Refusal
from ticketing.base.house import House
from ticketing.base.once import AlreadyAnswered
from ticketing.base.store import Page
from ticketing.base.tables import Record
from ticketing.events.api.common import Cursor, Limit
from ticketing.events.store import read_event
from ticketing.sales import actions
from ticketing.sales.api.shown import NewOrderShown, OrderBody, OrderList, OrderShown
from ticketing.sales.model import Order
from ticketing.sales.queries import order_view
from ticketing.sales.store import orders_of, page_of_account, page_of_event
from ticketing.schema.tables import IDEMPOTENCY
from ticketing.web.bodies import TWICE, Shown, field_errors, has_name_twice
from ticketing.web.i18n import preferred
from ticketing.web.once import answer_once, fingerprint_of, first_content, kept, key_of
from ticketing.web.replies import IS_REPLAY, JSON, Answer, Written, limit_of, listed_from, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("orders")

ORDERS_PATH: Final = "/v1/orders"


class WrongMedia(Refusal):
    """The body does not say that it is JSON."""

    code = "unsupported_media_type"
    kind = Kind.WRONG_MEDIA
    title = "Send the body as JSON, with `Content-Type: application/json`."


async def answer_order(
    house: House, *, body: bytes, content_type: str, key: str | None, authorization: str | None, languages: str = ""
) -> Written:
    """The answer to `POST /v1/orders`: 201 with the order and its access token, or the first answer to this key again.

    `languages` is the header Accept-Language. Raises every refusal of the sale. The same models, actions and idempotency as
    everywhere, without the router between.
    """
    now = house.clock.now()
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        raise WrongMedia
    who = STRANGER if authorization is None else await principal_of(house, authorization, now=now)
    scope = who.idempotency_scope
    name = key_of(key, scope=scope)
    fingerprint = fingerprint_of(house, "POST", ORDERS_PATH, body)
    try:
        wanted = OrderBody.model_validate_json(body)
    except ValidationError as error:
        raise field_errors(error.errors(include_url=False, include_context=False, include_input=False)) from error
    if body.count(b'"') != wanted.quotation_marks() and has_name_twice(
        body
    ):  # counting spares nearly all a second reading
        raise Invalid(TWICE)
    content = b""

    def keep(order: Order) -> tuple[Change, ...]:
        nonlocal content
        content = orjson.dumps(_new_order(house, order))
        return (kept(house, name=name, fingerprint=fingerprint, status=201, content=content, now=now),)

    try:
        wish = wanted.wish()
        buyer = actions.buyer_of(house, who, wanted.who_buys(), language=preferred(languages).language)
        order = await actions.place_hold(house, wish, buyer, keep=keep, now=now)
    except AlreadyAnswered as answered:
        return _replayed(house, answered.record, fingerprint=fingerprint)
    except Refusal:
        record = await house.store.get(IDEMPOTENCY, (name,))
        if record is not None and record["expires_at"] > now:
            return _replayed(house, record, fingerprint=fingerprint)
        raise
    return Written(201, _headers(house, order.order_id, content), content)


def _headers(house: House, order_id: str, content: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"location", f"{house.settings.root_path}{ORDERS_PATH}/{order_id}".encode()),
        (b"cache-control", b"no-store"),  # the body has the access token, which no cache between may keep
        (b"content-length", b"%d" % len(content)),
        (b"content-type", b"application/json"),
    ]


def _replayed(house: House, record: Record, *, fingerprint: str) -> Written:
    content = first_content(house, record, fingerprint=fingerprint)
    return Written(201, [*_headers(house, orjson.loads(content)["order_id"], content), IS_REPLAY], content)


def _new_order(house: House, order: Order) -> dict[str, Any]:
    view = order_view(order, now=order.order_date_time)
    view["access_token"] = house.keys.order_token(order.order_id)
    return view


@routes.post(
    "/orders",
    status_code=201,
    response_model=NewOrderShown,
    summary="Order tickets",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderBody"}}},
        }
    },
)
async def post_order(request: Request, house: TheHouse) -> Response:
    """For anyone. The places are held until `expires_at`; an order that costs nothing is complete at once."""
    headers = request.headers
    answer = await answer_order(
        house,
        body=await request.body(),
        content_type=headers.get("content-type", ""),
        key=headers.get("idempotency-key"),
        authorization=headers.get("authorization"),
        languages=headers.get("accept-language", ""),
    )
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response


@routes.get("/orders/{order_id}", response_model=OrderShown, summary="Read an order")
async def get_order(request: Request, order_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its owner (the access token, or the user), and the event's organizer."""
    order = await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )
    return reply(request, order_view(order, now=now), version=order.version)


@routes.get("/users/me/orders", response_model=OrderList, summary="List my orders", tags=["users"])
async def get_my_orders(who: Who, house: TheHouse, now: Now, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The newest first."""
    user_id = "" if who.user is None else who.user.user_id
    user = demand(who, Right.READ_OWN_ORDERS, owner_user_id=user_id)
    page = await page_of_account(house.store, user.user_id, limit=limit_of(limit), cursor=cursor)
    return await _order_list(house, page, now)


@routes.get("/events/{event_id}/orders", response_model=OrderList, summary="List an event's orders", tags=["events"])
async def get_event_orders(
    event_id: str, who: Who, house: TheHouse, now: Now, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """The newest first. The event's organizer only."""
    event = await read_event(house.store, event_id)
    demand(who, Right.READ_ORDERS_OF_EVENT, owner_user_id=None if event is None else event.organizer_user_id)
    if event is None:
        raise NotFound
    page = await page_of_event(house.store, event_id, limit=limit_of(limit), cursor=cursor)
    return await _order_list(house, page, now)


async def _order_list(house: House, page: Page, now: datetime) -> Response:
    orders = await orders_of(house.store, page)
    return respond(Answer(200, listed_from([order_view(order, now=now) for order in orders], page.next_cursor)))


class ClaimedShown(Shown):
    """How many orders became the user's."""

    claimed: int


@routes.post(
    "/users/me/orders/claim", response_model=ClaimedShown, summary="Take over what I bought as a guest", tags=["users"]
)
async def post_claim(who: Who, house: TheHouse) -> Response:
    """With a session, not with an API key, once the address is proven: every order with tickets that a guest made with it."""
    return respond(Answer(200, {"claimed": await actions.claim_orders(house, who)}))


@routes.post("/orders/{order_id}/extend", response_model=OrderShown, summary="Hold the places for longer")
async def post_extend(request: Request, order_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its owner or the event's organizer, at most ten times."""
    order = await actions.order_for(
        house, who, order_id, owner=Right.CHANGE_OWN_ORDERS, organizer=Right.CHANGE_ORDERS_OF_EVENT
    )
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: actions.extend_hold(house, order, keep=keep, now=now),
        render=lambda changed: Answer(200, order_view(changed, now=now)),
        now=now,
    )


@routes.post("/orders/{order_id}/cancel", response_model=OrderShown, summary="Cancel an order")
async def post_cancel(request: Request, order_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its owner or the event's organizer. The places go back, once.

    An order that was paid is refunded by its organizer instead, or cancelled by its owner by the terms of its event
    (`POST /v1/orders/{order_id}/cancellations`). Of a free order, its owner cannot cancel tickets that somebody entered with, was
    given or is offered.
    """
    order = await actions.order_for(
        house, who, order_id, owner=Right.CHANGE_OWN_ORDERS, organizer=Right.CHANGE_ORDERS_OF_EVENT
    )
    return await answer_once(
        request,
        house,
        scope=f"order {order_id}",
        act=lambda keep: actions.cancel_order(
            house,
            order,
            by_owner=actions.owns(house, who, order, Right.CHANGE_OWN_ORDERS),
            keep=keep,
            now=now,
        ),
        render=lambda changed: Answer(200, order_view(changed, now=now)),
        now=now,
    )


class AdmissionList(Shown):
    """The admissions of an order."""

    data: list[AdmissionShown]
    next_cursor: str | None


@routes.get("/orders/{order_id}/admissions", response_model=AdmissionList, summary="List an order's admissions")
async def get_order_admissions(order_id: str, who: Who, house: TheHouse) -> Response:
    """Its owner and the event's organizer. Empty until the order is complete.

    Of a ticket that was handed over, its owner sees neither code nor attendee.
    """
    if who.is_stranger:
        raise Unauthenticated
    order = await actions.order_for(
        house, who, order_id, owner=Right.READ_OWN_ORDERS, organizer=Right.READ_ORDERS_OF_EVENT
    )
    admissions = await actions.admissions_of(house, order)
    own = await actions.shown_to(house, who, admissions)
    views = [admission_view(house.keys, one, is_holder=one.admission_id in own) for one in admissions]
    return respond(Answer(200, listed_from(views, None)))
