"""The PostgreSQL engine: batches of commits in one round trip where nothing conflicts. Knows tables, and no feature.

How a batch is written, in the order in which it is tried:

1. Unseen. All of it is folded into one statement whose writes carry their conditions (`folding.py`, `statements.py`). It is one
   round trip and one transaction; where a condition does not hold, nothing of it happens.
2. Seen. What the changes look at is read, each commit is decided in turn (`batch.py`), and those that hold are written as above,
   again under their conditions: another process may have been faster, and then it is read again.
3. Held. The same with the rows locked, so that nobody is faster.

Every statement that writes also stores the id of its batch. Where the connection is lost before the answer comes, that row tells
whether it was done; if it is not there it is put there, so that a statement still under way cannot be done after all.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any, Final

import asyncpg
import orjson
import structlog

from ticketing.base.changes import Change
from ticketing.base.store import ALL, Busy, Conflict, Page, Range, Unsettled
from ticketing.base.tables import Index, Key, Kind, Record, Table
from ticketing.base.times import read
from ticketing.schema.tables import TABLES
from ticketing.storage.cursors import position_of, read_position, sort_columns, write_cursor
from ticketing.storage.snapshots import Fault, Scanned
from ticketing.storage.sql.batch import Batch, ItemName, State, state_of
from ticketing.storage.sql.postgres.connections import (
    AGAIN,
    LOST,
    REFUSING,
    UNAVAILABLE,
    Connections,
    closed,
    connect,
    connections_max,
    said,
)
from ticketing.storage.sql.postgres.doctor import faults_of
from ticketing.storage.sql.postgres.folding import Fold
from ticketing.storage.sql.postgres.statements import MARK, all_rows, read_many, read_one, read_rows, selection, written

log = structlog.get_logger()

UNSEEN_AGAIN_AFTER: Final = 16
"""After a commit was refused, so many batches are read before they are written: a type that is sold out refuses many in a row."""
SEEN_ROUNDS: Final = 3
"""How often another process may be faster before the rows are locked."""
ROUNDS_MAX: Final = 8
SETTLE_SECONDS: Final = 8.0
"""How long to wait for a lost database before whoever asked hears that the outcome is not known. A restart takes seconds."""
SETTLE_PAUSE_SECONDS: Final = 0.1
ROWS_PER_FETCH: Final = 500

_OUR_MISTAKES: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    AssertionError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What one commit can be wrong in, for which the others of its batch must not pay."""


_GONE: Final = (*LOST, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)
"""The connection is no more, and a new one may be had."""


class _Stale(Exception):
    """A condition did not hold: what was decided about has changed, or was not as hoped. Nothing was done."""


class PostgresEngine:
    """Reads of the storage port, and `apply`, which decides and writes a batch of commits."""

    def __init__(self, url: str, tables: Sequence[Table] = TABLES) -> None:
        self.url = url
        self._tables = {table.name: table for table in tables}
        self._places = {table.name: place for place, table in enumerate(tables)}
        self.readers = Connections(url, max(1, connections_max() - 2))
        self.scanners = Connections(url, 1)
        self.writers = Connections(url, 1, writing=True)
        self.batch_prefix = secrets.token_hex(8)
        """What the ids of all batches of this engine begin with."""
        self._batch_number = 0
        self._seen_for = 0
        self.unseen_count = 0
        """How many batches went through in one round trip."""

    async def leave_loop(self) -> None:
        """Nothing is open."""
        await self.readers.close()
        await self.scanners.close()
        await self.writers.close()

    async def close(self) -> None:
        """Nothing is open."""
        await self.leave_loop()

    # Reads -----------------------------------------------------------------------------------------------------------

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key as last committed, or None. Raises Busy."""
        if not _can_be(key):
            return None
        rows = await self.readers.read(read_one(table), *key)
        return _reader(table)(rows[0]) if rows else None

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order. Raises Busy."""
        asked = sorted({key for key in keys if _can_be(key)})
        if not asked:
            return [None] * len(keys)
        to_record = _reader(table)
        rows = await self.readers.read(read_many(table), *map(list, zip(*asked, strict=True)))
        found = {table.key_of(record): record for record in map(to_record, rows)}
        seen: set[Key] = set()
        records: list[Record | None] = []
        for key in keys:
            record = found.get(key)
            records.append(dict(record) if record is not None and key in seen else record)
            seen.add(key)
        return records

    async def query(
        self,
        index: Index,
        value: str,
        *,
        within: Range = ALL,
        limit: int = 20,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page:
        """Up to `limit` records of one partition in index order. Raises BadCursor, Busy."""
        assert limit >= 1
        table = self._tables[index.table]
        columns = sort_columns(index, table)
        conditions = [f"t.{index.partition} = $1"]
        parameters: list[Any] = [value]

        def given(part: Any) -> str:
            parameters.append(part)
            return f"${len(parameters)}"

        if within.start is not None:
            conditions.append(f"t.{columns[0]} >= {given(within.start)}")
        if within.end is not None:
            conditions.append(f"t.{columns[0]} < {given(within.end)}")
        if cursor is not None:
            position = read_position(index, table, cursor)
            if not _can_be(position):
                return Page([], None)
            after = [
                given(read(part) if table.by_name[name].kind is Kind.TIME else part)
                for name, part in zip(columns, position, strict=True)
            ]
            sign = "<" if descending else ">"
            conditions.append(f"({', '.join(f't.{name}' for name in columns)}) {sign} ({', '.join(after)})")
        if not _can_be(parameters):
            return Page([], None)
        order = ", ".join(f"t.{name} desc" if descending else f"t.{name}" for name in columns)
        statement = f"{selection(table)} where {' and '.join(conditions)} order by {order} limit {given(limit + 1)}"
        rows = await self.readers.read(statement, *parameters)
        records = [_reader(table)(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(records, write_cursor(index.name, position_of(records[-1], columns)) if more else None)

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in key order, as the table was when the scan began. Raises Busy."""
        with _told_busy("scan"):
            async with self.scanners.taken() as connection, _at_one_moment(connection) as moment:
                async for record in moment.scan(table):
                    yield record

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Scanned]:
        """All tables as they were when it was entered, read by a connection of its own. Raises Busy."""
        with _told_busy("snapshot"):
            connection = await connect(self.url)
            try:
                async with _at_one_moment(connection) as moment:
                    yield moment
            finally:
                await closed(connection)

    async def faults(self) -> list[Fault]:
        """What of the tables is missing or other than declared. Raises Busy."""
        with _told_busy("faults"):
            async with self.readers.taken() as connection:
                return await faults_of(connection, tuple(self._tables.values()))

    # Writes ----------------------------------------------------------------------------------------------------------

    async def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """Every commit that holds is durable; for each commit, None or why it did not happen.

        A commit that breaks a foreign key or check of the schema fails alone.
        """
        decisions = _Decisions(commits)
        try:
            await self._decide(decisions)
        except (*UNAVAILABLE, Busy) as error:
            if not isinstance(error, Busy):
                log.error("store.cannot_write", error=said(error))
            decisions.end(error if isinstance(error, Busy) else Busy())
        except _OUR_MISTAKES as error:
            left = decisions.unknown()
            if len(left) == 1:
                schema = isinstance(error, asyncpg.PostgresError)
                decisions.end(AssertionError(f"a commit breaks the schema: {error}") if schema else error)
            middle = len(left) // 2  # by halves: a single one among 512 costs a score of transactions
            for part in (left[:middle], left[middle:]) if middle else ():
                outcomes = await self.apply([commits[number] for number in part])
                decisions.settle(dict(zip(part, outcomes, strict=True)))
        return decisions.outcomes

    async def _decide(self, decisions: "_Decisions") -> None:
        """Every outcome is known. Where it raises, those that were settled before are, and of the others nothing is."""
        if self._seen_for > 0:
            self._seen_for -= 1
        else:
            fold, folded = Fold(), 0
            while folded < len(decisions.commits) and fold.take_in(decisions.commits[folded]):
                folded += 1
            try:
                await self._write(fold)
                self.unseen_count += 1
                decisions.settle(dict.fromkeys(range(folded)))
            except _Stale:
                pass
        if decisions.unknown():
            await self._decide_seen(decisions)
            if any(outcome is not None for outcome in decisions.outcomes):
                self._seen_for = UNSEEN_AGAIN_AFTER

    async def _decide_seen(self, decisions: "_Decisions") -> None:
        """The same for commits of which some may not hold."""
        for attempt in range(ROUNDS_MAX):
            try:
                if attempt < SEEN_ROUNDS:
                    async with self.writers.taken() as connection:
                        states = await self._states(connection, decisions.left(), locked=False)
                    await self._round(decisions, states, self._write)
                else:
                    await self._held_round(decisions)
            except (
                _Stale,
                *AGAIN,
                *_GONE,
            ):  # what is gone took a look with it, and no more: writing has settled what it lost
                continue
            return
        decisions.end(Busy())

    async def _held_round(self, decisions: "_Decisions") -> None:
        """All that is left is decided in one transaction, with the rows locked. Raises _Stale where a key was taken meanwhile."""
        batch_id = None
        done = decisions.copy()
        try:
            async with self.writers.taken() as connection:

                async def write(fold: Fold) -> None:
                    nonlocal batch_id
                    batch_id = await self._run(connection, fold)

                transaction = connection.transaction()
                await transaction.start()
                try:
                    states = await self._states(connection, decisions.left(), locked=True)
                    await self._round(done, states, write)
                except BaseException:
                    if not connection.is_closed():
                        await transaction.rollback()
                    raise
                await transaction.commit()
        except _GONE as error:
            if batch_id is None or not await self._stands(batch_id):
                raise _Stale from error
        decisions.take_over(done)

    async def _round(self, decisions: "_Decisions", states: dict[ItemName, State], write: "_Write") -> None:
        """All that is left is decided against these states, and what holds is written. What was known before stays so."""
        batch = Batch(states)
        fold = Fold()
        pending: dict[int, Exception | None] = {}
        for number in decisions.unknown():
            changes = decisions.commits[number]
            failed = batch.failing(changes)
            if failed is None:
                if not fold.take_in(changes):
                    await write(fold)
                    decisions.settle(pending)
                    fold, pending = Fold(), {}
                    fold.take_in(changes)
                batch.accept(changes)
                batch.writes.clear()
                pending[number] = None
            else:
                state = batch.state(failed.item)
                fold.pin(failed.item, None if state is None else state.pools)
                pending[number] = Conflict(failed, _found(state))
        if fold.items:
            await write(fold)
        decisions.settle(pending)

    async def _states(
        self, connection: Any, commits: Sequence[Sequence[Change]], *, locked: bool
    ) -> dict[ItemName, State]:
        wanted: dict[Table, dict[Key, ItemName]] = {}
        for changes in commits:
            for change in changes:
                wanted.setdefault(change.table, {})[change.key] = change.item
        tables = tuple(sorted(wanted, key=lambda table: self._places[table.name]))
        arrays = [list(part) for table in tables for part in zip(*wanted[table], strict=True)]
        states = {item: State() for keys in wanted.values() for item in keys.values()}
        for place, found in await connection.fetch(read_rows(tables, locked=locked), *arrays):
            table = tables[place]
            record = _from_json(table, found)
            states[wanted[table][table.key_of(record)]] = state_of(table, record)
        return states

    async def _write(self, fold: Fold) -> None:
        """All of the fold is durable. Raises _Stale where nothing of it happened, Unsettled where that is not known."""
        batch_id = None
        try:
            async with self.writers.taken() as connection:
                batch_id = self._new_batch()
                await self._run(connection, fold, batch_id)
        except _GONE as error:
            if batch_id is None:
                raise
            if not await self._stands(batch_id):
                raise _Stale from error
        except AGAIN as error:
            raise _Stale from error

    def _new_batch(self) -> str:
        self._batch_number += 1
        return f"{self.batch_prefix}-{self._batch_number:08d}"

    async def _run(self, connection: Any, fold: Fold, batch_id: str | None = None) -> str:
        batch_id = batch_id or self._new_batch()
        statement, parameters = written(fold, self._places)
        try:
            await connection.fetchval(statement, batch_id, *parameters)
        except (asyncpg.DivisionByZeroError, asyncpg.UniqueViolationError) as error:
            raise _Stale from error
        return batch_id

    async def _stands(self, batch_id: str) -> bool:
        """Whether the batch was done; if it was not it never will be. Raises Unsettled where the database does not come back."""
        log.warning("store.lost_while_writing", batch=batch_id)
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    try:
                        connection = await connect(self.url)
                        try:
                            return await connection.fetchval(MARK, batch_id) is None
                        finally:
                            connection.terminate()
                    except (*LOST, *REFUSING, *AGAIN):
                        await asyncio.sleep(SETTLE_PAUSE_SECONDS)
        except TimeoutError as error:
            raise Unsettled from error


_Write = Callable[[Fold], Any]


@contextmanager
def _told_busy(doing: str) -> Iterator[None]:
    """What the driver says of a database that is gone becomes Busy."""
    try:
        yield
    except UNAVAILABLE as error:
        log.error("store.cannot_read", doing=doing, error=said(error))
        raise Busy from error


@asynccontextmanager
async def _at_one_moment(connection: Any) -> AsyncIterator["_Moment"]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(
            "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local enable_seqscan = on; "
            "select pg_current_snapshot()"
        )
        yield _Moment(connection)


class _Moment:
    """A database as it was at one moment, through a connection in whose transaction that stands still."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in key order."""
        to_record = _reader(table)
        async for row in self._connection.cursor(all_rows(table), prefetch=ROWS_PER_FETCH):
            yield to_record(row)


class _Decisions:
    """What is known of the outcomes of some commits."""

    def __init__(self, commits: Sequence[Sequence[Change]]) -> None:
        self.commits = commits
        self.outcomes: list[Exception | None] = [None] * len(commits)
        self._unknown = dict.fromkeys(range(len(commits)))

    def unknown(self) -> list[int]:
        """The places of those of which nothing is known, in order."""
        return list(self._unknown)

    def left(self) -> list[Sequence[Change]]:
        """The commits of which nothing is known, in order."""
        return [self.commits[number] for number in self._unknown]

    def end(self, error: Exception) -> None:
        """Those of which nothing is known came to this."""
        self.settle(dict.fromkeys(self.unknown(), error))

    def settle(self, outcomes: dict[int, Exception | None]) -> None:
        """These are known."""
        for number, outcome in outcomes.items():
            self.outcomes[number] = outcome
            del self._unknown[number]

    def copy(self) -> "_Decisions":
        """The same, to be filled in apart."""
        other = _Decisions(self.commits)
        other.take_over(self)
        return other

    def take_over(self, other: "_Decisions") -> None:
        """What the other knows is known."""
        self.outcomes = list(other.outcomes)
        self._unknown = dict(other._unknown)


def _found(state: State | None) -> Record | None:
    """The item that a failed change met, as the batch has it at this point."""
    if state is None or not state.exists:
        return None
    assert state.record is not None
    found = state.record | (state.pools or {})
    if state.version is not None:
        found["version"] = state.version
    return found


def _can_be(parts: Sequence[Any]) -> bool:
    """Whether these can be stored at all: no text there has a NUL or half of a surrogate pair."""
    for part in parts:
        if type(part) is str and not part.isascii():
            try:
                part.encode()
            except UnicodeEncodeError:
                return False
        if type(part) is str and "\0" in part:
            return False
    return True


@cache
def _reader(table: Table) -> Callable[[Any], Record]:
    """What makes a record of a row that `selection` selected."""
    columns = table.column_names
    documents = [name for name in columns if table.by_name[name].kind is Kind.JSON]

    def to_record(row: Any) -> Record:
        record: Record = dict(zip(columns, row, strict=True))
        for name in documents:
            if record[name] is not None:
                record[name] = orjson.loads(record[name])
        return record

    return to_record


def _from_json(table: Table, text: str) -> Record:
    """The record of a row that the database wrote as JSON."""
    found = orjson.loads(text)
    record: Record = {name: found[name] for name in table.column_names}
    for column in table.columns:
        if column.kind is Kind.TIME and record[column.name] is not None:
            record[column.name] = read(record[column.name])
    return record
