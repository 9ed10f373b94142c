"""The revisions in PostgreSQL's words. They are written once, in SQLite's, and read here by what the declarations say of each column.

A statement that cannot be read so has another one in `IN_POSTGRES` of its revision; a revision none of which can be read so lists
`POSTGRES`, the statements that take the place of its own. A test compares what all revisions
come to with the declarations. SQLAlchemy and Alembic are imported only where there is something to upgrade.
"""

import io
import re
from pathlib import Path
from typing import Any, Final

from ticketing.base.tables import Kind
from ticketing.schema.tables import TABLES
from ticketing.storage.sql.ddl import POSTGRESQL
from ticketing.storage.sql.migrate import MIGRATIONS, alembic_config
from ticketing.storage.sql.postgres.search import SEARCH_DDL
from ticketing.storage.sql.postgres.statements import BATCHES_TABLE
from ticketing.storage.sql.search import SEARCH_DDL as SQLITE_SEARCH_DDL

ALONE: Final[dict[str, tuple[str, ...]]] = {"0001": (BATCHES_TABLE, *SEARCH_DDL)}
"""What PostgreSQL alone has, by the revision with which it came. None that opens PostgreSQL was released before 0003."""

_BY_NAME: Final = {table.name: table for table in TABLES}
_STATEMENT: Final = re.compile(r";\s*\n(?=\s*create )")
_TABLE: Final = re.compile(r"create table (\w+) \((.*)\)( strict)?(, without rowid)?", re.DOTALL)
_NEW_COLUMN: Final = re.compile(r"alter table (\w+) add column (.*)", re.DOTALL)
_LINE: Final = ",\n"
_COLUMN: Final = re.compile(r"(\s*)(\w+) (text|integer)\b(.*)", re.DOTALL)
_SQLITE_SEARCH: Final = re.compile(
    "|".join(
        rf"\b{name}\b"
        for ddl in SQLITE_SEARCH_DDL
        for name in re.findall(r"create (?:virtual )?(?:table|trigger) (\w+)", ddl)
    )
)


def upgrade_statements(before: str | None, *, migrations: Path = MIGRATIONS) -> list[str]:
    """What leads from revision `before` (None: an empty database) to the latest, in order."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory.from_config(alembic_config(migrations)).iterate_revisions("head", before or "base"))
    statements: list[str] = []
    for script in reversed(scripts):
        module: Any = script.module
        own: tuple[str, ...] | None = getattr(module, "POSTGRES", None)
        if own is not None:
            statements += own
        else:
            written = _Written()
            options = {"as_sql": True, "output_buffer": written, "literal_binds": True}
            with Operations.context(MigrationContext.configure(dialect_name="sqlite", opts=options)):
                module.upgrade()
            instead = {_bare(text): said for text, said in getattr(module, "IN_POSTGRES", {}).items()}
            parts = [part for text in written.texts for part in _STATEMENT.split(text)]
            statements += [said for part in parts if (said := instead.get(_bare(part)) or in_postgres(part))]
        statements += ALONE.get(script.revision, ())
    return statements


def _bare(statement: str) -> str:
    """A statement without the spaces and line ends that its meaning does not need."""
    return " ".join(statement.split())


class _Written(io.StringIO):
    """Keeps each statement that Alembic writes by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str, /) -> int:
        """Keeps one."""
        self.texts.append(text.strip().removesuffix(";"))
        return len(text)


def in_postgres(statement: str) -> str | None:
    """A statement of SQLite's in PostgreSQL's words; None for one of SQLite's search, which PostgreSQL does in its own way."""
    statement = statement.strip().removesuffix(";")
    if _SQLITE_SEARCH.search(statement):
        return None
    made = _TABLE.fullmatch(statement)
    if made is not None:
        name, lines = made[1], made[2].split(",\n")
        return f"create table {name} ({_LINE.join(_column(name, line) for line in lines)})"
    added = _NEW_COLUMN.fullmatch(statement)
    if added is not None:
        return f"alter table {added[1]} add column {_column(added[1], added[2])}"
    return statement


def _column(table: str, definition: str) -> str:
    parts = _COLUMN.fullmatch(definition)
    if parts is None:  # a key of several columns
        return definition
    space, name, kept_as, rest = parts.groups()
    if "generated always" in rest:
        return f"{space}{name} {kept_as}{rest.rstrip().removesuffix('virtual')}{POSTGRESQL.computed}"
    declared = _BY_NAME[table].by_name.get(name) if table in _BY_NAME else None
    if declared is None:
        raise LookupError(
            f"{table}.{name} is not declared: write the statements of its revision for PostgreSQL (POSTGRES)"
        )
    if declared.kind is Kind.BOOLEAN:
        rest = rest.replace(f" check ({name} in (0, 1))", "")
    return f"{space}{name} {POSTGRESQL.types[declared.kind]}{rest}"
