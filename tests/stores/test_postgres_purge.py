"""Rows whose time ran out are deleted from PostgreSQL, with the batches that nobody asks for any more, and no others."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.support.houses import NOON
from tests.support.postgres import borrow_database, give_back, rows
from tests.support.stores import postgres_statements
from ticketing.base.store import Busy
from ticketing.schema.tables import TABLES
from ticketing.storage.sql.postgres.purge import ROWS_PER_STEP, purge

STATEMENTS = postgres_statements(TABLES)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database with the tables of the house."""
    url = borrow_database(STATEMENTS)
    yield url
    give_back(url, STATEMENTS)


async def keep(url: str, *names: str, until: datetime) -> None:
    """Answers are remembered under these names, each until then."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into idempotency (idempotency_key, fingerprint, status, answer, expires_at) "
        "select name, 'f', 201, 'a', $2 from unnest($1::text[]) as name",
        list(names),
        until,
    )
    await connection.close()


def names_left(url: str) -> set[str]:
    return {str(name) for (name,) in rows(url, "select idempotency_key from idempotency")}


async def test_what_ran_out_goes_and_what_did_not_stays(url: str) -> None:
    await keep(url, "gone", until=NOON)
    await keep(url, "just gone", until=LATER)
    await keep(url, "kept", until=LATER + timedelta(microseconds=1))

    assert (await purge(url, now=LATER), names_left(url)) == (2, {"kept"})


async def test_more_than_one_step_goes(url: str) -> None:
    await keep(url, *(f"gone {number}" for number in range(ROWS_PER_STEP + 3)), until=NOON)
    await keep(url, "kept", until=LATER)

    assert (await purge(url, now=NOON), names_left(url)) == (ROWS_PER_STEP + 3, {"kept"})


async def test_a_row_that_somebody_is_at_waits_for_the_next_turn(url: str) -> None:
    await keep(url, "gone", "renewed", until=NOON)
    other = await asyncpg.connect(url)
    renewing = other.transaction()
    await renewing.start()
    await other.execute("update idempotency set expires_at = $1 where idempotency_key = 'renewed'", LATER)

    count = await asyncio.wait_for(purge(url, now=NOON), timeout=4)

    await renewing.commit()
    await other.close()
    assert (count, names_left(url)) == (1, {"renewed"})


async def test_batches_go_when_nobody_asks_for_them_any_more(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "insert into batches values ('old', now() - interval '61 minutes'), ('young', now() - interval '59 minutes')"
    )
    await connection.close()

    await purge(url, now=NOON)

    assert rows(url, "select batch_id from batches") == [("young",)]


async def test_a_database_that_is_gone_is_told_as_busy() -> None:
    with pytest.raises(Busy):
        await purge("postgresql://ada@127.0.0.1:1/ticket", now=NOON)
