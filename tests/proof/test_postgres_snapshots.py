"""PostgreSQL as of one moment: looked over, backed up, copied and restored while a sale goes on in it, and nothing is torn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.busy import BusySale
from tests.support.houses import MASTER, NOON, StandingClock, make_house
from tests.support.postgres import borrow_database, give_back
from tests.support.stores import everything, postgres_statements
from ticketing.base.changes import Insert
from ticketing.base.store import Busy
from ticketing.entry.copying import Outcome, copy_store
from ticketing.entry.keeping import back_up_store, look_over_store, restore_into
from ticketing.schema.tables import TABLES, UNIQUES, USERS
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.memory import MemoryStore
from ticketing.storage.snapshots import takes_snapshots
from ticketing.storage.sql.doctor import examine
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.postgres.engine import PostgresEngine

SECRET = MASTER.decode()
LOOKS = 3
STATEMENTS = postgres_statements(TABLES)
Found = TypeVar("Found")


def nothing(*_told: object) -> None:
    """Whoever is told."""


@pytest.fixture
async def store() -> AsyncIterator[CoalescedStore]:
    """An empty store on PostgreSQL."""
    url = borrow_database(STATEMENTS)
    opened = CoalescedStore(PostgresEngine(url))
    yield opened
    await opened.close()
    give_back(url, STATEMENTS)


@asynccontextmanager
async def a_sale_in(store: CoalescedStore) -> AsyncIterator[None]:
    """Two organizers and their buyers are busy in the store all the while."""
    sale = BusySale(make_house(store, clock=StandingClock()), seed=7)
    await sale.open()
    for _ in range(3):
        await sale.go_on()
    over = False

    async def go_on() -> None:
        while not over:
            await sale.go_on()

    going = asyncio.create_task(go_on())
    yield
    over = True
    await going


async def meanwhile(store: CoalescedStore, work: Callable[[], Awaitable[Found]]) -> Found:
    """What `work` comes to. The sale wrote while it went on."""
    before = sum(store.batch_sizes.values())
    found = await work()
    assert sum(store.batch_sizes.values()) > before
    return found


async def test_the_doctor_finds_a_store_sound_however_much_is_sold_while_he_looks(store: CoalescedStore) -> None:
    async with a_sale_in(store):
        for _ in range(LOOKS):
            looked = await meanwhile(
                store, lambda: look_over_store(store, given_secret=SECRET, now=lambda: NOON, tell=nothing)
            )
            assert (looked.findings, looked.is_of_one_moment) == ([], True)


async def test_a_backup_during_a_sale_is_sound_and_comes_back_whole(store: CoalescedStore, tmp_path: Path) -> None:
    back = MemoryStore()
    async with a_sale_in(store):
        await meanwhile(
            store,
            lambda: back_up_store(
                store, tmp_path / "b.ticket", given_secret=SECRET, with_secret=True, now=NOON, tell=nothing
            ),
        )

    assert examine(tmp_path / "b.ticket") == []
    await restore_into(tmp_path / "b.ticket", back, given_secret=SECRET, verify=True, tell=nothing)
    assert len((await everything(back, (USERS,)))["users"]) > 3


async def test_a_copy_during_a_sale_is_compared_with_the_moment_of_which_it_is(
    store: CoalescedStore, tmp_path: Path
) -> None:
    into = open_store(tmp_path / "t.db")
    taking = takes_snapshots(store)
    assert taking is not None

    async def copied() -> Outcome:
        async with taking.snapshot() as moment:
            return (await copy_store(moment, into, name="here", tell=nothing)).outcome

    async with a_sale_in(store):
        outcome = await meanwhile(store, copied)
    await into.close()

    assert (outcome, examine(tmp_path / "t.db")) == (Outcome.COPIED, [])


async def test_a_backup_of_a_file_comes_into_postgresql_whole(store: CoalescedStore, tmp_path: Path) -> None:
    other = MemoryStore()
    sale = BusySale(make_house(other, clock=StandingClock()), seed=8)
    await sale.open()
    for _ in range(10):
        await sale.go_on()
    await back_up_store(other, tmp_path / "b.ticket", given_secret=SECRET, with_secret=True, now=NOON, tell=nothing)

    await restore_into(tmp_path / "b.ticket", store, given_secret=SECRET, verify=True, tell=nothing)

    found, held = await everything(store, TABLES), await everything(other, TABLES)
    found["uniques"].pop(("copy#complete",))
    held["leases"] = {}
    assert found == held


async def test_a_snapshot_shows_nothing_that_was_written_after_it_was_taken(store: CoalescedStore) -> None:
    await store.commit((Insert(UNIQUES, {"name": "before", "target_id": "x"}),))
    assert isinstance(store.engine, PostgresEngine)

    async with store.engine.snapshot() as moment:
        await store.commit((Insert(UNIQUES, {"name": "after", "target_id": "x"}),))
        seen = [record["name"] async for record in moment.scan(UNIQUES)]

    assert seen == ["before"]


async def test_a_snapshot_whose_connection_is_cut_is_told_as_busy(store: CoalescedStore) -> None:
    assert isinstance(store.engine, PostgresEngine)

    async def cut_and_read(engine: PostgresEngine) -> None:
        async with engine.snapshot() as moment:
            await engine.readers.read(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and state = 'idle in transaction'"
            )
            async for _record in moment.scan(UNIQUES):
                pass

    with pytest.raises(Busy):
        await cut_and_read(store.engine)
