"""A venue and the wish for one."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VenueWish:
    """What an organizer says of a venue. `latitude_e7` and `longitude_e7` are degrees times ten million."""

    venue_name: str
    address: str | None
    city: str | None
    state: str | None
    zip_code: str | None
    country: str | None
    capacity: int | None
    amenities: tuple[str, ...]
    timezone: str
    latitude_e7: int | None
    longitude_e7: int | None


@dataclass(frozen=True, slots=True)
class Venue:
    """A place: address, capacity, amenities, time zone."""

    venue_id: str
    owner_user_id: str
    wish: VenueWish
    created_date_time: datetime
    last_updated_date_time: datetime
    version: int


def city_key(city: str | None) -> str | None:
    """The city folded so that case, accents and outer spaces do not matter: `" Málaga"` is `"malaga"`. None for no city."""
    if city is None:
        return None
    plain = unicodedata.normalize("NFKD", city).casefold()
    folded = "".join(letter for letter in plain if not unicodedata.combining(letter)).strip()
    return folded or None
