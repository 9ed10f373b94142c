"""Looks a database over and names what is wrong with it. Repairs nothing.

A check is a function from a connection to findings; `CHECKS` lists them in the order in which they are run: first the file itself,
then what `books.py` says of places, tickets and money.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import apsw

from ticketing.base.times import written
from ticketing.schema.tables import TABLES
from ticketing.storage.sql.backup import BACKUP_TABLE
from ticketing.storage.sql.books import BOUNDS, INVARIANTS, REMARKS, Invariant
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


def values_are_allowed(connection: apsw.Connection) -> Iterator[Finding]:
    """Every value is one that its column's declaration allows. SQLite does not look at that again where a file is only read."""
    for table in TABLES:
        checked = [column for column in table.columns if column.check is not None]
        if not checked:
            continue
        broken = [f"coalesce(not ({column.check}), false)" for column in checked]
        key = " || ' ' || ".join(table.key)
        statement = f"select {key}, {', '.join(broken)} from {table.name} where {' or '.join(broken)}"
        for subject, *are_broken in connection.execute(statement):
            for column, is_broken in zip(checked, are_broken, strict=True):
                if is_broken:
                    yield Finding("values", f"{table.name} {subject}", f"its {column.name} is not: {column.check}")


FILE_CHECKS: Final[tuple[Check, ...]] = (pages_are_whole, references_hold, schema_is_declared)
VALUE_CHECKS: Final[tuple[Check, ...]] = (values_are_allowed,)
"""Those that speak of declared columns, as the books do."""
CHECKS: Final[tuple[Check | Invariant, ...]] = (*FILE_CHECKS, *VALUE_CHECKS, *INVARIANTS)

CustomerOf: TypeAlias = Callable[[str], str]
"""Under what name the allowance of a customer with this e-mail address is kept."""


def examine(path: Path, *, customer_of: CustomerOf | None = None) -> list[Finding]:
    """Everything that is wrong with this database, as it was at one moment; an empty list is a clean bill.

    The file may be in use. Without `customer_of`, allowances are compared by event and not by customer. Where the schema is not as
    declared, the books are not looked at: the queries would speak of something else. Raises apsw.Error where the file cannot be read
    at all.
    """
    with _Snapshot(path, customer_of) as snapshot:
        findings = [finding for check in FILE_CHECKS for finding in snapshot.found(check)]
        if any(finding.check == "schema" for finding in findings):
            return findings
        findings += [finding for check in VALUE_CHECKS for finding in snapshot.found(check)]
        return findings + [finding for truth in INVARIANTS for finding in snapshot.untrue(truth)]


def remark(path: Path, *, now: datetime) -> list[Finding]:
    """What is worth knowing of this database and not wrong, as of `now`: what was lowered under what is sold, what waits."""
    with _Snapshot(path, None) as snapshot:
        return [finding for truth in REMARKS for finding in snapshot.untrue(truth, {"now": written(now)})]


class _Snapshot:
    """A database as it is at one moment, read only, however long it is looked at."""

    def __init__(self, path: Path, customer_of: CustomerOf | None) -> None:
        self._connection = connect(path, readonly=True)
        self._connection.pragma("temp_store", "file")  # what is sorted may be as large as the file
        self._knows_customers = customer_of is not None
        if customer_of is not None:
            name = customer_of

            def name_of(*arguments: object) -> str:
                return name(str(arguments[0]))

            self._connection.create_scalar_function("customer_of", name_of, 1, deterministic=True)
        self._connection.execute("begin")

    def __enter__(self) -> "_Snapshot":
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def found(self, check: Check) -> Iterator[Finding]:
        """What a check finds, up to the bound."""
        for count, finding in enumerate(check(self._connection), 1):
            if count > FINDINGS_PER_CHECK_MAX:
                yield Finding(finding.check, "more", "there are more of these, which are not listed")
                return
            yield finding

    def untrue(self, truth: Invariant, names: Mapping[str, str] | None = None) -> Iterator[Finding]:
        """Of what an invariant is not true, up to the bound."""
        if truth.needs_customers and not self._knows_customers:
            return iter(())

        def rows(connection: apsw.Connection) -> Iterator[Finding]:
            for subject, detail in connection.execute(truth.query, {**BOUNDS, **(names or {})}):
                yield Finding(truth.name, str(subject), str(detail))

        return self.found(rows)


def schema_of(connection: apsw.Connection) -> dict[str, str]:
    """Every table, index and trigger of a database by name, as SQL. What SQLite adds by itself is left out.

    White space does not count: a column that was added later stands on the line of the one before.
    """
    statement = "select name, sql from sqlite_master where sql is not null and name not like 'sqlite\\_%' escape '\\'"
    return {str(name): " ".join(str(sql).split()) for name, sql in connection.execute(statement)}


def schema_of_declarations() -> dict[str, str]:
    """What `schema_of` says of a database that was made from the declarations."""
    connection = apsw.Connection(":memory:")
    try:
        for statement in (*declared_statements(), REVISION_TABLE):
            connection.execute(statement)
        return schema_of(connection)
    finally:
        connection.close()
