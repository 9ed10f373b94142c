"""A store of any kind as one SQLite file: what the doctor examines and a backup is made of, and what a restore starts from."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ticketing.base.changes import Remove
from ticketing.base.store import Store
from ticketing.entry.copying import COMPLETE, CopyFailed, Tell, copy_store
from ticketing.schema.tables import UNIQUES
from ticketing.storage.snapshots import takes_snapshots
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.sqlite import SqliteEngine

NAME = "this file"
"""What names the source of a copy that nobody goes on with."""


@dataclass(frozen=True, slots=True)
class AsFile:
    """A file with all that a store holds. `is_of_one_moment` says that it is what the store was when it began to be read."""

    path: Path
    is_of_one_moment: bool


@asynccontextmanager
async def as_file(store: Store, *, folder: Path | None, compare: bool, tell: Tell) -> AsyncIterator[AsFile]:
    """All of the store in an SQLite file, which is gone afterwards.

    It lies in a new folder in `folder` (None: where temporary files lie), readable by its owner alone, and takes about as much room as
    the data. Whatever the store holds goes in, whether or not it fits the schema: the doctor says what does not. With `compare`,
    a store that cannot be read as of one moment is read twice. Raises CopyFailed.
    """
    taking = takes_snapshots(store)
    with tempfile.TemporaryDirectory(prefix=".ticket-", dir=folder) as made:
        path = Path(made) / "ticket.db"
        into = open_store(path)
        try:
            assert isinstance(into.engine, SqliteEngine)
            into.engine.writer.pragma("foreign_keys", False)
            into.engine.writer.pragma("ignore_check_constraints", True)
            into.engine.writer.pragma("synchronous", "off")  # it is gone afterwards
            async with nullcontext(store) if taking is None else taking.snapshot() as source:
                await copy_store(source, into, name=NAME, tell=tell, compare=compare and taking is None)
            await into.commit((Remove(UNIQUES, (COMPLETE,)),))
        except CopyFailed as failed:
            raise CopyFailed(f"{failed} (The copy lay in {made}: is there room?)") from failed
        finally:
            await into.close()
        yield AsFile(path, taking is not None)
