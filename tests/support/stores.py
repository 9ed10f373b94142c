"""Stores for tests of what happens in between: other requests, other commits, indexes that lag."""

import asyncio
from collections.abc import Sequence
from copy import deepcopy

from ticketing.base.changes import Change
from ticketing.base.store import ALL, Page, Range
from ticketing.base.tables import Index, Key, Record, Table
from ticketing.storage.memory import MemoryStore


class InterleavingStore(MemoryStore):
    """Gives way before every read and commit, as a store over a network would, so that others run in between."""

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key, or None."""
        await asyncio.sleep(0)
        return await super().get(table, key)

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none. Raises Conflict."""
        await asyncio.sleep(0)
        await super().commit(changes)


class MeanwhileStore(MemoryStore):
    """Somebody else's changes in `meanwhile` come through just before the next commit that touches `table`."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.meanwhile: list[Change] = []
        self._table = table

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none. Raises Conflict."""
        if self.meanwhile and any(change.table is self._table for change in changes):
            first, self.meanwhile = self.meanwhile, []
            await super().commit(first)
        await super().commit(changes)


class LaggingStore(MemoryStore):
    """Answers from indexes as they were when `lag` was called."""

    def __init__(self) -> None:
        super().__init__()
        self._old: MemoryStore | None = None

    def lag(self) -> None:
        """From now on indexes stay as they are."""
        self._old = None
        self._old = deepcopy(self)

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
        if self._old is not None:
            return await self._old.query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)
        return await super().query(index, value, within=within, limit=limit, cursor=cursor, descending=descending)
