"""SQL data definition, made from the table declarations: tables with types, keys, foreign keys, checks, and every index."""

from dataclasses import dataclass
from typing import Final

from ticketing.base.tables import Column, Index, Kind, Table

SQLITE_TYPES: Final = {
    Kind.TEXT: "text",
    Kind.INTEGER: "integer",
    Kind.POOL: "integer",
    Kind.BOOLEAN: "integer",
    Kind.TIME: "text",
    Kind.JSON: "text",
}


POSTGRES_TYPES: Final = {
    Kind.TEXT: 'text collate "C"',  # so that order is that of the bytes in UTF-8
    Kind.INTEGER: "bigint",
    Kind.POOL: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "timestamptz",
    Kind.JSON: "json",  # not jsonb, which forgets in which order the names of a document stood
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """In what the data definition of two databases differs."""

    types: dict[Kind, str]
    has_booleans: bool
    options: str
    options_of_sorted: str
    """What stands after a table, and after one whose rows lie in key order."""
    computed: str
    """How a computed column is kept."""


SQLITE: Final = Dialect(SQLITE_TYPES, False, " strict", " strict, without rowid", "virtual")
POSTGRESQL: Final = Dialect(POSTGRES_TYPES, True, "", "", "stored")


def create_table(table: Table, references: dict[str, Table], dialect: Dialect = SQLITE) -> str:
    """The statement that creates a table. `references` has every table by name."""
    lines = [_column(column, references, dialect) for column in table.columns]
    lines += [
        f"  {definition.removesuffix('virtual')}".rstrip() + f" {dialect.computed}" for definition in table.sql_only
    ]
    lines.append(f"  primary key ({', '.join(table.key)})")
    options = dialect.options_of_sorted if table.sorted_keys else dialect.options
    return f"create table {table.name} (\n" + ",\n".join(lines) + f"\n){options}"


def _column(column: Column, references: dict[str, Table], dialect: Dialect) -> str:
    words = [f"  {column.name} {dialect.types[column.kind]}"]
    if not column.nullable:
        words.append("not null")
    if column.default is not None:
        words.append(f"default {column.default}")
    if column.references is not None:
        words.append(f"references {column.references} ({references[column.references].key[0]})")
    if column.check is not None:
        words.append(f"check ({column.check})")
    elif column.kind is Kind.BOOLEAN and not dialect.has_booleans:
        words.append(f"check ({column.name} in (0, 1))")
    return " ".join(words)


def create_index(index: Index, table: Table) -> str:
    """The statement that creates an index: partition, sort columns, then the key, so that positions are unique."""
    rest = tuple(name for name in table.key if name != index.partition and name not in index.sort)
    columns = ", ".join((index.partition, *index.sort, *rest))
    sparse = f" where {index.partition} is not null" if table.by_name[index.partition].nullable else ""
    return f"create index {index.name} on {index.table} ({columns}){sparse}"


def needs_index(index: Index, table: Table) -> bool:
    """Whether the primary key does not answer the index's question already."""
    rest = tuple(name for name in table.key if name != index.partition and name not in index.sort)
    return (index.partition, *index.sort, *rest)[: len(table.key)] != table.key


def schema_statements(tables: tuple[Table, ...], dialect: Dialect = SQLITE) -> tuple[str, ...]:
    """All statements that create these tables and their indexes, in order."""
    references = {table.name: table for table in tables}
    statements: list[str] = []
    for table in tables:
        statements.append(create_table(table, references, dialect))
        statements += [create_index(index, table) for index in table.indexes if needs_index(index, table)]
    return tuple(statements)
