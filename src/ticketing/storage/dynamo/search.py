"""The search of the DynamoDB store: each process keeps the listings in an index in memory, and reads those again that changed.

The index is SQLite's, without a file. Every commit that writes listings stores beside them, in the same transaction, which ones they
are (`SEARCH_CHANGES`); a search first asks for the changes since it last asked. How far this carries stands in `docs/dynamodb.md`.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import apsw

from ticketing.base.search import SearchPage, SearchWish
from ticketing.base.store import BadCursor, Range
from ticketing.base.tables import Record
from ticketing.base.times import written
from ticketing.schema.tables import LISTINGS, TABLES
from ticketing.storage.cursors import read_cursor, write_cursor
from ticketing.storage.dynamo.changed import CHANGES_KEPT, SHARD
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.schema import SEARCH_CHANGES
from ticketing.storage.sql.ddl import create_table
from ticketing.storage.sql.rows import shape_of
from ticketing.storage.sql.search import OPTIMIZE, POSITION_BITS, SEARCH_DDL, SqliteSearch

Done = TypeVar("Done")

READ_ANEW_AFTER: Final = CHANGES_KEPT / 7
"""A process that did not ask for a day reads all listings anew."""
OVERLAP: Final = timedelta(minutes=2)
"""A change may be stored so much later than its name says: retries take seconds, and clocks of two machines differ by less."""
CHANGES_PER_LOOK: Final = 1000

_INSERT: Final = (
    f"insert into listings ({', '.join(LISTINGS.column_names)}) values ({', '.join('?' * len(LISTINGS.column_names))})"
)
_DELETE: Final = "delete from listings where event_id = ?"
_MINUTE: Final = 60_000_000
_EVER: Final = 1 << 58
"""Microseconds from 1970 to past the year 9999."""
_CURSOR: Final = "search in DynamoDB"
_THEIR_CURSOR: Final = "search"


class DynamoSearch:
    """Finds listings in an index in memory that follows those that are stored.

    What this process wrote is found at once; what others wrote, up to `look_seconds` later.
    """

    def __init__(self, engine: DynamoEngine, *, look_seconds: float = 0.0) -> None:
        self._engine = engine
        self._look_seconds = look_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-search")
        self._connection: apsw.Connection | None = None
        self._looked_at = 0.0
        self._looked_since = datetime.min.replace(tzinfo=UTC)
        self._told: dict[str, None] = {}
        """Changes that were followed already, of those that may be told again."""
        self._own_changes = 0

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor, Busy."""
        work = asyncio.get_running_loop().run_in_executor
        return await work(self._thread, lambda: self._search(wish, limit=limit, cursor=cursor))

    def close(self) -> None:
        """No search is under way, and the index is gone."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    # What a search reads ----------------------------------------------------------------------------------------------

    def _search(self, wish: SearchWish, *, limit: int, cursor: str | None) -> SearchPage:
        connection = self._followed()
        theirs = None if cursor is None else _to_theirs(connection, cursor)
        index = SqliteSearch(lambda: connection)
        page = _result(index.search(wish, limit=limit, cursor=theirs))
        if page.next_cursor is None:
            return page
        return SearchPage(page.event_ids, _to_ours(connection, page.next_cursor, page.event_ids[-1]))

    def _followed(self) -> apsw.Connection:
        """The index, with every listing as it is by now."""
        now = datetime.now(UTC)
        own_changes = self._engine.listing_commits
        if self._connection is None or now - self._looked_since > READ_ANEW_AFTER:
            connection = self._read_anew()
            self._follow(connection, now - OVERLAP, again=True)
            self._connection = connection
        elif own_changes != self._own_changes or time.monotonic() - self._looked_at >= self._look_seconds:
            self._follow(self._connection, self._looked_since - OVERLAP, again=False)
        else:
            return self._connection
        self._looked_at, self._looked_since, self._own_changes = time.monotonic(), now, own_changes
        return self._connection

    def _read_anew(self) -> apsw.Connection:
        connection = apsw.Connection(":memory:")
        connection.pragma("foreign_keys", False)  # listings without their events
        listings = create_table(LISTINGS, {table.name: table for table in TABLES})
        connection.execute(";".join((listings, *SEARCH_DDL)))
        to_row = shape_of(LISTINGS).to_row
        with connection:
            for record in self._engine.scan_now(LISTINGS):
                connection.execute(_INSERT, to_row(record))
        connection.execute(OPTIMIZE)
        return connection

    def _follow(self, connection: apsw.Connection, since: datetime, *, again: bool) -> None:
        changes = list(self._changes(since))
        event_ids = {
            event_id
            for change in changes
            if again or change["change_id"] not in self._told
            for event_id in change["events"]
        }
        if event_ids:
            keys = [(event_id,) for event_id in sorted(event_ids)]
            listings = self._engine.get_many_now(LISTINGS, keys)
            to_row = shape_of(LISTINGS).to_row
            with connection:
                for key, listing in zip(keys, listings, strict=True):
                    connection.execute(_DELETE, key)
                    if listing is not None:
                        connection.execute(_INSERT, to_row(listing))
        self._told = dict.fromkeys(change["change_id"] for change in changes)

    def _changes(self, since: datetime) -> Iterator[Record]:
        within = Range(start=written(since))
        return self._engine.walk_now(SEARCH_CHANGES.indexes[0], SHARD, within=within, page_size=CHANGES_PER_LOOK)


def _result(coroutine: Coroutine[Any, Any, Done]) -> Done:
    """What a coroutine returns that never waits, as a search in SQLite."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Done = stop.value
        return result
    raise AssertionError("it waits")


# Cursors ---------------------------------------------------------------------------------------------------------------
# SQLite's name a position, which each process gives out for itself; ours name the start and the event that stands there.


def _to_ours(connection: apsw.Connection, theirs: str, event_id: str) -> str:
    now, run, _ = read_cursor(_THEIR_CURSOR, theirs, length=3)
    row = connection.execute("select starts_at from event_positions where event_id = ?", (event_id,)).fetchone()
    assert row is not None
    return write_cursor(_CURSOR, [now, run, row[0], event_id])


def _to_theirs(connection: apsw.Connection, ours: str) -> str:
    now, run, starts_at, event_id = read_cursor(_CURSOR, ours, length=4)
    if type(run) is not int or type(starts_at) is not int or type(event_id) is not str:
        raise BadCursor
    if not 0 <= run < 4 or not 0 <= starts_at < _EVER:
        raise BadCursor
    floor = starts_at // _MINUTE << POSITION_BITS
    ceiling = (starts_at // _MINUTE + 1) << POSITION_BITS
    is_latest_first = run % 2 == 1
    extreme, sign, none = ("min", ">=", ceiling) if is_latest_first else ("max", "<=", floor - 1)
    row = connection.execute(
        f"select {extreme}(position) from event_positions "
        f"where position >= ? and position < ? and (starts_at, event_id) {sign} (?, ?)",
        (floor, ceiling, starts_at, event_id),
    ).fetchone()
    position = none if row is None or row[0] is None else row[0]
    return write_cursor(_THEIR_CURSOR, [now, run, max(0, position)])
