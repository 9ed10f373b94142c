"""What somebody changed in a PostgreSQL database behind Ticket's back is named by the doctor."""

from collections.abc import Iterator

import pytest

from tests.support.houses import MASTER, NOON
from tests.support.postgres import administer, drop_database, in_own_loop, new_database
from tests.support.stores import postgres_statements
from ticketing.entry.keeping import look_over_store
from ticketing.schema.tables import TABLES
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.sql.postgres.engine import PostgresEngine

STATEMENTS = postgres_statements(TABLES)


@pytest.fixture
def url() -> Iterator[str]:
    """A database of the latest revision."""
    url = new_database(STATEMENTS)
    yield url
    drop_database(url)


async def found(url: str) -> list[tuple[str, str, str]]:
    """What the doctor finds in the store."""
    store = CoalescedStore(PostgresEngine(url))
    looked = await look_over_store(store, given_secret=MASTER.decode(), now=lambda: NOON, tell=lambda *_told: None)
    await store.close()
    return [(finding.check, finding.subject, finding.detail) for finding in looked.findings]


async def test_a_database_as_it_was_made_is_found_sound_whatever_else_lies_in_it(url: str) -> None:
    in_own_loop(administer(url, "create table notes (id integer)", database=url.rpartition("/")[2]))

    assert await found(url) == []


@pytest.mark.parametrize(
    ("statement", "subject", "detail"),
    [
        ("drop table deliveries", "deliveries", "is missing"),
        ("alter table orders drop column language", "orders.language", "is missing"),
        (
            "alter table orders alter language type varchar(8)",
            "orders.language",
            'is varchar "default" and not text "C"',
        ),
        ('alter table venues alter city type text collate "POSIX"', "venues.city", 'is text "POSIX" and not text "C"'),
        ("alter table sessions alter expires_at drop not null", "sessions.expires_at", "may be null"),
        ("alter table users alter phone set not null", "users.phone", "may not be null"),
        (
            "alter table payments drop constraint payments_order_id_fkey",
            "payments.order_id",
            "lacks its foreign key to orders",
        ),
        ("alter table users drop constraint users_user_type_check", "users.user_type", "lacks its check: user_type in"),
        ("alter table uniques drop constraint uniques_pkey", "uniques", "lacks its primary key (name)"),
        ("drop index orders_on_hold", "orders_on_hold", "is missing: create index orders_on_hold on orders"),
        ("drop index listings_by_tokens", "listings_by_tokens", "is missing: create index listings_by_tokens"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'orders_by_event'::regclass",
            "orders_by_event",
            "is not whole, so that nobody uses it: reindex index orders_by_event",
        ),
    ],
)
async def test_what_is_other_than_declared_is_named(url: str, statement: str, subject: str, detail: str) -> None:
    in_own_loop(administer(url, statement, database=url.rpartition("/")[2]))

    ((check, what, how),) = await found(url)

    assert (check, what) == ("schema", subject)
    assert how.startswith(detail)
