"""What a visitor asks the catalog, and what a card says of an event."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from ticketing.base.money import Money
from ticketing.events.model import Event, ShownStatus, TicketType, TicketTypeStatus
from ticketing.venues.model import Venue


class When(Enum):
    """Days that are asked for by a word."""

    TODAY = "today"
    WEEKEND = "weekend"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Span:
    """Days by the calendar of each event's own zone, first and last included; `named` goes before both."""

    first: date | None
    last: date | None
    named: When | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of a search; None or an empty text leaves one out. All of them must hold.

    `words` is as typed. `starts_from` and `starts_to` are half-open. `status` is one that the public sees. `price_max` is in minor
    units of `currency`, which may be left out where it is 0; what can be bought now for no more than that matches, or, where
    nothing can be bought, what is priced so.
    """

    words: str = ""
    category_id: str | None = None
    tag: str | None = None
    city: str | None = None
    venue_id: str | None = None
    organizer_user_id: str | None = None
    status: ShownStatus | None = None
    starts_from: datetime | None = None
    starts_to: datetime | None = None
    span: Span | None = None
    price_max: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of events as they stand now, with what belongs to them by id, as far as it was asked for."""

    events: tuple[Event, ...]
    venues: dict[str, Venue]
    ticket_types: dict[str, TicketType]
    next_cursor: str | None


class Notice(Enum):
    """The one thing that matters most about an event on a card."""

    CANCELLED = "cancelled"
    POSTPONED = "postponed"
    OVER = "over"
    ON_NOW = "on_now"
    SOLD_OUT = "sold_out"
    NOT_YET = "not_yet"
    FEW_LEFT = "few_left"


@dataclass(frozen=True, slots=True)
class Card:
    """An event on the start page. `price_from` is the lowest price that can be bought now, else of all; None: nothing is sold.

    `is_one_price` says that no other price is on sale. `sale_starts` goes with NOT_YET, `left` with FEW_LEFT.
    """

    event: Event
    venue: Venue | None
    price_from: Money | None
    is_one_price: bool
    notice: Notice | None
    sale_starts: datetime | None
    left: int | None


@dataclass(frozen=True, slots=True)
class TypeShown:
    """A ticket type on the page of its event. `most` is how many can be chosen now, 0 where none can.

    `left` is told where it is little; `sale_starts` where the sale has not begun; `sale_ends` where it has and ends before the event.
    """

    ticket_type: TicketType
    price: Money
    status: TicketTypeStatus
    most: int
    left: int | None
    sale_starts: datetime | None
    sale_ends: datetime | None


class SaleState(Enum):
    """How the sale of an event stands as a whole."""

    NOTHING = "nothing"
    """There are no ticket types."""
    OPEN = "open"
    NOT_YET = "not_yet"
    SOLD_OUT = "sold_out"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event with what it sells. `price_from` is the lowest price that can be bought now, else of all; None: nothing is sold.

    `opens` is when the first sale begins, where none has.
    """

    event: Event
    venue: Venue | None
    status: ShownStatus
    types: tuple[TypeShown, ...]
    price_from: Money | None
    sale: SaleState
    opens: datetime | None

    @property
    def can_buy(self) -> bool:
        """Whether any ticket can be chosen now."""
        return self.sale is SaleState.OPEN
