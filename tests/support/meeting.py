"""A store in which several commits are held back until all of them are decided, so that they race each time."""

import asyncio
from collections.abc import Sequence

from tests.support.meanwhile import MeanwhileStore
from ticketing.base.changes import Change
from ticketing.base.store import Store
from ticketing.base.tables import Table


class MeetingStore(MeanwhileStore):
    """Passes everything on; after `await_all`, the next so many commits to a table wait for each other."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._table: Table | None = None
        self._missing = 0
        self._all_here = asyncio.Event()

    def await_all(self, count: int, table: Table) -> None:
        """The next `count` commits that touch `table` are made together, once the last of them has come."""
        self._table, self._missing = table, count
        self._all_here.clear()

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none, once the others are here."""
        if self._missing > 0 and any(change.table is self._table for change in changes):
            self._missing -= 1
            if self._missing == 0:
                self._all_here.set()
            await self._all_here.wait()
        await super().commit(changes)
