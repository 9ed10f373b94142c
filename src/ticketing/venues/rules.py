"""What may become of a venue."""

from dataclasses import replace
from datetime import datetime

from ticketing.base.errors import Kind, Refusal
from ticketing.venues.model import Venue, VenueWish


class VenueInUse(Refusal):
    """Events take place at the venue, so it stays."""

    code = "venue_in_use"
    kind = Kind.CONFLICT
    title = "Events take place at this venue. Move or delete them first."


def new_venue(venue_id: str, wish: VenueWish, *, owner_user_id: str, now: datetime) -> Venue:
    """The venue as it begins."""
    return Venue(
        venue_id=venue_id,
        owner_user_id=owner_user_id,
        wish=wish,
        created_date_time=now,
        last_updated_date_time=now,
        version=1,
    )


def changed_venue(venue: Venue, wish: VenueWish, *, now: datetime) -> Venue:
    """The venue with another description; its version is still the one that was read."""
    return replace(venue, wish=wish, last_updated_date_time=now)
