"""PostgreSQL behind a pooler: Ticket sells through one that keeps connections together, and refuses one that does not."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.houses import make_house, sign_up
from tests.support.pooler import pooled
from tests.support.postgres import drop_database, new_database, rows
from ticketing.accounts.store import read_user_by_email
from ticketing.storage.opening import CannotOpen, open_any


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


async def test_a_pooler_that_keeps_a_connection_for_a_client_is_as_good_as_the_database(url: str) -> None:
    async with pooled(url, is_shared=False) as through:
        opened = await asyncio.to_thread(open_any, through)
        await sign_up(make_house(opened.store), "ada")
        found = await read_user_by_email(opened.store, "ada@example.org")
        await opened.store.close()

    assert found is not None


async def test_who_looks_at_the_databases_activity_finds_us_by_name(url: str) -> None:
    opened = await asyncio.to_thread(open_any, url)
    await sign_up(make_house(opened.store), "ada")
    named = "select distinct application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    found = await asyncio.to_thread(rows, url, named)
    await opened.store.close()

    assert found == [("ticket",)]


async def test_a_pooler_that_lends_a_connection_for_a_transaction_is_refused_before_anything_is_made(url: str) -> None:
    async with pooled(url, is_shared=True) as through:
        with pytest.raises(CannotOpen, match="pool_mode = session"):
            await asyncio.to_thread(open_any, through)

    assert rows(url, "select tablename from pg_tables where schemaname = 'public'") == []
