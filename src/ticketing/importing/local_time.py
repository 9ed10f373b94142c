"""Local times of a place turned into moments: zones by name, and the hours that clocks skip or repeat."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

YEAR_MIN: Final = 1970
YEAR_MAX: Final = 2199  # Further away a year is a slip of the pen, and no zone's rules are known.

# `posix/Europe/Berlin`, `right/UTC` and files beside the zones are not names that the rest of the house knows.
_ZONE_NAME: Final = re.compile(r"UTC|[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z0-9_+-]*){1,2}")


class WrongLocalTime(ValueError):
    """There is no such moment in that zone; the message says why."""


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """The zone with this IANA name (`UTC` or `Area/City`), or None if there is none."""
    if not _ZONE_NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # A folder, a broken file, an unknown key: none of them is a zone.
        return None


def moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC moment at which clocks in `zone` show `local` (naive). Of an hour that occurs twice, the first.

    Raises WrongLocalTime for an hour that clocks skip and for a year outside 1970 to 2199.
    """
    assert local.tzinfo is None
    if not YEAR_MIN <= local.year <= YEAR_MAX:
        raise WrongLocalTime(f"the year {local.year} is not between {YEAR_MIN} and {YEAR_MAX}")
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_time(moment, zone) != local:
        raise WrongLocalTime(f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: clocks go forward over it")
    return moment


def wall_time(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in `zone` show at that moment, naive."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
