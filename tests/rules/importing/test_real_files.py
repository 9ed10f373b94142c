"""What the shipped files of real events give: how many, which of them are wrong, and that all keep the bounds."""

import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from tests.rules.importing.sources import REAL, complaints, real_conferences, real_nyphil, real_worldcup, shipped
from ticketing.base import bounds
from ticketing.importing.conferences import read_conferences
from ticketing.importing.local_time import zone_named
from ticketing.importing.model import ImportedEvent
from ticketing.importing.nyphil import read_nyphil
from ticketing.importing.places import COUNTRY_CODES
from ticketing.importing.text import one_line, web_link
from ticketing.importing.worldcup import read_worldcup


def event_of(source: str, key: str) -> ImportedEvent:
    return next(event for event in REAL[source]().events if event.source_key == key)


def test_all_104_matches_and_16_stadiums_of_the_world_cup_go_in() -> None:
    found = real_worldcup()

    assert (len(found.events), len(found.venues), found.mistakes) == (104, 16, ())


def test_250_of_252_concerts_go_in_and_the_two_without_a_time_are_named() -> None:
    found = real_nyphil()

    assert (len(found.events), len(found.venues)) == (250, 28)
    assert complaints(found) == {
        "2024-25_TO_NOW.json: programs[126].concerts[0].Time": "there is no time of day; the concert is left out",
        "2024-25_TO_NOW.json: programs[142].concerts[0].Time": "there is no time of day; the concert is left out",
    }


def test_393_of_396_conferences_go_in_and_those_listed_twice_are_named() -> None:
    found = real_conferences()

    assert len(found.events) == 393
    assert [mistake.place for mistake in found.mistakes if "same event" in mistake.reason] == [
        "conferences-2026-2027.json: [360]",  # X-Ops Conference Dubai, under dubai.xopsconference.com
        "conferences-2026-2027.json: [361]",  # X-Ops Conference Madrid, under madrid.xopsconference.com
        "conferences-2026-2027.json: [365]",  # EuroSTAR Conference, under eurostarconferences.com
    ]


def test_links_of_conferences_that_lead_nowhere_are_named_and_their_conferences_go_in() -> None:
    wrong = {place: reason for place, reason in complaints(real_conferences()).items() if "link is left out" in reason}

    assert set(wrong) == {
        "conferences-2026-2027.json: [88].twitter",
        "conferences-2026-2027.json: [231].cocUrl",
        "conferences-2026-2027.json: [295].twitter",
        "conferences-2026-2027.json: [337].mastodon",
        "conferences-2026-2027.json: [338].twitter",
    }


def test_55_conferences_are_online_only_and_have_no_venue_and_utc() -> None:
    online_only = [event for event in real_conferences().events if event.venue_key is None]

    assert len(online_only) == 55
    assert {event.timezone for event in online_only} == {"UTC"}


def test_no_two_events_or_venues_of_all_files_share_a_key() -> None:
    events = Counter(event.source_key for read in REAL.values() for event in read().events)
    venues = Counter(venue.source_key for read in REAL.values() for venue in read().venues)

    assert max(events.values()) == max(venues.values()) == 1


def test_reading_the_same_file_again_gives_the_same_records() -> None:
    assert read_nyphil(shipped("nyphil/2024-25_TO_NOW.json")) == real_nyphil()


@pytest.mark.parametrize("source", REAL)
def test_every_event_is_within_the_bounds_of_the_house(source: str) -> None:
    found = REAL[source]()
    venue_keys = {venue.source_key for venue in found.venues}

    for event in found.events:
        assert 1 <= len(event.event_name) <= bounds.NAME_LENGTH_MAX
        assert len(event.description) <= bounds.TEXT_LENGTH_MAX
        assert len(event.source_key) <= 200
        assert timedelta(0) < event.end_date_time - event.start_date_time <= bounds.EVENT_DURATION_MAX
        assert event.start_date_time.tzinfo is event.end_date_time.tzinfo is UTC
        assert zone_named(event.timezone) is not None
        assert event.venue_key is None or event.venue_key in venue_keys
        assert 1 <= len(event.categories) <= bounds.CATEGORIES_PER_EVENT_MAX
        assert len(event.tags) <= bounds.TAGS_MAX
        assert all(1 <= len(tag) <= bounds.TAG_LENGTH_MAX for tag in event.tags)
        assert len(event.external_links) <= bounds.LINKS_MAX
        assert all(web_link(link) == link for link in event.external_links)


@pytest.mark.parametrize("source", REAL)
def test_every_venue_has_a_country_a_zone_and_a_name(source: str) -> None:
    for venue in REAL[source]().venues:
        assert venue.country in COUNTRY_CODES
        assert zone_named(venue.timezone) is not None
        assert venue.venue_name
        assert venue.city


@pytest.mark.parametrize("source", REAL)
def test_no_text_keeps_control_characters_or_runs_of_spaces(source: str) -> None:
    for event in REAL[source]().events:
        for text in (event.event_name, *event.description.splitlines(), *event.tags, *event.categories):
            assert text == one_line(text)
            assert not any(unicodedata.category(character) == "Cc" for character in text)


def test_everything_is_read_in_well_under_a_second() -> None:
    started = perf_counter()

    read_worldcup(shipped("worldcup/worldcup.json"), stadiums=shipped("worldcup/worldcup.stadiums.json"))
    read_nyphil(shipped("nyphil/2024-25_TO_NOW.json"))
    read_conferences(shipped("conferences/conferences-2026-2027.json"))

    assert perf_counter() - started < 0.9  # A tenth of it on a quiet machine.


@pytest.mark.parametrize(
    ("source", "key", "start", "timezone"),
    [
        # Mexico has had no summer time since 2022: 13:00 UTC-6.
        (
            "worldcup",
            "worldcup/world cup 2026/group a/mexico/south africa",
            datetime(2026, 6, 11, 19, tzinfo=UTC),
            "America/Mexico_City",
        ),
        # New Jersey has it: the final at 15:00 UTC-4.
        ("worldcup", "worldcup/world cup 2026/match/104", datetime(2026, 7, 19, 19, tzinfo=UTC), "America/New_York"),
        # 19:30 in New York, on the evening before clocks go back there.
        ("nyphil", "nyphil/14945/2024-11-02/19:30", datetime(2024, 11, 2, 23, 30, tzinfo=UTC), "America/New_York"),
        # 19:30 in New York in January.
        ("nyphil", "nyphil/14954/2025-01-04/19:30", datetime(2025, 1, 5, 0, 30, tzinfo=UTC), "America/New_York"),
        # 17:00 in Seoul, on a day that the file writes as midnight in New York.
        ("nyphil", "nyphil/15053/2025-06-28/17:00", datetime(2025, 6, 28, 8, tzinfo=UTC), "Asia/Seoul"),
        # 18:00 in Colorado.
        ("nyphil", "nyphil/14982/2025-07-16/18:00", datetime(2025, 7, 17, 0, tzinfo=UTC), "America/Denver"),
        # 09:00 in Singapore, where clocks never change.
        (
            "conferences",
            "conferences/2026-02-04/cityjs singapore/sg singapore",
            datetime(2026, 2, 4, 1, tzinfo=UTC),
            "Asia/Singapore",
        ),
    ],
)
def test_local_times_are_turned_into_utc(source: str, key: str, start: datetime, timezone: str) -> None:
    event = event_of(source, key)

    assert (event.start_date_time, event.timezone) == (start, timezone)


def test_the_same_evening_concert_is_an_hour_later_in_utc_once_clocks_went_back() -> None:
    evenings = [
        event.start_date_time
        for event in real_nyphil().events
        if event.timezone == "America/New_York" and event.source_key.endswith("/19:30")
    ]

    assert {moment.hour for moment in evenings if moment.month in {6, 7, 8, 9}} == {23}
    assert {moment.hour for moment in evenings if moment.month in {12, 1, 2}} == {0}


def test_a_programme_twice_on_one_day_is_two_events() -> None:
    keys = [event.source_key for event in real_nyphil().events if event.source_key.startswith("nyphil/15213/")]

    assert keys == ["nyphil/15213/2025-06-07/12:00", "nyphil/15213/2025-06-07/15:00"]


def test_a_concert_is_described_by_its_programme() -> None:
    concert = event_of("nyphil", "nyphil/14934/2024-09-12/19:30")

    assert concert.event_name == "New York Philharmonic: Mozart and Mahler"
    assert concert.description == (
        "New York Philharmonic, season 2024-25, at David Geffen Hall in New York.\n"
        "Conducted by Michael Tilson Thomas.\n"
        "\n"
        "Wolfgang Amadeus Mozart: CONCERTO, PIANO NO. 14, E-FLAT MAJOR, K.449 – with Emanuel Ax (Piano)\n"
        "Intermission\n"
        "Gustav Mahler: SYMPHONY NO. 5 IN C SHARP MINOR"
    )


def test_a_match_tells_its_stadium_and_capacity_and_not_its_result() -> None:
    final = event_of("worldcup", "worldcup/world cup 2026/match/104")

    assert final.event_name == "World Cup 2026, Final: Spain v Argentina"
    assert final.description == "Final of the World Cup 2026, at MetLife Stadium in New York/New Jersey."
    assert (final.capacity, final.categories) == (82_500, ("Sport", "Football"))


def test_a_conference_tells_its_topics_languages_and_links() -> None:
    conference = event_of("conferences", "conferences/2026-10-29/wey wey web/es malaga")

    assert conference.description == (
        "A conference in Malaga, Spain and online.\nTopics: Accessibility, CSS, Product.\nLanguages: English."
    )
    assert conference.categories == ("Conference", "Accessibility", "CSS", "Product")
    assert conference.tags == ("in person", "online", "English")
    assert conference.external_links == (
        "https://weyweyweb.com",
        "https://berlincodeofconduct.org/en",
        "https://x.com/WeyWeyWeb",
        "https://bsky.app/profile/weyweyweb.bsky.social",
    )


def test_two_spellings_of_a_city_are_one_venue() -> None:
    cities = Counter(venue.city for venue in real_conferences().venues)

    assert cities["Bengaluru"] == cities["Sydney"] == cities["Clearwater"] == 1
    assert not cities.keys() & {"Bangalore", "Sidney", "Clear Water"}


def test_each_licence_and_the_sources_ship_with_the_data() -> None:
    assert b"CC0" in shipped("worldcup/LICENSE.md")
    assert b"CC0" in shipped("nyphil/LICENSE")
    assert b"Permission is hereby granted" in shipped("conferences/LICENSE.md")
    for commit in ("aa2ac44b1d63", "8752ae3abc5f", "f8c761ce7de6"):
        assert commit.encode() in shipped("README.md")
