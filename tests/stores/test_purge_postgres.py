"""Rows whose time ran out are deleted from PostgreSQL, and no others; so is what tells of batches long settled."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.support.houses import NOON
from tests.support.postgres import drop_database, new_database, rows
from ticketing.base.changes import Insert
from ticketing.base.store import Busy
from ticketing.schema.tables import LIMITS
from ticketing.storage.opening import Opened, open_any
from ticketing.storage.sql.postgres import purge as purging


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


async def opened_with(url: str, **buckets: datetime) -> Opened:
    """The store, with a bucket of each name that runs out then."""
    opened = open_any(url)
    for name, expires_at in buckets.items():
        row = {"name": name, "full_at": 1, "expires_at": expires_at, "version": 1}
        await opened.store.commit((Insert(LIMITS, row),))
    return opened


def left(url: str) -> set[str]:
    return {name for (name,) in rows(url, "select name from limits")}


async def test_what_ran_out_goes_and_what_did_not_stays(url: str) -> None:
    opened = await opened_with(url, gone=NOON, kept=NOON + timedelta(microseconds=1))

    count = await purging.purge(url, now=NOON)
    await opened.store.close()

    assert (count, left(url)) == (1, {"kept"})


async def test_more_than_one_step_goes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "ROWS_PER_STEP", 2)
    opened = await opened_with(url, **{f"gone{number}": NOON for number in range(5)}, kept=NOON + timedelta(hours=1))

    count = await purging.purge(url, now=NOON)
    await opened.store.close()

    assert (count, left(url)) == (5, {"kept"})


async def test_what_somebody_is_at_is_passed_over_and_goes_the_next_time(url: str) -> None:
    opened = await opened_with(url, busy=NOON, gone=NOON)
    other = await asyncpg.connect(url)
    async with other.transaction():
        await other.execute("select from limits where name = 'busy' for update")

        first = await purging.purge(url, now=NOON)
    await other.close()
    second = await purging.purge(url, now=NOON)
    await opened.store.close()

    assert (first, second, left(url)) == (1, 1, set())


async def test_what_tells_of_batches_goes_once_nobody_can_ask_any_more(url: str) -> None:
    opened = await opened_with(url)
    other = await asyncpg.connect(url)
    await other.execute("insert into batches values ('old', now() - interval '2 hours'), ('new', now())")
    await other.close()

    count = await purging.purge(url, now=NOON)
    await opened.store.close()

    assert count == 0
    assert {name for (name,) in rows(url, "select batch_id from batches")} == {"new"}


async def test_a_database_that_is_gone_is_told_as_busy() -> None:
    with pytest.raises(Busy):
        await purging.purge("postgresql://ada@127.0.0.1:1/ticket", now=NOON)
