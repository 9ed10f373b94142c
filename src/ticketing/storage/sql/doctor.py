"""Looks a database over and names what is wrong with it. Repairs nothing.

A check is a function from a connection to findings; `CHECKS` lists them in the order in which they are run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import apsw

from ticketing.storage.sql.backup import BACKUP_TABLE
from ticketing.storage.sql.migrate import REVISION_TABLE, declared_statements, latest_revision
from ticketing.storage.sql.sqlite import connect

FINDINGS_PER_CHECK_MAX: Final = 100
"""More of one kind have one cause; the last one says that the list was cut."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it has to be: which check saw it, on what, and what it saw."""

    check: str
    subject: str
    detail: str


Check: TypeAlias = Callable[[apsw.Connection], Iterator[Finding]]


def pages_are_whole(connection: apsw.Connection) -> Iterator[Finding]:
    """Every page and index is as SQLite wrote it."""
    for (verdict,) in connection.execute(f"pragma integrity_check({FINDINGS_PER_CHECK_MAX})"):
        if verdict != "ok":
            yield Finding("integrity", "file", str(verdict))


def references_hold(connection: apsw.Connection) -> Iterator[Finding]:
    """Every row that names another finds it."""
    for table, row, parent, _number in connection.execute("pragma foreign_key_check"):
        yield Finding(
            "references", f"{table} {'' if row is None else row}".strip(), f"names a row of {parent} that is not there"
        )


def schema_is_declared(connection: apsw.Connection) -> Iterator[Finding]:
    """Tables, indexes and triggers are those of the latest revision."""
    revision = connection.execute("select version_num from alembic_version").fetchone()
    if revision is None or revision[0] != latest_revision():
        found = None if revision is None else revision[0]
        yield Finding(
            "schema",
            "alembic_version",
            f"the file has revision {found}; `ticket migrate` brings it to {latest_revision()}",
        )
        return
    declared = schema_of_declarations()
    found = schema_of(connection)
    found.pop(BACKUP_TABLE, None)
    for name in sorted(declared.keys() | found.keys()):
        if name not in found:
            yield Finding("schema", name, "is missing")
        elif name not in declared:
            yield Finding("schema", name, "is not one of Ticket's")
        elif declared[name] != found[name]:
            yield Finding("schema", name, "is not as this version declares it")


CHECKS: Final[tuple[Check, ...]] = (pages_are_whole, references_hold, schema_is_declared)


def examine(path: Path) -> list[Finding]:
    """Everything that is wrong with this database, as it was at one moment; an empty list is a clean bill.

    The file may be in use. Raises apsw.Error where it cannot be read at all.
    """
    connection = connect(path, readonly=True)
    try:
        connection.execute("begin")
        findings: list[Finding] = []
        for check in CHECKS:
            for count, finding in enumerate(check(connection), 1):
                if count > FINDINGS_PER_CHECK_MAX:
                    findings.append(Finding(finding.check, "more", "there are more of these, which are not listed"))
                    break
                findings.append(finding)
        return findings
    finally:
        connection.close()


def schema_of(connection: apsw.Connection) -> dict[str, str]:
    """Every table, index and trigger of a database by name, as SQL. What SQLite adds by itself is left out."""
    statement = "select name, sql from sqlite_master where sql is not null and name not like 'sqlite\\_%' escape '\\'"
    return {str(name): str(sql) for name, sql in connection.execute(statement)}


def schema_of_declarations() -> dict[str, str]:
    """What `schema_of` says of a database that was made from the declarations."""
    connection = apsw.Connection(":memory:")
    try:
        for statement in (*declared_statements(), REVISION_TABLE):
            connection.execute(statement)
        return schema_of(connection)
    finally:
        connection.close()
