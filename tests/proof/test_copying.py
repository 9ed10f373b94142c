"""A whole store in another one: equal in every record, able to go on, and never mixed with other data."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.proof.conftest import Busy
from tests.support.stores import ENGINES, everything
from ticketing.base.changes import Change, Insert, Remove, Replace
from ticketing.base.store import Busy as TooMuch
from ticketing.base.store import Store
from ticketing.base.tables import Key, Record, Table
from ticketing.entry import copying
from ticketing.entry.copying import (
    BEGUN,
    COMMITS_AT_ONCE,
    COMPLETE,
    COPIED,
    Copied,
    CopyFailed,
    Outcome,
    Phase,
    copy_store,
)
from ticketing.schema.tables import (
    ADMISSIONS,
    ALLOWANCES,
    CHECK_INS,
    FACTS,
    IDEMPOTENCY,
    LEASES,
    ORDER_DETAILS,
    ORDERS,
    PAYMENTS,
    REFUNDS,
    TABLES,
    UNIQUES,
    USERS,
)
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.memory import MemoryStore
from ticketing.storage.snapshots import Scanned
from ticketing.storage.sql.doctor import examine
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.sqlite import SqliteEngine

MARKERS = {(BEGUN,), (COMPLETE,)}
LEFT_BY_A_SALE = (
    USERS,
    ORDERS,
    ORDER_DETAILS,
    PAYMENTS,
    REFUNDS,
    ALLOWANCES,
    ADMISSIONS,
    CHECK_INS,
    IDEMPOTENCY,
    FACTS,
)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[CoalescedStore]:
    """The store of a file."""
    store = open_store(path)
    try:
        yield store
    finally:
        await store.close()


async def copied(source: Scanned, target: Store, *, name: str = "here") -> Copied:
    """A copy that nobody is told of."""
    return await copy_store(source, target, name=name, tell=lambda *_told: None)


async def held(store: Scanned) -> dict[str, dict[Key, Record]]:
    """All that a store holds, but what copies keep for themselves and what nobody copies."""
    found = await everything(store, COPIED)
    found["uniques"] = {key: record for key, record in found["uniques"].items() if key not in MARKERS}
    return found


class Through:
    """A store whose scans and commits a test can meddle with."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.query = store.query
        self.get = store.get
        self.get_many = store.get_many

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        async for record in self.store.scan(table):
            yield record

    async def commit(self, changes: Sequence[Change]) -> None:
        await self.store.commit(changes)


# equal ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
async def test_what_went_into_any_store_and_back_is_what_it_was_and_sound(
    kind: str, busy: Busy, tmp_path: Path
) -> None:
    async with (
        opened(busy.path) as source,
        ENGINES[kind](tmp_path, TABLES) as between,
        opened(tmp_path / "back.db") as back,
    ):
        there = await copied(source, between, name="there")
        again = await copied(between, back, name="back")
        held_there, held_again, expected = await held(between), await held(back), await held(source)

    assert there == again
    assert there.counts == {table.name: len(expected[table.name]) for table in COPIED}
    assert held_there == held_again == expected
    assert examine(tmp_path / "back.db") == []


async def test_every_table_is_copied_but_the_leases_of_who_works_there_now() -> None:
    assert set(TABLES) - set(COPIED) == {LEASES}


async def test_the_busy_file_has_something_of_all_that_a_sale_leaves(busy: Busy) -> None:
    async with opened(busy.path) as source:
        filled = {name for name, records in (await held(source)).items() if records}

    assert {table.name for table in LEFT_BY_A_SALE} <= filled


async def test_of_what_is_done_is_told(busy: Busy) -> None:
    told: list[tuple[Phase, str, int]] = []

    def tell(phase: Phase, table: Table, count: int, through: bool) -> None:
        if through:
            told.append((phase, table.name, count))

    async with opened(busy.path) as source:
        done = await copy_store(source, MemoryStore(), name="here", tell=tell)

    assert told == [(phase, name, done.counts[name]) for phase in Phase for name in done.counts]


# going on ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten records at a time, one commit after another: what is copied before something breaks is known."""
    monkeypatch.setattr(copying, "CHANGES_PER_COMMIT_MAX", 10)
    monkeypatch.setattr(copying, "COMMITS_AT_ONCE", 1)


class Breaking(Through):
    """A source that breaks in the middle of a table."""

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        left = 25
        async for record in self.store.scan(table):
            if table is ORDERS:
                left -= 1
                if not left:
                    raise OSError("the connection is lost")
            yield record


@pytest.mark.usefixtures("in_small_pieces")
async def test_a_copy_that_was_interrupted_goes_on_and_changes_nothing_that_is_there(
    busy: Busy, tmp_path: Path
) -> None:
    async with opened(busy.path) as source, opened(tmp_path / "t.db") as target:
        with pytest.raises(OSError, match="the connection is lost"):
            await copied(Breaking(source), target)
        before = await held(target)
        again = await copied(source, target)
        after, expected = await held(target), await held(source)

    assert again.outcome is Outcome.WENT_ON
    assert 0 < len(before["orders"]) < len(expected["orders"]), "it was interrupted in the middle"
    assert before["users"] == expected["users"]
    assert after == expected


async def test_a_complete_copy_is_compared_again_and_not_filled_up(busy: Busy) -> None:
    target = MemoryStore()
    async with opened(busy.path) as source:
        first = await copied(source, target)
        second = await copied(source, target)
        name = next(iter((await held(source))["uniques"]))
        await target.commit((Remove(UNIQUES, name),))
        with pytest.raises(CopyFailed, match=f"uniques {name[0]} is missing"):
            await copied(source, target)

    assert (first.outcome, second.outcome) == (Outcome.COPIED, Outcome.WAS_THERE)
    assert await target.get(UNIQUES, name) is None


@pytest.mark.usefixtures("in_small_pieces")
async def test_a_record_that_differs_is_named_and_left_as_it_is(busy: Busy) -> None:
    target = MemoryStore()
    async with opened(busy.path) as source:
        with pytest.raises(OSError, match="lost"):
            await copied(Breaking(source), target)
        user = [record async for record in target.scan(USERS)][3]
        changed = user | {"first_name": "Somebody else"}
        await target.commit((Replace(USERS, changed),))
        with pytest.raises(
            CopyFailed, match=rf"users {user['user_id']} is not the same .*\(first_name, version differ\)"
        ):
            await copied(source, target)

    found = await target.get(USERS, (user["user_id"],))
    assert found is not None
    assert found["first_name"] == "Somebody else"


async def test_a_commit_whose_answer_was_lost_is_looked_up(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "BUSY_PAUSES", (0, 0))

    class Forgetful(Through):
        lost = 0

        async def commit(self, changes: Sequence[Change]) -> None:
            await self.store.commit(changes)
            self.lost += 1
            if self.lost % 3 == 2 or isinstance(changes[0], Remove):  # the last of all is a removal
                raise TooMuch

    target = Forgetful(MemoryStore())
    async with opened(busy.path) as source:
        done = await copied(source, target)

        assert await held(target) == await held(source)
    assert done.outcome is Outcome.COPIED


async def test_a_target_that_stays_busy_ends_the_copy_which_can_go_on(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BUSY_PAUSES", (0, 0, 0))

    class Exhausted(Through):
        async def commit(self, changes: Sequence[Change]) -> None:
            if changes[0].table is ORDERS:
                raise TooMuch
            await self.store.commit(changes)

    target = MemoryStore()
    async with opened(busy.path) as source:
        with pytest.raises(CopyFailed, match="Run this again"):
            await copied(source, Exhausted(target))

        assert (await copied(source, target)).outcome is Outcome.WENT_ON


# other data ----------------------------------------------------------------------------------------------------------


async def test_a_target_with_other_data_is_left_alone(busy: Busy) -> None:
    target = MemoryStore()
    own = {"name": "email#ada@example.org", "target_id": "usr_1"}
    await target.commit((Insert(UNIQUES, own),))

    async with opened(busy.path) as source:
        with pytest.raises(CopyFailed, match="data of its own"):
            await copied(source, target)

    assert [record async for record in target.scan(UNIQUES)] == [own]


@pytest.mark.usefixtures("in_small_pieces")
@pytest.mark.parametrize("is_complete", [True, False])
async def test_a_copy_of_another_source_is_left_alone(busy: Busy, is_complete: bool) -> None:
    target = MemoryStore()
    async with opened(busy.path) as source:
        if is_complete:
            await copied(source, target, name="here")
        else:
            with pytest.raises(OSError, match="lost"):
                await copied(Breaking(source), target, name="here")
        before = await everything(target, TABLES)
        with pytest.raises(CopyFailed, match="another source"):
            await copied(source, target, name="elsewhere")

    assert await everything(target, TABLES) == before


async def test_what_a_target_has_besides_is_found_out(busy: Busy) -> None:
    target = MemoryStore()
    async with opened(busy.path) as source:
        await copied(source, target)
        await target.commit((Insert(UNIQUES, {"name": "email#late@example.org", "target_id": "usr_1"}),))
        with pytest.raises(CopyFailed, match="uniques: the source has"):
            await copied(source, target)


# a source that is written meanwhile ----------------------------------------------------------------------------------


class Sold(Through):
    """A source to which somebody writes as soon as a table was scanned for the first time."""

    def __init__(self, store: Store, change: Change) -> None:
        super().__init__(store)
        self._change: Change | None = change

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        async for record in self.store.scan(table):
            yield record
        if self._change is not None and table is self._change.table:
            change, self._change = self._change, None
            await self.store.commit((change,))


async def memory_of(path: Path) -> MemoryStore:
    """What a file holds, in memory."""
    store = MemoryStore()
    async with opened(path) as source:
        await copied(source, store)
        await store.commit((Remove(UNIQUES, (COMPLETE,)),))
    return store


async def test_what_was_added_meanwhile_ends_the_copy(busy: Busy) -> None:
    source = Sold(await memory_of(busy.path), Insert(UNIQUES, {"name": "email#late@example.org", "target_id": "usr_1"}))

    with pytest.raises(CopyFailed, match=r"uniques email#late@example\.org is missing"):
        await copied(source, MemoryStore())


async def test_what_was_removed_meanwhile_ends_the_copy(busy: Busy) -> None:
    store = await memory_of(busy.path)
    name = await anext(record["name"] async for record in store.scan(UNIQUES))

    with pytest.raises(CopyFailed, match="the source has"):
        await copied(Sold(store, Remove(UNIQUES, (name,))), MemoryStore())


async def test_what_was_changed_meanwhile_ends_the_copy(busy: Busy) -> None:
    store = await memory_of(busy.path)
    user = await anext(store.scan(USERS))

    with pytest.raises(CopyFailed, match=f"users {user['user_id']} is not the same"):
        await copied(Sold(store, Replace(USERS, user | {"last_name": "King"})), MemoryStore())


async def test_what_names_a_record_that_was_not_there_yet_ends_the_copy_with_a_sentence(
    busy: Busy, tmp_path: Path
) -> None:
    class Gapped(Through):
        async def scan(self, table: Table) -> AsyncIterator[Record]:
            async for record in self.store.scan(table):
                if table is not USERS:
                    yield record

    async with opened(busy.path) as source, opened(tmp_path / "t.db") as target:
        with pytest.raises(CopyFailed, match="The target does not take"):
            await copied(Gapped(source), target)


# bounds --------------------------------------------------------------------------------------------------------------


class Endless:
    """A source of very many users, one at a time, and nothing else."""

    def __init__(self, user: Record, count: int) -> None:
        self.given = 0
        self._user = user
        self._count = count

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        if table is USERS:
            for number in range(self._count):
                self.given += 1
                yield self._user | {"user_id": f"usr_{number:08}"}


async def a_user(busy: Busy) -> Record:
    async with opened(busy.path) as store:
        return await anext(store.scan(USERS))


async def test_a_copy_reads_no_further_ahead_than_some_commits(busy: Busy) -> None:
    source = Endless(await a_user(busy), 20_000)
    ahead: list[int] = []

    class Slow(Through):
        stored = 0

        async def commit(self, changes: Sequence[Change]) -> None:
            await asyncio.sleep(0)
            if changes[0].table is USERS:
                ahead.append(source.given - self.stored)
            await self.store.commit(changes)
            self.stored += len(changes)

    done = await copied(source, Slow(MemoryStore()))

    assert done.counts["users"] == 20_000
    assert max(ahead) <= (COMMITS_AT_ONCE + 2) * 100


async def test_large_records_go_as_few_at_a_time_as_a_commit_takes(busy: Busy) -> None:
    source = Endless(await a_user(busy) | {"address": "é" * 190_000}, 30)

    done = await copied(source, MemoryStore())

    assert done.counts["users"] == 30


async def test_many_records_of_a_table_wait_together_for_the_disk(busy: Busy, tmp_path: Path) -> None:
    source: Any = Endless(await a_user(busy), 10_000)

    async with opened(tmp_path / "t.db") as target:
        assert isinstance(target.engine, SqliteEngine)
        await copied(source, target)
        batches = target.batch_sizes

    assert max(batches) >= COMMITS_AT_ONCE // 2
