"""The SQLite store and its file: what it needs to start, that it is durable, and a disk that fails."""

import errno
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import apsw
import pytest

from tests.support.stores import CONTRACT_TABLES, THINGS, VALUES, everything, new_sqlite_file, thing, value
from ticketing.base.changes import Change, Insert, Pool, Take
from ticketing.base.store import Busy, Conflict
from ticketing.storage.sql import sqlite
from ticketing.storage.sql.sqlite import (
    CORRUPTING_FROM,
    CORRUPTING_TO,
    DamagedFile,
    SqliteEngine,
    UnsafeSqlite,
    connect,
    refuse_damaged,
    refuse_unsafe_version,
)

SEATS = Pool(THINGS, ("chair",), "seats")
PAGE = 4096


# Starting ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["3.7.0", "3.7.17", "3.34.1", "3.40.1", "3.46.0", "3.50.4", "3.51.0", "3.51.2"])
def test_a_version_that_can_corrupt_the_file_is_refused(version: str) -> None:
    with pytest.raises(UnsafeSqlite, match=version):
        refuse_unsafe_version(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.53.1", "3.100.0", "4.0.0"])
def test_a_version_that_keeps_it_whole_is_taken(version: str) -> None:
    refuse_unsafe_version(version)


def test_the_range_is_that_of_sqlites_own_notice() -> None:
    assert (CORRUPTING_FROM, CORRUPTING_TO) == ((3, 7, 0), (3, 51, 2))


def test_nothing_is_opened_or_made_on_such_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.46.0")

    with pytest.raises(UnsafeSqlite):
        connect(tmp_path / "store.db")
    with pytest.raises(UnsafeSqlite):
        SqliteEngine(tmp_path / "store.db", CONTRACT_TABLES)

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file of some hundred pages, closed."""
    path = tmp_path / "store.db"
    new_sqlite_file(path)
    engine = SqliteEngine(path, CONTRACT_TABLES)
    engine.apply([[Insert(THINGS, thing(f"{n:05}", shelf="s", label="x" * 300)) for n in range(100)]])
    for start in range(0, 1_000, 100):
        engine.apply([[Insert(VALUES, value(f"{n:05}", text="y" * 200)) for n in range(start, start + 100)]])
    engine.close()
    assert path.stat().st_size > 50 * PAGE
    return path


def start(path: Path) -> None:
    """What a server does first with its file."""
    engine = SqliteEngine(path, CONTRACT_TABLES)
    try:
        refuse_damaged(engine.writer, path)
    finally:
        engine.close()


def spoil(path: Path, at: int, content: bytes) -> None:
    """Other bytes stand at this place of the file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def test_a_whole_file_is_taken(filled: Path) -> None:
    start(filled)


def test_a_new_file_is_taken(tmp_path: Path) -> None:
    start(tmp_path / "new.db")


@pytest.mark.parametrize("page", [0, 1, 2, 7, 20, 40])
def test_a_file_with_a_page_of_rubbish_is_refused(filled: Path, page: int) -> None:
    spoil(filled, page * PAGE, bytes(range(256)) * (PAGE // 256))

    with pytest.raises(DamagedFile, match="Restore a backup"):
        start(filled)


@pytest.mark.parametrize("page", [2, 7, 20, 40])
def test_a_file_with_a_page_of_zeros_is_refused(filled: Path, page: int) -> None:
    spoil(filled, page * PAGE, bytes(PAGE))

    with pytest.raises(DamagedFile):
        start(filled)


@pytest.mark.parametrize("page", [1, 2, 7, 20, 40])
def test_a_file_with_the_head_of_a_page_flipped_is_refused(filled: Path, page: int) -> None:
    head = filled.read_bytes()[page * PAGE : page * PAGE + 8]
    spoil(filled, page * PAGE, bytes(byte ^ 0xFF for byte in head))

    with pytest.raises(DamagedFile):
        start(filled)


@pytest.mark.parametrize("at", [100, 105, PAGE - 150])
def test_a_file_whose_list_of_tables_is_damaged_is_refused(filled: Path, at: int) -> None:
    spoil(filled, at, b"\xff" * 40)

    with pytest.raises(DamagedFile):
        start(filled)


@pytest.mark.parametrize("at", [0, 100])
def test_damage_that_stops_the_check_itself_is_damage(filled: Path, at: int) -> None:
    spoil(filled, at, b"\xff" * 40)
    connection = apsw.Connection(str(filled))

    with pytest.raises(DamagedFile):
        refuse_damaged(connection, filled)

    connection.close()


@pytest.mark.parametrize("kept", [100, PAGE, 10 * PAGE, 49 * PAGE + 17])
def test_a_file_that_was_cut_off_is_refused(filled: Path, kept: int) -> None:
    filled.write_bytes(filled.read_bytes()[:kept])

    with pytest.raises(DamagedFile):
        start(filled)


@pytest.mark.parametrize("content", [b"not a database, but some text" * 400, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.db").write_bytes(content)

    with pytest.raises(DamagedFile):
        start(tmp_path / "store.db")


# Durable -------------------------------------------------------------------------------------------------------------


class Disk(apsw.VFS):
    """A disk that notes what is synced, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__("a failing disk", "unix", makedefault=True)
        self.synced: list[str] = []
        self.full: set[str] = set()
        """Endings of files that cannot be written: `store.db`, `-wal`."""
        self.broken: set[str] = set()
        """Endings of files that cannot be synced."""

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "DiskFile":  # noqa: N802 -- SQLite's name
        """A file on this disk."""
        return DiskFile(self, name, flags)


class DiskFile(apsw.VFSFile):
    """A file on such a disk."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.disk = disk
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("unix", name, flags)

    def xWrite(self, content: bytes, offset: int) -> None:  # noqa: N802
        """Written, where the disk has room."""
        if self.name.endswith(tuple(self.disk.full)):
            raise apsw.FullError("no space")
        super().xWrite(content, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Durable, and noted."""
        if self.name.endswith(tuple(self.disk.broken)):
            raise apsw.IOError(errno.EIO)
        self.disk.synced.append(Path(self.name).name)
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that every connection of this test is on."""
    made = Disk()
    yield made
    made.unregister()


@pytest.fixture
async def engine(disk: Disk, tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    """An engine on that disk, with a chair of 1000 seats."""
    new_sqlite_file(tmp_path / "store.db")
    opened = SqliteEngine(tmp_path / "store.db", CONTRACT_TABLES)
    assert opened.apply([[Insert(THINGS, thing("chair", seats=1000))]]) == [None]
    yield opened
    disk.full.clear()
    disk.broken.clear()
    opened.close()


def orders(names: Sequence[str]) -> list[Sequence[Change]]:
    """A commit for each name: a row, and a seat taken."""
    return [(Insert(VALUES, value(name, text="z" * 500)), Take(SEATS, 1)) for name in names]


async def sold(engine: SqliteEngine) -> list[str]:
    """The names of what is stored, which are as many as the seats that are gone."""
    stored = await everything(engine)
    assert 1000 - stored["things"]["chair",]["seats"] == len(stored["kinds"])
    return [name for (name,) in sorted(stored["kinds"])]


async def test_a_batch_is_on_the_disk_before_anyone_hears_of_it(disk: Disk, engine: SqliteEngine) -> None:
    for names in ("a", "bcdefgh"):
        disk.synced.clear()

        assert engine.apply(orders(names)) == [None] * len(names)

        assert disk.synced == ["store.db-wal"], "synced once for the whole batch"


async def test_the_writer_syncs_as_far_as_the_system_can(engine: SqliteEngine) -> None:
    asked = {name: engine.writer.pragma(name) for name in ("synchronous", "fullfsync", "checkpoint_fullfsync")}

    assert asked == {"synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}
    assert engine.writer.pragma("journal_mode") == "wal"


async def test_a_batch_of_which_nothing_holds_writes_nothing(disk: Disk, engine: SqliteEngine) -> None:
    engine.apply(orders("a"))
    disk.synced.clear()

    outcomes = engine.apply(orders("aaa"))

    assert all(isinstance(outcome, Conflict) for outcome in outcomes)
    assert disk.synced == []
    assert await sold(engine) == ["a"]


@pytest.mark.parametrize("failure", ["full", "broken"])
async def test_while_the_disk_fails_everyone_hears_busy_and_nothing_is_half_done(
    disk: Disk, engine: SqliteEngine, failure: str
) -> None:
    engine.apply(orders("a"))
    failing = getattr(disk, failure)
    failing.add("-wal")

    for _ in range(3):
        outcomes = engine.apply(orders("bcd"))
        assert [type(outcome) for outcome in outcomes] == [Busy] * 3
        assert await sold(engine) == ["a"]
    failing.clear()

    assert engine.apply(orders("cd")) == [None, None]
    assert await sold(engine) == ["a", "c", "d"]


async def test_what_is_committed_stands_though_it_cannot_be_written_back(
    disk: Disk, engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WAL_PAGES_BEFORE_CHECKPOINT", 1)
    disk.full.add("store.db")

    assert engine.apply(orders("abc")) == [None] * 3
    assert engine.apply(orders("def")) == [None] * 3
    assert await sold(engine) == list("abcdef")
    disk.full.clear()

    assert engine.apply(orders("g")) == [None]
    assert await sold(engine) == list("abcdefg")


async def test_a_file_that_may_not_grow_refuses_and_recovers(engine: SqliteEngine) -> None:
    pages = engine.writer.pragma("page_count")
    engine.writer.pragma("max_page_count", pages + 3)
    names = [f"{n:03}" for n in range(200)]

    outcomes = [engine.apply(orders([name]))[0] for name in names]

    gone_through = [name for name, outcome in zip(names, outcomes, strict=True) if outcome is None]
    assert {type(outcome) for outcome in outcomes} == {type(None), Busy}
    assert await sold(engine) == gone_through
    engine.writer.pragma("max_page_count", 2**31)
    assert engine.apply(orders(["after"])) == [None]
    refuse_damaged(engine.writer, engine.path)


# The log -------------------------------------------------------------------------------------------------------------


async def test_the_log_starts_anew_while_it_is_sold(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAL_PAGES_BEFORE_CHECKPOINT", 20)
    log = Path(f"{engine.path}-wal")

    for n in range(200):
        assert engine.apply(orders([f"{n:03}"])) == [None]

    assert log.stat().st_size < 100 * PAGE
    assert len(await sold(engine)) == 200


async def test_a_long_read_does_not_stop_the_writer(engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAL_PAGES_BEFORE_CHECKPOINT", 20)
    monkeypatch.setattr(sqlite, "WAL_PAGES_MAX", 40)
    engine.apply(orders([f"early {n}" for n in range(50)]))
    scan = engine.scan(VALUES)
    await anext(aiter(scan))
    began = time.monotonic()

    for n in range(60):
        assert engine.apply(orders([f"{n:03}"])) == [None]

    assert time.monotonic() - began < sqlite.BUSY_TIMEOUT_MS / 1000, "it never waits as for a neighbour that writes"
    assert engine.wal_pages > 100, "the log grows, since a reader needs what is before it"
    await scan.aclose()  # type: ignore[attr-defined]
    for n in range(60, 100):
        assert engine.apply(orders([f"{n:03}"])) == [None]
    assert engine.wal_pages < 100, "and starts anew after it"
