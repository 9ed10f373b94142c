"""What a site's store holds, asked behind its back: by SQL, whatever the store is, and by the doctor."""

import sqlite3
from functools import partial
from typing import Any

import asyncpg

from tests.support.postgres import in_own_loop
from tests.support.processes import Site
from ticketing.base.house import Keys
from ticketing.entry.secret import load_secret
from ticketing.sales.store import customer_name
from ticketing.storage.sql.doctor import examine


def rows(here: Site, query: str) -> list[tuple[Any, ...]]:
    """What a query finds. It must mean the same to SQLite and PostgreSQL."""
    url = here.settings.get("database_url", "")
    if url.startswith("postgresql:"):
        return [tuple(row) for row in in_own_loop(_fetched(url, query))]
    connection = sqlite3.connect(f"file:{here.database}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def _fetched(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def assert_sound(here: Site) -> None:
    """Nothing, where the doctor finds nothing and no more is sold than there is."""
    if here.settings.get("database_url", "").startswith("postgresql:"):
        looked = here.run("doctor")
        assert looked.returncode == 0, looked.stdout + looked.stderr
    else:
        keys = Keys(load_secret(here.database, given=None))
        assert examine(here.database, customer_of=partial(customer_name, keys)) == []
    assert rows(here, "select ticket_id from tickets where quantity_available < 0") == []
