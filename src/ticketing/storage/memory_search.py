"""A search that reads every listing: the plainest reading of the search port, for tests of what stands above it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias

from ticketing.base.search import PREFIX_LENGTH_MIN, Phase, SearchPage, SearchWish
from ticketing.base.store import BadCursor
from ticketing.base.tables import Record
from ticketing.base.times import read, written
from ticketing.schema.tables import LISTINGS
from ticketing.storage.cursors import read_cursor, write_cursor
from ticketing.storage.snapshots import Scanned

_CURSOR: Final = "search in memory"
RUNS: Final = 4

_Place: TypeAlias = tuple[int, datetime, str]
"""Where a listing stands: its run, its start, its id. Runs 1 and 3 have begun and stand the latest first."""


class MemorySearch:
    """Finds listings by looking at each of them."""

    def __init__(self, store: Scanned) -> None:
        self._store = store

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor."""
        now, after = (wish.now, None) if cursor is None else _read(cursor)
        places = [
            _place(listing, wish.words, now=now)
            async for listing in self._store.scan(LISTINGS)
            if matches(listing, wish, now=now)
        ]
        found = [
            place
            for run in range(RUNS)
            for place in sorted((place for place in places if place[0] == run), reverse=_is_latest_first(run))
            if after is None or _is_past(place, after)
        ]
        next_cursor = None if len(found) <= limit else _written(found[limit - 1], now=now)
        return SearchPage(tuple(event_id for _, _, event_id in found[:limit]), next_cursor)


def matches(listing: Record, wish: SearchWish, *, now: datetime) -> bool:
    """Whether this row of `listings` is what the wish asks for."""
    start, end = listing["start_date_time"], listing["end_date_time"]
    facets = set(listing["facets"])
    return (
        _has(f"{listing['event_name']} {listing['words']}".split(), wish.words)
        and all(not facets.isdisjoint(group) for group in wish.facets)
        and (wish.starts_from is None or wish.starts_from <= start)
        and (wish.starts_to is None or start < wish.starts_to)
        and (wish.phase is None or wish.phase is _phase(start, end, now=now))
    )


def _has(words: Sequence[str], asked: Sequence[str]) -> bool:
    if not asked:
        return True
    last = asked[-1]
    found = any(word == last or (len(last) >= PREFIX_LENGTH_MIN and word.startswith(last)) for word in words)
    return found and set(asked[:-1]) <= set(words)


def _phase(start: datetime, end: datetime, *, now: datetime) -> Phase:
    if now < start:
        return Phase.UPCOMING
    return Phase.ONGOING if now < end else Phase.COMPLETED


def _place(listing: Record, words: Sequence[str], *, now: datetime) -> _Place:
    start, event_id = listing["start_date_time"], listing["event_id"]
    if not words:
        return 0, start, event_id
    in_name = _has(listing["event_name"].split(), words)
    return (0 if in_name else 2) + (start <= now), start, event_id


def _is_latest_first(run: int) -> bool:
    return run % 2 == 1


def _is_past(place: _Place, after: _Place) -> bool:
    if place[0] != after[0]:
        return place[0] > after[0]
    return place < after if _is_latest_first(place[0]) else place > after


def _written(place: _Place, *, now: datetime) -> str:
    run, start, event_id = place
    return write_cursor(_CURSOR, [written(now), run, written(start), event_id])


def _read(cursor: str) -> tuple[datetime, _Place]:
    now, run, start, event_id = read_cursor(_CURSOR, cursor, length=4)
    try:
        return read(now), (range(RUNS).index(run), read(start), str(event_id))
    except (TypeError, ValueError) as error:
        raise BadCursor from error
