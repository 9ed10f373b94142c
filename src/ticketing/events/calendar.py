"""Events as calendar files (RFC 5545): what phones and desks subscribe to or put beside their other dates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ticketing.base.house import Settings
from ticketing.events.model import Event
from ticketing.venues.model import Venue

MEDIA: Final = "text/calendar; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Dated:
    """An event to put into a calendar. `uid` is the same for as long as it is the same entry; `words` begin its description."""

    event: Event
    venue: Venue | None
    uid: str
    url: str
    words: str = ""
    is_off: bool = False
    """Whether it is off for who has this entry, though not for everybody: the ticket was refunded."""


def calendar_file(entries: Sequence[Dated], *, name: str) -> bytes:
    """The entries as one calendar of this name: the same bytes for the same entries."""
    # Only where one is asked for: a cold start need not wait for the library.
    from ticketing.events.calendar_writing import written_calendar

    return written_calendar(entries, name=name)


def host_of(settings: Settings) -> str:
    """The host in the names of entries, which makes them differ from every other house's."""
    return urlsplit(settings.base_url).hostname or "localhost"


def event_url(settings: Settings, event_id: str) -> str:
    """The page of an event."""
    return f"{settings.base_url}{settings.root_path}/events/{event_id}"
