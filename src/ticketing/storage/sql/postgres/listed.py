"""A search on PostgreSQL that reads every listing: correct, and good for some hundreds of public events."""

from collections.abc import AsyncIterator

from ticketing.base.search import SearchPage, SearchWish
from ticketing.base.tables import Record, Table
from ticketing.storage.memory_search import MemorySearch
from ticketing.storage.sql.postgres.engine import PostgresEngine


class ListedSearch:
    """Finds listings by looking at each of them."""

    def __init__(self, engine: PostgresEngine) -> None:
        self._search = MemorySearch(_Rows(engine))

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor, Busy."""
        return await self._search.search(wish, limit=limit, cursor=cursor)


class _Rows:
    """All of a table, read by one of the connections for reads: the one for scans may be busy for minutes."""

    def __init__(self, engine: PostgresEngine) -> None:
        self._engine = engine

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in key order."""
        for record in await self._engine.all_of(table):
            yield record
