"""PostgreSQL databases of Ticket: made from nothing, refused where they are no place to sell from."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.houses import make_house, sign_up
from tests.support.postgres import administer, drop_database, in_own_loop, new_database, rows, with_database
from ticketing.accounts.store import read_user_by_email
from ticketing.storage.opening import POSTGRESQL, CannotOpen, open_any
from ticketing.storage.sql.migrate import latest_revision
from ticketing.storage.sql.postgres import migrate as migrating


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


def run(url: str, *statements: str) -> None:
    in_own_loop(administer(url, *statements, database=url.rpartition("/")[2]))


def close(url: str) -> None:
    """The database was opened, which makes it, and closed."""
    opened = open_any(url)
    asyncio.run(opened.store.close())


# Opening -------------------------------------------------------------------------------------------------------------


def test_an_empty_database_gets_the_tables_of_the_latest_revision(url: str) -> None:
    close(url)

    assert rows(url, "select revision from ticket_revision") == [(latest_revision(),)]


async def test_it_is_opened_inside_an_event_loop_and_keeps_what_was_written(url: str) -> None:
    first = open_any(url)
    await sign_up(make_house(first.store), "ada")
    await first.store.close()
    second = open_any(url)

    found = await read_user_by_email(second.store, "ada@example.org")

    await second.store.close()
    assert (found is not None, second.kind) == (True, POSTGRESQL)


def test_processes_that_open_an_empty_database_at_once_all_find_it_whole(url: str) -> None:
    program = "import sys; from ticketing.storage.opening import open_any; open_any(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(4)]

    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]


# Refusals ------------------------------------------------------------------------------------------------------------


def test_a_database_with_other_tables_of_the_same_names_is_refused_and_left_alone(url: str) -> None:
    run(url, "create table users (id integer)")

    with pytest.raises(CannotOpen, match=r"not Ticket's \(users\)"):
        open_any(url)
    assert rows(url, "select relname from pg_class where relname in ('users', 'events')") == [("users",)]


def test_a_database_with_tables_of_other_names_is_shared(url: str) -> None:
    run(url, "create table alembic_version (version_num text)", "insert into alembic_version values ('f00')")

    close(url)

    assert rows(url, "select version_num from alembic_version") == [("f00",)]


def test_a_database_of_a_newer_ticket_is_refused(url: str) -> None:
    close(url)
    run(url, "update ticket_revision set revision = '9999'")

    with pytest.raises(CannotOpen, match=r"9999.*newer Ticket"):
        open_any(url)


def test_a_server_that_is_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "VERSION_MIN", 99)

    with pytest.raises(CannotOpen, match="Ticket needs 99 or later"):
        open_any(url)


def test_a_database_in_another_encoding_is_refused(url: str) -> None:
    other = with_database(url, url.rpartition("/")[2] + "_latin")
    name = other.rpartition("/")[2]
    in_own_loop(
        administer(url, f"create database {name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0")
    )
    try:
        with pytest.raises(CannotOpen, match="encoding is LATIN1"):
            open_any(other)
    finally:
        drop_database(other)


def test_a_database_that_is_not_there_is_told_with_what_makes_it(url: str) -> None:
    with pytest.raises(CannotOpen, match="createdb nowhere"):
        open_any(with_database(url, "nowhere"))


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(CannotOpen, match=r"PostgreSQL at 127\.0\.0\.1:1/ticket cannot be used") as told:
        open_any("postgresql://ada:hunter22@127.0.0.1:1/ticket")

    assert "hunter22" not in str(told.value)


def test_a_user_who_may_not_make_tables_is_told_how_to_allow_it(url: str) -> None:
    name = url.rpartition("/")[2]
    user = f"{name}_clerk"
    run(url, f"create role {user} login", "revoke create on schema public from public")
    try:
        with pytest.raises(CannotOpen, match=f"alter database {name} owner to {user}"):
            open_any(url.replace("postgres@", f"{user}@"))
    finally:
        run(url, f"drop role {user}")
