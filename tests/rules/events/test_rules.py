"""What an event and its ticket types are at a moment, and what may become of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import A_TICKET_TYPE, AN_EVENT
from tests.support.houses import NOON
from ticketing.base.bounds import POOL_MAX, TICKET_TYPES_PER_EVENT_MAX
from ticketing.base.errors import Invalid, Refusal
from ticketing.events.model import Category, Event, EventStatus, ShownStatus, TicketType, TicketTypeStatus
from ticketing.events.rules import (
    CapacityOverVenue,
    CurrencyFixed,
    CurrencyMismatch,
    EventCancelled,
    EventInUse,
    EventIsDraft,
    TicketTypeInUse,
    TooManyTicketTypes,
    cancelled_event,
    changed_event,
    changed_ticket_type,
    new_event,
    new_ticket_type,
    postponed_event,
    published_event,
    refuse_deletion,
    refuse_ticket_type_deletion,
    sale_ends,
    sale_starts,
    shown_status,
    ticket_type_status,
    ticket_type_wish_of,
    wish_of,
)
from ticketing.venues.model import Venue, VenueWish

SECOND = timedelta(seconds=1)
STARTS, ENDS = AN_EVENT.start_date_time, AN_EVENT.end_date_time
HALL = Venue(
    "ven_konzerthaus",
    "usr_ada",
    VenueWish("Konzerthaus", None, "Vienna", None, None, "AT", 1800, (), "Europe/Vienna", None, None),
    NOON,
    NOON,
    version=7,
)
CATEGORIES = {"cat_chamber": Category("cat_chamber", "Chamber music", use_count=1, created_date_time=NOON, version=1)}
AROUND: dict[str, Any] = {"venue": HALL, "categories": CATEGORIES, "now": NOON}

moments = st.integers(0, 60 * 24).map(lambda hours: datetime(2027, 4, 1, tzinfo=UTC) + timedelta(hours=hours))
perhaps = st.none() | moments
counts = st.integers(0, 1000)


# the status that the public sees -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (STARTS - SECOND, ShownStatus.UPCOMING),
        (STARTS, ShownStatus.ONGOING),
        (ENDS - SECOND, ShownStatus.ONGOING),
        (ENDS, ShownStatus.COMPLETED),
    ],
)
def test_a_published_event_is_upcoming_then_ongoing_then_completed(now: datetime, status: ShownStatus) -> None:
    assert shown_status(AN_EVENT, now=now) is status


@pytest.mark.parametrize("status", [EventStatus.DRAFT, EventStatus.POSTPONED, EventStatus.CANCELLED])
@given(now=moments)
def test_the_clock_moves_published_events_only(status: EventStatus, now: datetime) -> None:
    assert shown_status(replace(AN_EVENT, status=status), now=now).value == status.value


# the sale window -----------------------------------------------------------------------------------------------------


@given(event_start=perhaps, type_start=perhaps, event_end=perhaps, type_end=perhaps, now=moments)
def test_a_type_is_on_sale_inside_its_window_the_events_window_and_before_the_events_end_alone(
    event_start: datetime | None,
    type_start: datetime | None,
    event_end: datetime | None,
    type_end: datetime | None,
    now: datetime,
) -> None:
    event = replace(AN_EVENT, sales_start_date=event_start, sales_end_date=event_end)
    ticket_type = replace(A_TICKET_TYPE, sale_start_date_time=type_start, sale_end_date_time=type_end)

    on_sale = ticket_type_status(event, ticket_type, now=now) is TicketTypeStatus.ON_SALE

    begun = all(start is None or start <= now for start in (event_start, type_start))
    over = any(end is not None and end <= now for end in (event_end, type_end, event.end_date_time))
    assert on_sale == (begun and not over)


def test_without_dates_the_sale_begins_at_once_and_ends_with_the_event() -> None:
    assert sale_starts(AN_EVENT, A_TICKET_TYPE) is None
    assert sale_ends(AN_EVENT, A_TICKET_TYPE) == ENDS


SOON, LATER = NOON + timedelta(days=1), NOON + timedelta(days=2)


@pytest.mark.parametrize(
    ("event", "ticket_type", "status"),
    [
        ({}, {}, TicketTypeStatus.ON_SALE),
        ({"status": EventStatus.DRAFT}, {}, TicketTypeStatus.NOT_YET),
        ({"status": EventStatus.CANCELLED}, {"sale_start_date_time": SOON}, TicketTypeStatus.ENDED),
        ({"sales_start_date": SOON}, {"paused": True}, TicketTypeStatus.NOT_YET),
        ({}, {"sale_start_date_time": SOON}, TicketTypeStatus.NOT_YET),
        ({"sales_end_date": NOON}, {"paused": True}, TicketTypeStatus.ENDED),
        ({}, {"sale_end_date_time": NOON}, TicketTypeStatus.ENDED),
        ({}, {"paused": True, "quantity_available": 0}, TicketTypeStatus.PAUSED),
        ({"status": EventStatus.POSTPONED}, {}, TicketTypeStatus.PAUSED),
        ({}, {"quantity_available": 0}, TicketTypeStatus.SOLD_OUT),
        ({}, {"quantity_available": -3}, TicketTypeStatus.SOLD_OUT),
        ({"capacity": 10, "capacity_available": 0}, {}, TicketTypeStatus.SOLD_OUT),
    ],
)
def test_the_first_reason_against_a_sale_is_the_status_of_the_ticket_type(
    event: dict[str, Any], ticket_type: dict[str, Any], status: TicketTypeStatus
) -> None:
    assert ticket_type_status(replace(AN_EVENT, **event), replace(A_TICKET_TYPE, **ticket_type), now=NOON) is status


# describing an event -------------------------------------------------------------------------------------------------


def test_a_new_event_is_a_draft_with_all_of_its_capacity_left() -> None:
    wish = replace(wish_of(AN_EVENT), capacity=300)

    event = new_event("evt_new", wish, organizer_user_id="usr_ada", **AROUND)

    assert (event.status, event.capacity_available, event.version) == (EventStatus.DRAFT, 300, 1)


def test_an_event_without_a_limit_has_a_pool_without_a_bottom() -> None:
    event = new_event("evt_new", wish_of(AN_EVENT), organizer_user_id="usr_ada", **AROUND)

    assert event.capacity_available == POOL_MAX


@given(before=st.none() | counts, after=st.none() | counts, sold=counts)
def test_whatever_becomes_of_the_capacity_what_is_sold_stays_sold(
    before: int | None, after: int | None, sold: int
) -> None:
    full = POOL_MAX if before is None else before
    event = replace(AN_EVENT, capacity=before, capacity_available=full - sold)

    changed = changed_event(event, replace(wish_of(event), capacity=after), **AROUND)

    assert changed.capacity_available == (POOL_MAX if after is None else after) - sold


def test_every_wrong_field_of_an_event_is_named_at_once() -> None:
    wish = replace(
        wish_of(AN_EVENT),
        end_date_time=STARTS,
        sales_start_date=NOON,
        sales_end_date=NOON,
        venue_id="ven_gone",
        categories=("cat_chamber", "cat_gone"),
    )

    with pytest.raises(Invalid) as refused:
        new_event("evt_new", wish, organizer_user_id="usr_ada", venue=None, categories=CATEGORIES, now=NOON)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/end_date_time", "not_after_start"),
        ("/sales_end_date", "not_after_start"),
        ("/venue_id", "unknown_venue"),
        ("/categories/1", "unknown_category"),
    ]


def test_an_event_of_more_than_a_year_is_refused() -> None:
    wish = replace(wish_of(AN_EVENT), end_date_time=STARTS + timedelta(days=367))

    with pytest.raises(Invalid) as refused:
        changed_event(AN_EVENT, wish, **AROUND)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/end_date_time", "too_long")]


def test_an_event_fills_its_venue_to_the_last_place_and_no_further() -> None:
    full = replace(wish_of(AN_EVENT), capacity=1800)

    assert changed_event(AN_EVENT, full, **AROUND).capacity == 1800
    with pytest.raises(CapacityOverVenue):
        changed_event(AN_EVENT, replace(full, capacity=1801), **AROUND)


def test_an_event_in_a_venue_that_shrank_since_can_still_be_described_anew() -> None:
    event = replace(AN_EVENT, capacity=2000)

    changed = changed_event(event, replace(wish_of(event), description="Without the interval."), **AROUND)

    assert changed.description == "Without the interval."


def test_the_currency_stands_once_prices_are_in_it() -> None:
    with pytest.raises(CurrencyFixed):
        changed_event(AN_EVENT, replace(wish_of(AN_EVENT), currency="USD"), **AROUND)


def test_the_currency_of_an_event_without_ticket_types_may_change() -> None:
    event = replace(AN_EVENT, ticket_types=())

    assert changed_event(event, replace(wish_of(event), currency="USD"), **AROUND).currency == "USD"


# the life of an event ------------------------------------------------------------------------------------------------


def drawn_status(event: Event, move: Any) -> EventStatus | type[Refusal]:
    """The status after a move, or the refusal of it."""
    try:
        moved: Event = move(event, now=NOON)
    except Refusal as refusal:
        return type(refusal)
    return moved.status


DRAFT, PUBLISHED = EventStatus.DRAFT, EventStatus.PUBLISHED
POSTPONED, CANCELLED = EventStatus.POSTPONED, EventStatus.CANCELLED


@pytest.mark.parametrize(
    ("status", "move", "outcome"),
    [
        (DRAFT, published_event, PUBLISHED),
        (DRAFT, postponed_event, EventIsDraft),
        (DRAFT, cancelled_event, EventIsDraft),
        (PUBLISHED, published_event, PUBLISHED),
        (PUBLISHED, postponed_event, POSTPONED),
        (PUBLISHED, cancelled_event, CANCELLED),
        (POSTPONED, published_event, PUBLISHED),
        (POSTPONED, postponed_event, POSTPONED),
        (POSTPONED, cancelled_event, CANCELLED),
        (CANCELLED, published_event, EventCancelled),
        (CANCELLED, postponed_event, EventCancelled),
        (CANCELLED, cancelled_event, CANCELLED),
    ],
)
def test_an_event_moves_from_draft_to_public_and_to_cancelled_for_good(
    status: EventStatus, move: Any, outcome: EventStatus | type[Refusal]
) -> None:
    assert drawn_status(replace(AN_EVENT, status=status), move) == outcome


def test_an_event_may_be_public_before_its_place_is_known() -> None:
    event = replace(AN_EVENT, status=DRAFT, venue_id=None, external_links=())

    assert published_event(event, now=NOON).status is PUBLISHED


@pytest.mark.parametrize("status", [PUBLISHED, POSTPONED, CANCELLED])
def test_what_was_public_is_never_deleted(status: EventStatus) -> None:
    with pytest.raises(EventInUse):
        refuse_deletion(replace(AN_EVENT, status=status))


# ticket types --------------------------------------------------------------------------------------------------------

WISH = ticket_type_wish_of(AN_EVENT, A_TICKET_TYPE)


def test_all_of_a_new_ticket_type_is_left() -> None:
    made = new_ticket_type("tty_new", AN_EVENT, WISH, now=NOON)

    assert (made.quantity, made.quantity_available, made.event_id) == (200, 200, "evt_spring")


@given(before=counts, after=counts, sold=counts)
def test_whatever_becomes_of_the_quantity_what_is_sold_stays_sold(before: int, after: int, sold: int) -> None:
    ticket_type = replace(A_TICKET_TYPE, quantity=before, quantity_available=before - sold)

    changed = changed_ticket_type(AN_EVENT, ticket_type, replace(WISH, quantity=after))

    assert (changed.quantity, changed.quantity_available) == (after, after - sold)


def test_a_price_in_another_currency_than_the_events_is_refused() -> None:
    in_dollars = replace(WISH, currency="USD")

    with pytest.raises(CurrencyMismatch):
        new_ticket_type("tty_new", AN_EVENT, in_dollars, now=NOON)
    with pytest.raises(CurrencyMismatch):
        changed_ticket_type(AN_EVENT, A_TICKET_TYPE, in_dollars)


def test_a_sale_that_ends_before_it_starts_is_refused() -> None:
    wish = replace(WISH, sale_start_date_time=LATER, sale_end_date_time=SOON)

    with pytest.raises(Invalid):
        new_ticket_type("tty_new", AN_EVENT, wish, now=NOON)
    with pytest.raises(Invalid):
        changed_ticket_type(AN_EVENT, A_TICKET_TYPE, wish)


def test_a_cancelled_event_gets_no_new_ticket_types() -> None:
    with pytest.raises(EventCancelled):
        new_ticket_type("tty_new", replace(AN_EVENT, status=CANCELLED), WISH, now=NOON)


def test_an_event_has_so_many_ticket_types_and_no_more() -> None:
    full = replace(AN_EVENT, ticket_types=tuple(f"tty_{count}" for count in range(TICKET_TYPES_PER_EVENT_MAX)))

    last = new_ticket_type("tty_new", replace(full, ticket_types=full.ticket_types[1:]), WISH, now=NOON)

    assert last.ticket_type_id == "tty_new"
    with pytest.raises(TooManyTicketTypes):
        new_ticket_type("tty_new", full, WISH, now=NOON)


@pytest.mark.parametrize("left", [199, 0, -1])
def test_a_ticket_type_of_which_something_is_out_stays(left: int) -> None:
    used: TicketType = replace(A_TICKET_TYPE, quantity_available=left)

    with pytest.raises(TicketTypeInUse):
        refuse_ticket_type_deletion(used)
