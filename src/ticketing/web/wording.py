"""How pages write prices, days and times: short, as people do in the visitor's region, always in the event's own zone.

Filters of the templates speak the tongue of the page; each function takes another where it is given one.
"""

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal

from ticketing.base.money import Money, minor_digits
from ticketing.web.i18n import Tongue, spoken

DAY: Final = "yMMMEd"
DAY_WITHOUT_YEAR: Final = "MMMEd"
_CODE_BEFORE_DIGIT: Final = re.compile(r"(?<=[A-Z])(?=\d)")
_NARROW_SPACE: Final = "\u202f"


def price(money: Money, tongue: Tongue | None = None) -> str:
    """`€18`, `18,50 €`, `CHF 1’200`, `Free`: minor digits only where there are some."""
    speaks = tongue or spoken()
    return speaks.gettext("Free") if money.amount == 0 else amount(money, speaks)


def amount(money: Money, tongue: Tongue | None = None) -> str:
    """As `price`, but nothing is `€0`: for sums, where "Free" would read oddly."""
    return _amount(money.amount, money.currency, (tongue or spoken()).locale)


@lru_cache(maxsize=4096)
def _amount(minor: int, currency: str, locale: Locale) -> str:
    digits = minor_digits(currency)
    whole = minor % 10**digits == 0
    pattern = str(locale.currency_formats["standard"].pattern)
    places = "" if whole else "." + "0" * digits
    text = format_currency(
        Decimal(minor).scaleb(-digits),
        currency,
        format=pattern.replace(".00", places),
        locale=locale,
        currency_digits=False,
    )
    return _CODE_BEFORE_DIGIT.sub(_NARROW_SPACE, text)


def number(count: int, tongue: Tongue | None = None) -> str:
    """`12,000` or `12.000`."""
    return str(format_decimal(count, locale=(tongue or spoken()).locale))


def local(moment: datetime, timezone: str) -> datetime:
    """The moment as clocks show it there."""
    return moment.astimezone(ZoneInfo(timezone))


def clock(moment: datetime, tongue: Tongue | None = None) -> str:
    """`19:30`, or `7:30 PM` where people say so."""
    return _clock(moment.replace(tzinfo=None), (tongue or spoken()).locale)


# What is remembered is keyed by the time on the wall: moments of two zones are equal where they are the same instant.


@lru_cache(maxsize=4096)
def _clock(moment: datetime, locale: Locale) -> str:
    return str(format_time(moment, "short", locale=locale))


def zone(moment: datetime) -> str:
    """The short name of a local moment's zone: `CEST`, or `UTC+4` where it has none."""
    name = moment.tzname() or ""
    if name.isalpha():
        return name
    offset = moment.strftime("%z")
    hours, minutes = offset[:3].replace("+0", "+").replace("-0", "-"), offset[3:5]
    return f"UTC{hours}" if minutes == "00" else f"UTC{hours}:{minutes}"


def day(moment: datetime, tongue: Tongue | None = None) -> str:
    """`Sat, 1 May 2027`, `Sa., 1. Mai 2027`."""
    return _skeleton(DAY, moment.replace(tzinfo=None), (tongue or spoken()).locale)


def iso_day(text: str, tongue: Tongue | None = None) -> str:
    """As `day`, of a day that is written `2027-05-01`."""
    return day(datetime.fromisoformat(text), tongue)


def month_and_year(moment: datetime, tongue: Tongue | None = None) -> str:
    """`May 2027`."""
    return str(format_skeleton("yMMMM", moment.replace(tzinfo=None), locale=(tongue or spoken()).locale))


def full_day(moment: datetime, tongue: Tongue | None = None) -> str:
    """`Saturday, 1 May 2027`."""
    return str(format_date(moment, "full", locale=(tongue or spoken()).locale))


def month(moment: datetime, tongue: Tongue | None = None) -> str:
    """`May`, as it stands alone in a date block."""
    return _skeleton("LLL", moment.replace(tzinfo=None), (tongue or spoken()).locale).rstrip(".")


def weekday(moment: datetime, tongue: Tongue | None = None) -> str:
    """`Sat`, as it stands alone in a date block."""
    return _skeleton("ccc", moment.replace(tzinfo=None), (tongue or spoken()).locale).rstrip(".")


def short_moment(moment: datetime, tongue: Tongue | None = None) -> str:
    """`Fri, 5 Mar, 10:00`."""
    speaks = tongue or spoken()
    return f"{_skeleton(DAY_WITHOUT_YEAR, moment.replace(tzinfo=None), speaks.locale)}, {clock(moment, speaks)}"


def days(start: datetime, end: datetime, tongue: Tongue | None = None) -> str:
    """From a day to another, nothing said twice: `Tue, 24 – Fri, 27 Nov 2026`."""
    speaks = tongue or spoken()
    return (
        day(start, speaks)
        if start.date() == end.date()
        else _interval(start.replace(tzinfo=None), end.replace(tzinfo=None), speaks.locale)
    )


@lru_cache(maxsize=4096)
def _interval(start: datetime, end: datetime, locale: Locale) -> str:
    return str(format_interval(start, end, skeleton=DAY, locale=locale)).replace(
        "\u2009", " "
    )  # CLDR is not of one mind


@lru_cache(maxsize=8192)
def _skeleton(skeleton: str, moment: datetime, locale: Locale) -> str:
    if skeleton in ("LLL", "ccc"):
        return str(format_date(moment, skeleton, locale=locale))
    return str(format_skeleton(skeleton, moment.replace(tzinfo=None), tzinfo=moment.tzinfo, locale=locale))
