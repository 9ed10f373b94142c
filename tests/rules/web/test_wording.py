"""How pages write prices, days and times, in the regions of their readers."""

from datetime import UTC, datetime

import pytest

from ticketing.base.money import Money
from ticketing.web import wording
from ticketing.web.i18n import tongue


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (1800, "EUR", "€18"),
        (1850, "EUR", "€18.50"),
        (5, "USD", "US$0.05"),
        (120_000, "CHF", "CHF\u202f1,200"),
        (2500, "JPY", "JP¥2,500"),
        (2505, "KWD", "KWD\u202f2.505"),
        (0, "EUR", "Free"),
    ],
)
def test_a_price_has_minor_digits_only_where_there_are_some(amount: int, currency: str, said: str) -> None:
    assert wording.price(Money(amount, currency)) == said


@pytest.mark.parametrize(
    ("timezone", "said"),
    [
        ("Europe/Vienna", "19:30 CEST"),
        ("America/New_York", "13:30 EDT"),
        ("Asia/Dubai", "21:30 UTC+4"),
        ("Asia/Kolkata", "23:00 IST"),
        ("Asia/Kathmandu", "23:15 UTC+5:45"),
        ("America/Sao_Paulo", "14:30 UTC-3"),
        ("Pacific/Kiritimati", "07:30 UTC+14"),
    ],
)
def test_a_time_is_that_of_the_place_with_the_name_of_its_zone(timezone: str, said: str) -> None:
    there = wording.local(datetime(2027, 5, 1, 17, 30, tzinfo=UTC), timezone)

    assert f"{wording.clock(there)} {wording.zone(there)}" == said


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (datetime(2026, 11, 24, 9, tzinfo=UTC), datetime(2026, 11, 24, 18, tzinfo=UTC), "Tue, 24 Nov 2026"),
        (
            datetime(2026, 11, 24, 9, tzinfo=UTC),
            datetime(2026, 11, 27, 18, tzinfo=UTC),
            "Tue, 24 Nov – Fri, 27 Nov 2026",
        ),
        (datetime(2026, 11, 30, 9, tzinfo=UTC), datetime(2026, 12, 2, 18, tzinfo=UTC), "Mon, 30 Nov – Wed, 2 Dec 2026"),
        (
            datetime(2026, 12, 31, 9, tzinfo=UTC),
            datetime(2027, 1, 1, 18, tzinfo=UTC),
            "Thu, 31 Dec 2026 – Fri, 1 Jan 2027",
        ),
    ],
)
def test_days_say_nothing_twice(start: datetime, end: datetime, said: str) -> None:
    assert wording.days(start, end) == said


@pytest.mark.parametrize(
    ("language", "region", "price", "day", "clock"),
    [
        ("en", "GB", "€1,234.50", "Sat, 1 May 2027", "19:30"),
        ("en", "US", "€1,234.50", "Sat, May 1, 2027", "7:30\u202fPM"),
        ("de", "DE", "1.234,50\xa0€", "Sa., 1. Mai 2027", "19:30"),
        ("de", "AT", "€\xa01.234,50", "Sa., 1. Mai 2027", "19:30"),
    ],
)
def test_prices_and_dates_are_written_as_people_do_there(
    language: str, region: str, price: str, day: str, clock: str
) -> None:
    there = wording.local(datetime(2027, 5, 1, 17, 30, tzinfo=UTC), "Europe/Vienna")
    spoken = tongue(language, region)

    assert wording.price(Money(123450, "EUR"), spoken) == price
    assert wording.day(there, spoken) == day
    assert wording.clock(there, spoken) == clock


def test_one_instant_is_told_in_each_zone_by_its_own_clock() -> None:
    instant = datetime(2027, 5, 1, 22, 30, tzinfo=UTC)

    told = [wording.short_moment(wording.local(instant, zone)) for zone in ("Europe/Vienna", "Asia/Dubai", "UTC")]

    assert told == ["Sun 2 May, 00:30", "Sun 2 May, 02:30", "Sat 1 May, 22:30"]
