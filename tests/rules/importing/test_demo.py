"""The demo: ticket types by rule, and past events moved into the future."""
# ruff: noqa: DTZ001 - what clocks on a wall show has no zone of its own.

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.importing.sources import REAL, real_conferences, real_nyphil, real_worldcup
from ticketing.base import bounds, money
from ticketing.importing.demo import priced, public, shifted
from ticketing.importing.model import Import, ImportedEvent, ImportedTicketType

A_YEAR = timedelta(weeks=52)


def priced_events(found: Import) -> list[ImportedEvent]:
    venues = {venue.source_key: venue for venue in found.venues}
    return [priced(event, venue=venues[event.venue_key] if event.venue_key else None) for event in found.events]


def event_of(found: Import, key: str) -> ImportedEvent:
    return next(event for event in priced_events(found) if event.source_key == key)


def local(moment: datetime, event: ImportedEvent) -> datetime:
    return moment.astimezone(ZoneInfo(event.timezone)).replace(tzinfo=None, fold=0)


def exists(wall_time: datetime, timezone: str) -> bool:
    moment = wall_time.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    return moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None, fold=0) == wall_time


def one_event(start: datetime, *, timezone: str, lasts: timedelta = timedelta(hours=2)) -> ImportedEvent:
    start = start.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)
    event = real_worldcup().events[0]
    return replace(event, start_date_time=start, end_date_time=start + lasts, timezone=timezone)


@pytest.mark.parametrize("source", REAL)
def test_ticket_types_fill_the_capacity_exactly_and_keep_the_bounds(source: str) -> None:
    for event in priced_events(REAL[source]()):
        assert sum(ticket_type.quantity for ticket_type in event.ticket_types) == event.capacity
        assert 1 <= len(event.ticket_types) <= bounds.TICKET_TYPES_PER_EVENT_MAX
        assert event.currency in money.CURRENCIES
        assert all(0 <= ticket_type.price_amount <= money.AMOUNT_MAX for ticket_type in event.ticket_types)
        assert all(1 <= ticket_type.quantity <= bounds.QUANTITY_MAX for ticket_type in event.ticket_types)


def test_a_match_has_three_categories_in_the_currency_of_its_country() -> None:
    opening = event_of(real_worldcup(), "worldcup/world cup 2026/group a/mexico/south africa")

    assert (opening.currency, opening.capacity) == ("MXN", 83_000)
    assert opening.ticket_types == (
        ImportedTicketType("Category 1", 600_000, 16_600),
        ImportedTicketType("Category 2", 360_000, 24_900),
        ImportedTicketType("Category 3", 180_000, 41_500),
    )


def test_the_final_costs_more_than_a_group_match() -> None:
    final = event_of(real_worldcup(), "worldcup/world cup 2026/match/104")

    assert [ticket_type.price_amount for ticket_type in final.ticket_types] == [180_000, 108_000, 54_000]


def test_a_concert_in_korea_is_priced_in_won_without_minor_digits() -> None:
    concert = event_of(real_nyphil(), "nyphil/15053/2025-06-28/17:00")

    assert (concert.currency, concert.ticket_types[0].price_amount) == ("KRW", 154_000)


def test_a_concert_in_the_park_is_free() -> None:
    concert = next(event for event in priced_events(real_nyphil()) if "Parks" in event.event_name)

    assert [(sold.ticket_type, sold.price_amount) for sold in concert.ticket_types] == [("Free admission", 0)]


def test_a_conference_that_is_online_too_sells_places_at_home_beside_those_in_the_house() -> None:
    conference = event_of(real_conferences(), "conferences/2026-10-29/wey wey web/es malaga")

    assert [(sold.ticket_type, sold.quantity) for sold in conference.ticket_types] == [
        ("Early bird", 240),
        ("Regular", 560),
        ("Online", 800),
    ]


def test_an_online_conference_sells_online_tickets_only() -> None:
    conference = next(event for event in priced_events(real_conferences()) if event.venue_key is None)

    assert [sold.ticket_type for sold in conference.ticket_types] == ["Online"]


def test_an_event_that_has_ticket_types_keeps_them() -> None:
    sold = (ImportedTicketType("Regular", 2_500, 100),)
    event = replace(real_worldcup().events[0], ticket_types=sold, currency="EUR")

    assert priced(event, venue=None) == event


def test_private_concerts_are_not_for_the_public() -> None:
    assert len(real_nyphil().events) - len(public(real_nyphil().events)) == 9


@given(
    source=st.sampled_from(sorted(REAL)),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_every_event_is_moved_past_now_by_whole_weeks_and_keeps_its_local_time(source: str, now: datetime) -> None:
    events = REAL[source]().events

    for before, after in zip(events, shifted(events, now=now), strict=True):
        assert after.start_date_time > now
        moved = local(after.start_date_time, after) - local(before.start_date_time, before)
        assert moved % A_YEAR == timedelta(0)
        assert moved >= timedelta(0)
        assert local(after.end_date_time, after) - local(before.end_date_time, before) == moved


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2025, 12, 31)),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    timezone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    minutes=st.integers(min_value=1, max_value=60 * 24 * 30),
)
def test_weekday_and_wall_time_stay_wherever_the_new_day_has_that_time(
    start: datetime, now: datetime, timezone: str, minutes: int
) -> None:
    before = one_event(start, timezone=timezone, lasts=timedelta(minutes=minutes))

    (after,) = shifted([before], now=now)

    assert now < after.start_date_time < after.end_date_time
    wished, got = local(before.start_date_time, before), local(after.start_date_time, after)
    expected = wished + round((got - wished) / A_YEAR) * A_YEAR
    if exists(expected, timezone):
        assert got == expected
        assert got.weekday() == wished.weekday()
    else:
        assert timedelta(0) < got - expected <= timedelta(hours=1)


def test_over_a_change_of_the_clock_the_local_hour_stays() -> None:
    # The last Tuesday of March is in summer time in 2026, and before it in 2030.
    before = one_event(datetime(2026, 3, 31, 20, 0), timezone="Europe/Berlin")

    (after,) = shifted([before], now=datetime(2029, 6, 1, tzinfo=UTC))

    assert before.start_date_time == datetime(2026, 3, 31, 18, 0, tzinfo=UTC)
    assert after.start_date_time == datetime(2030, 3, 26, 19, 0, tzinfo=UTC)


def test_an_event_in_an_hour_that_clocks_skip_begins_that_much_later_and_ends_after_it() -> None:
    # On 31 March 2024, 52 weeks after 2 April 2023, clocks in Berlin went from 2 to 3.
    before = one_event(datetime(2023, 4, 2, 2, 30), timezone="Europe/Berlin", lasts=timedelta(minutes=45))

    (after,) = shifted([before], now=datetime(2024, 3, 1, tzinfo=UTC))

    assert local(after.start_date_time, after) == datetime(2024, 3, 31, 3, 30)
    assert local(after.end_date_time, after) == datetime(2024, 3, 31, 4, 15)


def test_events_to_come_stay_as_they_are() -> None:
    events = real_worldcup().events

    assert shifted(events, now=datetime(2026, 6, 1, tzinfo=UTC)) == events


def test_an_event_that_begins_now_is_past() -> None:
    event = one_event(datetime(2026, 6, 11, 12, 0), timezone="UTC")

    (after,) = shifted([event], now=event.start_date_time)

    assert after.start_date_time == event.start_date_time + A_YEAR


def test_sale_windows_move_with_their_event() -> None:
    event = one_event(datetime(2026, 6, 11, 12, 0), timezone="UTC")
    event = replace(
        event,
        sales_start_date=event.start_date_time - timedelta(days=30),
        sales_end_date=event.start_date_time - timedelta(hours=1),
    )

    (after,) = shifted([event], now=datetime(2026, 7, 1, tzinfo=UTC))

    assert after.sales_start_date == after.start_date_time - timedelta(days=30)
    assert after.sales_end_date == after.start_date_time - timedelta(hours=1)


@pytest.mark.parametrize("now", [datetime(2025, 3, 1, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)])
def test_no_two_concerts_meet_in_a_hall_after_the_shift(now: datetime) -> None:
    events = shifted(real_nyphil().events, now=now)

    assert len({(event.venue_key, event.start_date_time) for event in events}) == len(events)


def test_a_shifted_event_keeps_its_key_so_that_a_second_demo_finds_it() -> None:
    events = real_nyphil().events

    assert [event.source_key for event in shifted(events, now=datetime(2030, 1, 1, tzinfo=UTC))] == [
        event.source_key for event in events
    ]


def test_no_events_are_shifted_to_none() -> None:
    assert shifted([], now=datetime(2026, 1, 1, tzinfo=UTC)) == ()
