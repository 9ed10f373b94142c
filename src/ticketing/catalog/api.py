"""The JSON route of the catalog: parse, find, render."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import (
    INTEGER_MAX,
    PAGE_LIMIT,
    PAGE_LIMIT_MAX,
    SEARCH_LENGTH_MAX,
    SEARCH_WORDS_MAX,
    SHORT_TEXT_LENGTH_MAX,
    TAG_LENGTH_MAX,
)
from ticketing.base.errors import FieldError, Invalid
from ticketing.base.search import words_of
from ticketing.catalog.model import Asked, Found
from ticketing.catalog.queries import PUBLIC_SECONDS, find_events
from ticketing.events.api.categories import rendered as rendered_category
from ticketing.events.api.events import EventShown, expansions_of, rendered
from ticketing.events.api.ticket_types import rendered as rendered_ticket_type
from ticketing.events.model import Category, ShownStatus
from ticketing.events.store import read_categories
from ticketing.venues.api import rendered as rendered_venue
from ticketing.web.bodies import Identifier, Moment, Shown
from ticketing.web.replies import listed_from, reply
from ticketing.web.routing import Now, TheHouse, router

routes = router("events")

_OFFSET_WITHOUT_PLUS: Final = re.compile(r"(T\S+) (\d\d:\d\d)")


def _with_plus(text: Any) -> Any:
    """A time whose `+` was sent as it stands, which in a query means a space: no RFC 3339 time has one before its offset."""
    return _OFFSET_WITHOUT_PLUS.sub(r"\1+\2", text) if isinstance(text, str) else text


def _page_size(text: Any) -> int:
    number = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 3 else text
    if not isinstance(number, int) or not 1 <= number <= PAGE_LIMIT_MAX:
        raise PydanticCustomError("out_of_range", "a whole number from 1 to {most}", {"most": PAGE_LIMIT_MAX})
    return number


def _few_words(text: str) -> str:
    if len(words_of(text)) > SEARCH_WORDS_MAX:
        raise PydanticCustomError("too_many_words", "at most {most} words", {"most": SEARCH_WORDS_MAX})
    return text


def _known_expansions(text: str) -> str:
    try:
        expansions_of(text)
    except Invalid as wrong:
        raise PydanticCustomError("unknown_expansion", "{detail}", {"detail": wrong.errors[0].detail}) from wrong
    return text


QueryMoment = Annotated[Moment, BeforeValidator(_with_plus)]


class Filters(BaseModel):
    """What `GET /v1/events` can be asked. What is left out does not matter; all of the rest must hold."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    q: Annotated[
        str,
        Field(
            max_length=SEARCH_LENGTH_MAX,
            description="words of its name, description, tags, categories or place, the last one as the beginning of a word; "
            "orders by relevance, what is to come first",
            examples=["spring conc"],
        ),
        AfterValidator(_few_words),
    ] = ""
    category: Annotated[Identifier | None, Field(description="the id of a category")] = None
    tag: Annotated[str | None, Field(min_length=1, max_length=TAG_LENGTH_MAX, examples=["strings"])] = None
    city: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=SHORT_TEXT_LENGTH_MAX,
            description="of its venue; case and accents make no difference",
            examples=["Vienna"],
        ),
    ] = None
    venue_id: Identifier | None = None
    organizer_user_id: Identifier | None = None
    status: Literal["upcoming", "ongoing", "completed", "postponed", "cancelled"] | None = None
    starts_from: Annotated[QueryMoment | None, Field(description="starts then or later")] = None
    starts_to: Annotated[QueryMoment | None, Field(description="starts before then")] = None
    price_max: Annotated[
        int | None,
        Field(
            ge=0,
            le=INTEGER_MAX,
            description="in minor units of `currency`: what can be bought now for no more, or, where nothing can be bought, is priced "
            "so. 0 finds what is free",
            examples=[2500],
        ),
    ] = None
    currency: Annotated[
        str | None,
        Field(pattern="^[A-Z]{3}$", description="of `price_max`; needed where that is not 0", examples=["EUR"]),
    ] = None
    limit: Annotated[
        int, BeforeValidator(_page_size), Field(ge=1, le=PAGE_LIMIT_MAX, description="how many at most")
    ] = PAGE_LIMIT
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    expand: Annotated[
        str,
        Field(description="what to show whole, separated by commas: `venue`, `ticket_types`, `categories`"),
        AfterValidator(_known_expansions),
    ] = ""

    def asked(self) -> Asked:
        """The same, as queries take it."""
        return Asked(
            words=self.q,
            category_id=self.category,
            tag=self.tag,
            city=self.city,
            venue_id=self.venue_id,
            organizer_user_id=self.organizer_user_id,
            status=None if self.status is None else ShownStatus(self.status),
            starts_from=self.starts_from,
            starts_to=self.starts_to,
            price_max=self.price_max,
            currency=self.currency,
        )


class EventList(Shown):
    """A page of events."""

    data: list[EventShown]
    next_cursor: str | None


@routes.get("/events", response_model=EventList, summary="Find events")
async def get_events(request: Request, filters: Annotated[Filters, Query()], house: TheHouse, now: Now) -> Response:
    """For anyone: what is published, by start, or by relevance with `q`. Drafts are never listed."""
    _refuse_repeated(request)
    if filters.price_max and filters.currency is None:
        raise Invalid(FieldError("?currency", "missing", "is needed with price_max"))
    expand = expansions_of(filters.expand)
    found = await find_events(
        house,
        filters.asked(),
        limit=filters.limit,
        cursor=filters.cursor,
        now=now,
        with_venues="venue" in expand,
        with_ticket_types="ticket_types" in expand,
    )
    categories: Mapping[str, Category] = {}
    if "categories" in expand:
        categories = await read_categories(house.store, (each for event in found.events for each in event.categories))
    shown = _rendered(found, categories, expand, now=now)
    response = reply(request, listed_from(shown, found.next_cursor))
    if "authorization" not in request.headers:
        response.headers["Cache-Control"] = f"public, max-age={PUBLIC_SECONDS}"
    return response


def _refuse_repeated(request: Request) -> None:
    """Nothing, where each parameter is given once: which of two was meant, nobody knows. Raises Invalid."""
    names = [name for name, _ in request.query_params.multi_items()]
    repeated = {name: None for name in names if names.count(name) > 1}
    if repeated:
        raise Invalid(
            *(FieldError(f"?{name[:100]}", "repeated_parameter", "is given more than once") for name in repeated)
        )


def _rendered(
    found: Found, categories: Mapping[str, Category], expand: frozenset[str], *, now: datetime
) -> list[dict[str, Any]]:
    """The events as JSON, with what was asked for in whole."""
    bodies = []
    for event in found.events:
        body = rendered(event, now=now)
        if "venue" in expand:
            venue = found.venues.get(event.venue_id or "")
            body["venue"] = None if venue is None else rendered_venue(venue)
        if "ticket_types" in expand:
            ticket_types = (found.ticket_types[each] for each in event.ticket_types if each in found.ticket_types)
            body["ticket_types"] = [rendered_ticket_type(event, each, now=now) for each in ticket_types]
        if "categories" in expand:
            body["categories"] = [
                rendered_category(categories[each]) for each in event.categories if each in categories
            ]
        bodies.append(body)
    return bodies
