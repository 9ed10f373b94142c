"""Reads the concerts of the New York Philharmonic in the JSON of its performance history."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from ticketing.base import bounds, times
from ticketing.importing.findings import Findings
from ticketing.importing.local_time import WrongLocalTime, moment_of, wall_time, zone_named
from ticketing.importing.model import Import, ImportedEvent, ImportedVenue
from ticketing.importing.records import Record, document, shown
from ticketing.importing.text import distinct, many_lines, one_line, shortened, source_key

CONCERT_LASTS: Final = timedelta(hours=2)
"""The file has no ends; a concert with an intermission takes about two hours."""
CATEGORY: Final = "Classical Music"
TAG_PRIVATE: Final = "private"
TAG_FREE: Final = "free"


@dataclass(frozen=True, slots=True)
class _Location:
    address: str
    city: str
    state: str
    country: str
    timezone: str


# Every location of the file. One that is not here is a mistake: a guessed zone would move a concert by hours.
_LOCATIONS: Final[Mapping[str, _Location]] = {
    "Manhattan, NY": _Location("Manhattan", "New York", "NY", "US", "America/New_York"),
    "Bronx, NY": _Location("The Bronx", "New York", "NY", "US", "America/New_York"),
    "Brooklyn, NY": _Location("Brooklyn", "New York", "NY", "US", "America/New_York"),
    "Queens, NY": _Location("Queens", "New York", "NY", "US", "America/New_York"),
    "Staten Island, NY": _Location("Staten Island", "New York", "NY", "US", "America/New_York"),
    "East Hampton, NY": _Location("", "East Hampton", "NY", "US", "America/New_York"),
    "Vail, CO": _Location("", "Vail", "CO", "US", "America/Denver"),
    "Seoul, KOREA": _Location("", "Seoul", "", "KR", "Asia/Seoul"),
    "Incheon, South Korea": _Location("", "Incheon", "", "KR", "Asia/Seoul"),
    "Shanghai, CHINA": _Location("", "Shanghai", "", "CN", "Asia/Shanghai"),
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an event type says to the public: words for the title (empty for an ordinary concert), category, tags."""

    title: str = ""
    category: str = "Concert"
    tags: tuple[str, ...] = ()


_KINDS: Final[Mapping[str, _Kind]] = {
    "Subscription Season": _Kind(),
    "Non-Subscription": _Kind(),
    "Special": _Kind(),
    "Tour": _Kind(tags=("tour",)),
    "Runout": _Kind(tags=("tour",)),
    "Chamber": _Kind("Chamber Music", category="Chamber Music"),
    "Chamber Concert (Private)": _Kind("Chamber Music", category="Chamber Music", tags=(TAG_PRIVATE,)),
    "Private Concert": _Kind(tags=(TAG_PRIVATE,)),
    "Young People's Concert": _Kind("Young People's Concert", category="Family", tags=("children",)),
    "Young People's Concerts for Schools": _Kind(
        "Young People's Concert for Schools", category="Family", tags=("children", "schools")
    ),
    "Very Young People's Concert": _Kind("Very Young People's Concert", category="Family", tags=("children",)),
    "Parks": _Kind("Concerts in the Parks", tags=(TAG_FREE, "open air")),
    "Parks - Free Indoor Concert": _Kind("Concerts in the Parks", tags=(TAG_FREE,)),
    "Community": _Kind("Community Concert"),
    "Fundraising Concert": _Kind("Fundraising Concert", tags=("fundraising",)),
    "Lecture": _Kind("Lecture", category="Talk"),
}

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})\s?([AaPp])[Mm]")
_OTHER_SPELLING: Final = re.compile(r"\S+ \[([^\]]+)\]")
_NOBODY: Final = frozenset({"", "none", "not conducted", "various", "traditional", "anthem"})
_COMPOSERS_IN_TITLE_MAX: Final = 3
_ORCHESTRA: Final = "New York Philharmonic"


def read_nyphil(content: bytes, *, file_name: str = "2024-25_TO_NOW.json") -> Import:
    """Every concert as an event, with its programme as the description; a programme on several dates is several events.

    The file writes the day as midnight in New York in UTC, wherever the concert is, and the time of day as the local
    one of its venue. A concert without a time, or at a location whose zone is not known, is a mistake.
    """
    findings = Findings(file_name=file_name)

    def read_program(program: Record) -> None:
        programme = _programme(program)
        findings.read_each(program, "concerts", lambda concert: read_concert(concert, programme))

    def read_concert(concert: Record, programme: "_Programme") -> None:
        venue = _venue(concert)
        event = _event(concert, programme=programme, venue=venue)
        findings.add_event(event, place=concert.place)
        findings.add_venue(venue)

    findings.attempt(
        lambda: findings.read_each(document(content, file_name=file_name), "programs", read_program),
    )
    return findings.imported()


@dataclass(frozen=True, slots=True)
class _Programme:
    """What all concerts of a programme have in common; `works_in_lines` is the description's second part."""

    program_id: str
    orchestra: str
    season: str
    conductors: tuple[str, ...]
    composers: tuple[str, ...]
    works_in_lines: str


def _programme(program: Record) -> _Programme:
    program_id = program.text("programID")
    orchestra = program.text_or_empty("orchestra") or _ORCHESTRA
    works = program.records("works")
    return _Programme(
        program_id=program_id,
        orchestra=orchestra,
        season=program.text_or_empty("season"),
        conductors=distinct(
            person(name)
            for work in works
            if (name := work.text_or_empty("conductorName")) and name.casefold() not in _NOBODY
        ),
        composers=distinct(surname(work.text_or_empty("composerName")) for work in works),
        works_in_lines="\n".join(_lines(works)),
    )


def _lines(works: Sequence[Record]) -> Iterator[str]:
    """One line for each work, its movements and soloists with it. Movements of one work follow each other in the file."""
    index = 0
    while index < len(works):
        work = works[index]
        if interval := work.text_or_empty("interval"):
            yield interval
            index += 1
            continue
        heading = _heading(work)
        movements: list[str] = []
        soloists: list[str] = []
        while index < len(works) and "interval" not in works[index].values and _heading(works[index]) == heading:
            movements.append(_marked_up(works[index], "movement"))
            soloists.extend(_soloists(works[index]))
            index += 1
        line = heading
        if named := distinct(movements):
            line += " – " + "; ".join(named)
        if playing := distinct(soloists):
            line += " – with " + ", ".join(playing)
        if line:
            yield line


def _heading(work: Record) -> str:
    composer = person(work.text_or_empty("composerName"))
    title = _marked_up(work, "workTitle")
    return f"{composer}: {title}" if composer and title else composer or title


def _marked_up(work: Record, field: str) -> str:
    """A title, which the file writes as text, or as `{"_": text, "em": emphasised part or parts}`.

    That form has lost where the parts stood; the emphasised ones go last, which is right for all but two titles.
    """
    value = work.values.get(field)
    if not isinstance(value, dict):
        return work.text_or_empty(field)
    emphasised = value.get("em", ())
    parts: Iterable[object] = (value.get("_", ""), *([emphasised] if isinstance(emphasised, str) else emphasised or ()))
    texts = list(parts)
    if not all(isinstance(text, str) for text in texts):
        raise work.wrong(field, "is not a text")
    return one_line(" ".join(str(text) for text in texts)).replace(" ,", ",")


def _soloists(work: Record) -> Iterator[str]:
    for soloist in work.records("soloists"):
        name = person(soloist.text_or_empty("soloistName"))
        instrument = soloist.text_or_empty("soloistInstrument")
        if name:
            yield f"{name} ({instrument})" if instrument else name


def person(name: str) -> str:
    """A name as it is said: `Mozart,  Wolfgang  Amadeus` is Wolfgang Amadeus Mozart, `Bartok [Bartók],  Béla` Béla Bartók.

    `Menken/Ashman,  Alan/Howard` are two people, Alan Menken and Howard Ashman.
    """
    family, comma, given = _spelt(name).partition(",")
    family, given = family.strip(), given.strip()
    if family.casefold() in {"various", "traditional", "anthem"}:
        return family.capitalize()
    if not comma or not given:
        return family
    for joint in ("/", " and "):
        families, givens = family.split(joint), given.split(joint)
        if len(families) == len(givens) > 1:
            return " and ".join(f"{first} {last}" for first, last in zip(givens, families, strict=True))
    first, comma, suffix = given.partition(", ")  # Clinton, Tyrone, Jr.
    return f"{first} {family}{comma}{suffix}"


def surname(name: str) -> str:
    """The family name by which a composer is announced; empty for a traditional song and for various composers."""
    family = _spelt(name).partition(",")[0].strip()
    return "" if family.casefold() in _NOBODY else family


def _spelt(name: str) -> str:
    return _OTHER_SPELLING.sub(r"\1", one_line(name))


def _venue(concert: Record) -> ImportedVenue:
    raw_name, raw_location = concert.text("Venue"), concert.text("Location")
    location = _LOCATIONS.get(raw_location)
    if location is None:
        reason = f"the time zone of {shown(raw_location)} is not known; the concert is left out"
        raise concert.wrong("Location", reason)
    name = raw_name
    if name.endswith(", The"):
        name = f"The {name.removesuffix(', The')}"
    return ImportedVenue(
        # The file names no venue twice at one location, and gives none another identity than its name.
        source_key=source_key("nyphil", "venue", raw_location, raw_name),
        venue_name=shortened(name, length_max=bounds.NAME_LENGTH_MAX),
        address=location.address,
        city=location.city,
        state=location.state,
        zip_code="",
        country=location.country,
        capacity=None,
        amenities=(),
        timezone=location.timezone,
        latitude=None,
        longitude=None,
    )


def _event(concert: Record, *, programme: _Programme, venue: ImportedVenue) -> ImportedEvent:
    local = _local_start(concert)
    zone = zone_named(venue.timezone)
    assert zone is not None
    try:
        start = moment_of(local, zone)
    except WrongLocalTime as wrong:
        raise concert.wrong("Time", f"{wrong}; the concert is left out") from wrong
    event_type = concert.text_or_empty("eventType")
    kind = _KINDS.get(event_type, _Kind(event_type))
    presenter = f"{_ORCHESTRA} presents" if programme.orchestra == "NYP Presentation" else programme.orchestra
    title = f"{presenter}: {kind.title}" if kind.title else presenter
    if programme.composers:
        title += f"{' –' if kind.title else ':'} {_announced(programme.composers)}"
    season = f", season {programme.season}" if programme.season else ""
    description = [f"{presenter}{season}, at {venue.venue_name} in {venue.city}."]
    if programme.conductors:
        description.append("Conducted by " + _listed(programme.conductors) + ".")
    if programme.works_in_lines:
        description += ["", programme.works_in_lines]
    return ImportedEvent(
        # A programme has its number and is played on several days, on some of them twice: only with the time of day is
        # a concert told from the other of that day.
        source_key=source_key("nyphil", programme.program_id, f"{local:%Y-%m-%d}", f"{local:%H:%M}"),
        event_name=shortened(title, length_max=bounds.NAME_LENGTH_MAX),
        description=shortened(many_lines("\n".join(description)), length_max=bounds.TEXT_LENGTH_MAX),
        start_date_time=start,
        end_date_time=start + CONCERT_LASTS,
        timezone=venue.timezone,
        venue_key=venue.source_key,
        categories=distinct((CATEGORY, kind.category)),
        tags=distinct(
            shortened(tag, length_max=bounds.TAG_LENGTH_MAX)
            for tag in (*kind.tags, *programme.conductors, *programme.composers)
        )[: bounds.TAGS_MAX],
        image_url=None,
        external_links=(),
        capacity=None,
        currency=None,
        ticket_types=(),
        sales_start_date=None,
        sales_end_date=None,
    )


def _local_start(concert: Record) -> datetime:
    """Day and time as clocks at the venue show them."""
    written_day = concert.text("Date")
    new_york = zone_named("America/New_York")
    assert new_york is not None
    try:
        midnight = wall_time(times.read(written_day), new_york)
    except (ValueError, OverflowError):
        raise concert.wrong("Date", f"{shown(written_day)} is not a moment; the concert is left out") from None
    if midnight.time() != time(0):
        reason = f"{shown(written_day)} is {midnight:%H:%M} in New York, not midnight; the concert is left out"
        raise concert.wrong("Date", reason)
    written_time = concert.text_or_empty("Time")
    if written_time in {"", "None"}:
        raise concert.wrong("Time", "there is no time of day; the concert is left out")
    clock = _CLOCK.fullmatch(written_time)
    if clock is None or not 1 <= int(clock[1]) <= 12 or int(clock[2]) > 59:
        raise concert.wrong("Time", f"{shown(written_time)} is not a time like 7:30PM; the concert is left out")
    afternoon_hours = 12 if clock[3] in "Pp" else 0
    return datetime.combine(midnight.date(), time(int(clock[1]) % 12 + afternoon_hours, int(clock[2])))


def _announced(composers: Sequence[str]) -> str:
    if len(composers) <= _COMPOSERS_IN_TITLE_MAX:
        return _listed(composers)
    return ", ".join(composers[:_COMPOSERS_IN_TITLE_MAX]) + " and others"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
