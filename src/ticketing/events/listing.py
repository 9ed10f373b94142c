"""What a search finds a public event by: its words, and a token for each filter."""

import hashlib
from collections.abc import Iterable

from ticketing.base.search import searchable
from ticketing.base.tables import Record
from ticketing.events.model import Event, folded
from ticketing.venues.model import Venue


def facet(kind: str, value: str) -> str:
    """The token of one filter, `tag_2c26b46b68ffc68f`: letters, digits and one underscore, whatever the value holds.

    `kind` is `category` (with an id), `tag`, `venue` (id), `organizer` (id) or `status` (the stored one). Case, accents and
    spaces of `value` make no difference.
    """
    return f"{kind}_{hashlib.sha256(folded(value).encode()).hexdigest()[:16]}"


def listing_record(
    event: Event, *, category_names: Iterable[str], venue: Venue | None, version: int | None = None
) -> Record:
    """The row of `listings` for an event; `version` is that of the row that it replaces, None where there is none.

    Facets are made of what never goes stale: ids, and the event's own fields. The words of the venue and the categories are as
    of the event's last change: a venue that is renamed later is found by its facet at once, by its new name after the next.
    """
    place = () if venue is None else (venue.wish.venue_name, venue.wish.city, venue.wish.state, venue.wish.country)
    words = [*event.tags, *category_names, *(part for part in place if part), event.description]
    return {
        "event_id": event.event_id,
        "event_name": searchable((event.event_name,)),
        "words": searchable(words),
        "facets": _facets(event),
        "start_date_time": event.start_date_time,
        "end_date_time": event.end_date_time,
        "version": 1 if version is None else version,
    }


def _facets(event: Event) -> list[str]:
    facets = [facet("category", category_id) for category_id in event.categories]
    facets += [facet("tag", tag) for tag in event.tags]
    if event.venue_id is not None:
        facets.append(facet("venue", event.venue_id))
    facets += [facet("organizer", event.organizer_user_id), facet("status", event.status.value)]
    return list(dict.fromkeys(facets))
