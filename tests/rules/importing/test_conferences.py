"""Conference listings that are wrong somewhere: each is named, and the rest goes in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rules.importing.sources import as_json, complaints
from ticketing.importing.conferences import read_conferences
from ticketing.importing.model import Import

CONFERENCE = {
    "year": 2026,
    "name": "Webinale",
    "url": "https://webinale.de/en",
    "startDate": "2026-06-08",
    "endDate": "2026-06-12",
    "city": "Berlin",
    "country": "Germany",
    "online": True,
    "locales": "EN,DE",
    "topics": ["ux"],
}
ONLINE_ONLY = {name: value for name, value in CONFERENCE.items() if name not in {"city", "country"}}


def read(*conferences: object) -> Import:
    return read_conferences(as_json(conferences))


def test_a_conference_goes_from_nine_on_its_first_to_six_on_its_last_day() -> None:
    (event,) = read(CONFERENCE).events

    assert event.start_date_time == datetime(2026, 6, 8, 7, tzinfo=UTC)
    assert event.end_date_time == datetime(2026, 6, 12, 16, tzinfo=UTC)


def test_a_conference_over_a_change_of_the_clock_keeps_its_local_hours() -> None:
    (event,) = read({**CONFERENCE, "startDate": "2026-10-24", "endDate": "2026-10-26"}).events

    assert event.start_date_time == datetime(2026, 10, 24, 7, tzinfo=UTC)
    assert event.end_date_time == datetime(2026, 10, 26, 17, tzinfo=UTC)


def test_an_online_conference_has_no_venue() -> None:
    found = read(ONLINE_ONLY)

    assert found.venues == ()
    assert (found.events[0].venue_key, found.events[0].timezone) == (None, "UTC")
    assert found.events[0].tags == ("online", "English", "German")


@pytest.mark.parametrize(
    ("city", "country", "timezone", "state"),
    [
        ("Austin, TX", "U.S.A.", "America/Chicago", "TX"),
        ("Denver, CO", "U.S.A.", "America/Denver", "CO"),
        ("Portland, OR", "U.S.A.", "America/Los_Angeles", "OR"),
        ("Phoenix, AZ", "U.S.A.", "America/Phoenix", "AZ"),
        ("Brisbane", "Australia", "Australia/Brisbane", ""),
        ("Sidney", "Australia", "Australia/Sydney", ""),
        ("Calgary", "Canada", "America/Edmonton", ""),
        ("São Paulo", "Brazil", "America/Sao_Paulo", ""),
        ("Aberystwyth", "U.K.", "Europe/London", ""),
    ],
)
def test_the_zone_follows_from_country_or_city(city: str, country: str, timezone: str, state: str) -> None:
    found = read({**CONFERENCE, "city": city, "country": country})

    assert (found.events[0].timezone, found.venues[0].state) == (timezone, state)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "is empty"),
        ("name", ["Webinale"], "is not a text"),
        ("url", "webinale.de", "is not a web address"),
        ("url", "javascript:alert(1)", "is not a web address"),
        ("startDate", "2026-6-8", "is not a date like 2026-06-11"),
        ("startDate", "2026-06-31", "is not a day of the calendar"),
        ("startDate", "1926-06-08", "the conference is left out"),
        ("endDate", "2026-06-07", "2026-06-07 is before startDate 2026-06-08"),
        ("endDate", "2027-06-12", "is over a year after 2026-06-08"),
        ("endDate", None, "is missing"),
        ("country", "Atlantis", "“Atlantis” is not known here"),
        ("country", "", "is missing beside the other"),
        ("city", "", "is missing beside the other"),
        ("online", "yes", "is not true or false"),
        ("topics", "ux", "is not a list"),
        ("locales", 7, "is not a text"),
    ],
)
def test_a_wrong_conference_is_named_and_the_others_go_in(field: str, value: object, reason: str) -> None:
    wrong: dict[str, Any] = {**CONFERENCE, "name": "Another", field: value}
    if value is None:
        del wrong[field]

    found = read(CONFERENCE, wrong)

    assert len(found.events) == 1
    place = "endDate" if value == "1926-06-08" else field
    assert reason in complaints(found)[f"conferences-2026-2027.json: [1].{place}"]


@pytest.mark.parametrize(
    ("city", "country"),
    [("Springfield, TX", "U.S.A."), ("Austin", "U.S.A."), ("Alice Springs", "Australia"), ("Acre", "Brazil")],
)
def test_a_city_whose_zone_is_not_known_is_named_and_not_guessed(city: str, country: str) -> None:
    found = read({**CONFERENCE, "city": city, "country": country})

    assert found.events == ()
    assert "time zone" in complaints(found)["conferences-2026-2027.json: [0].city"]


def test_a_conference_that_is_neither_online_nor_anywhere_is_named() -> None:
    found = read({**ONLINE_ONLY, "online": False})

    assert "is missing, and the conference is not online" in complaints(found)["conferences-2026-2027.json: [0].city"]


def test_a_topic_not_in_a_listing_is_named_by_its_place() -> None:
    assert "conferences-2026-2027.json: [0].topics[1]" in complaints(read({**CONFERENCE, "topics": ["ux", 7]}))


def test_the_same_conference_under_another_address_goes_in_once() -> None:
    found = read(CONFERENCE, {**CONFERENCE, "url": "https://berlin.webinale.de", "name": "WEBINALE"})

    assert len(found.events) == 1
    assert complaints(found) == {"conferences-2026-2027.json: [1]": "is the same event as [0]; it is left out"}


def test_the_same_name_on_the_same_day_in_another_city_is_another_conference() -> None:
    found = read(CONFERENCE, {**CONFERENCE, "city": "Munich"}, ONLINE_ONLY)

    assert (len(found.events), found.mistakes) == (3, ())


def test_a_link_that_is_none_is_left_out_and_named_and_the_conference_goes_in() -> None:
    found = read({**CONFERENCE, "cocUrl": "webinale.de/coc", "twitter": "@@webinale", "bluesky": "@webinale.de"})

    assert found.events[0].external_links == ("https://webinale.de/en", "https://bsky.app/profile/webinale.de")
    assert set(complaints(found)) == {
        "conferences-2026-2027.json: [0].cocUrl",
        "conferences-2026-2027.json: [0].twitter",
    }


def test_a_name_that_is_too_long_is_shortened_at_a_word() -> None:
    (event,) = read({**CONFERENCE, "name": "Conference " * 30}).events

    assert len(event.event_name) <= 200
    assert event.event_name.endswith("Conference…")


def test_a_conference_of_very_many_topics_has_ten_categories() -> None:
    (event,) = read({**CONFERENCE, "topics": [f"topic{number}" for number in range(40)]}).events

    assert len(event.categories) == 10


def test_a_file_that_is_no_list_is_named() -> None:
    found = read_conferences(as_json({"conferences": [CONFERENCE]}))

    assert complaints(found) == {"conferences-2026-2027.json": "is not a list"}
