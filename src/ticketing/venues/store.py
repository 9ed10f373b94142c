"""The reads and records of venues."""

from dataclasses import asdict, fields

from ticketing.base.store import Page, Store
from ticketing.base.tables import Record
from ticketing.schema.tables import VENUES, index
from ticketing.venues.model import Venue, VenueWish, city_key

_WISH_FIELDS = tuple(field.name for field in fields(VenueWish))


def venue_of(record: Record) -> Venue:
    """The venue in a row of `venues`."""
    described = {name: record[name] for name in _WISH_FIELDS}
    return Venue(
        venue_id=record["venue_id"],
        owner_user_id=record["owner_user_id"],
        wish=VenueWish(**{**described, "amenities": tuple(record["amenities"])}),
        created_date_time=record["created_date_time"],
        last_updated_date_time=record["last_updated_date_time"],
        version=record["version"],
    )


def venue_record(venue: Venue) -> Record:
    """The row of `venues` for a venue."""
    return {
        "venue_id": venue.venue_id,
        "owner_user_id": venue.owner_user_id,
        **asdict(venue.wish),
        "amenities": list(venue.wish.amenities),
        "city_key": city_key(venue.wish.city),
        "venue_shard": "0",
        "created_date_time": venue.created_date_time,
        "last_updated_date_time": venue.last_updated_date_time,
        "version": venue.version,
    }


async def read_venue(store: Store, venue_id: str) -> Venue | None:
    """The venue with this id."""
    record = await store.get(VENUES, (venue_id,))
    return None if record is None else venue_of(record)


async def page_of_venues(store: Store, *, limit: int, cursor: str | None) -> Page:
    """Rows of all venues, by name."""
    return await store.query(index("venues_by_name"), "0", limit=limit, cursor=cursor)


async def has_events(store: Store, venue_id: str) -> bool:
    """Whether any event takes place there. The index may lag: SQL's foreign key is the safety net."""
    page = await store.query(index("events_by_venue"), venue_id, limit=1)
    return bool(page.records)
