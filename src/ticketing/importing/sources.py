"""The public sources by name: which files each consists of, how it is read, and the copies that ship in the package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from typing import Final

from ticketing.importing.conferences import read_conferences
from ticketing.importing.demo import priced, public, shifted
from ticketing.importing.model import Import
from ticketing.importing.nyphil import read_nyphil
from ticketing.importing.worldcup import read_worldcup

_SHIPPED: Final = files("ticketing.importing") / "demo_data"


@dataclass(frozen=True, slots=True)
class Source:
    """A public source: the names of its files, and the reader that takes their content in that order."""

    file_names: tuple[str, ...]
    read: Callable[..., Import]


SOURCES: Final[Mapping[str, Source]] = {
    "worldcup": Source(
        ("worldcup.json", "worldcup.stadiums.json"),
        lambda matches, stadiums: read_worldcup(matches, stadiums=stadiums),
    ),
    "nyphil": Source(("2024-25_TO_NOW.json",), lambda content: read_nyphil(content)),
    "conferences": Source(("conferences-2026-2027.json",), lambda content: read_conferences(content)),
}


def shipped(name: str) -> Import:
    """What the package's own copy of a source says."""
    source = SOURCES[name]
    return source.read(*((_SHIPPED / name / file_name).read_bytes() for file_name in source.file_names))


def for_the_demo(content: Import, *, now: datetime) -> Import:
    """The import without private events, past dates moved into the future, with ticket types and prices made up."""
    return with_tickets(replace(content, events=shifted(public(content.events), now=now)))


def with_tickets(content: Import) -> Import:
    """The import with ticket types and prices made up where the source has none."""
    venues = {venue.source_key: venue for venue in content.venues}
    events = (
        priced(event, venue=None if event.venue_key is None else venues[event.venue_key]) for event in content.events
    )
    return replace(content, events=tuple(events))
