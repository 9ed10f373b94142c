"""Local times at the edges of summer time, and names that are zones."""
# ruff: noqa: DTZ001 - what clocks on a wall show has no zone of its own.

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ticketing.importing.local_time import WrongLocalTime, moment_of, zone_named


@pytest.mark.parametrize(
    ("local", "zone", "moment"),
    [
        (datetime(2026, 3, 29, 1, 59), "Europe/Berlin", datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        (datetime(2026, 3, 29, 3, 0), "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30), "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 3, 0), "Europe/Berlin", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        (datetime(2026, 11, 1, 1, 30), "America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (datetime(2026, 4, 5, 2, 30), "Australia/Sydney", datetime(2026, 4, 4, 15, 30, tzinfo=UTC)),
        (datetime(2026, 4, 5, 1, 45), "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),  # Half an hour.
        (datetime(2026, 7, 1, 12, 0), "Asia/Kathmandu", datetime(2026, 7, 1, 6, 15, tzinfo=UTC)),
        (datetime(2026, 7, 1, 12, 0), "UTC", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_a_moment_and_of_two_the_first(local: datetime, zone: str, moment: datetime) -> None:
    assert moment_of(local, ZoneInfo(zone)) == moment


@pytest.mark.parametrize(
    ("local", "zone"),
    [
        (datetime(2026, 3, 29, 2, 0), "Europe/Berlin"),
        (datetime(2026, 3, 29, 2, 59), "Europe/Berlin"),
        (datetime(2026, 3, 8, 2, 30), "America/New_York"),
        (datetime(2026, 10, 4, 2, 30), "Australia/Sydney"),
        (datetime(2011, 12, 30, 12, 0), "Pacific/Apia"),  # A whole day, when Samoa crossed the date line.
    ],
)
def test_a_local_time_that_clocks_skip_is_refused(local: datetime, zone: str) -> None:
    with pytest.raises(WrongLocalTime, match="does not exist"):
        moment_of(local, ZoneInfo(zone))


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_a_year_that_is_a_slip_of_the_pen_is_refused(year: int) -> None:
    with pytest.raises(WrongLocalTime, match="is not between 1970 and 2199"):
        moment_of(datetime(year, 12, 31, 23, 59), ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/St_Johns", "Etc/GMT+5"]
)
def test_an_iana_name_is_a_zone(name: str) -> None:
    zone = zone_named(name)

    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(
    "name",
    ["", "Europe", "Europe/", "Berlin", "CET ", "Europe/Atlantis", "../etc/passwd", "/etc/passwd", "posix/Europe/Berlin",
     "right/UTC", "europe/berlin", "zone.tab", "UTC+2", "A" * 10_000, "Europe/\x00"],
)  # fmt: skip
def test_anything_else_is_none(name: str) -> None:
    assert zone_named(name) is None
