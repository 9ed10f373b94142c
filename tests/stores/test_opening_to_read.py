"""Whoever only reads a store changes nothing in it: what is not there is not made, and what is older is not brought here."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.support.dynamo import REGION, needed_endpoint
from tests.support.postgres import administer, drop_database, in_own_loop, new_database, rows
from ticketing.schema.tables import USERS
from ticketing.storage.opening import CannotOpen, open_any, open_to_read
from ticketing.storage.sql.migrate import latest_revision

KINDS = ("sqlite", "postgres", "dynamo")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store in which there is nothing."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/ticket.db"
    elif request.param == "dynamo":
        yield f"dynamodb://{REGION}/r{os.getpid()}-?endpoint={needed_endpoint()}"
    else:
        made = new_database()
        yield made
        drop_database(made)


@pytest.fixture(params=KINDS[:2])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store that says that it has revision 0001."""
    if request.param == "sqlite":
        made = f"sqlite:///{tmp_path}/ticket.db"
        close(made)
        connection = apsw.Connection(f"{tmp_path}/ticket.db")
        connection.execute("update alembic_version set version_num = '0001'")
        connection.close()
        yield made
    else:
        made = new_database()
        close(made)
        statement = "update ticket_revision set revision = '0001'"
        in_own_loop(administer(made, statement, database=made.rpartition("/")[2]))
        yield made
        drop_database(made)


def close(url: str) -> None:
    """The store was opened, which makes it, and closed."""
    opened = open_any(url)
    asyncio.run(opened.store.close())


def test_a_store_that_is_not_there_is_not_made(url: str) -> None:
    for _ in range(2):
        with pytest.raises(CannotOpen, match=r"is not there|nothing of Ticket's in it|is missing"):
            open_to_read(url)


async def test_a_store_of_the_latest_revision_is_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ticket.db"
    await open_any(url).store.close()
    opened = open_to_read(url)

    found = [record async for record in opened.store.scan(USERS)]

    await opened.store.close()
    assert found == []


def test_a_store_of_an_older_revision_is_told_and_left_as_it_is(older: str) -> None:
    for _ in range(2):
        with pytest.raises(CannotOpen, match=rf"revision 0001, and this Ticket reads revision {latest_revision()}"):
            open_to_read(older)


def test_a_postgresql_of_a_newer_ticket_is_refused() -> None:
    url = new_database()
    close(url)
    in_own_loop(administer(url, "update ticket_revision set revision = '9001'", database=url.rpartition("/")[2]))
    try:
        with pytest.raises(CannotOpen, match=r"9001.*newer Ticket"):
            open_to_read(url)
        assert rows(url, "select revision from ticket_revision") == [("9001",)]
    finally:
        drop_database(url)
