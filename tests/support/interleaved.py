"""A store between whose calls anything else may run, in an order that a seed decides: races that can be run again."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Final

from ticketing.base.changes import Change
from ticketing.base.store import ALL, Page, Range, Store
from ticketing.base.tables import Index, Key, Record, Table

PAUSES_MAX: Final = 4


class InterleavedStore:
    """Passes everything on, and lets others run before and after each call, as often as the seed says."""

    def __init__(self, inner: Store, *, seed: int) -> None:
        self.inner = inner
        self._random = random.Random(seed)

    async def _pause(self) -> None:
        for _ in range(self._random.randrange(PAUSES_MAX)):
            await asyncio.sleep(0)

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key, or None."""
        await self._pause()
        found = await self.inner.get(table, key)
        await self._pause()
        return found

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order; others may write between one and the next."""
        return [await self.get(table, key) for key in keys]

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
        await self._pause()
        page = await self.inner.query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)
        await self._pause()
        return page

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none."""
        await self._pause()
        try:
            await self.inner.commit(changes)
        finally:
            await self._pause()

    def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record of a table."""
        return self.inner.scan(table)
