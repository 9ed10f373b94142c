"""Programmes of the orchestra that are wrong or odd somewhere, and how its names are read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rules.importing.sources import as_json, complaints
from ticketing.importing.model import Import
from ticketing.importing.nyphil import person, read_nyphil, surname

CONCERT = {
    "eventType": "Subscription Season",
    "Location": "Manhattan, NY",
    "Venue": "David Geffen Hall",
    "Date": "2025-03-08T05:00:00Z",
    "Time": "7:30PM",
}
WORK = {
    "ID": "52863*",
    "composerName": "Mahler,  Gustav",
    "workTitle": "SYMPHONY NO.  5",
    "conductorName": "Alsop, Marin",
    "soloists": [],
}


def read(*concerts: object, works: tuple[object, ...] = (WORK,)) -> Import:
    programme = {
        "programID": "14934",
        "orchestra": "New York Philharmonic",
        "season": "2024-25",
        "concerts": concerts,
        "works": works,
    }
    return read_nyphil(as_json({"programs": [programme]}))


def description_of(*works: object) -> list[str]:
    (event,) = read(CONCERT, works=works).events
    return event.description.splitlines()


@pytest.mark.parametrize(
    ("date", "time", "start"),
    [
        # Clocks in New York go forward in the night to 9 March 2025, so that midnight moves from 05:00Z to 04:00Z.
        ("2025-03-08T05:00:00Z", "7:30PM", datetime(2025, 3, 9, 0, 30, tzinfo=UTC)),
        ("2025-03-09T05:00:00Z", "7:30PM", datetime(2025, 3, 9, 23, 30, tzinfo=UTC)),
        ("2025-03-10T04:00:00Z", "7:30PM", datetime(2025, 3, 10, 23, 30, tzinfo=UTC)),
        # And back in the night to 2 November 2025.
        ("2025-11-01T04:00:00Z", "7:30PM", datetime(2025, 11, 1, 23, 30, tzinfo=UTC)),
        ("2025-11-02T04:00:00Z", "7:30PM", datetime(2025, 11, 3, 0, 30, tzinfo=UTC)),
        ("2025-11-02T04:00:00Z", "1:30AM", datetime(2025, 11, 2, 5, 30, tzinfo=UTC)),  # The first of two.
        ("2025-06-01T04:00:00Z", "12:00PM", datetime(2025, 6, 1, 16, 0, tzinfo=UTC)),
        ("2025-06-01T04:00:00Z", "12:15 am", datetime(2025, 6, 1, 4, 15, tzinfo=UTC)),
    ],
)
def test_local_times_hold_over_changes_of_the_clock(date: str, time: str, start: datetime) -> None:
    (event,) = read({**CONCERT, "Date": date, "Time": time}).events

    assert event.start_date_time == start


def test_a_programme_on_three_dates_is_three_events_at_one_venue() -> None:
    dates = ("2025-03-06T05:00:00Z", "2025-03-07T05:00:00Z", "2025-03-08T05:00:00Z")

    found = read(*({**CONCERT, "Date": date} for date in dates))

    assert len(found.events) == 3
    assert len(found.venues) == 1
    assert len({event.source_key for event in found.events}) == 3


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("Time", "None", "there is no time of day"),
        ("Time", "", "there is no time of day"),
        ("Time", None, "there is no time of day"),
        ("Time", "19:30", "is not a time like 7:30PM"),
        ("Time", "13:00PM", "is not a time like 7:30PM"),
        ("Time", "0:30AM", "is not a time like 7:30PM"),
        ("Time", "7:60PM", "is not a time like 7:30PM"),
        ("Date", "2025-03-08T04:00:00Z", "is 23:00 in New York, not midnight"),
        ("Date", "2025-03-08", "is not a moment"),
        ("Date", "2025-02-30T05:00:00Z", "is not a moment"),
        ("Date", None, "is missing"),
        ("Location", "Springfield, NY", "the time zone of “Springfield, NY” is not known"),
        ("Venue", "", "is empty"),
        ("eventType", 7, "is not a text"),
    ],
)
def test_a_wrong_concert_is_named_and_the_others_go_in(field: str, value: object, reason: str) -> None:
    found = read({**CONCERT, "Time": "2:00PM"}, {**CONCERT, field: value})

    assert len(found.events) == 1
    assert reason in complaints(found)[f"2024-25_TO_NOW.json: programs[0].concerts[1].{field}"]


def test_a_concert_in_an_hour_that_clocks_skip_is_named() -> None:
    found = read({**CONCERT, "Date": "2025-03-09T05:00:00Z", "Time": "2:30AM"})

    assert "does not exist" in complaints(found)["2024-25_TO_NOW.json: programs[0].concerts[0].Time"]


def test_a_venue_of_which_no_concert_goes_in_is_left_out() -> None:
    found = read({**CONCERT, "Time": "None"})

    assert (found.events, found.venues) == ((), ())


def test_a_programme_whose_works_cannot_be_read_is_named_and_the_next_goes_in() -> None:
    broken = {"programID": "1", "concerts": [CONCERT], "works": ["Mahler"]}
    right = {"programID": "2", "concerts": [CONCERT], "works": []}

    found = read_nyphil(as_json({"programs": [broken, right]}))

    assert [event.source_key for event in found.events] == ["nyphil/2/2025-03-08/19:30"]
    assert complaints(found) == {"2024-25_TO_NOW.json: programs[0].works[0]": "is not an object"}


def test_movements_of_a_work_are_told_together_with_their_soloists() -> None:
    soloist = {"soloistName": "Ma, Yo-Yo", "soloistInstrument": "Cello", "soloistRoles": "S"}
    first: dict[str, Any] = {**WORK, "movement": "Adagietto", "soloists": [soloist]}
    second: dict[str, Any] = {**WORK, "movement": "Rondo-Finale", "soloists": [soloist]}

    assert description_of(first, second)[-1] == (
        "Gustav Mahler: SYMPHONY NO. 5 – Adagietto; Rondo-Finale – with Yo-Yo Ma (Cello)"
    )


def test_a_title_in_marked_up_parts_is_joined() -> None:
    marked_up = {**WORK, "movement": {"_": "Prologue to", "em": "A Mad Tea Party"}}

    assert description_of(marked_up)[-1] == "Gustav Mahler: SYMPHONY NO. 5 – Prologue to A Mad Tea Party"


def test_a_title_in_marked_up_parts_that_are_no_texts_is_named() -> None:
    found = read(CONCERT, works=({**WORK, "workTitle": {"_": 5}},))

    assert "2024-25_TO_NOW.json: programs[0].works[0].workTitle" in complaints(found)


def test_a_concert_without_works_is_told_by_who_plays_it() -> None:
    (event,) = read({**CONCERT, "eventType": "Pride Alliance"}, works=()).events

    assert event.event_name == "New York Philharmonic: Pride Alliance"


@pytest.mark.parametrize(
    ("event_type", "tag"),
    [("Chamber Concert (Private)", "private"), ("Private Concert", "private"), ("Parks", "free")],
)
def test_private_and_free_concerts_are_tagged(event_type: str, tag: str) -> None:
    (event,) = read({**CONCERT, "eventType": event_type}).events

    assert tag in event.tags


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mozart,  Wolfgang  Amadeus", "Wolfgang Amadeus Mozart"),
        ("Bartok [Bartók],  Béla", "Béla Bartók"),
        ("Deneve [Denève], Stephane [Stéphane]", "Stéphane Denève"),
        ("Hiromi [Uehara],  Hiromi", "Hiromi Uehara"),
        ("Clinton, Tyrone, Jr.", "Tyrone Clinton, Jr."),
        ("Vaughan Williams,  Ralph", "Ralph Vaughan Williams"),
        ("Ashman/Menken,  Howard/Alan", "Howard Ashman and Alan Menken"),
        ("Bricusse and Newley,  Leslie and Anthony", "Leslie Bricusse and Anthony Newley"),
        ("Johnson,  John Rosamond and James Weldon", "John Rosamond and James Weldon Johnson"),
        ("Traditional,", "Traditional"),
        ("VARIOUS,", "Various"),
        ("Voices of Harlem", "Voices of Harlem"),
        ("", ""),
    ],
)
def test_names_are_said_as_people_say_them(written: str, said: str) -> None:
    assert person(written) == said


@pytest.mark.parametrize(
    ("written", "announced"),
    [("Mozart,  Wolfgang  Amadeus", "Mozart"), ("Bartok [Bartók],  Béla", "Bartók"), ("Traditional,", ""), ("", "")],
)
def test_composers_are_announced_by_family_name(written: str, announced: str) -> None:
    assert surname(written) == announced
