"""World Cup files that are wrong somewhere: each is named, and the rest goes in."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rules.importing.sources import as_json, complaints
from ticketing.importing.model import Import
from ticketing.importing.worldcup import read_worldcup

HOUSTON = {
    "city": "Houston",
    "timezone": "UTC-5",
    "cc": "us",
    "name": "NRG Stadium",
    "capacity": 72_000,
    "coords": "29°41'5\"N 95°24'39\"W",
}
GROUP_MATCH = {
    "round": "Matchday 4",
    "date": "2026-06-14",
    "time": "12:00 UTC-5",
    "team1": "Germany",
    "team2": "Curaçao",
    "group": "Group E",
    "ground": "Houston",
}
KNOCK_OUT_MATCH = {
    "round": "Round of 16",
    "num": 90,
    "date": "2026-07-04",
    "time": "12:00 UTC-5",
    "team1": "W73",
    "team2": "W75",
    "ground": "Houston",
}


def read(*matches: object, stadiums: tuple[object, ...] = (HOUSTON,)) -> Import:
    return read_worldcup(
        as_json({"name": "World Cup 2026", "matches": matches}), stadiums=as_json({"stadiums": stadiums})
    )


def test_a_match_lasts_two_hours_from_its_local_kick_off() -> None:
    (match,) = read(GROUP_MATCH).events

    assert match.start_date_time == datetime(2026, 6, 14, 17, tzinfo=UTC)
    assert match.end_date_time == datetime(2026, 6, 14, 19, tzinfo=UTC)


def test_a_match_that_moves_to_another_day_keeps_its_key() -> None:
    (planned,) = read(GROUP_MATCH).events
    (moved,) = read({**GROUP_MATCH, "date": "2026-06-15"}).events

    assert planned.source_key == moved.source_key


def test_a_knock_out_match_keeps_its_key_when_its_teams_are_known() -> None:
    (planned,) = read(KNOCK_OUT_MATCH).events
    (known,) = read({**KNOCK_OUT_MATCH, "team1": "Canada", "team2": "Morocco"}).events

    assert planned.source_key == known.source_key
    assert known.event_name == "World Cup 2026, Round of 16: Canada v Morocco"


@pytest.mark.parametrize(
    ("team1", "team2", "name"),
    [
        ("W73", "L75", "World Cup 2026, Round of 16: Winner of match 73 v Loser of match 75"),
        ("1A", "2B", "World Cup 2026, Round of 16: Winner of group A v Second of group B"),
        ("3A/B/C/D/F", "W75", "World Cup 2026, Round of 16: Third of group A/B/C/D/F v Winner of match 75"),
        ("Canada", "TBD", "World Cup 2026, Round of 16: Canada v to be decided"),
        ("", None, "World Cup 2026, Round of 16"),
    ],
)
def test_a_place_that_a_team_will_take_is_said_in_words(team1: str, team2: str | None, name: str) -> None:
    (match,) = read({**KNOCK_OUT_MATCH, "team1": team1, "team2": team2}).events

    assert match.event_name == name


def test_a_place_that_a_team_will_take_is_no_tag() -> None:
    (match,) = read({**KNOCK_OUT_MATCH, "team1": "Canada"}).events

    assert match.tags == ("World Cup 2026", "Round of 16", "Houston", "Canada")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("time", "12:00 UTC-6", "“12:00 UTC-6” is 13:00 in America/Chicago on that day"),
        ("time", "12:00 UTC+5:30", "“12:00 UTC+5:30” is 01:30 in America/Chicago on that day"),
        ("time", "12:00", "is not a time like 13:00 UTC-6"),
        ("time", "25:00 UTC-5", "is not a time of day with an offset"),
        ("time", "12:00 UTC-50", "is not a time of day with an offset"),
        ("time", None, "is missing"),
        ("time", 1200, "“1200” is not a text"),
        ("date", "14.06.2026", "is not a date like 2026-06-11"),
        ("date", "2026-02-30", "is not a day of the calendar"),
        ("date", "0001-01-01", "the year 1 is not between 1970 and 2199"),
        ("ground", "Huston", "there is no usable stadium of “Huston”"),
        ("ground", "", "is empty"),
        ("round", None, "is missing"),
        ("team1", "", "a group match needs its teams"),
        ("team2", "2B", "a group match needs its teams"),
        ("num", "fourteen", "is not a whole number from 1 to 999"),
    ],
)
def test_a_wrong_match_is_named_and_the_others_go_in(field: str, value: object, reason: str) -> None:
    wrong: dict[str, Any] = {**GROUP_MATCH, field: value}
    if value is None:
        del wrong[field]
    found = read(KNOCK_OUT_MATCH, wrong)

    assert len(found.events) == 1
    place = "time" if "year" in reason else field
    assert reason in complaints(found)[f"worldcup.json: matches[1].{place}"]


def test_a_knock_out_match_without_a_number_is_named() -> None:
    without_number = {name: value for name, value in KNOCK_OUT_MATCH.items() if name != "num"}

    assert "worldcup.json: matches[0].num" in complaints(read(without_number))


def test_a_match_in_an_hour_that_clocks_skip_is_named() -> None:
    found = read({**GROUP_MATCH, "date": "2026-03-08", "time": "02:30 UTC-6"})

    assert "2026-03-08 02:30 does not exist in America/Chicago" in complaints(found)["worldcup.json: matches[0].time"]


def test_in_an_hour_that_clocks_repeat_the_offset_of_the_file_decides() -> None:
    early, late = (
        read({**GROUP_MATCH, "date": "2026-11-01", "time": f"01:30 UTC-{hours}"}).events[0].start_date_time
        for hours in (5, 6)
    )

    assert (early, late) == (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), datetime(2026, 11, 1, 7, 30, tzinfo=UTC))


def test_a_match_that_is_there_twice_goes_in_once() -> None:
    found = read(GROUP_MATCH, KNOCK_OUT_MATCH, GROUP_MATCH)

    assert len(found.events) == 2
    assert complaints(found) == {"worldcup.json: matches[2]": "is the same event as matches[0]; it is left out"}


@pytest.mark.parametrize(
    ("coordinates", "degrees"),
    [
        ("29°41'5\"N 95°24'39\"W", (29.684722, -95.410833)),
        ("40°48'48.7\"N 74°4'27.7\"W", (40.813528, -74.074361)),
        ("37.403°N 121.970°W", (37.403, -121.97)),
        ("33°52'28\"S 151°12'23\"E", (-33.874444, 151.206389)),
    ],
)
def test_coordinates_are_read_in_both_notations(coordinates: str, degrees: tuple[float, float]) -> None:
    (venue,) = read(stadiums=({**HOUSTON, "coords": coordinates},)).venues

    assert (venue.latitude, venue.longitude) == degrees


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("coords", "29.6 95.4"),
        ("coords", "95.24°W 29.41°N"),
        ("coords", "91.0°N 95.0°W"),
        ("coords", "29°61'5\"N 95°24'39\"W"),
        ("coords", "29.68°N"),
        ("capacity", 0),
        ("capacity", "72000"),
        ("capacity", True),
        ("capacity", 72_000.5),
        ("capacity", None),
        ("cc", "de"),
        ("city", "Springfield"),
        ("name", " \u200b "),
    ],
)
def test_a_wrong_stadium_is_named_and_so_are_its_matches(field: str, value: object) -> None:
    found = read(GROUP_MATCH, stadiums=({**HOUSTON, field: value},))

    assert (found.venues, found.events) == ((), ())
    assert set(complaints(found)) == {
        f"worldcup.stadiums.json: stadiums[0].{field}",
        "worldcup.json: matches[0].ground",
    }


def test_a_second_stadium_of_a_city_is_named() -> None:
    found = read(stadiums=(HOUSTON, {**HOUSTON, "name": "Astrodome"}))

    assert [venue.venue_name for venue in found.venues] == ["NRG Stadium"]
    assert set(complaints(found)) == {"worldcup.stadiums.json: stadiums[1].city"}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "worldcup.json: line 1, column 1"),
        (b'{"matches": [\n1,\n}', "worldcup.json: line 3, column 1"),
        (b'{"name":\n"\xff"}', "worldcup.json: line 2"),
        (b"[" * 100_000, "worldcup.json"),
        (b'{"matches": [' + b"9" * 5_000 + b"]}", "worldcup.json"),
        (b'{"matches": NaN}', "worldcup.json"),
        (b'"matches"', "worldcup.json"),
        (b'{"matches": "none"}', "worldcup.json: matches"),
        (b"{}", "worldcup.json: matches"),
        (b'{"matches": [7]}', "worldcup.json: matches[0]"),
        (b" " * (20 * 1024 * 1024 + 1), "worldcup.json"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes, place: str) -> None:
    found = read_worldcup(content, stadiums=as_json({"stadiums": [HOUSTON]}))

    assert found.events == ()
    assert [mistake.place for mistake in found.mistakes] == [place]


def test_of_very_many_mistakes_a_thousand_are_listed_and_the_others_counted() -> None:
    found = read(*[None] * 1_234)

    assert len(found.mistakes) == 1_001
    assert found.mistakes[-1].reason == "has 234 more mistakes, which are not listed"
