"""What some stores can do besides the port, for those who look at all of one while it is in use."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Fault:
    """What of a store's tables is not as declared, and how it is. With `hides`, the rows cannot be read for it."""

    subject: str
    detail: str
    hides: bool = False


@runtime_checkable
class KnowsFaults(Protocol):
    """A store whose tables somebody may have changed behind its back, and which can tell."""

    async def faults(self) -> list[Fault]:
        """What of the declared tables is missing or other than declared. Raises Busy."""
        ...


def knows_faults(store: object) -> KnowsFaults | None:
    """What tells faults of this store's tables: the engine that it stands on; None where nothing does."""
    engine: object = getattr(store, "engine", None)
    return engine if isinstance(engine, KnowsFaults) else None
