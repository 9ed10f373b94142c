"""What a reader has found so far: venues and events, each once, and the mistakes, in a bounded number."""

from collections.abc import Callable

from ticketing.base import bounds
from ticketing.importing.model import Import, ImportedEvent, ImportedVenue, Mistake
from ticketing.importing.records import Record, Wrong, as_record


class Findings:
    """Collects while a file is read; `imported` hands everything over."""

    def __init__(self, *, file_name: str) -> None:
        self.file_name = file_name
        self.venues: dict[str, ImportedVenue] = {}
        self._events: dict[str, tuple[ImportedEvent, str]] = {}
        self._mistakes: list[Mistake] = []
        self._mistakes_beyond = 0

    def add_venue(self, venue: ImportedVenue) -> None:
        """Keeps the venue, unless one with its key is there."""
        self.venues.setdefault(venue.source_key, venue)

    def add_event(self, event: ImportedEvent, *, place: str) -> None:
        """Keeps the event. Raises Wrong if one with its key is there."""
        if event.source_key in self._events:
            first = self._events[event.source_key][1]
            raise Wrong(place, f"is the same event as {first.removeprefix(f'{self.file_name}: ')}; it is left out")
        self._events[event.source_key] = (event, place)

    def add_mistake(self, place: str, reason: str) -> None:
        """Notes the mistake; past the bound it is only counted."""
        if len(self._mistakes) < bounds.IMPORT_MISTAKES_MAX:
            self._mistakes.append(Mistake(place, reason))
        else:
            self._mistakes_beyond += 1

    def attempt(self, read: Callable[[], None]) -> None:
        """Calls `read`; what it finds wrong is noted."""
        try:
            read()
        except Wrong as wrong:
            self.add_mistake(wrong.mistake.place, wrong.mistake.reason)

    def read_each(self, of: Record, name: str, read: Callable[[Record], None]) -> None:
        """Calls `read` with each object of the list; a wrong one is noted, the others go on. The list must be there."""
        try:
            if name not in of.values:
                raise of.wrong(name, "is missing" if name else "is not a list")
            values = of.list_of(name)
        except Wrong as wrong:
            self.add_mistake(wrong.mistake.place, wrong.mistake.reason)
            return
        for place, value in values:
            try:
                read(as_record(place, value))
            except Wrong as wrong:
                self.add_mistake(wrong.mistake.place, wrong.mistake.reason)

    def imported(self) -> Import:
        """Everything that was found."""
        mistakes = list(self._mistakes)
        if self._mistakes_beyond:
            mistakes.append(Mistake(self.file_name, f"has {self._mistakes_beyond} more mistakes, which are not listed"))
        return Import(
            venues=tuple(self.venues.values()),
            events=tuple(event for event, _place in self._events.values()),
            mistakes=tuple(mistakes),
        )
