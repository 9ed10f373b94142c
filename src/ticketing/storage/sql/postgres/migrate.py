"""Which revision a PostgreSQL database has, and how it gets the present one: all of it in one transaction, or nothing."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from ticketing.schema.tables import TABLES
from ticketing.storage.opening import CannotOpen
from ticketing.storage.sql.ddl import POSTGRESQL, schema_statements
from ticketing.storage.sql.migrate import MIGRATIONS, latest_revision, older, revisions
from ticketing.storage.sql.postgres.connections import closed, connect
from ticketing.storage.sql.postgres.revisions import upgrade_statements
from ticketing.storage.sql.postgres.search import SEARCH_DDL
from ticketing.storage.sql.postgres.statements import BATCHES_TABLE

REVISION_TABLE: Final = 'create table ticket_revision (revision text collate "C" not null primary key)'
"""Not by Alembic's usual name: a database may be shared with another program that uses Alembic too."""
VERSION_MIN: Final = 14
"""Of PostgreSQL: the oldest that its makers still mend."""
TURNS: Final = 0x7469636B6574
"""The advisory lock of whoever looks which revision a database has ("ticket"): processes that start at once take turns."""
TURN_SECONDS: Final = 120
"""How long a process waits for its turn."""
LOCK_SECONDS: Final = 2
"""How long an upgrade waits for a table that is in use. Sales wait behind it for so long: then it lets them pass and tries again."""
LOCK_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 20.0)


class CannotUse(CannotOpen):
    """The database cannot be used as it is. The message says why, what to do, and no password."""


class NewerDatabase(CannotUse):
    """A newer Ticket wrote it; this one does not touch it."""


class NotTicketDatabase(CannotUse):
    """It has tables of the names that Ticket's have, and they are not Ticket's."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done to a database: from which revision (None: there was nothing) to which."""

    before: str | None
    after: str


def declared_statements() -> tuple[str, ...]:
    """The statements that make the present schema, from the declarations."""
    return (*schema_statements(TABLES, POSTGRESQL), BATCHES_TABLE, *SEARCH_DDL)


async def migrate(url: str, *, migrations: Path = MIGRATIONS, only_try: bool = False) -> Migrated:
    """The database has the latest revision; the tables are made where there are none. With `only_try`, all is done and then undone.

    Processes that start at once take turns, and servers that are selling go on. Raises CannotUse, and what the driver raises.
    """
    connection = await connect(url, statement_seconds=None)
    try:
        await refuse_unfit(connection)
        after = latest_revision(migrations)
        if await revision_of(connection) == after:
            return Migrated(after, after)
        for pause in LOCK_PAUSES:
            try:
                return await _in_turn(connection, migrations, only_try=only_try)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(pause)
        raise CannotUse(
            "Its tables are in use all the time, as by a long backup: it was not upgraded. Try again later."
        )
    finally:
        await closed(connection)


async def _in_turn(connection: Any, migrations: Path, *, only_try: bool) -> Migrated:
    transaction = connection.transaction(isolation="read_committed")  # what another did in its turn is seen
    await transaction.start()
    try:
        before = await _upgraded(connection, migrations)
    except BaseException:
        if not connection.is_closed():
            await transaction.rollback()
        raise
    await (transaction.rollback() if only_try else transaction.commit())
    return Migrated(before, latest_revision(migrations))


async def _upgraded(connection: Any, migrations: Path) -> str | None:
    """In the open transaction, the database has the latest revision. Which it had before."""
    await connection.execute(f"set local statement_timeout = 0; set local lock_timeout = {TURN_SECONDS * 1000}")
    try:
        await connection.execute(f"select pg_advisory_xact_lock({TURNS})")
    except asyncpg.LockNotAvailableError as error:
        raise CannotUse(
            f"Another process has been upgrading it for {TURN_SECONDS} seconds. Try again later."
        ) from error
    before, after = await revision_of(connection), latest_revision(migrations)
    if before == after:
        return before
    if before is None:
        await _run(connection, (*declared_statements(), REVISION_TABLE))
        await connection.execute("insert into ticket_revision (revision) values ($1)", after)
        return None
    refuse_newer(before, migrations)
    await connection.execute(f"set local lock_timeout = {LOCK_SECONDS * 1000}")
    await _run(connection, upgrade_statements(before, migrations=migrations))
    await connection.execute("update ticket_revision set revision = $1", after)
    return before


async def upgrade_script(url: str) -> list[str]:
    """The statements that `migrate` would run, in order; none where there is nothing to do. Raises CannotUse."""
    connection = await connect(url)
    try:
        await refuse_unfit(connection)
        before = await revision_of(connection)
        if before is None:
            return [*declared_statements(), REVISION_TABLE]
        refuse_newer(before)
        return upgrade_statements(before) if before != latest_revision() else []
    finally:
        await closed(connection)


def refuse_newer(revision: str, migrations: Path = MIGRATIONS) -> None:
    """The revision is one that this code knows. Raises NewerDatabase."""
    if revision not in revisions(migrations):
        raise NewerDatabase(
            f"It has revision {revision}, and this Ticket knows revisions up to {latest_revision(migrations)} only: a newer Ticket "
            "wrote it. Install that version again."
        )


async def refuse_other(url: str) -> None:
    """The database has the latest revision; nothing in it is changed, and it may be a standby. Raises CannotUse."""
    connection = await connect(url)
    try:
        await refuse_unfit(connection, only_read=True)
        revision = await revision_of(connection)
        if revision is None:
            raise CannotUse("There is nothing of Ticket's in it.")
        refuse_newer(revision)
        if revision != latest_revision():
            raise CannotUse(older(revision))
    finally:
        await closed(connection)


async def refuse_unfit(connection: Any, *, only_read: bool = False) -> None:
    """The server is one on which Ticket can sell, or be read. Raises CannotUse."""
    version = int(await connection.fetchval("show server_version_num"))
    if version < VERSION_MIN * 10_000:
        shown = await connection.fetchval("show server_version")
        raise CannotUse(f"The server is PostgreSQL {shown}, and Ticket needs {VERSION_MIN} or later.")
    encoding = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        raise CannotUse(
            f"The database's encoding is {encoding}; make one with UTF8: createdb --encoding=UTF8 --template=template0."
        )
    if not only_read and await connection.fetchval("select pg_is_in_recovery()"):
        raise CannotUse("The server is a standby, which takes no writes. Name the primary.")
    if await connection.fetchval("select current_schema()") is None:
        raise CannotUse("The database has no schema on the search path of this user.")


async def revision_of(connection: Any) -> str | None:
    """The revision of a database, None where Ticket has no tables in it. Raises NotTicketDatabase."""
    tables = await tables_of(connection)
    if "ticket_revision" not in tables:
        _refuse_foreign(tables)
        return None
    revisions = [str(row[0]) for row in await connection.fetch("select revision from ticket_revision")]
    if len(revisions) != 1:
        raise NotTicketDatabase(f"ticket_revision names {len(revisions)} revisions instead of one.")
    return revisions[0]


async def tables_of(connection: Any) -> set[str]:
    """The names of everything in the schema that tables are made in."""
    statement = "select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = current_schema()"
    return {str(row[0]) for row in await connection.fetch(statement)}


def _refuse_foreign(names: Iterable[str]) -> None:
    ours = {table.name for table in TABLES} | {"batches"}
    taken = sorted(ours.intersection(names))
    if taken:
        raise NotTicketDatabase(
            f"It has tables of the names that Ticket's have, and they are not Ticket's ({', '.join(taken[:3])}). Give Ticket a "
            "database of its own."
        )


async def _run(connection: Any, statements: Sequence[str]) -> None:
    for statement in statements:
        await connection.execute(statement)
