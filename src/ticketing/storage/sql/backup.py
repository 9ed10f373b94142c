"""Copies of a database while it is in use: consistent, on the disk when done, readable by their owner alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from ticketing.storage.sql.sqlite import connect

PAGES_PER_STEP: Final = 2_000
"""8 MB at a time: between steps progress is told."""


def _no_progress(_done: int, _all: int) -> None:
    pass


def copy_database(source: Path, target: Path, *, progress: Callable[[int, int], None] = _no_progress) -> None:
    """`target` is a copy of the database as it was at one moment, complete and durable before it has that name.

    Writers go on meanwhile. `progress` is given pages copied and pages in all. Raises FileExistsError where `target` exists.
    """
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    create_private(partial)
    try:
        _copy(source, partial, progress)
        sync(partial)
        os.link(partial, target)  # Unlike a rename it never replaces a file that is there.
    finally:
        partial.unlink(missing_ok=True)
    sync(target.parent)


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
