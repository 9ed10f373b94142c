"""The SQLite engine: one file, one writer that commits batches durably, a reader beside it. Knows tables, and no feature."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import apsw
import orjson
import structlog

from ticketing.base.changes import Change, Insert, item_name
from ticketing.base.store import ALL, Busy, Conflict, Page, Range
from ticketing.base.tables import Index, Key, Record, Table
from ticketing.base.times import written
from ticketing.schema.tables import TABLES
from ticketing.storage.cursors import position_of, read_position, sort_columns, write_cursor
from ticketing.storage.sql.batch import Batch, ItemName, State, state_of
from ticketing.storage.sql.rows import shape_of
from ticketing.storage.sql.statements import (
    insert_row,
    move_pools,
    read_states,
    remove_rows,
    replace_rows,
    state_columns,
)

log = structlog.get_logger()

BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for another process that writes; commits take milliseconds, so this is a stuck neighbour."""
CACHE_KIB: Final = 65_536
WAL_PAGES_BEFORE_CHECKPOINT: Final = 4_000
"""16 MB: a checkpoint copies each changed page once however often it was written, so rarer is cheaper."""
WAL_PAGES_MAX: Final = 40_000
"""160 MB: from here on the writer waits a little for the readers, so that the log can start anew."""
CHECKPOINT_WAIT_MS: Final = 50
"""A reader that takes minutes (a backup) keeps the log growing, which is better than a sale that stops for it."""

CORRUPTING_FROM: Final = (3, 7, 0)
CORRUPTING_TO: Final = (3, 51, 2)
"""In this range a WAL database can be corrupted when two connections write and checkpoint at once (sqlite.org/wal.html)."""


class UnsafeSqlite(RuntimeError):
    """This SQLite can corrupt the file; Ticket does not start on it."""


class DamagedFile(RuntimeError):
    """The database file is damaged; Ticket does not start on it. Restore a backup."""


_CANNOT_WRITE: Final = (
    apsw.BusyError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.ProtocolError,
)
"""The world failing, which passes: another process writes, the disk is full."""
_OUR_MISTAKES: Final = (
    apsw.ConstraintError,
    apsw.TooBigError,
    AssertionError,
    LookupError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What one commit can be wrong in, for which the others of its batch must not pay."""


class _TakenKey(Exception):
    """An insert met a key that was there: which one must be read, and the batch decided again."""


def refuse_unsafe_version(version: str) -> None:
    """Nothing, on a version of SQLite that keeps a WAL database whole. Raises UnsafeSqlite."""
    numbers = tuple(int(part) for part in version.split("."))
    if CORRUPTING_FROM <= numbers <= CORRUPTING_TO:
        raise UnsafeSqlite(
            f"SQLite {version} can corrupt a database in WAL mode (versions 3.7.0 to 3.51.2). "
            "Install apsw 3.51.3 or newer, which brings its own."
        )


def connect(path: Path, *, readonly: bool = False) -> apsw.Connection:
    """A connection with the house's pragmas. Writers are durable: WAL with `synchronous=FULL`."""
    refuse_unsafe_version(apsw.sqlite_lib_version())
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags, statementcachesize=300)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    if not readonly:
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("fullfsync", True)  # without it macOS leaves what was synced in the drive's cache
        connection.pragma("checkpoint_fullfsync", True)
        connection.pragma("wal_autocheckpoint", 0)
    connection.pragma("foreign_keys", True)
    connection.pragma("cache_size", -CACHE_KIB)
    connection.pragma("temp_store", "memory")
    return connection


def refuse_damaged(connection: apsw.Connection, path: Path) -> None:
    """Nothing, where the file passes SQLite's quick check. Raises DamagedFile."""
    try:
        verdict = connection.pragma("quick_check", 1)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DamagedFile(f"{path} is damaged: {error}. Restore a backup.") from error
    if verdict != "ok":
        raise DamagedFile(f"{path} is damaged: {verdict}. Restore a backup.")


class SqliteEngine:
    """Reads of the storage port, and `apply`, which decides and writes a batch of commits in one transaction.

    Reads run where they are called (a point read takes microseconds); `apply` is for one thread at a time.
    """

    def __init__(self, path: Path, tables: Sequence[Table] = TABLES) -> None:
        self.path = path
        self._tables = {table.name: table for table in tables}
        self._places = {table.name: place for place, table in enumerate(tables)}
        try:
            self.writer = connect(path)
            self.reader = connect(path, readonly=True)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise DamagedFile(f"{path} is not a whole SQLite database: {error}. Restore a backup.") from error
        self.wal_pages = 0
        self._staged = 0
        """How long the log is."""
        self._wal_pages_tended = 0
        self.writer.set_wal_hook(self._note_wal)

    def close(self) -> None:
        """The file is left with its log written back, as far as no other process reads it."""
        with contextlib.suppress(*_CANNOT_WRITE):  # what is in the log is durable there
            self.writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self.reader.close()
        self.writer.close()

    # Reads -----------------------------------------------------------------------------------------------------------

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key as last committed, or None."""
        return _get(self.reader, table, key)

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order."""
        return [_get(self.reader, table, key) for key in keys]

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
        """Up to `limit` records of one partition in index order. Raises BadCursor."""
        assert limit >= 1
        table = self._tables[index.table]
        shape = shape_of(table)
        columns = sort_columns(index, table)
        conditions = [f"{index.partition} = ?"]
        parameters: list[Any] = [value]
        if within.start is not None:
            conditions.append(f"{columns[0]} >= ?")
            parameters.append(_bound(within.start))
        if within.end is not None:
            conditions.append(f"{columns[0]} < ?")
            parameters.append(_bound(within.end))
        if cursor is not None:
            position = read_position(index, table, cursor)
            sign = "<" if descending else ">"
            conditions.append(f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})")
            parameters += position
        order = ", ".join(f"{name} desc" if descending else name for name in columns)
        statement = f"{shape.selection} where {' and '.join(conditions)} order by {order} limit ?"
        rows = self.reader.execute(statement, (*parameters, limit + 1)).fetchall()
        records = [shape.to_record(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(records, write_cursor(index.name, position_of(records[-1], columns)) if more else None)

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in key order, as the file was when the scan began."""
        shape = shape_of(table)
        connection = connect(self.path, readonly=True)
        try:
            for row in connection.execute(f"{shape.selection} order by {', '.join(table.key)}"):
                yield shape.to_record(row)
        finally:
            connection.close()

    # Writes ----------------------------------------------------------------------------------------------------------

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """One durable transaction with every commit that holds; for each commit, None or why it did not happen.

        Called from one thread at a time. A commit that breaks a foreign key or check of the schema fails alone.
        """
        try:
            outcomes = self._apply(commits)
        except _CANNOT_WRITE as error:
            log.error("store.cannot_write", error=str(error))
            return [Busy() for _ in commits]
        except _OUR_MISTAKES as error:
            if len(commits) == 1:
                schema = isinstance(error, apsw.ConstraintError)
                return [AssertionError(f"a commit breaks the schema: {error}") if schema else error]
            middle = len(commits) // 2  # by halves: a single one among 512 costs a score of transactions
            return self.apply(commits[:middle]) + self.apply(commits[middle:])
        self._tend_wal()
        return outcomes

    def _apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        try:
            return self._transaction(commits, read_inserts=False)
        except _TakenKey:
            return self._transaction(commits, read_inserts=True)

    def _transaction(self, commits: Sequence[Sequence[Change]], *, read_inserts: bool) -> list[Exception | None]:
        self.writer.execute("begin immediate")
        try:
            outcomes = self.stage(commits, read_inserts=read_inserts)
            self._end()
        except BaseException:
            self.abandon()
            raise
        return outcomes

    # The same in three steps, of which only the first and the last may wait ---------------------------------------------

    def begin(self) -> bool:
        """A transaction is open and nobody else writes. False where that cannot be: nothing can be written now."""
        try:
            self.writer.execute("begin immediate")
        except _CANNOT_WRITE as error:
            log.error("store.cannot_write", error=str(error))
            return False
        return True

    def stage(self, commits: Sequence[Sequence[Change]], *, read_inserts: bool = False) -> list[Exception | None]:
        """Every commit that holds is written in the open transaction; for each commit, None or why it did not happen.

        After an exception the transaction is to be abandoned.
        """
        batch = Batch(self._read_states(commits, read_inserts=read_inserts))
        outcomes: list[Exception | None] = []
        self._staged = 0
        for changes in commits:
            if batch.needs_round(changes):
                self._write(batch)
            failed = batch.failing(changes)
            if failed is None:
                batch.accept(changes)
                self._staged += 1
                outcomes.append(None)
            else:
                failed = self._first_failing(batch, changes, failed)
                outcomes.append(Conflict(failed, self._found(batch, failed)))
        if self._staged:
            self._write(batch)
        return outcomes

    def finish(self) -> bool:
        """What was staged is durable. False where it cannot be written: then nothing of it happened."""
        try:
            self._end()
        except _CANNOT_WRITE as error:
            log.error("store.cannot_write", error=str(error))
            self.abandon()
            return False
        self._tend_wal()
        return True

    def abandon(self) -> None:
        """No transaction is open, and nothing of the last one happened."""
        if self.writer.in_transaction:
            self.writer.execute("rollback")

    def _end(self) -> None:
        self.writer.execute("commit" if self._staged else "rollback")

    def _read_states(self, commits: Sequence[Sequence[Change]], *, read_inserts: bool) -> dict[ItemName, State]:
        wanted: dict[Table, dict[Key, str]] = {}
        for changes in commits:
            for change in changes:
                if read_inserts or type(change) is not Insert:
                    wanted.setdefault(change.table, {})[change.key] = change.item
        states: dict[ItemName, State] = {}
        for table, keys in wanted.items():
            columns = state_columns(table)
            width = len(table.key)
            pools = table.pool_columns
            name = table.name
            for row in self.writer.execute(read_states(table), (orjson.dumps(list(keys)).decode(),)):
                state = State()
                state.exists = True
                if pools:
                    state.pools = {}
                for column, value in zip(columns[width:], row[width:], strict=True):
                    if column == "version":
                        state.version = value
                    elif column == "expires_at":
                        state.expires_at = value
                    elif state.pools is not None:
                        state.pools[column] = value
                states[item_name(name, row[:width])] = state
            for item in keys.values():
                if item not in states:
                    states[item] = State()
        return states

    def _first_failing(self, batch: Batch, changes: Sequence[Change], failed: Change) -> Change:
        """The first change that fails, where `failed` is the first of those that were looked at: inserts before it were not."""
        for change in changes:
            if change is failed:
                break
            if type(change) is Insert and batch.state(change.item) is None:
                found = _get(self.writer, change.table, change.key)
                if found is not None:
                    batch.states[change.item] = state_of(change.table, found)
                    return change
        return failed

    def _found(self, batch: Batch, failed: Change) -> Record | None:
        """The item that a failed change met, as the batch has it at this point."""
        state = batch.state(failed.item)
        if state is None or not state.exists:
            return None
        if state.record is None:  # once for all that fail on it: a sale that is sold out refuses many at once
            state.record = _get(self.writer, failed.table, failed.key)
        assert state.record is not None
        record = dict(state.record)
        record.update(state.pools or {})
        if state.version is not None:
            record["version"] = state.version
        return record

    def _write(self, batch: Batch) -> None:
        writes = batch.writes
        places = self._places
        run = self._run
        for table in sorted(writes.removes, key=lambda table: -places[table.name]):
            run(remove_rows(table), writes.removes[table])
        for table in sorted({*writes.inserts, *writes.claims}, key=lambda table: places[table.name]):
            if table in writes.inserts:
                self._insert(table, writes.inserts[table], claim=False)
            if table in writes.claims:
                self._insert(table, writes.claims[table], claim=True)
        for table in writes.replaces:
            to_row = shape_of(table).to_row
            run(replace_rows(table), [to_row(record) for record in writes.replaces[table]])
        for (table, column), differences in writes.moves.items():
            run(move_pools(table, column), [(*key, difference) for key, difference in sorted(differences.items())])
        writes.clear()

    def _insert(self, table: Table, records: Sequence[Record], *, claim: bool) -> None:
        try:
            self.writer.executemany(
                insert_row(table, claim=claim), zip(*shape_of(table).to_columns(records), strict=True)
            )
        except apsw.ConstraintError as error:
            if cast(Any, error).extendedresult == apsw.SQLITE_CONSTRAINT_PRIMARYKEY:
                raise _TakenKey from error
            raise

    def _run(self, statement: str, rows: Sequence[Any]) -> None:
        self.writer.execute(statement, (orjson.dumps(rows).decode(),))
        self._expect(len(rows))

    def _expect(self, rows: int) -> None:
        """The statement met every row that was decided about: otherwise the decision was wrong, and nothing of it may stand."""
        if self.writer.changes() != rows:
            raise AssertionError(f"{self.writer.changes()} rows were written, and not {rows}")

    # The log ---------------------------------------------------------------------------------------------------------

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self.wal_pages:  # it was begun anew
            self._wal_pages_tended = 0
        self.wal_pages = pages
        return apsw.SQLITE_OK

    def _tend_wal(self) -> None:
        """The log is written back where it is long enough. What was committed stands, whether or not that succeeds."""
        if self.wal_pages - self._wal_pages_tended < WAL_PAGES_BEFORE_CHECKPOINT:
            return
        self._wal_pages_tended = self.wal_pages
        mode = apsw.SQLITE_CHECKPOINT_RESTART if self.wal_pages >= WAL_PAGES_MAX else apsw.SQLITE_CHECKPOINT_PASSIVE
        self.writer.set_busy_timeout(CHECKPOINT_WAIT_MS)
        try:
            self.writer.wal_checkpoint(mode=mode)
        except _CANNOT_WRITE as error:
            log.warning("store.cannot_checkpoint", error=str(error), pages=self.wal_pages)
        finally:
            self.writer.set_busy_timeout(BUSY_TIMEOUT_MS)


def _get(connection: apsw.Connection, table: Table, key: Key) -> Record | None:
    shape = shape_of(table)
    row = connection.execute(f"{shape.selection} where {shape.key_condition}", key).fetchone()
    return None if row is None else shape.to_record(row)


def _bound(value: Any) -> Any:
    return written(value) if hasattr(value, "tzinfo") else value


def rows_of(connection: apsw.Connection, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement, for reports and checks that SQL answers best."""
    yield from connection.execute(statement, parameters)
