"""Opens the store of a file: the folder is made, the file is migrated, and a damaged or foreign one is refused."""

from pathlib import Path
from typing import Final

import apsw
import structlog

from ticketing.storage.coalesce import CoalescedStore, Engine
from ticketing.storage.sql.backup import create_private
from ticketing.storage.sql.migrate import (
    BadMigration,
    NewerFile,
    NotTicketFile,
    OlderFile,
    latest_revision,
    migrate,
    older,
    refuse_newer,
    revision_of,
)
from ticketing.storage.sql.search import OPTIMIZE, SqliteSearch
from ticketing.storage.sql.sqlite import DamagedFile, SqliteEngine, UnsafeSqlite, connect, refuse_damaged

log = structlog.get_logger()

CHECKED_AT_START_BYTES_MAX: Final = 2 * 1024**3
"""A file up to this size is checked page by page before it is opened, which takes some seconds at most. `ticket doctor` checks
any file."""

CANNOT_OPEN: Final = (UnsafeSqlite, DamagedFile, NewerFile, OlderFile, NotTicketFile, BadMigration)
"""Why a file is refused. Each says in its message what is wrong and what to do."""


def open_store(path: Path) -> CoalescedStore:
    """The store of this file, whole and of the latest revision. Raises what `CANNOT_OPEN` lists.

    A folder that is made for it is its owner's alone (0700), and so is the file (0600), since both hold what people told us.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        create_private(path)
    _refuse_damaged(path)
    migrated = migrate(path)
    if migrated.backup is not None:
        log.info("store.migrated", before=migrated.before, after=migrated.after, backup=str(migrated.backup))
    return CoalescedStore(SqliteEngine(path))


def open_to_read(path: Path) -> CoalescedStore:
    """The store of this file, which is of the latest revision already; nothing is changed. Raises what `CANNOT_OPEN` lists."""
    if not path.exists():
        raise NotTicketFile(f"{path} is not there.")
    _refuse_damaged(path)
    connection = connect(path, readonly=True)
    try:
        revision = revision_of(connection, path)
    finally:
        connection.close()
    if revision is None:
        raise NotTicketFile(f"{path} is empty.")
    refuse_newer(revision)
    if revision != latest_revision():
        raise OlderFile(f"{path}: {older(revision)}")
    return CoalescedStore(SqliteEngine(path))


def search_of(store: CoalescedStore) -> SqliteSearch:
    """The search of a store that `open_store` opened."""
    engine = store.engine
    assert isinstance(engine, SqliteEngine)
    return SqliteSearch(lambda: engine.reader)


async def tidy_search(store: CoalescedStore) -> None:
    """The index of the search is in one piece again, which makes it up to twice as fast after an import of thousands."""

    def tidy(engine: Engine) -> None:
        assert isinstance(engine, SqliteEngine)
        engine.writer.execute(OPTIMIZE)

    await store.between_batches(tidy)


def _refuse_damaged(path: Path) -> None:
    if path.stat().st_size == 0:
        return
    if path.stat().st_size > CHECKED_AT_START_BYTES_MAX:
        log.info("store.not_checked", reason="the file is large; `ticket doctor` checks it")
        return
    try:
        connection = connect(path)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DamagedFile(f"{path} is damaged: {error}. Restore a backup: `ticket restore FILE`.") from error
    try:
        refuse_damaged(connection, path)
    finally:
        connection.close()
