"""A store in which something else happens at the worst moment: after an action read and decided, before it commits."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from ticketing.base.changes import Change
from ticketing.base.store import ALL, Page, Range, Store
from ticketing.base.tables import Index, Key, Record, Table


class MeanwhileStore:
    """Passes everything on; before the next commit it lets happen what `meanwhile` is set to, once."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none, after what happens meanwhile."""
        happening, self.meanwhile = self.meanwhile, None
        if happening is not None:
            await happening()
        await self.inner.commit(changes)

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key, or None."""
        return await self.inner.get(table, key)

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order."""
        return await self.inner.get_many(table, keys)

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
        """Up to `limit` records of one partition in index order."""
        return await self.inner.query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)

    def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record of a table."""
        return self.inner.scan(table)
