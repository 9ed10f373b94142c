"""Several processes on one file, and processes that are killed: what was acknowledged is there, and exactly the stock is sold."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.stores import CONTRACT_TABLES, THINGS, everything, new_sqlite_file, thing
from ticketing.base.changes import Insert, Pool, Take
from ticketing.storage.sql.sqlite import SqliteEngine, refuse_damaged

ROOT = Path(__file__).parents[2]
SEATS = Pool(THINGS, ("chair",), "seats")


class Seller:
    """A process that sells from a file, see `seller.py`."""

    def __init__(self, path: Path, name: str, *, tasks: int = 16, bytes_max: int | None = None) -> None:
        arguments = [str(path), name, str(tasks)] + ([] if bytes_max is None else [str(bytes_max)])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.seller", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.told: list[str] = []

    def wait_ready(self) -> None:
        """It has started, and not opened the file."""
        assert self._line() == "ready"

    def begin(self) -> None:
        """It sells."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def hear(self, count: int) -> None:
        """It has told of `count` commits, or has ended."""
        while len(self.told) < count and (line := self._line()):
            self.told.append(line)

    def kill(self) -> None:
        """It is gone at once; what it told before is heard."""
        self.process.kill()
        self.hear(sys.maxsize)
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def names(self, kind: str) -> set[str]:
        """The orders of which it told this."""
        return {line.split()[1] for line in self.told if line.startswith(f"{kind} ")}


@contextmanager
def sellers(path: Path, *names: str, **how: int) -> Iterator[list[Seller]]:
    """Processes that are ready to sell; none is left over."""
    started = [Seller(path, name, **how) for name in names]
    try:
        for seller in started:
            seller.wait_ready()
        yield started
    finally:
        for seller in started:
            seller.process.kill()
            seller.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the contract's tables."""
    new_sqlite_file(tmp_path / "store.db")
    return tmp_path / "store.db"


def stock(path: Path, seats: int) -> None:
    """There is a chair with so many seats."""
    engine = SqliteEngine(path, CONTRACT_TABLES)
    assert engine.apply([[Insert(THINGS, thing("chair", seats=seats))]]) == [None]
    engine.close()


def sold_and_left(path: Path) -> tuple[set[str], int]:
    """The orders that are stored in a whole file, and the seats that are left."""
    engine = SqliteEngine(path, CONTRACT_TABLES)
    refuse_damaged(engine.writer, path)
    stored = asyncio.run(everything(engine))
    engine.close()
    return {name for (name,) in stored["kinds"]}, stored["things"]["chair",]["seats"]


def test_two_processes_on_one_file_sell_exactly_the_stock(path: Path) -> None:
    stock(path, 600)

    with sellers(path, "one", "two", tasks=32) as both:
        for seller in both:
            seller.begin()
        for seller in both:
            seller.hear(sys.maxsize)

    orders, left = sold_and_left(path)
    told = [seller.names("sold") for seller in both]
    assert [seller.told[-1] for seller in both] == ["done", "done"]
    assert left == 0
    assert len(orders) == 600
    assert told[0] | told[1] == orders
    assert not any(seller.names("busy") for seller in both)


@pytest.mark.slow
def test_after_a_kill_every_acknowledged_commit_is_there_and_the_books_balance(path: Path) -> None:
    seats = 100_000
    chance = random.Random(9)
    stock(path, seats)
    acknowledged: set[str] = set()
    runs = 10

    with sellers(path, *(f"run{run}" for run in range(runs))) as processes:
        for seller in processes:
            seller.begin()
            seller.hear(chance.randint(1, 400))
            seller.kill()
            acknowledged |= seller.names("sold")

            orders, left = sold_and_left(path)
            assert acknowledged <= orders, "told, and not there"
            assert len(orders) + left == seats, "half of a commit"
            assert len(orders) - len(acknowledged) <= runs * 16, "more than was under way"
    assert len(acknowledged) >= runs


def test_a_process_whose_disk_is_full_loses_nothing_that_it_acknowledged(path: Path) -> None:
    seats = 100_000
    stock(path, seats)

    with sellers(path, "poor", tasks=8, bytes_max=400_000) as (seller,):
        seller.begin()
        seller.hear(sys.maxsize)

    orders, left = sold_and_left(path)
    assert seller.told[-1] == "done"
    assert len(seller.names("busy")) == 8
    assert seller.names("sold") == orders
    assert len(orders) > 100
    assert len(orders) + left == seats
    engine = SqliteEngine(path, CONTRACT_TABLES)
    assert engine.apply([[Take(SEATS, 1)]]) == [None]
    engine.close()
