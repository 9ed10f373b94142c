"""Use cases of venues: read, decide, commit, answer."""

from dataclasses import replace
from datetime import datetime

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, demand
from ticketing.base.changes import Insert, Remove, Replace
from ticketing.base.errors import ChangedMeanwhile, NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Conflict
from ticketing.schema.tables import VENUES
from ticketing.venues.model import Venue, VenueWish
from ticketing.venues.rules import VenueInUse, changed_venue, new_venue
from ticketing.venues.store import has_events, read_venue, venue_record


async def create_venue(house: House, who: Principal, wish: VenueWish, *, keep: Keep[Venue], now: datetime) -> Venue:
    """A new venue of this organizer is stored. Raises Unauthenticated, NotFound for those who may not."""
    owner = demand(who, Right.CREATE_VENUE)
    venue = new_venue(house.new_id("ven", now), wish, owner_user_id=owner.user_id, now=now)
    await commit_once(house, (*keep(venue), Insert(VENUES, venue_record(venue))))
    return venue


async def own_venue(house: House, who: Principal, venue_id: str) -> Venue:
    """The venue, which this principal may change. Raises Unauthenticated, NotFound."""
    venue = await read_venue(house.store, venue_id)
    demand(who, Right.CHANGE_VENUE, owner_user_id=None if venue is None else venue.owner_user_id)
    if venue is None:
        raise NotFound
    return venue


async def change_venue(house: House, venue: Venue, wish: VenueWish, *, now: datetime) -> Venue:
    """The venue is described anew. `venue` is as `own_venue` read it. Raises ChangedMeanwhile."""
    changed = changed_venue(venue, wish, now=now)
    try:
        await house.store.commit((Replace(VENUES, venue_record(changed)),))
    except Conflict as conflict:
        raise ChangedMeanwhile from conflict
    return replace(changed, version=venue.version + 1)


async def delete_venue(house: House, venue: Venue) -> None:
    """The venue is gone. Raises VenueInUse while events take place there, ChangedMeanwhile."""
    if await has_events(house.store, venue.venue_id):
        raise VenueInUse
    try:
        await house.store.commit((Remove(VENUES, (venue.venue_id,), venue.version),))
    except Conflict as conflict:
        raise ChangedMeanwhile from conflict
