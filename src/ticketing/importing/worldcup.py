"""Reads the matches and stadiums of a football World Cup in the JSON of the openfootball project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Final

from ticketing.base import bounds
from ticketing.importing.findings import Findings
from ticketing.importing.local_time import WrongLocalTime, moment_of, wall_time, zone_named
from ticketing.importing.model import Import, ImportedEvent, ImportedVenue
from ticketing.importing.records import Record, Wrong, document, shown
from ticketing.importing.text import distinct, shortened, source_key

MATCH_LASTS: Final = timedelta(hours=2)
"""The file has no ends. Two halves of 45 minutes, a break of 15 and stoppage time; extra time is not foreseen."""
CATEGORIES: Final = ("Sport", "Football")


@dataclass(frozen=True, slots=True)
class _Host:
    """Where a host city's stadium stands: the municipality, its state or province, and its zone."""

    city: str
    state: str
    timezone: str


# The file gives a UTC offset for each match and no zone; the zones are those of the municipalities in the tz database.
_HOSTS: Final[Mapping[str, _Host]] = {
    "Atlanta": _Host("Atlanta", "GA", "America/New_York"),
    "Boston (Foxborough)": _Host("Foxborough", "MA", "America/New_York"),
    "Dallas (Arlington)": _Host("Arlington", "TX", "America/Chicago"),
    "Guadalajara (Zapopan)": _Host("Zapopan", "Jalisco", "America/Mexico_City"),
    "Houston": _Host("Houston", "TX", "America/Chicago"),
    "Kansas City": _Host("Kansas City", "MO", "America/Chicago"),
    "Los Angeles (Inglewood)": _Host("Inglewood", "CA", "America/Los_Angeles"),
    "Mexico City": _Host("Mexico City", "CDMX", "America/Mexico_City"),
    "Miami (Miami Gardens)": _Host("Miami Gardens", "FL", "America/New_York"),
    "Monterrey (Guadalupe)": _Host("Guadalupe", "Nuevo León", "America/Monterrey"),
    "New York/New Jersey (East Rutherford)": _Host("East Rutherford", "NJ", "America/New_York"),
    "Philadelphia": _Host("Philadelphia", "PA", "America/New_York"),
    "San Francisco Bay Area (Santa Clara)": _Host("Santa Clara", "CA", "America/Los_Angeles"),
    "Seattle": _Host("Seattle", "WA", "America/Los_Angeles"),
    "Toronto": _Host("Toronto", "ON", "America/Toronto"),
    "Vancouver": _Host("Vancouver", "BC", "America/Vancouver"),
}
_COUNTRIES: Final = {"ca": "CA", "mx": "MX", "us": "US"}

_KICK_OFF: Final = re.compile(r"(\d{1,2}):(\d{2}) UTC([+-])(\d{1,2})(?::(\d{2}))?")
_DEGREES_AND_MINUTES: Final = re.compile(r"(\d{1,3})°(\d{1,2})'(\d{1,2}(?:\.\d+)?)\"([NSEW])")
_DECIMAL_DEGREES: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)°([NSEW])")
_GROUP_PLACE: Final = re.compile(r"([123])([A-Z](?:/[A-Z])*)")
_KNOCK_OUT_PLACE: Final = re.compile(r"([WL])(\d{1,3})")
_RANKS: Final = {"1": "Winner", "2": "Second", "3": "Third"}
_OUTCOMES: Final = {"W": "Winner", "L": "Loser"}
_UNDECIDED: Final = frozenset({"", "tbd", "tba", "to be determined", "to be decided"})


def read_worldcup(
    matches: bytes,
    *,
    stadiums: bytes,
    matches_file_name: str = "worldcup.json",
    stadiums_file_name: str = "worldcup.stadiums.json",
) -> Import:
    """Every match as an event at its stadium, with the stadium's capacity and without its result.

    A match whose stadium is missing, or whose kick-off does not agree with its stadium's zone, is a mistake.
    """
    findings = Findings(file_name=matches_file_name)
    grounds: dict[str, ImportedVenue] = {}

    def read_stadium(stadium: Record) -> None:
        city = stadium.text("city")
        if city in grounds:
            raise stadium.wrong("city", f"{shown(city)} has a stadium already; this one is left out")
        grounds[city] = _venue(stadium)
        findings.add_venue(grounds[city])

    def read_stadiums() -> None:
        findings.read_each(document(stadiums, file_name=stadiums_file_name), "stadiums", read_stadium)

    def read_matches() -> None:
        tournament = document(matches, file_name=matches_file_name)
        name = tournament.text_or_empty("name") or "World Cup"
        findings.read_each(
            tournament,
            "matches",
            lambda match: findings.add_event(_event(match, tournament=name, grounds=grounds), place=match.place),
        )

    findings.attempt(read_stadiums)
    findings.attempt(read_matches)
    return findings.imported()


def _venue(stadium: Record) -> ImportedVenue:
    city = stadium.text("city")
    host = _HOSTS.get(city)
    if host is None:
        raise stadium.wrong("city", f"the time zone of {shown(city)} is not known; the stadium is left out")
    country = _COUNTRIES.get(stadium.text("cc").lower())
    if country is None:
        raise stadium.wrong("cc", f"{shown(stadium.text('cc'))} is not a host country; the stadium is left out")
    latitude, longitude = _coordinates(stadium)
    name = stadium.text("name")
    return ImportedVenue(
        # A stadium may be renamed by a sponsor during the tournament, and a city has one stadium: the city identifies it.
        source_key=source_key("worldcup", "stadium", city),
        venue_name=shortened(name, length_max=bounds.NAME_LENGTH_MAX),
        address="",
        city=host.city,
        state=host.state,
        zip_code="",
        country=country,
        capacity=stadium.whole("capacity", least=1, most=bounds.CAPACITY_MAX),
        amenities=(),
        timezone=host.timezone,
        latitude=latitude,
        longitude=longitude,
    )


def _event(match: Record, *, tournament: str, grounds: Mapping[str, ImportedVenue]) -> ImportedEvent:
    ground = match.text("ground")
    venue = grounds.get(ground)
    if venue is None:
        raise match.wrong("ground", f"there is no usable stadium of {shown(ground)}; the match is left out")
    start = _kick_off(match, venue=venue)
    stage = match.text("round")
    group = match.text_or_empty("group")
    number = match.whole("num", least=1, most=999) if "num" in match.values else None
    first, second = _team(match, "team1"), _team(match, "team2")
    if group:
        # Two teams meet once in a group, whatever becomes of the date.
        if not (first.known and second.known):
            raise match.wrong("team2" if first.known else "team1", "a group match needs its teams")
        key = source_key("worldcup", tournament, group, first.name, second.name)
        stage_in_words = f"{group}, {stage}"
    else:
        # Teams are filled in as the tournament goes on; the number of a knock-out match stays.
        if number is None:
            raise match.wrong("num", "is missing; without its number a knock-out match is not known again")
        key = source_key("worldcup", tournament, "match", str(number))
        stage_in_words = stage if stage in {"Final", "Match for third place"} else f"{stage}, match {number}"
    title = f"{tournament}: {first.name} v {second.name}"
    if not group:
        title = f"{tournament}, {stage}"
        if first.name or second.name:
            title += f": {first.name or 'to be decided'} v {second.name or 'to be decided'}"
    host_city = ground.partition(" (")[0]
    return ImportedEvent(
        source_key=key,
        event_name=shortened(title, length_max=bounds.NAME_LENGTH_MAX),
        description=shortened(
            f"{stage_in_words} of the {tournament}, at {venue.venue_name} in {host_city}.",
            length_max=bounds.TEXT_LENGTH_MAX,
        ),
        start_date_time=start,
        end_date_time=start + MATCH_LASTS,
        timezone=venue.timezone,
        venue_key=venue.source_key,
        categories=CATEGORIES,
        tags=distinct(
            shortened(tag, length_max=bounds.TAG_LENGTH_MAX)
            for tag in (
                tournament,
                group or stage,
                host_city,
                first.name if first.known else "",
                second.name if second.known else "",
            )
        ),
        image_url=None,
        external_links=(),
        capacity=venue.capacity,
        currency=None,
        ticket_types=(),
        sales_start_date=None,
        sales_end_date=None,
    )


@dataclass(frozen=True, slots=True)
class _Team:
    """A team, or the words for the place that one will take: `Winner of group A`, `Loser of match 101`, empty."""

    name: str
    known: bool


def _team(match: Record, field: str) -> _Team:
    name = match.text_or_empty(field)
    if name.casefold() in _UNDECIDED:
        return _Team("", known=False)
    if place := _GROUP_PLACE.fullmatch(name):
        return _Team(f"{_RANKS[place[1]]} of group {place[2]}", known=False)
    if place := _KNOCK_OUT_PLACE.fullmatch(name):
        return _Team(f"{_OUTCOMES[place[1]]} of match {place[2]}", known=False)
    return _Team(name, known=True)


def _kick_off(match: Record, *, venue: ImportedVenue) -> datetime:
    """The UTC moment of `13:00 UTC-6` on the match's date, if the stadium's zone agrees."""
    day = match.date("date")
    text = match.text("time")
    parts = _KICK_OFF.fullmatch(text)
    if parts is None:
        raise match.wrong("time", f"{shown(text)} is not a time like 13:00 UTC-6; the match is left out")
    hour, minute, sign, offset_hours, offset_minutes = parts.groups()
    offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes or 0))
    try:
        local = datetime.combine(day, time(int(hour), int(minute)))
        zone_of_file = timezone(-offset if sign == "-" else offset)
    except ValueError:
        raise match.wrong("time", f"{shown(text)} is not a time of day with an offset; the match is left out") from None
    zone = zone_named(venue.timezone)
    assert zone is not None
    try:
        moment_of(local, zone)
    except WrongLocalTime as wrong:
        raise match.wrong("time", f"{wrong}; the match is left out") from wrong
    moment = local.replace(tzinfo=zone_of_file).astimezone(UTC)
    if (there := wall_time(moment, zone)) != local:
        reason = f"{shown(text)} is {there:%H:%M} in {zone.key} on that day; the match is left out"
        raise match.wrong("time", reason)
    return moment


def _coordinates(stadium: Record) -> tuple[float, float]:
    """Latitude and longitude in degrees, from `49°16'36"N 123°6'43"W` or `37.403°N 121.970°W`."""
    text = stadium.text("coords")
    halves = text.split(" ")
    if len(halves) == 2:
        latitude = _degrees(halves[0], north_or_east="N", south_or_west="S", most=90)
        longitude = _degrees(halves[1], north_or_east="E", south_or_west="W", most=180)
        if latitude is not None and longitude is not None:
            return latitude, longitude
    raise Wrong(f"{stadium.place}.coords", f"{shown(text)} is not a latitude and a longitude; the stadium is left out")


def _degrees(text: str, *, north_or_east: str, south_or_west: str, most: int) -> float | None:
    if parts := _DEGREES_AND_MINUTES.fullmatch(text):
        minutes, seconds, side = int(parts[2]), float(parts[3]), parts[4]
        if minutes >= 60 or seconds >= 60:
            return None
        degrees = int(parts[1]) + minutes / 60 + seconds / 3600
    elif parts := _DECIMAL_DEGREES.fullmatch(text):
        degrees, side = float(parts[1]), parts[2]
    else:
        return None
    if degrees > most or side not in {north_or_east, south_or_west}:
        return None
    return round(-degrees if side == south_or_west else degrees, 6)
