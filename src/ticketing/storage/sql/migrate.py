"""Which revision a file has, and how an older file is brought to the present one: all of it or nothing, with a backup first.

Alembic writes the SQL of the revisions and apsw executes it. SQLAlchemy and Alembic are imported only where there is something
to migrate: a fresh file is made from the declarations, and a present one needs nothing (a test shows that both come out equal).
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from ticketing.schema.tables import TABLES
from ticketing.storage.sql.backup import copy_database
from ticketing.storage.sql.ddl import schema_statements
from ticketing.storage.sql.search import SEARCH_DDL
from ticketing.storage.sql.sqlite import DamagedFile, connect

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""The folder of revisions. Files are named `r<revision>_<what>.py`, and revisions are numbered 0001, 0002, …"""

REVISION_TABLE: Final = (
    "CREATE TABLE alembic_version (\n    version_num VARCHAR(32) NOT NULL, \n"
    "    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)"
)
"""As Alembic writes it."""


class NewerFile(RuntimeError):
    """The file was written by a newer Ticket; this one does not touch it."""


class OlderFile(RuntimeError):
    """The file was written by an older Ticket, and is only to be read: it is not brought here."""


class NotTicketFile(RuntimeError):
    """The file is a database, but not one of Ticket's."""


class BadMigration(RuntimeError):
    """A revision left rows that point nowhere; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done to a file: from which revision (None: it was empty) to which, and where the state before lies."""

    before: str | None
    after: str
    backup: Path | None


def revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """All revisions that this code knows, in order."""
    return sorted(path.stem[1:].partition("_")[0] for path in (migrations / "versions").glob("r*.py"))


def latest_revision(migrations: Path = MIGRATIONS) -> str:
    """The revision that this code works with."""
    return revisions(migrations)[-1]


def refuse_newer(revision: str, migrations: Path = MIGRATIONS) -> None:
    """The revision is one that this code knows. Raises NewerFile."""
    if revision not in revisions(migrations):
        raise NewerFile(
            f"This file has revision {revision}, and this Ticket knows revisions up to {latest_revision(migrations)} only: a newer "
            "Ticket wrote it. Install that version again, or restore the backup that it made before it changed the file."
        )


def older(revision: str) -> str:
    """What is said to somebody who only wants to read a store of an older revision."""
    return (
        f"It has revision {revision}, and this Ticket reads revision {latest_revision()}; nothing was changed. Bring it to that with "
        "`ticket migrate`, or use the Ticket that wrote it."
    )


def revision_of(connection: apsw.Connection, path: Path) -> str | None:
    """The revision of a file, None where it is empty. Raises NotTicketFile, DamagedFile."""
    try:
        tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise NotTicketFile(f"{path} is a database, but not one of Ticket's: it has no table alembic_version.")
        revisions = [str(revision) for (revision,) in connection.execute("select version_num from alembic_version")]
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DamagedFile(f"{path} is damaged: {error}. Restore a backup: `ticket restore FILE`.") from error
    if len(revisions) != 1:
        raise NotTicketFile(f"{path} names {len(revisions)} revisions in alembic_version instead of one.")
    return revisions[0]


def declared_statements() -> tuple[str, ...]:
    """The statements that make the present schema, from the declarations."""
    return (*schema_statements(TABLES), *SEARCH_DDL)


def migrate(path: Path, *, migrations: Path = MIGRATIONS, only_try: bool = False) -> Migrated:
    """The file has the latest revision; it is made where there is none. With `only_try`, all is done and then undone.

    A file with an older revision is copied beside itself first (`<name>.before-<revision>.db`), as it is at the moment when
    the migration begins: other writers wait until it is over. Raises NewerFile, NotTicketFile, DamagedFile, BadMigration.
    """
    after = latest_revision(migrations)
    try:
        connection = connect(path)
    except apsw.NotADBError as error:
        raise DamagedFile(f"{path} is not an SQLite database. Restore a backup: `ticket restore FILE`.") from error
    try:
        before = revision_of(connection, path)
        if before == after:
            return Migrated(before, after, backup=None)
        script = "" if before is None else upgrade_sql(before, migrations=migrations)
        connection.pragma(
            "foreign_keys", False
        )  # Tables may be made anew; what points nowhere is looked for at the end.
        connection.execute("begin immediate")
        try:
            found = revision_of(connection, path)
            if found != before:  # Another process was faster.
                connection.execute("rollback")
                return migrate(path, migrations=migrations, only_try=only_try)
            backup = None
            if before is None:
                _create(connection, after)
            else:
                if not only_try:
                    backup = _free_name(path, after)
                    copy_database(path, backup)
                connection.execute(script).fetchall()  # a statement that returns rows would end it early
                _refuse_dangling(connection, path)
            connection.execute("rollback" if only_try else "commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return Migrated(before, after, backup)
    finally:
        connection.close()


def _create(connection: apsw.Connection, revision: str) -> None:
    for statement in (*declared_statements(), REVISION_TABLE):
        connection.execute(statement)
    connection.execute("insert into alembic_version (version_num) values (?)", (revision,))


def _free_name(path: Path, revision: str) -> Path:
    """A name beside the file that nothing has: an earlier backup is never written over."""
    name = path.with_name(f"{path.stem}.before-{revision}{path.suffix}")
    count = 1
    while name.exists():
        count += 1
        name = path.with_name(f"{path.stem}.before-{revision}.{count}{path.suffix}")
    return name


def _refuse_dangling(connection: apsw.Connection, path: Path) -> None:
    dangling = connection.execute("pragma foreign_key_check").fetchone()
    if dangling is not None:
        table, _row, parent, _number = dangling
        raise BadMigration(f"{path} was not migrated: a row of {table} would name a row of {parent} that is not there.")


def upgrade_sql(before: str | None, *, migrations: Path = MIGRATIONS) -> str:
    """The SQL that leads from revision `before` (None: an empty file) to the latest. Raises NewerFile for an unknown one."""
    from alembic import command

    written = io.StringIO()
    config = alembic_config(migrations, written)
    if before is not None:
        refuse_newer(before, migrations)
    command.upgrade(config, f"{before}:head" if before else "head", sql=True)
    return written.getvalue()


def alembic_config(migrations: Path, written: io.StringIO | None = None) -> "Config":
    """How Alembic finds the revisions; the SQL that it writes goes into `written`."""
    from alembic.config import Config

    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
