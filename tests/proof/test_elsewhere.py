"""Stores that are no file: examined, backed up and restored as one, also while a sale goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path

import pytest

from tests.proof.conftest import Busy
from tests.proof.test_copying import Through, held, memory_of, opened
from tests.support.houses import MASTER, NOON
from ticketing.base.changes import Give, Insert, Pool, Take
from ticketing.base.house import Keys
from ticketing.base.store import Store
from ticketing.base.tables import Record, Table
from ticketing.entry.as_file import as_file
from ticketing.entry.copying import CopyFailed
from ticketing.entry.keeping import Looked, RestoreRefused, back_up_store, look_over_store, restore_into
from ticketing.entry.secret import MARKER, fingerprint
from ticketing.schema.tables import ORDERS, TICKETS, UNIQUES, USERS
from ticketing.storage.memory import MemoryStore
from ticketing.storage.snapshots import Scanned
from ticketing.storage.sql.backup import read_beside
from ticketing.storage.sql.doctor import examine

SECRET = MASTER.decode()


class Snapped(Through):
    """A store that takes snapshots, and to which somebody writes as soon as one was taken."""

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Scanned]:
        kept = deepcopy(self.store)
        await sell_one(self.store)
        yield kept


async def sell_one(store: Store) -> None:
    """One place is taken and nobody has it: what an order under way looks like between two looks."""
    ticket = await anext(store.scan(TICKETS))
    await store.commit((Take(Pool(TICKETS, (ticket["ticket_id"],), "quantity_available"), 1, down_to=-1000),))


def nothing(*_told: object) -> None:
    """Whoever is told."""


async def looked_over(store: Store, *, secret: str | None = SECRET) -> Looked:
    return await look_over_store(store, given_secret=secret, now=lambda: NOON, tell=nothing, again_seconds=0)


# the doctor ----------------------------------------------------------------------------------------------------------


async def test_a_sound_store_is_found_sound_and_nothing_is_left_behind(
    busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    looked = await looked_over(await memory_of(busy.path))

    assert (looked.findings, looked.is_of_one_moment) == ([], False)
    assert list(tmp_path.iterdir()) == []


async def test_what_is_wrong_in_any_store_is_found_by_the_same_checks(busy: Busy) -> None:
    store = await memory_of(busy.path)
    await sell_one(store)

    looked = await looked_over(store)

    assert "ticket_type_places" in {finding.check for finding in looked.findings}


async def test_rows_that_no_sql_store_would_take_are_found_too(busy: Busy) -> None:
    store = await memory_of(busy.path)
    user = await anext(store.scan(USERS))
    order = await anext(store.scan(ORDERS))
    await store.commit(
        (
            Insert(ORDERS, order | {"order_id": "ord_of_nobody", "user_id": "usr_nobody"}),
            Insert(USERS, user | {"user_id": "usr_king", "user_type": "king"}),
        )
    )

    found = {(finding.check, finding.subject.split()[0]) for finding in (await looked_over(store)).findings}

    assert {("references", "orders"), ("values", "users")} <= found


async def test_what_was_written_while_it_was_looked_at_is_no_finding(busy: Busy) -> None:
    class UnderWay(Through):
        """Between two scans an order takes a place; the next look finds it whole."""

        looks = 0

        async def scan(self, table: Table) -> AsyncIterator[Record]:
            if table is TICKETS:
                self.looks += 1
                if self.looks == 1:
                    await sell_one(self.store)
            async for record in self.store.scan(table):
                yield record
            if table is TICKETS and self.looks == 1:
                ticket = await anext(self.store.scan(TICKETS))
                pool = Pool(TICKETS, (ticket["ticket_id"],), "quantity_available")
                await self.store.commit((Give(pool, 1),))

    store = UnderWay(await memory_of(busy.path))

    looked = await looked_over(store)

    assert (looked.findings, store.looks) == ([], 2)


async def test_a_store_that_takes_snapshots_is_looked_at_once_and_as_of_one_moment(busy: Busy) -> None:
    looked = await looked_over(Snapped(await memory_of(busy.path)))

    assert (looked.findings, looked.is_of_one_moment) == ([], True)


@pytest.mark.parametrize(
    ("secret", "said"), [(None, "is not set"), ("nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o", "not the one with which")]
)
async def test_a_secret_that_is_not_the_datas_is_a_finding(busy: Busy, secret: str | None, said: str) -> None:
    store = await memory_of(busy.path)
    await store.commit((Insert(UNIQUES, {"name": MARKER, "target_id": fingerprint(Keys(MASTER))}),))

    (finding,) = (await looked_over(store, secret=secret)).findings

    assert finding.check == "secret"
    assert said in finding.detail


async def test_a_folder_without_room_is_named(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Through):
        async def scan(self, table: Table) -> AsyncIterator[Record]:
            if table is USERS:
                raise CopyFailed("Something is wrong.")
            yield {}

    with pytest.raises(CopyFailed, match="is there room"):
        async with as_file(Broken(MemoryStore()), folder=tmp_path, compare=False, tell=nothing):
            pass

    assert list(tmp_path.iterdir()) == []


# backup and restore --------------------------------------------------------------------------------------------------


async def backed_up(store: Store, target: Path, *, with_secret: bool = True) -> None:
    await back_up_store(store, target, given_secret=SECRET, with_secret=with_secret, now=NOON, tell=nothing)


async def test_a_backup_of_any_store_is_the_file_that_every_backup_is(busy: Busy, tmp_path: Path) -> None:
    store = await memory_of(busy.path)

    await backed_up(store, tmp_path / "b.ticket")

    assert [path.name for path in tmp_path.iterdir()] == ["b.ticket"]
    assert (tmp_path / "b.ticket").stat().st_mode & 0o777 == 0o600
    assert read_beside(tmp_path / "b.ticket")["secret"] == SECRET
    assert examine(tmp_path / "b.ticket") == []
    async with opened(tmp_path / "b.ticket") as kept:
        assert await held(kept) == await held(store)


async def test_a_backup_during_a_sale_is_of_the_moment_at_which_it_began(busy: Busy, tmp_path: Path) -> None:
    store = await memory_of(busy.path)
    before = await held(store)

    await backed_up(Snapped(store), tmp_path / "b.ticket")

    async with opened(tmp_path / "b.ticket") as kept:
        assert await held(kept) == before
    assert await held(store) != before


async def test_a_store_without_snapshots_that_is_written_meanwhile_is_not_backed_up(busy: Busy, tmp_path: Path) -> None:
    class Selling(Through):
        async def scan(self, table: Table) -> AsyncIterator[Record]:
            async for record in self.store.scan(table):
                yield record
            if table is TICKETS:
                await sell_one(self.store)

    with pytest.raises(CopyFailed, match="is not the same"):
        await backed_up(Selling(await memory_of(busy.path)), tmp_path / "b.ticket")

    assert list(tmp_path.iterdir()) == []


async def test_a_backup_comes_back_into_an_empty_store_whole(busy: Busy, tmp_path: Path) -> None:
    store, back = await memory_of(busy.path), MemoryStore()
    await backed_up(store, tmp_path / "b.ticket")

    restored = await restore_into(tmp_path / "b.ticket", back, given_secret=SECRET, verify=True, tell=nothing)

    assert (restored.made_at, restored.has_secret) == ("2027-03-01T12:00:00.000000Z", True)
    assert await held(back) == await held(store)


async def test_a_restore_into_a_store_with_data_is_refused(busy: Busy, tmp_path: Path) -> None:
    store = await memory_of(busy.path)
    await backed_up(store, tmp_path / "b.ticket")

    with pytest.raises(CopyFailed, match="data of its own"):
        await restore_into(tmp_path / "b.ticket", store, given_secret=SECRET, verify=False, tell=nothing)


async def test_a_restore_with_another_secret_than_the_backups_is_refused(busy: Busy, tmp_path: Path) -> None:
    await backed_up(await memory_of(busy.path), tmp_path / "b.ticket")
    back = MemoryStore()

    with pytest.raises(RestoreRefused, match="is not the one that the backup holds"):
        await restore_into(tmp_path / "b.ticket", back, given_secret="x" * 20 + SECRET, verify=False, tell=nothing)

    assert [record async for record in back.scan(UNIQUES)] == []


async def test_an_unsound_backup_is_found_out_before_it_is_put_in_place(busy: Busy, tmp_path: Path) -> None:
    store = await memory_of(busy.path)
    await sell_one(store)
    await backed_up(store, tmp_path / "b.ticket")
    back = MemoryStore()

    with pytest.raises(RestoreRefused, match="is not sound"):
        await restore_into(tmp_path / "b.ticket", back, given_secret=SECRET, verify=True, tell=nothing)

    assert [record async for record in back.scan(USERS)] == []
