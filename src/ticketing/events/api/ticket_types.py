"""JSON routes of ticket types: parse, act, render."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.base.store import BadCursor
from ticketing.base.times import shown
from ticketing.events.actions import ticket_types as actions
from ticketing.events.actions.events import visible_event
from ticketing.events.actions.ticket_types import Offered
from ticketing.events.api.common import AtMost, Cursor, Limit, Quantity, plain, shown_or_none
from ticketing.events.blocks import counted
from ticketing.events.model import Event, TicketType, TicketTypeStatus, TicketTypeWish
from ticketing.events.rules import ticket_type_status
from ticketing.events.store import read_ticket_types
from ticketing.web.bodies import Body, Flag, Moment, MoneyBody, MoneyShown, Name, Shown, Text, refuse_null
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, expected_version, limit_of, listed_from, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("ticket types")


class TicketTypeBody(Body):
    """A ticket type as an organizer describes it."""

    ticket_type: Annotated[Name, Field(description="its name", examples=["Balcony"])]
    description: Text = ""
    price: Annotated[MoneyBody, Field(description="in minor units of the event's currency")]
    quantity: Annotated[Quantity, Field(description="all of them, sold or not", examples=[200])]
    sale_start_date_time: Annotated[Moment | None, Field(description="null: when the event's sale starts")] = None
    sale_end_date_time: Annotated[Moment | None, Field(description="null: when the event's sale ends")] = None
    per_order_max: Annotated[AtMost | None, Field(description="null: no limit of its own", examples=[10])] = None
    paused: Annotated[Flag, Field(description="whether it is off sale for now")] = False

    def wish(self) -> TicketTypeWish:
        """The same, as actions take it."""
        return TicketTypeWish(**_priced(self, type(self).model_fields))


class TicketTypePatch(Body):
    """The fields of a ticket type that change; the others stay. A null empties a field that may be empty."""

    ticket_type: Name | None = None
    description: Text | None = None
    price: MoneyBody | None = None
    quantity: Annotated[Quantity | None, Field(examples=[250])] = None
    sale_start_date_time: Moment | None = None
    sale_end_date_time: Moment | None = None
    per_order_max: AtMost | None = None
    paused: Flag | None = None

    @model_validator(mode="after")
    def _required_stay(self) -> "TicketTypePatch":
        return refuse_null(self, "ticket_type", "description", "price", "quantity", "paused")

    def amend(self, wish: TicketTypeWish) -> TicketTypeWish:
        """The wish with the fields that this names."""
        return replace(wish, **_priced(self, self.model_fields_set))


def _priced(body: Body, names: Iterable[str]) -> dict[str, Any]:
    fields = plain(body, names)
    price = fields.pop("price", None)
    return fields if price is None else {**fields, "price": price.amount, "currency": price.currency}


class TicketTypeShown(Shown):
    """A ticket type as everyone sees it."""

    ticket_type_id: str
    event_id: str
    ticket_type: str
    description: str
    price: MoneyShown
    quantity: int
    quantity_available: int
    sale_start_date_time: str | None
    sale_end_date_time: str | None
    per_order_max: int | None
    paused: bool
    status: TicketTypeStatus
    created_date_time: str


class TicketTypeList(Shown):
    """A page of ticket types."""

    data: list[TicketTypeShown]
    next_cursor: str | None


def rendered(event: Event, ticket_type: TicketType, *, now: datetime) -> dict[str, Any]:
    """A ticket type as JSON. What is left is never shown below nothing."""
    return {
        "ticket_type_id": ticket_type.ticket_type_id,
        "event_id": ticket_type.event_id,
        "ticket_type": ticket_type.ticket_type,
        "description": ticket_type.description,
        "price": {"amount": ticket_type.price, "currency": event.currency},
        "quantity": ticket_type.quantity,
        "quantity_available": max(0, ticket_type.quantity_available),
        "sale_start_date_time": shown_or_none(ticket_type.sale_start_date_time),
        "sale_end_date_time": shown_or_none(ticket_type.sale_end_date_time),
        "per_order_max": ticket_type.per_order_max,
        "paused": ticket_type.paused,
        "status": ticket_type_status(event, ticket_type, now=now).value,
        "created_date_time": shown(ticket_type.created_date_time),
    }


def _rendered_offered(offered: Offered, *, now: datetime) -> dict[str, Any]:
    return rendered(offered.event, offered.ticket_type, now=now)


@routes.post(
    "/events/{event_id}/ticket-types", status_code=201, response_model=TicketTypeShown, summary="Create a ticket type"
)
async def post_ticket_type(
    request: Request, event_id: str, body: TicketTypeBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """The event's organizer only."""
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_ticket_type(house, who, event_id, body.wish(), keep=keep, now=now),
        render=lambda offered: Answer(
            201,
            _rendered_offered(offered, now=now),
            {"Location": f"{house.settings.root_path}/v1/ticket-types/{offered.ticket_type.ticket_type_id}"},
        ),
        now=now,
    )


@routes.get("/events/{event_id}/ticket-types", response_model=TicketTypeList, summary="List an event's ticket types")
async def get_ticket_types(
    event_id: str, who: Who, house: TheHouse, now: Now, limit: Limit = None, cursor: Cursor = None
) -> Response:
    """For anyone; those of a draft for its organizer only. In the order of the event."""
    event = await visible_event(house, who, event_id)
    page, next_cursor = _page(event.ticket_types, limit=limit_of(limit), cursor=cursor)
    event, ticket_types = await counted(
        house.store, event, await read_ticket_types(house.store, replace(event, ticket_types=page))
    )
    body = listed_from([rendered(event, ticket_type, now=now) for ticket_type in ticket_types], next_cursor)
    return respond(Answer(200, body))


def _page(offered: tuple[str, ...], *, limit: int, cursor: str | None) -> tuple[tuple[str, ...], str | None]:
    """So many of an event's ticket types after that of the cursor, and the cursor of what follows. Raises BadCursor."""
    if cursor is not None and cursor not in offered:
        raise BadCursor
    start = 0 if cursor is None else offered.index(cursor) + 1
    page = offered[start : start + limit]
    return page, page[-1] if start + limit < len(offered) else None


@routes.get("/ticket-types/{ticket_type_id}", response_model=TicketTypeShown, summary="Read a ticket type")
async def get_ticket_type(request: Request, ticket_type_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """For anyone; one of a draft for its organizer only."""
    offered = await actions.visible_ticket_type(house, who, ticket_type_id)
    event, (ticket_type,) = await counted(house.store, offered.event, [offered.ticket_type])
    return reply(request, rendered(event, ticket_type, now=now), version=ticket_type.version)


@routes.patch("/ticket-types/{ticket_type_id}", response_model=TicketTypeShown, summary="Change a ticket type")
async def patch_ticket_type(
    request: Request, ticket_type_id: str, body: TicketTypePatch, who: Who, house: TheHouse, now: Now
) -> Response:
    """The event's organizer only. What is sold or held stays so at its price; a lower quantity sells nothing more."""
    offered = await actions.change_ticket_type(
        house, who, ticket_type_id, body.amend, expected=expected_version(request)
    )
    return reply(request, _rendered_offered(offered, now=now), version=offered.ticket_type.version)


@routes.delete("/ticket-types/{ticket_type_id}", status_code=204, summary="Delete a ticket type")
async def delete_ticket_type(request: Request, ticket_type_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """The event's organizer only, and only while nothing of it is sold or held."""
    await actions.delete_ticket_type(house, who, ticket_type_id, expected=expected_version(request), now=now)
    return Response(status_code=204)
