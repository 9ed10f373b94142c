"""The picture of an event that is shown where its page is shared (Open Graph): which words stand on it, and how it is answered."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import PREVIEWS_KEPT_MAX
from ticketing.base.errors import NotFound
from ticketing.events.model import Event, EventStatus
from ticketing.events.store import read_event
from ticketing.venues.model import Venue
from ticketing.venues.store import read_venue
from ticketing.web.drawing import TheDrawing
from ticketing.web.headers import secured
from ticketing.web.i18n import SOURCE, tongue
from ticketing.web.routing import TheHouse
from ticketing.web.wording import clock, day, days, local, zone

routes = APIRouter(include_in_schema=False)

KEPT_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on the picture."""

    title: str
    date: str
    place: str


@routes.get("/events/{event_id}/image.png")
async def get_image(request: Request, event_id: str, house: TheHouse, drawing: TheDrawing) -> Response:
    """The picture of a public event; 304 to who has it already. Raises NotFound, Busy."""
    event = await read_event(house.store, event_id)
    if event is None or not event.is_public:
        raise NotFound
    venue = None if event.venue_id is None else await read_venue(house.store, event.venue_id)
    words = words_of(event, venue)
    category = next(iter(event.categories), "")
    kept: OrderedDict[tuple[str, str, Words], bytes] = request.app.state.previews
    key = (event_id, category, words)
    png = kept.get(key)
    if png is None:
        png = kept[key] = await drawing.of(_drawn, event_id, category=category, words=words)
    kept.move_to_end(key)
    if len(kept) > PREVIEWS_KEPT_MAX:
        kept.popitem(last=False)
    tag = f'"{hashlib.sha256(png).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={KEPT_SECONDS}"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return secured(Response(png, media_type="image/png", headers=headers))


def words_of(event: Event, venue: Venue | None) -> Words:
    """The words of an event, in English: who shares a page has not said in which language others read it."""
    speaks = tongue(SOURCE)
    start, end = local(event.start_date_time, event.timezone), local(event.end_date_time, event.timezone)
    when = (
        days(start, end, speaks)
        if _is_long(start, end)
        else f"{day(start, speaks)}, {clock(start, speaks)} {zone(start)}"
    )
    off = {EventStatus.CANCELLED: "Cancelled", EventStatus.POSTPONED: "Postponed"}.get(event.status)
    parts = (venue.wish.venue_name, venue.wish.city) if venue is not None else ("Online",)
    return Words(
        event.event_name, when if off is None else f"{off} · {when}", ", ".join(part for part in parts if part)
    )


def _is_long(start: datetime, end: datetime) -> bool:
    return (end - start).total_seconds() >= 24 * 3600


def _drawn(event_id: str, *, category: str, words: Words) -> bytes:
    # Only where a picture is asked for: a cold start need not wait for what draws.
    from ticketing.site.preview_drawing import drawn

    return drawn(event_id, category=category, words=words)
