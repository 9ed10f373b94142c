"""How pages write prices, days and times: short, as people do, always in the event's own zone."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ticketing.base.money import Money, minor_digits

_SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "TRY": "₺"}
_NARROW_SPACE: Final = "\u202f"


def price(money: Money) -> str:
    """`€18`, `€18.50`, `CHF 1,200`, `Free`: minor digits only where there are some."""
    if money.amount == 0:
        return "Free"
    digits = minor_digits(money.currency)
    whole, part = divmod(money.amount, 10**digits)
    text = f"{whole:,}" if part == 0 else f"{whole:,}.{part:0{digits}d}"
    sign = _SIGNS.get(money.currency)
    return f"{sign}{text}" if sign else f"{money.currency}{_NARROW_SPACE}{text}"


def local(moment: datetime, timezone: str) -> datetime:
    """The moment as clocks show it there."""
    return moment.astimezone(ZoneInfo(timezone))


def clock(moment: datetime) -> str:
    """`19:30`"""
    return f"{moment:%H:%M}"


def zone(moment: datetime) -> str:
    """The short name of a local moment's zone: `CEST`, or `UTC+4` where it has none."""
    name = moment.tzname() or ""
    if name.isalpha():
        return name
    offset = moment.strftime("%z")
    hours, minutes = offset[:3].replace("+0", "+").replace("-0", "-"), offset[3:5]
    return f"UTC{hours}" if minutes == "00" else f"UTC{hours}:{minutes}"


def day(moment: datetime) -> str:
    """`Sat 1 May 2027`"""
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def short_moment(moment: datetime) -> str:
    """`Fri 5 Mar, 10:00`"""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"


def days(start: datetime, end: datetime) -> str:
    """From a day to another, nothing said twice: `Tue 24 – Fri 27 Nov 2026`, `Mon 30 Nov – Wed 2 Dec 2026`."""
    if start.date() == end.date():
        return day(start)
    if start.year != end.year:
        return f"{day(start)} – {day(end)}"
    month = "" if start.month == end.month else f" {start:%b}"
    return f"{start:%a} {start.day}{month} – {day(end)}"
