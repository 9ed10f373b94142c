"""SQL data definition, made from the table declarations: tables with types, keys, foreign keys, checks, and every index."""

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


def create_table(table: Table, references: dict[str, Table]) -> str:
    """The statement that creates a table in SQLite. `references` has every table by name."""
    lines = [_column(column, references) for column in table.columns]
    lines += [f"  {definition}" for definition in table.sql_only]
    lines.append(f"  primary key ({', '.join(table.key)})")
    options = "strict, without rowid" if table.sorted_keys else "strict"
    return f"create table {table.name} (\n" + ",\n".join(lines) + f"\n) {options}"


def _column(column: Column, references: dict[str, Table]) -> str:
    words = [f"  {column.name} {SQLITE_TYPES[column.kind]}"]
    if not column.nullable:
        words.append("not null")
    if column.references is not None:
        words.append(f"references {column.references} ({references[column.references].key[0]})")
    if column.check is not None:
        words.append(f"check ({column.check})")
    elif column.kind is Kind.BOOLEAN:
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


def schema_statements(tables: tuple[Table, ...]) -> tuple[str, ...]:
    """All statements that create these tables and their indexes, in order."""
    references = {table.name: table for table in tables}
    statements: list[str] = []
    for table in tables:
        statements.append(create_table(table, references))
        statements += [create_index(index, table) for index in table.indexes if needs_index(index, table)]
    return tuple(statements)
