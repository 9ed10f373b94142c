"""JSON routes of events: parse, act, render."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.accounts.model import Principal
from ticketing.base.bounds import CATEGORIES_PER_EVENT_MAX, LINKS_MAX, TAGS_MAX
from ticketing.base.errors import FieldError, Invalid
from ticketing.base.house import House
from ticketing.base.times import shown
from ticketing.events.actions import events as actions
from ticketing.events.api.categories import CategoryShown
from ticketing.events.api.categories import rendered as rendered_category
from ticketing.events.api.common import (
    AtMost,
    CancellationFee,
    CancellationHours,
    Capacity,
    Tag,
    plain,
    shown_or_none,
)
from ticketing.events.api.ticket_types import TicketTypeShown
from ticketing.events.api.ticket_types import rendered as rendered_ticket_type
from ticketing.events.blocks import counted
from ticketing.events.model import Event, EventWish, ShownStatus
from ticketing.events.rules import cancelled_event, postponed_event, published_event, shown_status
from ticketing.events.store import read_categories, read_ticket_types
from ticketing.venues.api import VenueShown
from ticketing.venues.api import rendered as rendered_venue
from ticketing.venues.store import read_venue
from ticketing.web.bodies import Body, Currency, Identifier, Moment, Name, Shown, Text, TimeZone, Url, refuse_null
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, expected_version, reply
from ticketing.web.routing import Now, TheHouse, router

routes = router("events")

Expand = Annotated[
    str | None,
    Query(description="What to show whole, separated by commas: `venue`, `ticket_types`, `categories`."),
]


class EventBody(Body):
    """An event as its organizer describes it."""

    event_name: Annotated[Name, Field(examples=["Spring concert"])]
    description: Annotated[Text, Field(examples=["Haydn, Webern, Beethoven."])] = ""
    start_date_time: Annotated[Moment, Field(examples=["2027-05-01T17:30:00Z"])]
    end_date_time: Annotated[Moment, Field(examples=["2027-05-01T20:00:00Z"])]
    venue_id: Annotated[Identifier | None, Field(description="null for an event that is online only")] = None
    categories: Annotated[
        list[Identifier], Field(max_length=CATEGORIES_PER_EVENT_MAX, description="ids of categories", examples=[[]])
    ] = []
    tags: Annotated[list[Tag], Field(max_length=TAGS_MAX, examples=[["strings", "matinée"]])] = []
    image_url: Url | None = None
    capacity: Annotated[
        Capacity | None,
        Field(description="at most the venue's; null: no limit beside the ticket types'", examples=[500]),
    ] = None
    sales_start_date: Annotated[Moment | None, Field(description="null: as soon as it is published")] = None
    sales_end_date: Annotated[Moment | None, Field(description="null: at its end")] = None
    external_links: Annotated[list[Url], Field(max_length=LINKS_MAX)] = []
    timezone: Annotated[TimeZone, Field(examples=["Europe/Vienna"])]
    currency: Annotated[Currency, Field(description="of all its prices", examples=["EUR"])]
    tickets_per_customer_max: Annotated[AtMost | None, Field(description="null: no limit", examples=[4])] = None
    transfers_allowed: Annotated[bool, Field(description="whether a ticket may be handed over to somebody else")] = True
    cancellation_hours: Annotated[
        CancellationHours | None,
        Field(
            description="until how long before the start buyers may cancel what they paid; null: never", examples=[48]
        ),
    ] = None
    cancellation_fee_bp: Annotated[
        CancellationFee, Field(description="what is kept of it then, in basis points", examples=[1000])
    ] = 0
    spread_sale: Annotated[
        bool,
        Field(description="for a rush on DynamoDB: sells from many parts of the places at once; best before the sale"),
    ] = False

    def wish(self) -> EventWish:
        """The same, as actions take it."""
        return EventWish(**plain(self, type(self).model_fields))


class EventPatch(Body):
    """The fields of an event that change; the others stay. A null empties a field that may be empty."""

    event_name: Name | None = None
    description: Text | None = None
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    venue_id: Identifier | None = None
    categories: Annotated[list[Identifier] | None, Field(max_length=CATEGORIES_PER_EVENT_MAX)] = None
    tags: Annotated[list[Tag] | None, Field(max_length=TAGS_MAX)] = None
    image_url: Url | None = None
    capacity: Annotated[Capacity | None, Field(examples=[450])] = None
    sales_start_date: Moment | None = None
    sales_end_date: Moment | None = None
    external_links: Annotated[list[Url] | None, Field(max_length=LINKS_MAX)] = None
    timezone: TimeZone | None = None
    currency: Currency | None = None
    tickets_per_customer_max: AtMost | None = None
    transfers_allowed: bool | None = None
    cancellation_hours: CancellationHours | None = None
    cancellation_fee_bp: CancellationFee | None = None
    spread_sale: bool | None = None

    @model_validator(mode="after")
    def _required_stay(self) -> "EventPatch":
        return refuse_null(
            self,
            *("event_name", "description", "start_date_time", "end_date_time", "categories", "tags"),
            *("external_links", "timezone", "currency", "transfers_allowed", "cancellation_fee_bp", "spread_sale"),
        )

    def amend(self, wish: EventWish) -> EventWish:
        """The wish with the fields that this names."""
        return replace(wish, **plain(self, self.model_fields_set))


class EventShown(Shown):
    """An event as everyone sees it; `ticket_types` and `categories` are ids where they are not expanded."""

    event_id: str
    event_name: str
    description: str
    start_date_time: str
    end_date_time: str
    venue_id: str | None
    venue: Annotated[VenueShown | None, Field(description="with `expand=venue` only")] = None
    organizer_user_id: str
    categories: list[str] | list[CategoryShown]
    tags: list[str]
    image_url: str | None
    capacity: int | None
    ticket_types: list[str] | list[TicketTypeShown]
    sales_start_date: str | None
    sales_end_date: str | None
    status: ShownStatus
    external_links: list[str]
    timezone: str
    currency: str
    tickets_per_customer_max: int | None
    transfers_allowed: bool
    cancellation_hours: int | None
    cancellation_fee_bp: int
    spread_sale: bool
    created_date_time: str
    last_updated_date_time: str


def rendered(event: Event, *, now: datetime) -> dict[str, Any]:
    """An event as JSON."""
    return {
        "event_id": event.event_id,
        "event_name": event.event_name,
        "description": event.description,
        "start_date_time": shown(event.start_date_time),
        "end_date_time": shown(event.end_date_time),
        "venue_id": event.venue_id,
        "organizer_user_id": event.organizer_user_id,
        "categories": list(event.categories),
        "tags": list(event.tags),
        "image_url": event.image_url,
        "capacity": event.capacity,
        "ticket_types": list(event.ticket_types),
        "sales_start_date": shown_or_none(event.sales_start_date),
        "sales_end_date": shown_or_none(event.sales_end_date),
        "status": shown_status(event, now=now).value,
        "external_links": list(event.external_links),
        "timezone": event.timezone,
        "currency": event.currency,
        "tickets_per_customer_max": event.tickets_per_customer_max,
        "transfers_allowed": event.transfers_allowed,
        "cancellation_hours": event.cancellation_hours,
        "cancellation_fee_bp": event.cancellation_fee_bp,
        "spread_sale": event.spread_sale,
        "created_date_time": shown(event.created_date_time),
        "last_updated_date_time": shown(event.last_updated_date_time),
    }


EXPANSIONS = ("venue", "ticket_types", "categories")


def expansions_of(text: str | None) -> frozenset[str]:
    """What `expand` asks for. Raises Invalid."""
    asked = frozenset((text or "").split(",")) - {""}
    if not asked <= set(EXPANSIONS):
        raise Invalid(FieldError("?expand", "unknown_expansion", f"one or more of {', '.join(EXPANSIONS)}"))
    return asked


async def expanded(house: House, event: Event, asked: frozenset[str], *, now: datetime) -> dict[str, Any]:
    """An event as JSON with what was asked for in whole, one level deep."""
    body = rendered(event, now=now)
    if "venue" in asked:
        venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
        body["venue"] = None if venue is None else rendered_venue(venue)
    if "ticket_types" in asked:
        event, ticket_types = await counted(house.store, event, await read_ticket_types(house.store, event))
        body["ticket_types"] = [rendered_ticket_type(event, ticket_type, now=now) for ticket_type in ticket_types]
    if "categories" in asked:
        categories = await read_categories(house.store, event.categories)
        body["categories"] = [rendered_category(category) for category in categories.values()]
    return body


@routes.post("/events", status_code=201, response_model=EventShown, summary="Create an event")
async def post_event(request: Request, body: EventBody, who: Who, house: TheHouse, now: Now) -> Response:
    """Organizers only. It is a draft, which nobody else sees, until it is published."""
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_event(house, who, body.wish(), keep=keep, now=now),
        render=lambda event: Answer(
            201, rendered(event, now=now), {"Location": f"{house.settings.root_path}/v1/events/{event.event_id}"}
        ),
        now=now,
    )


@routes.get("/events/{event_id}", response_model=EventShown, summary="Read an event")
async def get_event(
    request: Request, event_id: str, who: Who, house: TheHouse, now: Now, expand: Expand = None
) -> Response:
    """For anyone; a draft for its organizer only."""
    asked = expansions_of(expand)
    event = await actions.visible_event(house, who, event_id)
    return reply(request, await expanded(house, event, asked, now=now), version=event.version)


@routes.patch("/events/{event_id}", response_model=EventShown, summary="Change an event")
async def patch_event(
    request: Request, event_id: str, body: EventPatch, who: Who, house: TheHouse, now: Now, expand: Expand = None
) -> Response:
    """Its organizer only; `If-Match` refuses a change to what you have not seen. What is sold or held stays so."""
    asked = expansions_of(expand)
    event = await actions.change_event(house, who, event_id, body.amend, expected=expected_version(request), now=now)
    return reply(request, await expanded(house, event, asked, now=now), version=event.version)


@routes.delete("/events/{event_id}", status_code=204, summary="Delete a draft")
async def delete_event(request: Request, event_id: str, who: Who, house: TheHouse) -> Response:
    """Its organizer only, and only while it never was public. Its ticket types go with it."""
    await actions.delete_event(house, who, event_id, expected=expected_version(request))
    return Response(status_code=204)


async def _moved(
    request: Request,
    event_id: str,
    who: Principal,
    house: House,
    now: datetime,
    decide: Callable[[Event], Event],
) -> Response:
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.move_event(house, who, event_id, decide, keep=keep, now=now),
        render=lambda event: Answer(200, rendered(event, now=now)),
        now=now,
    )


@routes.post("/events/{event_id}/publish", response_model=EventShown, summary="Publish an event")
async def publish_event(request: Request, event_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its organizer only. A draft becomes public for good; what was postponed takes place again, at the dates it has now."""
    return await _moved(request, event_id, who, house, now, lambda event: published_event(event, now=now))


@routes.post("/events/{event_id}/postpone", response_model=EventShown, summary="Postpone an event")
async def postpone_event(request: Request, event_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its organizer only. Nothing is sold until it is published again, which new dates may precede."""
    return await _moved(request, event_id, who, house, now, lambda event: postponed_event(event, now=now))


@routes.post("/events/{event_id}/cancel", response_model=EventShown, summary="Cancel an event")
async def cancel_event(request: Request, event_id: str, who: Who, house: TheHouse, now: Now) -> Response:
    """Its organizer only, and for good: nothing is sold any more, and orders can be refunded."""
    return await _moved(request, event_id, who, house, now, lambda event: cancelled_event(event, now=now))
