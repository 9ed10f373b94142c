"""Copies of a database while it is in use: consistent, on the disk when done, readable by their owner alone.

A backup is such a copy with one more table, `ticket_backup`, for what lies beside the database: one file has all, and any SQLite
tool reads it.
"""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import apsw

from ticketing.storage.sql.sqlite import DamagedFile, connect

PAGES_PER_STEP: Final = 2_000
"""8 MB at a time: between steps progress is told."""
BACKUP_TABLE: Final = "ticket_backup"
WITHOUT_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""What filesystems say that know no hard links, as those of USB sticks and network drives."""


class NotBackup(RuntimeError):
    """The file is no backup of Ticket's."""


class InUse(RuntimeError):
    """The database is open somewhere; it cannot be taken away."""


def _no_progress(_done: int, _all: int) -> None:
    pass


def copy_database(
    source: Path,
    target: Path,
    *,
    beside: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = _no_progress,
) -> None:
    """`target` is a copy of the database as it was at one moment, complete and durable before it has that name.

    Writers go on meanwhile. `beside` goes into the table of a backup. `progress` is given pages copied and pages in all. Raises
    FileExistsError where `target` exists.
    """
    if target.exists():
        raise FileExistsError(target)
    partial = new_partial(target)
    try:
        _copy(source, partial, progress)
        if beside is not None:
            _add(partial, beside)
        put_in_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    reading = connect(source, readonly=True)
    writing = apsw.Connection(str(target))
    try:
        # An open read keeps the copy at one moment; without it each commit of another process would start it anew.
        reading.execute("begin")
        reading.execute("select count(*) from sqlite_master").fetchall()
        with writing.backup("main", reading, "main") as copying:
            while not copying.done:
                copying.step(PAGES_PER_STEP)
                progress(copying.page_count - copying.remaining, copying.page_count)
        writing.pragma("journal_mode", "delete")  # One file, nothing beside it.
    finally:
        writing.close()
        reading.close()


def _add(path: Path, beside: Mapping[str, str]) -> None:
    connection = apsw.Connection(str(path))
    try:
        with connection:
            connection.execute(
                f"create table {BACKUP_TABLE} (name text not null primary key, content text not null) strict"
            )
            connection.executemany(f"insert into {BACKUP_TABLE} values (?, ?)", list(beside.items()))
    finally:
        connection.close()


def read_beside(backup: Path) -> dict[str, str]:
    """What lay beside the database when it was backed up. Raises NotBackup, DamagedFile."""
    connection = apsw.Connection(str(backup), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {str(name): str(text) for name, text in connection.execute(f"select name, content from {BACKUP_TABLE}")}
    except apsw.SQLError as error:
        raise NotBackup(f"{backup} is not a backup made by `ticket backup`: {error}.") from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise DamagedFile(f"{backup} is damaged: {error}. Use another backup.") from error
    finally:
        connection.close()


def unpacked(backup: Path, target: Path, *, progress: Callable[[int, int], None] = _no_progress) -> Path:
    """A file beside `target` that holds the database of a backup as it was; `put_in_place` gives it its name."""
    partial = new_partial(target)
    try:
        _copy(backup, partial, progress)
        connection = apsw.Connection(str(partial))
        try:
            connection.execute(f"drop table {BACKUP_TABLE}")
        finally:
            connection.close()
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def set_aside(database: Path) -> Path:
    """The database has another name, which is returned, and its own is free. Raises InUse where it is open somewhere."""
    aside = free_name(database, "replaced")
    try:
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Leaving WAL needs the file for oneself alone, and puts all of it into one file.
            if connection.pragma("journal_mode", "delete") != "delete":
                raise InUse(f"{database} is in use. Stop the server first.")
        except (apsw.BusyError, apsw.LockedError) as error:
            raise InUse(f"{database} is in use. Stop the server first.") from error
        finally:
            connection.close()
    except (apsw.NotADBError, apsw.CorruptError):
        pass  # it may be damaged, which is why it is replaced
    for suffix in ("", "-wal", "-shm"):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def free_name(path: Path, word: str) -> Path:
    """A name beside the file that nothing has: `ticket.<word>-1.db`."""
    count = 1
    while (name := path.with_name(f"{path.stem}.{word}-{count}{path.suffix}")).exists():
        count += 1
    return name


def new_partial(target: Path) -> Path:
    """An empty file beside `target`, for its owner alone, in which it is made."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    create_private(partial)
    return partial


def put_in_place(partial: Path, target: Path) -> None:
    """The file is durable under its own name. Raises FileExistsError: a file that has the name stays."""
    sync(partial)
    try:
        os.link(partial, target)  # unlike a rename, this never replaces a file
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        if target.exists():
            raise FileExistsError(target) from error
        partial.rename(target)
    partial.unlink(missing_ok=True)
    sync(target.parent)


def create_private(path: Path) -> None:
    """The file exists, empty, and only its owner may read it. Raises FileExistsError."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sync(path: Path) -> None:
    """What was written to this file, or the names in this folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
