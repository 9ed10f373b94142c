"""What a search is asked for by a visitor's filters, and what a card says of an event."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.support.events import A_TICKET_TYPE, AN_EVENT
from tests.support.houses import NOON
from ticketing.base.bounds import CITY_VENUES_MAX
from ticketing.base.money import Money
from ticketing.base.search import Phase
from ticketing.catalog.model import Asked, Card, Notice
from ticketing.catalog.rules import FEW_LEFT_MAX, CityTooLarge, card_of, refuse_large_city, search_wish
from ticketing.events.listing import facet
from ticketing.events.model import Event, EventStatus, ShownStatus, TicketType

STARTS = AN_EVENT.start_date_time
ENDS = AN_EVENT.end_date_time


def card(event: Event = AN_EVENT, *ticket_types: TicketType, now: datetime = NOON) -> Card:
    return card_of(event, venue=None, ticket_types=ticket_types or (A_TICKET_TYPE,), now=now)


# Filters -------------------------------------------------------------------------------------------------------------


def test_each_filter_is_one_facet() -> None:
    asked = Asked(category_id="cat_1", tag="Matinée", venue_id="ven_1", organizer_user_id="usr_1")

    wish = search_wish(asked, city_venue_ids=None, now=NOON)

    assert wish is not None
    assert set(wish.facets) == {
        (facet("category", "cat_1"),),
        (facet("tag", "matinee"),),
        (facet("venue", "ven_1"),),
        (facet("organizer", "usr_1"),),
    }


@pytest.mark.parametrize(
    ("status", "stored", "phase"),
    [
        (ShownStatus.UPCOMING, "published", Phase.UPCOMING),
        (ShownStatus.ONGOING, "published", Phase.ONGOING),
        (ShownStatus.COMPLETED, "published", Phase.COMPLETED),
        (ShownStatus.POSTPONED, "postponed", None),
        (ShownStatus.CANCELLED, "cancelled", None),
    ],
)
def test_a_status_is_what_is_stored_and_the_clock(status: ShownStatus, stored: str, phase: Phase | None) -> None:
    wish = search_wish(Asked(status=status), city_venue_ids=None, now=NOON)

    assert wish is not None
    assert wish.facets == ((facet("status", stored),),)
    assert wish.phase is phase


def test_a_city_is_any_of_its_venues() -> None:
    wish = search_wish(Asked(city="Vienna"), city_venue_ids=["ven_1", "ven_2"], now=NOON)

    assert wish is not None
    assert wish.facets == ((facet("venue", "ven_1"), facet("venue", "ven_2")),)


def test_a_city_without_venues_is_asked_for_none_of_them() -> None:
    wish = search_wish(Asked(city="Nowhere"), city_venue_ids=[], now=NOON)

    assert wish is not None
    assert wish.facets == ((),)


@pytest.mark.parametrize("typed", ["?", "“ ”", "_", "😀"])
def test_what_holds_no_word_cannot_match(typed: str) -> None:
    assert search_wish(Asked(words=typed), city_venue_ids=None, now=NOON) is None


def test_a_city_may_have_as_many_venues_as_a_search_looks_at_and_no_more() -> None:
    refuse_large_city(CITY_VENUES_MAX)
    with pytest.raises(CityTooLarge):
        refuse_large_city(CITY_VENUES_MAX + 1)


# Cards ---------------------------------------------------------------------------------------------------------------


def test_a_card_says_the_lowest_price_that_can_be_bought() -> None:
    cheap = replace(A_TICKET_TYPE, price=1000, quantity_available=0)
    dear = replace(A_TICKET_TYPE, price=9000)

    said = card(AN_EVENT, cheap, dear, A_TICKET_TYPE)

    assert said.price_from == Money(2500, "EUR")
    assert not said.is_one_price


def test_where_nothing_can_be_bought_the_lowest_price_of_all_is_said() -> None:
    sold_out = replace(A_TICKET_TYPE, quantity_available=0)

    assert card(AN_EVENT, sold_out, replace(sold_out, price=900)).price_from == Money(900, "EUR")


def test_an_event_that_sells_nothing_has_no_price_and_no_notice() -> None:
    said = card_of(AN_EVENT, venue=None, ticket_types=(), now=NOON)

    assert (said.price_from, said.notice) == (None, None)


def test_a_price_that_all_types_share_is_one_price() -> None:
    assert card(AN_EVENT, A_TICKET_TYPE, A_TICKET_TYPE).is_one_price


@pytest.mark.parametrize(
    ("event", "ticket_type", "now", "notice"),
    [
        (AN_EVENT, A_TICKET_TYPE, NOON, None),
        (replace(AN_EVENT, status=EventStatus.CANCELLED), A_TICKET_TYPE, NOON, Notice.CANCELLED),
        (replace(AN_EVENT, status=EventStatus.POSTPONED), A_TICKET_TYPE, NOON, Notice.POSTPONED),
        (AN_EVENT, A_TICKET_TYPE, STARTS, Notice.ON_NOW),
        (AN_EVENT, A_TICKET_TYPE, ENDS, Notice.OVER),
        (AN_EVENT, replace(A_TICKET_TYPE, quantity_available=0), NOON, Notice.SOLD_OUT),
        (replace(AN_EVENT, capacity_available=0), A_TICKET_TYPE, NOON, Notice.SOLD_OUT),
        (AN_EVENT, replace(A_TICKET_TYPE, sale_start_date_time=STARTS), NOON, Notice.NOT_YET),
        (AN_EVENT, replace(A_TICKET_TYPE, quantity_available=FEW_LEFT_MAX), NOON, Notice.FEW_LEFT),
        (AN_EVENT, replace(A_TICKET_TYPE, quantity_available=FEW_LEFT_MAX + 1), NOON, None),
        (replace(AN_EVENT, capacity_available=1), A_TICKET_TYPE, NOON, Notice.FEW_LEFT),
        (AN_EVENT, replace(A_TICKET_TYPE, quantity_available=1), STARTS, Notice.FEW_LEFT),
        (AN_EVENT, replace(A_TICKET_TYPE, paused=True), NOON, None),
    ],
)
def test_a_card_says_the_one_thing_that_matters(
    event: Event, ticket_type: TicketType, now: datetime, notice: Notice | None
) -> None:
    assert card(event, ticket_type, now=now).notice is notice


def test_how_few_are_left_is_what_types_and_event_both_allow() -> None:
    three = replace(A_TICKET_TYPE, quantity_available=3)

    assert card(AN_EVENT, three, three).left == 6
    assert card(replace(AN_EVENT, capacity_available=4), three, three).left == 4
    assert card().left is None


def test_the_first_opening_of_a_sale_is_said() -> None:
    opens = NOON + timedelta(days=2)
    later = replace(A_TICKET_TYPE, sale_start_date_time=opens + timedelta(days=1))

    assert card(AN_EVENT, later, replace(A_TICKET_TYPE, sale_start_date_time=opens)).sale_starts == opens
    assert card(AN_EVENT, later, A_TICKET_TYPE).sale_starts is None
