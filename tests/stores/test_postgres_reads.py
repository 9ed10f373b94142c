"""Reads that wait for a connection to PostgreSQL: those that want the same share an answer, and none is older than its question."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from tests.support.postgres import drop_database, new_database
from ticketing.base.store import Busy
from ticketing.storage.sql.postgres.connections import Connections

NOTED = "select count(*) from notes"
SLOWLY = f"{NOTED}, pg_sleep(0.3)"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A database with an empty table."""
    url = new_database(("create table notes (note text not null)",))
    yield url
    drop_database(url)


@pytest.fixture
async def other(url: str) -> AsyncIterator[Any]:
    """A connection of somebody else; the table is empty."""
    connection = await asyncpg.connect(url)
    await connection.execute("delete from notes")
    yield connection
    await connection.close()


@pytest.fixture
async def connections(url: str) -> AsyncIterator[Connections]:
    """Room for one read at a time."""
    connections = Connections(url, 1)
    yield connections
    await connections.close()


async def asked_while_busy(connections: Connections, *statements: str) -> tuple[list["asyncio.Task[Any]"], list[str]]:
    """Reads that all waited for the same connection, which is free now, and the list of what it is asked from now on."""
    heard: list[str] = []
    async with connections.taken() as connection:
        connection.add_query_logger(lambda logged: heard.append(logged.query))
        tasks = [asyncio.create_task(connections.read(statement)) for statement in statements]
        await asyncio.sleep(0)  # each has run until it waits
    return tasks, heard


async def begun(other: Any) -> None:
    """The slow read is under way: it sleeps, and has long since taken the moment as of which it reads."""
    query = "select 1 from pg_stat_activity where wait_event = 'PgSleep' and query = $1"
    while await other.fetchval(query, SLOWLY) is None:
        await other.execute("select pg_sleep(0.005)")


async def test_a_hundred_that_want_the_same_while_they_wait_are_one_read(connections: Connections, other: Any) -> None:
    tasks, heard = await asked_while_busy(connections, *[NOTED] * 100, "select 7")

    answers = [rows[0][0] for rows in await asyncio.gather(*tasks)]

    assert answers == [0] * 100 + [7]
    assert sorted(heard) == sorted([NOTED, "select 7"])


async def test_who_asks_once_the_read_has_begun_is_told_of_what_was_written_since(
    connections: Connections, other: Any
) -> None:
    (early,), _ = await asked_while_busy(connections, SLOWLY)
    await begun(other)
    await other.execute("insert into notes values ('written meanwhile')")
    late = asyncio.create_task(connections.read(SLOWLY))

    assert [rows[0][0] for rows in await asyncio.gather(early, late)] == [0, 1]


async def test_where_the_first_of_them_goes_away_the_others_are_answered_all_the_same(
    connections: Connections, other: Any
) -> None:
    async with connections.taken():
        first, *others = [asyncio.create_task(connections.read(NOTED)) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()

    assert [rows[0][0] for rows in await asyncio.gather(*others)] == [0, 0]
    assert first.cancelled()


async def test_where_the_database_does_not_answer_all_of_them_hear_busy(url: str) -> None:
    nowhere = Connections(url.replace("127.0.0.1", "127.0.0.2"), 1)

    answers = await asyncio.gather(*(nowhere.read(NOTED) for _ in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [Busy] * 3
