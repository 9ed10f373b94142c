"""What a visitor asks the catalog, and what a card says of an event."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ticketing.base.money import Money
from ticketing.events.model import Event, ShownStatus, TicketType, TicketTypeStatus
from ticketing.venues.model import Venue


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of a search; None or an empty text leaves one out. All of them must hold.

    `words` is as typed. `starts_from` and `starts_to` are half-open. `status` is one that the public sees.
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

    `left` is told where it is little; `sale_starts` where the sale has not begun.
    """

    ticket_type: TicketType
    price: Money
    status: TicketTypeStatus
    most: int
    left: int | None
    sale_starts: datetime | None


@dataclass(frozen=True, slots=True)
class EventShown:
    """An event with what it sells. `price_from` is the lowest price that can be bought now, else of all; None: nothing is sold."""

    event: Event
    venue: Venue | None
    status: ShownStatus
    types: tuple[TypeShown, ...]
    price_from: Money | None

    @property
    def can_buy(self) -> bool:
        """Whether any ticket can be chosen now."""
        return any(each.most for each in self.types)
