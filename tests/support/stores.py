"""Stores for tests: every engine that exists behind one fixture, small tables of the contract's own, and an index that lags."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from tests.support.dynamo import dynamo_engine, dynamo_store
from tests.support.postgres import borrow_database, give_back
from ticketing.base.changes import Change, Insert
from ticketing.base.store import ALL, Page, Range, Store
from ticketing.base.tables import Column, Index, Key, Kind, Record, Table
from ticketing.schema.tables import LISTINGS, TABLES
from ticketing.storage.coalesce import CoalescedStore, Engine
from ticketing.storage.memory import MemoryStore
from ticketing.storage.sql.ddl import POSTGRESQL, schema_statements
from ticketing.storage.sql.postgres.engine import PostgresEngine
from ticketing.storage.sql.postgres.search import SEARCH_DDL
from ticketing.storage.sql.postgres.statements import BATCHES_TABLE
from ticketing.storage.sql.sqlite import SqliteEngine, connect

MOMENT: Final = datetime(2027, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

# The contract's own tables, so that it does not hang on any feature's ------------------------------------------------

THINGS: Final = Table(
    "things",
    "Things",
    ("thing_id",),
    (
        Column("thing_id"),
        Column("owner"),
        Column("shelf", nullable=True),  # null: in no index
        Column("label"),
        Column("rank", Kind.INTEGER),
        Column("seen_at", Kind.TIME),
        Column("seats", Kind.POOL),
        Column("stands", Kind.POOL),
        Column("expires_at", Kind.TIME),
        Column("version", Kind.INTEGER, check="version >= 1"),
    ),
    indexes=(
        Index("things_by_owner", "things", "owner", (), "Whose are these?", spread=4),
        Index("things_by_label", "things", "owner", ("label",), "What are they called?"),
        Index("things_on_shelf", "things", "shelf", ("rank",), "What stands here, by rank?", spread=2),
        Index("things_by_sight", "things", "owner", ("seen_at", "rank"), "What was seen when?"),
    ),
)
"""One key column, versions, two pools and an expiry: every change can be tried on it."""

PAIRS: Final = Table(
    "pairs",
    "Pairs",
    ("left_id", "right_id"),
    (
        Column("left_id"),
        Column("right_id"),
        Column("holder"),
        Column("balance", Kind.POOL),
        Column("expires_at", Kind.TIME, nullable=True),
    ),
    indexes=(Index("pairs_of_left", "pairs", "left_id", (), "What belongs to the left one?", lags=False),),
    sorted_keys=False,
)
"""Two key columns and no versions."""

VALUES: Final = Table(
    "kinds",
    "Kinds",
    ("value_id",),
    (
        Column("value_id"),
        Column("text", nullable=True),
        Column("number", Kind.INTEGER, nullable=True),
        Column("truth", Kind.BOOLEAN, nullable=True),
        Column("moment", Kind.TIME, nullable=True),
        Column("content", Kind.JSON, nullable=True),
    ),
)
"""A column of every kind that may be null."""

PARTS: Final = Table(
    "parts",
    "Parts",
    ("part_id",),
    (
        Column("part_id"),
        Column("thing_id", references="things"),
        Column("amount", Kind.INTEGER, check="amount >= 0"),
        Column("version", Kind.INTEGER),
    ),
)
"""What SQL refuses as a safety net: a part of nothing, a negative amount."""

CONTRACT_TABLES: Final = (THINGS, PAIRS, VALUES, PARTS)


def thing(thing_id: str, **fields: Any) -> Record:
    """A record of THINGS with ten seats and ten stands; `fields` differ."""
    return {
        "thing_id": thing_id,
        "owner": "ada",
        "shelf": None,
        "label": "a label",
        "rank": 0,
        "seen_at": MOMENT,
        "seats": 10,
        "stands": 10,
        "expires_at": MOMENT,
        "version": 1,
    } | fields


def pair(left_id: str, right_id: str, **fields: Any) -> Record:
    """A record of PAIRS with a balance of ten; `fields` differ."""
    return {
        "left_id": left_id,
        "right_id": right_id,
        "holder": "ada",
        "balance": 10,
        "expires_at": MOMENT,
    } | fields


def value(value_id: str, **fields: Any) -> Record:
    """A record of VALUES in which everything but `fields` is null."""
    return {"value_id": value_id, "text": None, "number": None, "truth": None, "moment": None, "content": None} | fields


# Engines -------------------------------------------------------------------------------------------------------------


def new_sqlite_file(path: Path, tables: tuple[Table, ...] = CONTRACT_TABLES) -> None:
    """An empty database with these tables stands at `path`."""
    connection = connect(path)
    connection.execute(";".join(schema_statements(tables)))
    connection.close()


@asynccontextmanager
async def memory_store(folder: Path, tables: tuple[Table, ...]) -> AsyncIterator[Store]:
    """A store in memory; `folder` stays empty."""
    del folder
    yield MemoryStore(tables)


def sqlite_engine(folder: Path, tables: tuple[Table, ...] = CONTRACT_TABLES) -> SqliteEngine:
    """An engine on a new SQLite file in `folder`, to be closed."""
    path = folder / "store.db"
    new_sqlite_file(path, tables)
    return SqliteEngine(path, tables)


@asynccontextmanager
async def sqlite_store(folder: Path, tables: tuple[Table, ...]) -> AsyncIterator[Store]:
    """A store on a new SQLite file in `folder`, closed at the end."""
    store = CoalescedStore(sqlite_engine(folder, tables))
    try:
        yield store
    finally:
        await store.close()


def postgres_statements(tables: tuple[Table, ...]) -> tuple[str, ...]:
    """What makes a database with these tables."""
    return (*schema_statements(tables, POSTGRESQL), BATCHES_TABLE, *(SEARCH_DDL if LISTINGS in tables else ()))


@asynccontextmanager
async def postgres_store(folder: Path, tables: tuple[Table, ...]) -> AsyncIterator[Store]:
    """A store on a new database of the run's PostgreSQL, closed at the end; `folder` stays empty."""
    del folder
    statements = postgres_statements(tables)
    url = borrow_database(statements)
    store = CoalescedStore(PostgresEngine(url, tables))
    try:
        yield store
    finally:
        await store.close()
        give_back(url, statements)


class BlockingEngine:
    """An engine on PostgreSQL that answers before it returns, as that of a file does: its event loop runs in a thread of its own."""

    def __init__(self, engine: PostgresEngine, statements: tuple[str, ...]) -> None:
        self.within = engine
        self._statements = statements
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def done(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine comes to in the engine's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key."""
        found: Record | None = self.done(self.within.get(table, key))
        return found

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys."""
        found: list[Record | None] = self.done(self.within.get_many(table, keys))
        return found

    async def query(self, index: Index, value: str, **more: Any) -> Page:
        """A page of an index."""
        page: Page = self.done(self.within.query(index, value, **more))
        return page

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record."""

        async def all_of_it() -> list[Record]:
            return [record async for record in self.within.scan(table)]

        for record in self.done(all_of_it()):
            yield record

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """What each commit came to."""
        outcomes: list[Exception | None] = self.done(self.within.apply(commits))
        return outcomes

    def close(self) -> None:
        """The database is gone, and so is the thread."""
        if self._loop.is_closed():
            return
        self.done(self.within.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        give_back(self.within.url, self._statements)


def postgres_engine(folder: Path, tables: tuple[Table, ...] = CONTRACT_TABLES) -> Engine:
    """An engine on a new database of the run's PostgreSQL, to be closed."""
    del folder
    statements = postgres_statements(tables)
    return BlockingEngine(PostgresEngine(borrow_database(statements), tables), statements)


OpenStore = Callable[[Path, tuple[Table, ...]], AbstractAsyncContextManager[Store]]

ENGINES: Final[dict[str, OpenStore]] = {
    "memory": memory_store,
    "sqlite": sqlite_store,
    "postgres": postgres_store,
    "dynamo": dynamo_store,
}
"""Every engine that exists, by name. Another one is one more line."""

BATCHING: Final[dict[str, Callable[[Path, tuple[Table, ...]], Engine]]] = {
    "sqlite": sqlite_engine,
    "postgres": postgres_engine,
    "dynamo": dynamo_engine,
}
"""Those that take many commits at once, for `CoalescedStore`."""


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store with the contract's tables: the test runs once on every engine."""
    async with ENGINES[request.param](tmp_path, CONTRACT_TABLES) as opened:
        yield opened


class Scanned(Protocol):
    """What every store and engine can do: show all of a table."""

    def scan(self, table: Table) -> AsyncIterator[Record]: ...


async def everything(store: Scanned, tables: Sequence[Table] = CONTRACT_TABLES) -> dict[str, dict[Key, Record]]:
    """All that a store holds, by table and key."""
    return {table.name: {table.key_of(record): record async for record in store.scan(table)} for table in tables}


# Lag -----------------------------------------------------------------------------------------------------------------


class LaggingStore:
    """A store whose indexes answer as of `lag_commits` commits ago, as those of DynamoDB may; everything else is current.

    It finds every place that decides by an index alone. Over a store that has content, call `catch_up` first.
    """

    def __init__(self, store: Store, *, lag_commits: int, tables: Sequence[Table] = TABLES) -> None:
        self._store = store
        self._lag_commits = lag_commits
        self._tables = tables
        self._old = MemoryStore(tables)
        self._late: deque[Sequence[Change]] = deque()

    async def catch_up(self) -> None:
        """The indexes show all that is stored."""
        current = MemoryStore(self._tables)
        for table in self._tables:
            async for record in self._store.scan(table):
                await current.commit((Insert(table, record),))
        self._old = current
        self._late.clear()

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key as last committed, or None."""
        return await self._store.get(table, key)

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys as last committed, in their order."""
        return await self._store.get_many(table, keys)

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
        """A page as of `lag_commits` commits ago where the index lags. Raises BadCursor."""
        answers: Store = self._old if index.lags else self._store
        return await answers.query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none; lagging indexes hear of them later. Raises Conflict, Busy."""
        await self._store.commit(changes)
        self._late.append(changes)
        while len(self._late) > self._lag_commits:
            await self._old.commit(self._late.popleft())

    def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record as last committed."""
        return self._store.scan(table)

    async def close(self) -> None:
        """The store beneath is closed, where it can be."""
        close: Callable[[], Awaitable[None]] | None = getattr(self._store, "close", None)
        if close is not None:
            await close()
