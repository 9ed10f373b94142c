"""JSON routes of venues: parse, act, render."""

from typing import Annotated, Any

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.base.bounds import AMENITIES_MAX, CAPACITY_MAX
from ticketing.base.errors import NotFound
from ticketing.base.times import shown
from ticketing.venues import actions
from ticketing.venues.model import Venue, VenueWish
from ticketing.venues.store import page_of_venues, read_venue, venue_of
from ticketing.web.bodies import Body, Line, Name, Shown, TimeZone, Whole, refuse_null
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, expected_version, limit_of, listed, refuse_changed, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("venues")

Degrees = Annotated[float, Field(allow_inf_nan=False)]


class VenueBody(Body):
    """A venue as an organizer describes it."""

    venue_name: Annotated[Name, Field(examples=["Konzerthaus"])]
    address: Line | None = None
    city: Annotated[Line | None, Field(examples=["Vienna"])] = None
    state: Line | None = None
    zip_code: Line | None = None
    country: Annotated[str | None, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["AT"])] = (
        None
    )
    capacity: Annotated[Whole | None, Field(ge=0, le=CAPACITY_MAX)] = None
    amenities: Annotated[list[Name], Field(max_length=AMENITIES_MAX, examples=[["parking", "WiFi"]])] = []
    timezone: Annotated[TimeZone, Field(examples=["Europe/Vienna"])]
    latitude: Annotated[Degrees | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[Degrees | None, Field(ge=-180, le=180)] = None

    def wish(self) -> VenueWish:
        """The same, as actions take it."""
        return VenueWish(
            venue_name=self.venue_name,
            address=self.address,
            city=self.city,
            state=self.state,
            zip_code=self.zip_code,
            country=self.country,
            capacity=self.capacity,
            amenities=tuple(self.amenities),
            timezone=self.timezone,
            latitude_e7=None if self.latitude is None else round(self.latitude * 10**7),
            longitude_e7=None if self.longitude is None else round(self.longitude * 10**7),
        )


class VenuePatch(Body):
    """The fields of a venue that change; the others stay. A null empties a field that may be empty."""

    venue_name: Name | None = None
    address: Line | None = None
    city: Line | None = None
    state: Line | None = None
    zip_code: Line | None = None
    country: Annotated[str | None, Field(pattern="^[A-Z]{2}$")] = None
    capacity: Annotated[Whole | None, Field(ge=0, le=CAPACITY_MAX)] = None
    amenities: Annotated[list[Name] | None, Field(max_length=AMENITIES_MAX)] = None
    timezone: TimeZone | None = None
    latitude: Annotated[Degrees | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[Degrees | None, Field(ge=-180, le=180)] = None

    @model_validator(mode="after")
    def _required_stay(self) -> "VenuePatch":
        return refuse_null(self, "venue_name", "timezone", "amenities")


class VenueShown(Shown):
    """A venue as everyone sees it."""

    venue_id: str
    venue_name: str
    address: str | None
    city: str | None
    state: str | None
    zip_code: str | None
    country: str | None
    capacity: int | None
    amenities: list[str]
    timezone: str
    latitude: float | None
    longitude: float | None
    created_date_time: str
    last_updated_date_time: str


class VenueList(Shown):
    """A page of venues."""

    data: list[VenueShown]
    next_cursor: str | None


def described(wish: VenueWish) -> dict[str, Any]:
    """The fields of `VenueBody` for what is stored: what PATCH merges into."""
    return {
        "venue_name": wish.venue_name,
        "address": wish.address,
        "city": wish.city,
        "state": wish.state,
        "zip_code": wish.zip_code,
        "country": wish.country,
        "capacity": wish.capacity,
        "amenities": list(wish.amenities),
        "timezone": wish.timezone,
        "latitude": None if wish.latitude_e7 is None else wish.latitude_e7 / 10**7,
        "longitude": None if wish.longitude_e7 is None else wish.longitude_e7 / 10**7,
    }


def rendered(venue: Venue) -> dict[str, Any]:
    """A venue as JSON."""
    return {
        "venue_id": venue.venue_id,
        **described(venue.wish),
        "created_date_time": shown(venue.created_date_time),
        "last_updated_date_time": shown(venue.last_updated_date_time),
    }


@routes.post("/venues", status_code=201, response_model=VenueShown, summary="Create a venue")
async def post_venue(request: Request, body: VenueBody, who: Who, house: TheHouse, now: Now) -> Response:
    """Organizers only."""
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_venue(house, who, body.wish(), keep=keep, now=now),
        render=lambda venue: Answer(
            201, rendered(venue), {"Location": f"{house.settings.root_path}/v1/venues/{venue.venue_id}"}
        ),
        now=now,
    )


@routes.get("/venues", response_model=VenueList, summary="List venues by name")
async def get_venues(house: TheHouse, limit: str | None = None, cursor: str | None = None) -> Response:
    """For anyone."""
    page = await page_of_venues(house.store, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered(venue_of(record)))))


@routes.get("/venues/{venue_id}", response_model=VenueShown, summary="Read a venue")
async def get_venue(request: Request, venue_id: str, house: TheHouse) -> Response:
    """For anyone."""
    venue = await read_venue(house.store, venue_id)
    if venue is None:
        raise NotFound
    return reply(request, rendered(venue), version=venue.version)


@routes.patch("/venues/{venue_id}", response_model=VenueShown, summary="Change a venue")
async def patch_venue(
    request: Request, venue_id: str, body: VenuePatch, who: Who, house: TheHouse, now: Now
) -> Response:
    """Its owner only; `If-Match` refuses a change to what you have not seen."""
    venue = await actions.own_venue(house, who, venue_id)
    refuse_changed(expected_version(request), venue.version)
    wish = VenueBody(**(described(venue.wish) | body.model_dump(exclude_unset=True))).wish()
    changed = await actions.change_venue(house, venue, wish, now=now)
    return reply(request, rendered(changed), version=changed.version)


@routes.delete("/venues/{venue_id}", status_code=204, summary="Delete a venue")
async def delete_venue(request: Request, venue_id: str, who: Who, house: TheHouse) -> Response:
    """Its owner only, and only while no event takes place there."""
    venue = await actions.own_venue(house, who, venue_id)
    refuse_changed(expected_version(request), venue.version)
    await actions.delete_venue(house, venue)
    return Response(status_code=204)
