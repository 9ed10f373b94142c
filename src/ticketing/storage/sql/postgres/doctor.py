"""Looks whether a PostgreSQL database has what is declared: columns, keys, foreign keys, checks and indexes. Repairs nothing.

What is more than declared is no fault: a database may be shared. What the rows say is looked at in a copy (`entry/as_file.py`).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ticketing.base.tables import Column, Kind, Table
from ticketing.storage.snapshots import Fault
from ticketing.storage.sql.ddl import create_index, needs_index
from ticketing.storage.sql.postgres.search import SEARCH_DDL

TYPES: Final = {
    Kind.TEXT: 'text "C"',
    Kind.INTEGER: "int8",
    Kind.POOL: "int8",
    Kind.BOOLEAN: "bool",
    Kind.TIME: "timestamptz",
    Kind.JSON: "json",
}
"""How the catalogue names the type of each kind, with its collation."""

_COLUMNS: Final = """
select relname, attname, concat_ws(' ', typname, quote_ident(collname)), attnotnull
from pg_attribute join pg_class on pg_class.oid = attrelid join pg_type on pg_type.oid = atttypid
  left join pg_collation on pg_collation.oid = attcollation
where relnamespace = (select oid from pg_namespace where nspname = current_schema())
  and relkind in ('r', 'p') and attnum > 0 and not attisdropped
"""
_CONSTRAINTS: Final = """
select contype::text, made.relname, array(select attname::text from unnest(conkey) with ordinality as k(n, place)
    join pg_attribute on attrelid = conrelid and attnum = n order by place), met.relname, convalidated
from pg_constraint join pg_class as made on made.oid = conrelid left join pg_class as met on met.oid = confrelid
where connamespace = (select oid from pg_namespace where nspname = current_schema())
"""
_INDEXES: Final = """
select relname, indisvalid and indisready from pg_index join pg_class on pg_class.oid = indexrelid
where relnamespace = (select oid from pg_namespace where nspname = current_schema())
"""


async def faults_of(connection: Any, tables: Sequence[Table]) -> list[Fault]:
    """What of these tables, and of the search, is missing or other than declared."""
    columns = {(table, name): (kind, fixed) for table, name, kind, fixed in await connection.fetch(_COLUMNS)}
    constraints = {
        (kind, table, tuple(names), other): valid
        for kind, table, names, other, valid in await connection.fetch(_CONSTRAINTS)
    }
    indexes = dict(await connection.fetch(_INDEXES))
    faults: list[Fault] = []
    for table in tables:
        if not any(name == table.name for name, _ in columns):
            faults.append(Fault(table.name, "is missing", hides=True))
            continue
        for column in table.columns:
            faults += _of_column(table, column, columns.get((table.name, column.name)))
        faults += _of_constraints(table, constraints)
        for index in table.indexes:
            if needs_index(index, table):
                faults += _of_index(index.name, indexes, create_index(index, table))
    for statement in SEARCH_DDL:
        made = re.match(r"create index (\w+)", statement)
        if made is not None:
            faults += _of_index(made[1], indexes, " ".join(statement.split()))
    return faults


def _of_column(table: Table, column: Column, found: tuple[str, bool] | None) -> Iterator[Fault]:
    name = f"{table.name}.{column.name}"
    if found is None:
        yield Fault(name, "is missing", hides=True)
        return
    kind, is_never_null = found
    if kind != TYPES[column.kind]:
        yield Fault(name, f"is {kind} and not {TYPES[column.kind]}")
    if is_never_null == column.nullable:
        yield Fault(name, "may not be null" if column.nullable else "may be null")


def _of_constraints(table: Table, found: dict[tuple[str, str, tuple[str, ...], str | None], bool]) -> Iterator[Fault]:
    if ("p", table.name, table.key, None) not in found:
        yield Fault(table.name, f"lacks its primary key ({', '.join(table.key)})")
    for column in table.columns:
        if column.references is not None:
            valid = found.get(("f", table.name, (column.name,), column.references))
            if not valid:
                how = "lacks" if valid is None else "was never compared with"
                yield Fault(f"{table.name}.{column.name}", f"{how} its foreign key to {column.references}")
        if column.check is not None and not any(
            kind == "c" and name == table.name and column.name in names for kind, name, names, _ in found
        ):
            yield Fault(f"{table.name}.{column.name}", f"lacks its check: {column.check}")


def _of_index(name: str, found: dict[str, bool], statement: str) -> Iterator[Fault]:
    if name not in found:
        yield Fault(name, f"is missing: {statement}")
    elif not found[name]:
        yield Fault(name, f"is not whole, so that nobody uses it: reindex index {name}")
