"""What a search on PostgreSQL looks at: a few pages, however many listings match, and the index of tokens alone."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.postgres import drop_database, new_database
from tests.support.stores import postgres_statements
from ticketing.base.search import SearchWish
from ticketing.schema.tables import TABLES
from ticketing.storage.sql.postgres.connections import SESSION, Connections
from ticketing.storage.sql.postgres.search import PostgresSearch, days_tokens

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
COUNT = 4_000
STATEMENTS = (
    *postgres_statements(TABLES),
    "alter table listings drop constraint listings_event_id_fkey",  # listings without their events
    f"""insert into listings (event_id, event_name, words, facets, start_date_time, end_date_time, version)
        select 'event ' || to_char(n, '0000'), 'concert', 'word' || n % 2, json_build_array('tag_' || n % 2),
          timestamptz '2027-03-01 12:00Z' + n * interval '1 hour', timestamptz '2027-03-01 13:00Z' + n * interval '1 hour', 1
        from generate_series(-{COUNT // 2}, {COUNT // 2 - 1}) as n""",
    "analyze listings",
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A database with a listing for each hour of months to either side of noon."""
    url = new_database(STATEMENTS)
    yield url
    drop_database(url)


@dataclass
class Watched(Connections):
    """One connection, in a transaction, whose reads are counted."""

    connection: Any

    async def read(self, statement: str, *parameters: Any) -> Sequence[Any]:
        """The rows of a statement."""
        return await self.connection.fetch(statement, *parameters)  # type: ignore[no-any-return]

    async def looked_at(self) -> int:
        """How many listings were looked at."""
        counted = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'listings'"
        return int(await self.connection.fetchval(counted))


@pytest.fixture
async def watched(url: str) -> AsyncIterator[Watched]:
    connection = await asyncpg.connect(url)
    await connection.execute(SESSION)
    async with connection.transaction():
        yield Watched(connection)
    await connection.close()


@pytest.mark.parametrize(
    ("words", "facets", "found"),
    [
        ((), (), 20),
        ((), (("tag_0",),), 20),
        (("concert",), (), 20),
        (("conc",), (("tag_0",),), 20),
        (("word1",), (), 20),
        (("word1",), (("tag_0",),), 0),  # both are common, and they never meet
        (("nothing",), (), 0),
    ],
)
async def test_a_page_looks_at_a_few_pages_of_listings_however_many_match(
    watched: Watched, words: tuple[str, ...], facets: tuple[tuple[str, ...], ...], found: int
) -> None:
    page = await PostgresSearch(watched).search(SearchWish(NOON, words, facets), limit=20)

    assert len(page.event_ids) == found
    assert await watched.looked_at() <= COUNT // 10


@given(first=st.integers(-700_000, 2_900_000), length=st.integers(0, 3_000_000), level=st.integers(0, 4))
def test_the_tokens_of_days_are_few_and_one_of_them_is_that_of_each_day(first: int, length: int, level: int) -> None:
    length = min(length, 17 * 8**level) if level < 4 else length
    tokens = set(days_tokens(first, first + length, level=level))

    assert len(tokens) <= 60
    for day in (first, first + length // 3, first + length):
        assert tokens & {f"@{coarser}_{day >> 3 * coarser}" for coarser in range(7)}
