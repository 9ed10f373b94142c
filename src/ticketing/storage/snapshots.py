"""What a store was at one moment, for those who read all of it while it is in use."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from ticketing.base.tables import Record, Table


class Scanned(Protocol):
    """What can be read as a whole: a store, or what a store was at one moment."""

    def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in no stated order."""
        ...


@runtime_checkable
class TakesSnapshots(Protocol):
    """A store that can be read as it was at one moment, however long that takes and whatever is written meanwhile."""

    def snapshot(self) -> AbstractAsyncContextManager[Scanned]:
        """All tables as they were when it was entered."""
        ...


def takes_snapshots(store: object) -> TakesSnapshots | None:
    """What takes snapshots of this store: itself, or the engine that it stands on; None where nothing does."""
    if isinstance(store, TakesSnapshots):
        return store
    engine: object = getattr(store, "engine", None)
    return engine if isinstance(engine, TakesSnapshots) else None
