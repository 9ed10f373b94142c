"""Revisions on PostgreSQL: they come to what is declared, keep what is there, happen once, and a sale goes on meanwhile."""

import asyncio
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.stores.test_migrations import put_priced
from tests.support.busy import busy_file
from tests.support.houses import make_house, sign_up
from tests.support.postgres import administer, drop_database, in_own_loop, new_database, rows, schema_of
from tests.support.stores import everything
from ticketing.base.changes import Insert
from ticketing.schema.tables import TABLES, UNIQUES
from ticketing.storage.opening import open_any
from ticketing.storage.sql.migrate import MIGRATIONS, latest_revision
from ticketing.storage.sql.opening import open_store as open_sqlite
from ticketing.storage.sql.postgres import migrate as migrating
from ticketing.storage.sql.postgres.migrate import REVISION_TABLE, CannotUse, Migrated, NewerDatabase, migrate
from ticketing.storage.sql.postgres.revisions import in_postgres, upgrade_statements

ADD_A_COLUMN = "alter table users add column nickname text"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


@pytest.fixture
async def populated(url: str) -> str:
    """A database of the latest revision with a user in it."""
    opened = open_any(url)
    await sign_up(make_house(opened.store), "ada")
    await opened.store.close()
    return url


def run(url: str, *statements: str) -> None:
    in_own_loop(administer(url, *statements, database=url.rpartition("/")[2]))


def revisions_up_to(folder: Path, last: str) -> Path:
    """A copy of the revisions without those after `last`."""
    migrations = folder / f"up to {last}"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (migrations / "versions").glob("r*"):
        if path.stem[1:5] > last:
            path.unlink()
    return migrations


def with_a_later_revision(folder: Path, *statements: str) -> Path:
    """A copy of the revisions with one more, 9001, that runs these statements on PostgreSQL."""
    migrations = revisions_up_to(folder, latest_revision())
    (migrations / "versions" / "r9001_later.py").write_text(
        f'"""A revision to come."""\nrevision = "9001"\ndown_revision = "{latest_revision()}"\nPOSTGRES = {statements!r}\n'
    )
    return migrations


def revision(url: str) -> str:
    return str(rows(url, "select revision from ticket_revision")[0][0])


def emails(url: str) -> list[str]:
    return [str(email) for (email,) in rows(url, "select email from users order by email")]


async def put(url: str, table: str, columns: list[str], records: list[dict[str, Any]]) -> None:
    """These columns of the records are in a table."""
    connection = await asyncpg.connect(url)
    names = ", ".join(columns)
    await connection.execute(
        f"insert into {table} ({names}) select {names} from json_populate_recordset(null::{table}, $1::json)",
        orjson.dumps(records).decode(),
    )
    await connection.close()


# What they come to ---------------------------------------------------------------------------------------------------


def test_all_revisions_together_make_the_schema_of_the_declarations(url: str) -> None:
    in_own_loop(migrate(url))
    other = new_database()
    try:
        run(other, *upgrade_statements(None), REVISION_TABLE)

        assert schema_of(other) == schema_of(url)
    finally:
        drop_database(other)


async def test_listings_of_before_get_the_band_of_their_lowest_price(url: str) -> None:
    opened = open_any(url)
    await put_priced(opened.store)
    await opened.store.close()
    read = "select event_id, array(select value from json_array_elements_text(facets) as f (value) order by 1) from listings order by 1"
    now = rows(url, read)
    run(
        url,
        "update listings set facets = array_to_json(array(select value from json_array_elements_text(facets) as f (value) "
        "where value not like 'price_%'))",
    )
    bare = rows(url, read)

    run(url, *import_module("ticketing.storage.sql.migrations.versions.r0003_after_0_2").IN_POSTGRES.values())

    assert bare != now
    assert rows(url, read) == now


async def test_a_database_of_the_first_revision_is_brought_here_with_all_that_is_in_it(
    url: str, tmp_path: Path
) -> None:
    await busy_file(tmp_path / "busy.db", seed=1, rounds=10)
    busy = open_sqlite(tmp_path / "busy.db")
    held = await everything(busy, TABLES)
    await busy.close()
    first = revisions_up_to(tmp_path, "0001")
    run(url, *upgrade_statements(None, migrations=first), REVISION_TABLE, "insert into ticket_revision values ('0001')")
    of_then: dict[str, list[str]] = {}
    for table in TABLES:
        known = {
            name
            for (name,) in rows(url, f"select attname from pg_attribute where attrelid = to_regclass('{table.name}')")
        }
        if known:
            of_then[table.name] = [name for name in table.column_names if name in known]
            await put(url, table.name, of_then[table.name], list(held[table.name].values()))

    migrated = await migrate(url)

    opened = open_any(url)
    found = await everything(opened.store, TABLES)
    await opened.store.close()
    assert (migrated, revision(url)) == (Migrated("0001", latest_revision()), latest_revision())
    for name, columns in of_then.items():
        for key, record in held[name].items():
            assert {column: found[name][key][column] for column in columns} == {
                column: record[column] for column in columns
            }
        assert len(found[name]) == len(held[name])


@pytest.mark.parametrize(
    ("in_sqlite", "there"),
    [
        ("create index by_a on orders (a) where a is not null", "create index by_a on orders (a) where a is not null"),
        ("drop trigger listings_searched_insert", None),
        ("insert into event_search (event_search) values ('optimize')", None),
        (
            "alter table users add column email_proven_at text",
            "alter table users add column email_proven_at timestamptz",
        ),
        (
            "alter table links add column used integer check (used in (0, 1))",
            "alter table links add column used boolean",
        ),
    ],
)
def test_a_statement_for_sqlite_is_read_by_what_its_columns_are_declared_to_be(
    in_sqlite: str, there: str | None
) -> None:
    assert in_postgres(in_sqlite) == there


def test_a_statement_about_a_column_that_nobody_declares_is_to_be_written_for_postgresql() -> None:
    with pytest.raises(LookupError, match=r"users\.nickname is not declared.*POSTGRES"):
        in_postgres(ADD_A_COLUMN)


# How they happen -----------------------------------------------------------------------------------------------------


async def test_an_upgrade_keeps_what_is_there_and_a_second_one_has_nothing_to_do(
    populated: str, tmp_path: Path
) -> None:
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN)

    first, second = await migrate(populated, migrations=migrations), await migrate(populated, migrations=migrations)

    assert (first, second) == (Migrated(latest_revision(), "9001"), Migrated("9001", "9001"))
    assert (revision(populated), emails(populated)) == ("9001", ["ada@example.org"])


async def test_a_revision_that_fails_half_way_leaves_everything_as_it_was(populated: str, tmp_path: Path) -> None:
    before = schema_of(populated)

    with pytest.raises(asyncpg.UndefinedTableError, match="nowhere"):
        await migrate(
            populated, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN, "insert into nowhere values (1)")
        )

    assert (revision(populated), schema_of(populated)) == (latest_revision(), before)


async def test_a_revision_that_is_only_tried_changes_nothing(populated: str, tmp_path: Path) -> None:
    before = schema_of(populated)

    tried = await migrate(populated, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN), only_try=True)

    assert (tried.after, revision(populated), schema_of(populated)) == ("9001", latest_revision(), before)


async def test_processes_that_upgrade_at_once_do_it_once(populated: str, tmp_path: Path) -> None:
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN, "select pg_sleep(0.2)")

    migrated = await asyncio.gather(*(migrate(populated, migrations=migrations) for _ in range(5)))

    assert sorted(done.before or "" for done in migrated) == [latest_revision(), *["9001"] * 4]


async def test_a_sale_goes_on_through_an_upgrade(populated: str, tmp_path: Path) -> None:
    store = open_any(populated).store
    wanted: int | None = None
    count = 0

    async def sell() -> None:
        nonlocal count
        while wanted is None or count < wanted:
            await store.commit((Insert(UNIQUES, {"name": f"sold {count}", "target_id": "x"}),))
            assert await store.get(UNIQUES, (f"sold {count}",))
            count += 1

    selling = asyncio.create_task(sell())
    await migrate(
        populated, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN, "alter table uniques add column more text")
    )
    wanted = count + 20
    await selling
    await store.close()

    assert (revision(populated), rows(populated, "select count(*) from uniques where name like 'sold %'")) == (
        "9001",
        [(count,)],
    )


async def test_an_upgrade_that_meets_a_long_reader_holds_nobody_up(
    populated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrating, "LOCK_PAUSES", (0.0, 0.0))
    reader = await asyncpg.connect(populated)
    await reader.execute("begin; select * from users")

    with pytest.raises(CannotUse, match="in use all the time"):
        await migrate(populated, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN))

    await reader.close()
    assert revision(populated) == latest_revision()


async def test_a_database_of_a_newer_ticket_is_refused_and_left_alone(populated: str, tmp_path: Path) -> None:
    await migrate(populated, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN))

    with pytest.raises(NewerDatabase, match=r"9001.*newer Ticket"):
        await migrate(populated)

    assert revision(populated) == "9001"
