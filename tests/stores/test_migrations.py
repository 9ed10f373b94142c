"""Files of Ticket and their revisions: made fresh, upgraded with a backup first, left alone where a newer Ticket wrote them."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import apsw
import pytest

from tests.support.events import A_TICKET_TYPE, AN_EVENT
from tests.support.houses import make_house, sign_up
from ticketing.base.bounds import POOL_MAX
from ticketing.base.store import Store
from ticketing.events.commits import insertion
from ticketing.events.store import read_event
from ticketing.schema.tables import USERS
from ticketing.storage.sql import migrate as migrating
from ticketing.storage.sql.doctor import examine, schema_of, schema_of_declarations
from ticketing.storage.sql.migrate import (
    MIGRATIONS,
    BadMigration,
    NewerFile,
    NotTicketFile,
    latest_revision,
    migrate,
    upgrade_sql,
)
from ticketing.storage.sql.opening import open_store
from ticketing.storage.sql.sqlite import DamagedFile

ADD_A_COLUMN = 'op.execute("alter table users add column nickname text")'


def with_a_later_revision(folder: Path, *statements: str) -> Path:
    """A copy of the revisions with one more, 9001, that runs these statements."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "r9001_later.py").write_text(
        textwrap.dedent(f'''
            """A revision to come."""
            from alembic import op
            revision = "9001"
            down_revision = "{latest_revision()}"
            def upgrade() -> None:
        ''')
        + "".join(f"    {statement}\n" for statement in statements)
    )
    return migrations


async def populated(path: Path) -> Path:
    """A file with users in it, closed."""
    store = open_store(path)
    await sign_up(make_house(store), "ada")
    await store.close()
    return path


def emails(path: Path) -> list[str]:
    connection = apsw.Connection(str(path))
    try:
        return [email for (email,) in connection.execute("select email from users order by email")]
    finally:
        connection.close()


def revision(path: Path) -> str:
    connection = apsw.Connection(str(path))
    try:
        return str(connection.execute("select version_num from alembic_version").fetchall()[0][0])
    finally:
        connection.close()


def test_all_revisions_together_make_the_schema_of_the_declarations() -> None:
    connection = apsw.Connection(":memory:")

    connection.execute(upgrade_sql(None)).fetchall()  # a statement that returns rows would end it early

    assert schema_of(connection) == schema_of_declarations()


async def test_a_fresh_file_is_of_the_latest_revision_and_clean(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")

    assert revision(path) == latest_revision()
    assert examine(path) == []


async def test_a_new_folder_and_file_are_their_owners_alone(tmp_path: Path) -> None:
    path = await populated(tmp_path / "var" / "ticket.db")

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_fresh_and_a_present_file_open_without_sqlalchemy(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from ticketing.storage.sql.opening import open_store
        for _ in range(2):
            open_store(Path(sys.argv[1])).engine.close()
        assert not {"sqlalchemy", "alembic"} & set(sys.modules)
    """)

    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "ticket.db")], check=False).returncode == 0


async def test_a_file_of_version_0_1_is_brought_here_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    path.touch(0o600)
    connection = apsw.Connection(str(path))
    connection.execute((MIGRATIONS / "versions" / "r0001_the_whole_schema.sql").read_text()).fetchall()
    connection.execute("create table alembic_version (version_num varchar(32) not null primary key)")
    connection.execute("insert into alembic_version values ('0001')")
    now = "2027-03-01T12:00:00.000000Z"
    connection.execute(
        "insert into users values ('usr_1', null, 'ada@example.org', null, 'Ada', '', null, null, 'guest', null, null, 0, 1, 50, ?1, 1)",
        (now,),
    )
    connection.execute(
        "insert into events values ('evt_1', 'Concert', '', ?1, ?1, null, 'usr_1', '[]', '[]', null, null, ?2, 200, '[]', null, null, "
        "'published', '[]', 'Europe/Vienna', 'EUR', null, '0', ?1, ?1, 1)",
        (now, POOL_MAX),
    )
    connection.close()

    migrate(path)

    store = open_store(path)
    event = await read_event(store, "evt_1")
    await store.close()
    assert event is not None
    assert (event.transfers_allowed, event.cancellation_hours, event.cancellation_fee_bp) == (True, None, 0)
    assert [finding for finding in examine(path) if finding.subject not in ("alembic_version", "evt_1")] == []


async def test_an_upgrade_keeps_what_is_there_and_a_backup_of_it(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    before = latest_revision()

    migrated = migrate(path, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN))

    assert (migrated.before, migrated.after, migrated.backup) == (before, "9001", tmp_path / "ticket.before-9001.db")
    assert (revision(path), emails(path)) == ("9001", ["ada@example.org"])
    assert (revision(tmp_path / "ticket.before-9001.db"), emails(tmp_path / "ticket.before-9001.db")) == (
        before,
        ["ada@example.org"],
    )
    assert stat.S_IMODE((tmp_path / "ticket.before-9001.db").stat().st_mode) == 0o600


async def test_an_earlier_backup_is_never_written_over(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    (tmp_path / "ticket.before-9001.db").write_text("precious")

    migrated = migrate(path, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN))

    assert migrated.backup == tmp_path / "ticket.before-9001.2.db"
    assert (tmp_path / "ticket.before-9001.db").read_text() == "precious"


async def test_a_second_migration_has_nothing_to_do(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN)
    migrate(path, migrations=migrations)

    again = migrate(path, migrations=migrations)

    assert (again.before, again.after, again.backup) == ("9001", "9001", None)


async def test_a_revision_that_fails_half_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN, 'op.execute("insert into nowhere values (1)")')

    with pytest.raises(apsw.SQLError, match="nowhere"):
        migrate(path, migrations=migrations)

    assert revision(path) == latest_revision()
    assert examine(path) == []


async def test_a_revision_that_leaves_rows_pointing_nowhere_is_undone(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrations = with_a_later_revision(tmp_path, 'op.execute("delete from users")')  # their sessions name them

    with pytest.raises(BadMigration, match="sessions"):
        migrate(path, migrations=migrations)

    assert emails(path) == ["ada@example.org"]


async def test_a_revision_that_is_only_tried_changes_nothing(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")

    tried = migrate(path, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN), only_try=True)

    assert (tried.after, tried.backup) == ("9001", None)
    assert revision(path) == latest_revision()


async def test_a_process_killed_in_the_middle_of_a_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN, 'op.execute("select die_now()")')
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from ticketing.schema.tables import USERS
        from ticketing.storage.sql import migrate as migrating
        connect = migrating.connect
        def deadly(path):
            connection = connect(path)
            connection.create_scalar_function("die_now", lambda: os.kill(os.getpid(), signal.SIGKILL), 0)
            return connection
        migrating.connect = deadly
        migrating.migrate(Path(sys.argv[1]), migrations=Path(sys.argv[2]))
    """)

    killed = subprocess.run([sys.executable, "-c", program, str(path), str(migrations)], check=False)

    assert killed.returncode == -signal.SIGKILL
    assert (revision(path), emails(path)) == (latest_revision(), ["ada@example.org"])
    assert examine(path) == []
    assert emails(tmp_path / "ticket.before-9001.db") == ["ada@example.org"]


async def test_two_processes_that_migrate_at_once_do_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrations = with_a_later_revision(tmp_path, ADD_A_COLUMN)
    written = migrating.upgrade_sql

    def overtaken(before: str | None, *, migrations: Path) -> str:
        monkeypatch.setattr(migrating, "upgrade_sql", written)
        migrate(path, migrations=migrations)  # the other process, between our look and our transaction
        return written(before, migrations=migrations)

    monkeypatch.setattr(migrating, "upgrade_sql", overtaken)

    migrated = migrate(path, migrations=migrations)

    assert (migrated.before, migrated.after) == ("9001", "9001")
    assert [name for name in os.listdir(tmp_path) if "before" in name] == ["ticket.before-9001.db"]


async def test_a_file_of_a_newer_ticket_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    migrate(path, migrations=with_a_later_revision(tmp_path, ADD_A_COLUMN))

    with pytest.raises(NewerFile, match=r"revision 9001.*newer"):
        open_store(path)

    assert revision(path) == "9001"


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table notes (text)")
    connection.close()

    with pytest.raises(NotTicketFile, match="not one of Ticket's"):
        open_store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    path.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(DamagedFile, match="Restore a backup"):
        open_store(path)


async def test_a_damaged_page_is_found_before_the_file_is_opened(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)

    with pytest.raises(DamagedFile, match="Restore a backup"):
        open_store(path)


def test_a_table_that_nobody_declared_and_a_missing_index_are_found(tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    open_store(path).engine.close()
    connection = apsw.Connection(str(path))
    connection.execute("create table extra (text) ; drop index orders_on_hold")
    connection.close()

    assert {(finding.check, finding.subject) for finding in examine(path)} == {
        ("schema", "extra"),
        ("schema", "orders_on_hold"),
    }


async def test_a_row_that_points_nowhere_is_found(tmp_path: Path) -> None:
    path = await populated(tmp_path / "ticket.db")
    connection = apsw.Connection(str(path))
    connection.execute("pragma foreign_keys = off; delete from uniques; delete from users")
    connection.close()

    assert [finding.check for finding in examine(path)] == ["references"]


PRICES: tuple[tuple[int, ...], ...] = ((0,), (1,), (100,), (101, 5_000), (2_000, 0), (2_500,), (10**13,), ())


async def put_priced(store: Store) -> None:
    """There is an event for each of `PRICES`, with ticket types at these."""
    house = make_house(store)
    await sign_up(house, "ada")
    [organizer] = [record async for record in store.scan(USERS)]
    for number, those in enumerate(PRICES):
        event = replace(
            AN_EVENT,
            event_id=f"evt_{number}",
            organizer_user_id=organizer["user_id"],
            venue_id=None,
            categories=(),
            ticket_types=tuple(f"tty_{number}_{each}" for each in those),
        )
        types = [
            replace(A_TICKET_TYPE, event_id=event.event_id, ticket_type_id=f"tty_{number}_{each}", price=each)
            for each in those
        ]
        await house.store.commit(insertion(event, venue=None, categories={}, ticket_types=types))


async def test_listings_of_before_get_the_band_of_their_lowest_price(tmp_path: Path) -> None:
    path = tmp_path / "ticket.db"
    store = open_store(path)
    await put_priced(store)
    await store.close()
    connection = apsw.Connection(str(path))
    now = facets_of(connection)
    connection.execute(
        "update listings set facets = (select json_group_array(value) from json_each(facets) where value not like 'price_%')"
    )

    statement = import_module("ticketing.storage.sql.migrations.versions.r0003_after_0_2").STATEMENTS[-1]
    connection.execute(statement)

    assert facets_of(connection) == now
    assert [any("price_" in facet for facet in facets) for facets in now] == [bool(those) for those in PRICES]


def facets_of(connection: apsw.Connection) -> list[set[str]]:
    rows = connection.execute("select facets from listings order by event_id")
    return [set(json.loads(facets)) for (facets,) in rows]
