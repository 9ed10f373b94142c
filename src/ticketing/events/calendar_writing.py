"""Calendar files, written by the library that knows RFC 5545: apart from `calendar.py`, so that it is loaded where one is asked for."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Timezone, TimezoneDaylight, TimezoneStandard, vText
from icalendar import Event as Entry

from ticketing.events.calendar import Dated
from ticketing.events.model import EventStatus
from ticketing.web.markdown import plain

DESCRIPTION_LENGTH_MAX: Final = 1_000
"""A calendar shows a few lines; the page of the event has the rest."""
_NOT_IN_TEXT: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
STATUSES: Final = {
    EventStatus.DRAFT: "TENTATIVE",
    EventStatus.PUBLISHED: "CONFIRMED",
    EventStatus.POSTPONED: "TENTATIVE",
    EventStatus.CANCELLED: "CANCELLED",
}


def written_calendar(entries: Sequence[Dated], *, name: str) -> bytes:
    """The entries as one calendar of this name: the same bytes for the same entries.

    Times stand in the event's own zone, with its rules beside them, so that 19:30 stays 19:30 over a change of the clocks.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Ticket//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(" ".join(_text(name).split())))
    for zone, first, last in _zones(entries):
        calendar.add_component(_zone_rules(zone, first_year=first, last_year=last))
    for entry in entries:
        calendar.add_component(_entry(entry))
    return bytes(calendar.to_ical())


def _entry(dated: Dated) -> Entry:
    event = dated.event
    zone = ZoneInfo(event.timezone)
    entry = Entry()
    entry.add("uid", dated.uid)
    entry.add("dtstamp", event.last_updated_date_time)
    entry.add("last-modified", event.last_updated_date_time)
    entry.add("created", event.created_date_time)
    # It grows with every change and with nothing else: calendars take the entry with the greater one.
    entry.add("sequence", int((event.last_updated_date_time - event.created_date_time).total_seconds()))
    entry.add("status", "CANCELLED" if dated.is_off else STATUSES[event.status])
    entry.add("dtstart", event.start_date_time.astimezone(zone))
    entry.add("dtend", event.end_date_time.astimezone(zone))
    entry.add("summary", _text(event.event_name))
    notice = "Postponed: the date no longer holds.\n" if event.status is EventStatus.POSTPONED else ""
    description = f"{notice}{dated.words}\n{plain(event.description)[:DESCRIPTION_LENGTH_MAX]}".strip()
    if description:
        entry.add("description", _text(description))
    entry.add("url", dated.url)
    if dated.venue is not None:
        wish = dated.venue.wish
        city = " ".join(part for part in (wish.zip_code, wish.city) if part)
        entry.add("location", _text(", ".join(part for part in (wish.venue_name, wish.address, city) if part)))
        if wish.latitude_e7 is not None and wish.longitude_e7 is not None:
            entry.add("geo", (wish.latitude_e7 / 10**7, wish.longitude_e7 / 10**7))
    return entry


def _text(text: str) -> str:
    """The text without what no calendar may hold; commas, semicolons and line breaks are escaped by the library."""
    return _NOT_IN_TEXT.sub(" ", text.replace("\r\n", "\n"))


def _zones(entries: Iterable[Dated]) -> Iterator[tuple[str, int, int]]:
    """Each zone that the entries name but UTC, with the first and the last year in which they do."""
    years: dict[str, list[int]] = {}
    for dated in entries:
        event = dated.event
        years.setdefault(event.timezone, []).extend((event.start_date_time.year, event.end_date_time.year))
    for zone in sorted(years):
        if ZoneInfo(zone).key != "UTC":
            yield zone, min(years[zone]) - 1, max(years[zone]) + 1


@lru_cache(maxsize=256)
def _zone_rules(name: str, *, first_year: int, last_year: int) -> Timezone:
    """The zone as it is in these years: how it stands at their beginning, and every change of the clocks in them."""
    zone = ZoneInfo(name)
    rules = Timezone()
    rules.add("tzid", name)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    offset = start.astimezone(zone).utcoffset()
    assert offset is not None
    rules.add_component(_rule(zone, start, before=offset))
    for change in _changes(zone, start, datetime(last_year + 1, 1, 1, tzinfo=UTC)):
        before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset()
        assert before is not None
        rules.add_component(_rule(zone, change, before=before))
    return rules


def _rule(zone: ZoneInfo, since: datetime, *, before: timedelta) -> TimezoneStandard | TimezoneDaylight:
    """How the zone stands since this moment. A rule begins at the time that the clocks showed before it."""
    there = since.astimezone(zone)
    rule = TimezoneDaylight() if there.dst() else TimezoneStandard()
    rule.add("dtstart", (since + before).replace(tzinfo=None))
    rule.add("tzname", there.tzname() or zone.key)
    rule.add("tzoffsetfrom", before)
    rule.add("tzoffsetto", there.utcoffset())
    return rule


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The moments in between at which the zone changes its offset, to the second."""
    day = start
    while day < end:
        next_day = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != next_day.astimezone(zone).utcoffset():
            low, high = day, next_day
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                if middle.astimezone(zone).utcoffset() == day.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            yield high
        day = next_day
