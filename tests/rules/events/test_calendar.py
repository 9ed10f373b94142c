"""Calendar files: read back by a library, right over changes of the clocks, and unharmed by what people type."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from tests.support.events import AN_EVENT
from ticketing.events.calendar import Dated, calendar_file
from ticketing.events.model import Event, EventStatus


def dated(event: Event, **more: Any) -> Dated:
    return Dated(event, None, f"{event.event_id}@tickets.example.org", "https://tickets.example.org/", **more)


def read(*entries: Dated) -> Any:
    return Calendar.from_ical(calendar_file(entries, name="Concerts"))


def at(zone: str, *moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type, misc]


def wall(*moment: int) -> datetime:
    """What the clocks there show."""
    return datetime(*moment, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type, misc]


def times_by_its_own_rules(calendar: Any) -> list[datetime]:
    """The start of each entry in UTC, by the zone that the file itself describes and nothing that this machine knows."""
    found = []
    for entry in calendar.walk("VEVENT"):
        start = entry["DTSTART"]
        (zone,) = [each for each in calendar.walk("VTIMEZONE") if each["TZID"] == start.params["TZID"]]
        wall = start.dt.replace(tzinfo=None)
        before = [rule for rule in zone.walk() if rule.name != "VTIMEZONE" and rule["DTSTART"].dt <= wall]
        latest = max(before, key=lambda rule: rule["DTSTART"].dt)
        found.append((wall - latest["TZOFFSETTO"].td).replace(tzinfo=UTC))
    return found


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Europe/Vienna", (2027, 3, 27, 19, 30)),
        ("Europe/Vienna", (2027, 3, 28, 1, 59)),
        ("Europe/Vienna", (2027, 3, 28, 3, 0)),
        ("Europe/Vienna", (2027, 3, 28, 3, 30)),
        ("Europe/Vienna", (2027, 10, 30, 19, 30)),
        ("Europe/Vienna", (2027, 10, 31, 4, 0)),
        ("America/New_York", (2027, 3, 14, 3, 0)),
        ("America/New_York", (2027, 11, 7, 12, 0)),
        ("Australia/Lord_Howe", (2027, 4, 4, 12, 0)),
        ("Asia/Kathmandu", (2027, 6, 1, 19, 0)),
        ("Africa/Casablanca", (2027, 2, 20, 20, 0)),
        ("Europe/Dublin", (2027, 7, 1, 20, 0)),
    ],
)
def test_an_event_keeps_its_time_over_a_change_of_the_clocks(zone: str, moment: tuple[int, ...]) -> None:
    start = at(zone, *moment)
    event = replace(AN_EVENT, timezone=zone, start_date_time=start, end_date_time=start + timedelta(hours=2))

    calendar = read(dated(event))

    (entry,) = calendar.walk("VEVENT")
    assert entry["DTSTART"].params["TZID"] == zone
    assert entry["DTSTART"].dt.replace(tzinfo=None) == wall(*moment)
    assert times_by_its_own_rules(calendar) == [start]


def test_the_clocks_change_at_the_time_that_they_showed_before() -> None:
    start = at("Europe/Vienna", 2027, 5, 1, 19, 30)
    calendar = read(dated(replace(AN_EVENT, start_date_time=start, end_date_time=start + timedelta(hours=2))))

    changes = [
        (rule.name, rule["DTSTART"].dt, rule["TZNAME"])
        for rule in calendar.walk()
        if rule.name in ("STANDARD", "DAYLIGHT") and rule["DTSTART"].dt.year == 2027
    ]
    assert changes == [
        ("DAYLIGHT", wall(2027, 3, 28, 2, 0), "CEST"),
        ("STANDARD", wall(2027, 10, 31, 3, 0), "CET"),
    ]


def test_an_event_in_utc_needs_no_rules() -> None:
    calendar = read(dated(replace(AN_EVENT, timezone="UTC")))

    (entry,) = calendar.walk("VEVENT")
    assert entry["DTSTART"].dt == AN_EVENT.start_date_time
    assert calendar.walk("VTIMEZONE") == []


@pytest.mark.parametrize(
    ("status", "off", "said"),
    [
        (EventStatus.PUBLISHED, False, "CONFIRMED"),
        (EventStatus.POSTPONED, False, "TENTATIVE"),
        (EventStatus.CANCELLED, False, "CANCELLED"),
        (EventStatus.PUBLISHED, True, "CANCELLED"),
    ],
)
def test_it_says_whether_the_event_takes_place(status: EventStatus, off: bool, said: str) -> None:
    (entry,) = read(dated(replace(AN_EVENT, status=status), is_off=off)).walk("VEVENT")

    assert entry["STATUS"] == said
    assert ("Postponed" in str(entry["DESCRIPTION"])) == (status is EventStatus.POSTPONED)


def test_a_changed_event_is_the_same_entry_with_a_greater_sequence() -> None:
    later = replace(AN_EVENT, last_updated_date_time=AN_EVENT.last_updated_date_time + timedelta(hours=1), version=9)

    (before,), (after,) = (read(dated(event)).walk("VEVENT") for event in (AN_EVENT, later))

    assert before["UID"] == after["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]


NASTY = "Jazz; Blues, Soul\r\nBEGIN:VEVENT\nSUMMARY:x\\n \x00\x07 🎻 مهرجان " + "long " * 60


def test_what_people_type_stays_text() -> None:
    calendar = read(
        dated(
            replace(AN_EVENT, event_name="Rock\\, " + NASTY.replace("\r\n", " ").replace("\n", " "), description=NASTY)
        )
    )

    (entry,) = calendar.walk("VEVENT")
    assert "BEGIN:VEVENT" in str(entry["SUMMARY"])
    assert "Jazz; Blues, Soul\nBEGIN:VEVENT\nSUMMARY:x\\n" in str(entry["DESCRIPTION"])


def test_lines_are_folded_and_end_as_the_standard_says() -> None:
    content = calendar_file([dated(replace(AN_EVENT, description=NASTY))], name=NASTY)

    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert content == calendar_file([dated(replace(AN_EVENT, description=NASTY))], name=NASTY)


def test_a_calendar_of_nothing_is_a_calendar() -> None:
    assert read().walk("VEVENT") == []
