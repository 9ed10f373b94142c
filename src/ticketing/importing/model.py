"""What a reader of foreign data hands over: venues and events in the words of Ticket, and the mistakes it met."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ImportedVenue:
    """A place as its source describes it. An empty text means that the source does not say.

    `source_key` identifies the venue in its source, the same in every run. `country` is ISO 3166 alpha-2,
    `timezone` an IANA name; latitude and longitude are in degrees.
    """

    source_key: str
    venue_name: str
    address: str
    city: str
    state: str
    zip_code: str
    country: str | None
    capacity: int | None
    amenities: tuple[str, ...]
    timezone: str
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True, slots=True)
class ImportedTicketType:
    """A kind of ticket; `price_amount` is in minor units of the event's currency."""

    ticket_type: str
    price_amount: int
    quantity: int


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """An event as its source describes it, cleaned and within the bounds of `base/bounds.py`.

    `source_key` identifies the event in its source, the same in every run and at most 200 characters, so that a second
    run finds what the first one inserted. All times are aware and in UTC; `timezone` is an IANA name. `venue_key` is the
    `source_key` of a venue of the same import, None for an event that is online only. `categories` are names.
    """

    source_key: str
    event_name: str
    description: str
    start_date_time: datetime
    end_date_time: datetime
    timezone: str
    venue_key: str | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    image_url: str | None
    external_links: tuple[str, ...]
    capacity: int | None
    currency: str | None
    ticket_types: tuple[ImportedTicketType, ...]
    sales_start_date: datetime | None
    sales_end_date: datetime | None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where: `worldcup.json: matches[12].time` or `events.csv: line 7, column price`.

    `reason` is a sentence that says what was expected and, where it is not the whole record, what was left out.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Import:
    """All that could be read of one source, in the order of the source, and every mistake that was met."""

    venues: tuple[ImportedVenue, ...]
    events: tuple[ImportedEvent, ...]
    mistakes: tuple[Mistake, ...]
