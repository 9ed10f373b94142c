"""An event, what it sells, its categories, and the wishes for them."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class EventStatus(Enum):
    """What an organizer decided of an event: this is stored."""

    DRAFT = "draft"
    PUBLISHED = "published"
    POSTPONED = "postponed"
    CANCELLED = "cancelled"


class ShownStatus(Enum):
    """What the public sees of an event: upcoming, ongoing and completed follow from the clock."""

    DRAFT = "draft"
    UPCOMING = "upcoming"
    ONGOING = "ongoing"
    COMPLETED = "completed"
    POSTPONED = "postponed"
    CANCELLED = "cancelled"


class TicketTypeStatus(Enum):
    """Whether a ticket type can be bought now, and why not."""

    ON_SALE = "on_sale"
    NOT_YET = "not_yet"
    SOLD_OUT = "sold_out"
    ENDED = "ended"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class EventWish:
    """What an organizer says of an event. `categories` are ids; a `capacity` or `tickets_per_customer_max` of None is no limit.

    Buyers may cancel paid orders by themselves until `cancellation_hours` before the start (None: never) and get back what they
    paid without `cancellation_fee_bp` basis points of it. With `spread_sale`, places are sold from blocks (`events/blocks.py`).
    """

    event_name: str
    description: str
    start_date_time: datetime
    end_date_time: datetime
    venue_id: str | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    image_url: str | None
    capacity: int | None
    sales_start_date: datetime | None
    sales_end_date: datetime | None
    external_links: tuple[str, ...]
    timezone: str
    currency: str
    tickets_per_customer_max: int | None
    transfers_allowed: bool = True
    cancellation_hours: int | None = None
    cancellation_fee_bp: int = 0
    spread_sale: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """What takes place. `categories` and `ticket_types` are ids, `ticket_types` in the order in which they are offered.

    `capacity_available` is a pool: what is left of `capacity`, or of POOL_MAX where `capacity` is None; below nothing where the
    capacity was lowered under what is sold and held. It changes without a new `version`, and so does `blocks_out`: in how many
    blocks more of it is.
    """

    event_id: str
    event_name: str
    description: str
    start_date_time: datetime
    end_date_time: datetime
    venue_id: str | None
    organizer_user_id: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    image_url: str | None
    capacity: int | None
    capacity_available: int
    ticket_types: tuple[str, ...]
    sales_start_date: datetime | None
    sales_end_date: datetime | None
    status: EventStatus
    external_links: tuple[str, ...]
    timezone: str
    currency: str
    tickets_per_customer_max: int | None
    created_date_time: datetime
    last_updated_date_time: datetime
    version: int
    transfers_allowed: bool = True
    cancellation_hours: int | None = None
    cancellation_fee_bp: int = 0
    spread_sale: bool = False
    blocks_out: int = 0

    @property
    def cancellable_until(self) -> datetime | None:
        """Before when buyers may cancel what they paid, while the event keeps its date; None: never."""
        hours = self.cancellation_hours
        return None if hours is None else self.start_date_time - timedelta(hours=hours)

    @property
    def is_public(self) -> bool:
        """Whether anyone may see it. A draft that became public never becomes a draft again."""
        return self.status is not EventStatus.DRAFT


@dataclass(frozen=True, slots=True)
class TicketTypeWish:
    """What an organizer says of a ticket type. `price` is in minor units of `currency`, which must be the event's."""

    ticket_type: str
    description: str
    price: int
    currency: str
    quantity: int
    sale_start_date_time: datetime | None
    sale_end_date_time: datetime | None
    per_order_max: int | None
    paused: bool


@dataclass(frozen=True, slots=True)
class TicketType:
    """A kind of ticket that an event sells; `ticket_type` is its name, `price` in minor units of the event's currency.

    `quantity_available` is a pool: what is left of `quantity`; below nothing where the quantity was lowered under what is sold
    and held. It changes without a new `version`, and so does `blocks_out`: in how many blocks more of it is.
    """

    ticket_type_id: str
    event_id: str
    ticket_type: str
    description: str
    price: int
    quantity: int
    quantity_available: int
    sale_start_date_time: datetime | None
    sale_end_date_time: datetime | None
    per_order_max: int | None
    paused: bool
    created_date_time: datetime
    version: int
    blocks_out: int = 0


@dataclass(frozen=True, slots=True)
class Category:
    """A genre under which events are found. `use_count` is a pool: how many events have it."""

    category_id: str
    category_name: str
    use_count: int
    created_date_time: datetime
    version: int


@dataclass(frozen=True, slots=True)
class CategoryMapping:
    """That an event belongs to a category, with what a search by category needs of the event."""

    event_id: str
    category_id: str
    is_live: bool
    start_date_time: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Offer:
    """An event with its ticket types, in its order: all that a sale is decided on but the pools."""

    event: Event
    ticket_types: tuple[TicketType, ...]


def folded(text: str) -> str:
    """The text so that case, accents and spaces do not matter: `" Théâtre  Royal"` is `"theatre royal"`."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
