"""Copies of a database in use: of one moment, whole or not there at all."""

import errno
import os
from pathlib import Path

import apsw
import pytest

from ticketing.storage.sql import backup
from ticketing.storage.sql.backup import InUse, copy_database, put_in_place, read_beside, set_aside
from ticketing.storage.sql.doctor import examine
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.sqlite import connect


@pytest.fixture
def database(tmp_path: Path) -> Path:
    open_store(tmp_path / "ticket.db").engine.close()
    return tmp_path / "ticket.db"


def mark(connection: apsw.Connection, name: str) -> None:
    connection.execute("insert into uniques (name, target_id) values (?, 'x')", (name,))


def marks(path: Path) -> list[str]:
    connection = apsw.Connection(str(path))
    try:
        return [str(name) for (name,) in connection.execute("select name from uniques order by name")]
    finally:
        connection.close()


def test_a_copy_is_of_the_moment_at_which_it_began_whatever_is_written_meanwhile(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 10)
    writer = connect(database)
    mark(writer, "before")
    steps: list[int] = []

    def write_meanwhile(done: int, _all: int) -> None:
        assert len(steps) < 10_000, "it began anew and again"
        steps.append(done)
        mark(writer, f"meanwhile {len(steps)}")

    copy_database(database, tmp_path / "copy.db", progress=write_meanwhile)
    writer.close()

    assert marks(tmp_path / "copy.db") == ["before"]
    assert len(marks(database)) == 1 + len(steps)
    assert steps == sorted(set(steps)), "it never began anew"
    assert examine(tmp_path / "copy.db") == []


def test_a_copy_that_failed_leaves_nothing_behind(database: Path, tmp_path: Path) -> None:
    def fail(_done: int, _all: int) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        copy_database(database, tmp_path / "copy.db", progress=fail)

    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_filesystem_without_links_takes_backups_too_and_writes_over_none(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_names: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    copy_database(database, tmp_path / "copy.db")
    partial = tmp_path / "partial"
    partial.write_text("another")

    with pytest.raises(FileExistsError):
        put_in_place(partial, tmp_path / "copy.db")

    assert examine(tmp_path / "copy.db") == []


def test_what_lay_beside_the_database_comes_back_out_of_the_backup(database: Path, tmp_path: Path) -> None:
    copy_database(database, tmp_path / "b.ticket", beside={"secret": "s", "made_at": "now"})

    assert read_beside(tmp_path / "b.ticket") == {"secret": "s", "made_at": "now"}


def test_a_database_that_is_open_is_not_set_aside(database: Path) -> None:
    reader = connect(database, readonly=True)
    reader.execute("select count(*) from users").fetchall()

    with pytest.raises(InUse):
        set_aside(database)
    reader.close()

    aside = set_aside(database)
    assert (aside.name, database.exists()) == ("ticket.replaced-1.db", False)
    assert examine(aside) == []
