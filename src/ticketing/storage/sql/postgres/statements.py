"""The SQL of the PostgreSQL engine: one statement that does all of a fold or fails, and the reads.

Records travel as JSON, one text for each table of a fold: Python writes it in a microsecond or two for each, and the database reads it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, TypeAlias

import orjson

from ticketing.base.tables import Kind, Record, Table
from ticketing.storage.sql.ddl import POSTGRES_TYPES
from ticketing.storage.sql.postgres.folding import Fold, Move

BATCHES_TABLE: Final = """create table batches (
  batch_id text collate "C" not null primary key,
  made_at timestamptz not null default now()
)"""
"""A row for each transaction that wrote, stored in it: where the connection is lost before the answer comes, the row tells."""

MARK: Final = "insert into batches (batch_id) values ($1) on conflict (batch_id) do nothing returning true"
"""Afterwards the batch of this id stands, or it never will: true where it never will. Waits for one that is under way."""

Part: TypeAlias = tuple[str, Table]
"""What is done, and to which table."""

_TYPES: Final = {kind: words.partition(" ")[0] for kind, words in POSTGRES_TYPES.items()}


def written(fold: Fold, places: dict[str, int]) -> tuple[str, list[str]]:
    """The statement that does all of this fold, and its parameters after the batch's id.

    Tables come in one order and rows in that of their keys, so that two processes cannot wait for each other.
    """
    parts: list[Part] = []
    parameters: list[str] = []
    touched = {*fold.moves, *fold.replaces, *fold.removes, *fold.claims, *fold.inserts}
    for table in sorted(touched, key=lambda table: places[table.name]):
        for name, rows in _rows(fold, table):
            if rows:
                parts.append((name, table))
                parameters.append(orjson.dumps(rows).decode())
    return _statement(tuple(parts)), parameters


def _rows(fold: Fold, table: Table) -> Iterator[tuple[str, list[Record]]]:
    key_of = table.key_of
    moves = sorted(fold.moves.get(table, ()), key=lambda move: move.key)
    yield "check", [_moved(move) for move in moves if not move.deltas]
    yield "move", [_moved(move) for move in moves if move.deltas]
    yield "begin", [begun for move in moves if move.deltas and (begun := move.begun()) is not None]
    yield (
        "replace",
        [
            change.record
            | {f"d_{name}": delta for name, delta in (change.pools or {}).items()}
            | {f"e_{name}": count for name, count in (change.only_at or {}).items()}
            for change in sorted(fold.replaces.get(table, ()), key=lambda change: change.key)
        ],
    )
    yield (
        "remove",
        [
            dict(zip(table.key, change.key, strict=True))
            | {"v": change.version}
            | {f"e_{name}": count for name, count in (change.pools or {}).items()}
            for change in sorted(fold.removes.get(table, ()), key=lambda change: change.key)
        ],
    )
    yield (
        "claim",
        [
            change.record | {"claimed_at": change.now}
            for change in sorted(fold.claims.get(table, ()), key=lambda change: change.key)
        ],
    )
    yield "insert", sorted(fold.inserts.get(table, ()), key=key_of)


def _moved(move: Move) -> Record:
    row: Record = dict(zip(move.table.key, move.key, strict=True))
    row["v"] = move.version
    for name, delta in move.deltas.items():
        row[f"d_{name}"] = delta
    for name, need in move.needs.items():
        row[f"n_{name}"] = need
    for name, count in move.exact.items():
        row[f"e_{name}"] = count
    return row


@cache
def _statement(parts: tuple[Part, ...]) -> str:
    """One statement for these parts: $1 is the batch's id, the others are the rows of each part as JSON.

    Where a part does not meet all of its rows, the statement divides by zero, and nothing of it happens.
    """
    definitions = ["batch as (insert into batches (batch_id) values ($1) returning 1)"]
    conditions = []
    begins = {table for name, table in parts if name == "begin"}
    for number, (name, table) in enumerate(parts, 2):
        definitions.append(f"{name}_{table.name} as ({_PARTS[name](table, number)})")
        counted = f"(select count(*) from {name}_{table.name})"
        if name == "move" and table in begins:
            counted += f" + (select count(*) from begin_{table.name})"
        if name != "begin":
            conditions.append(f"{counted} = json_array_length(${number}::json)")
    everything = "\n    and ".join(conditions)
    return "with " + ",\n".join(definitions) + f"\nselect 1 / (case when {everything} then 1 else 0 end) from batch"


def _given(table: Table, number: int, columns: tuple[str, ...], *more: str) -> str:
    typed = [f"{name} {_TYPES[table.by_name[name].kind]}" for name in columns]
    return f"json_to_recordset(${number}::json) as r({', '.join([*typed, *more])})"


def _met(table: Table) -> str:
    return " and ".join(f"t.{name} = r.{name}" for name in table.key)


def _pools(table: Table, letters: str) -> list[str]:
    return [f"{letter}_{name} bigint" for name in table.pool_columns for letter in letters]


def _exact(table: Table) -> str:
    return "".join(f" and (r.e_{name} is null or t.{name} = r.e_{name})" for name in table.pool_columns)


def _as_read(table: Table) -> str:
    return " and (r.v is null or t.version = r.v)" if table.versioned else ""


def _check(table: Table, number: int) -> str:
    given = _given(table, number, table.key, "v bigint")
    return f"select 1 from {given} join {table.name} as t on {_met(table)}{_as_read(table)} for share of t"


def _move(table: Table, number: int) -> str:
    given = _given(table, number, table.key, "v bigint", *_pools(table, "dne"))
    changed = ", ".join(f"{name} = t.{name} + coalesce(r.d_{name}, 0)" for name in table.pool_columns)
    enough = "".join(f" and (r.n_{name} is null or t.{name} >= r.n_{name})" for name in table.pool_columns)
    return (
        f"update {table.name} as t set {changed} from {given} "
        f"where {_met(table)}{_as_read(table)}{enough}{_exact(table)} returning 1"
    )


def _begin(table: Table, number: int) -> str:
    return f"{_inserted(table, number)} on conflict ({', '.join(table.key)}) do nothing returning 1"


def _insert(table: Table, number: int) -> str:
    return f"{_inserted(table, number)} returning 1"


def _inserted(table: Table, number: int, *more: str) -> str:
    columns = ", ".join(table.column_names)
    return (
        f"insert into {table.name} as t ({columns}) select {columns} "
        f"from {_given(table, number, table.column_names, *more)}"
    )


def _claim(table: Table, number: int) -> str:
    changed = ", ".join(f"{name} = excluded.{name}" for name in table.column_names if name not in table.key)
    asked = " and ".join(f"r.{name} = excluded.{name}" for name in table.key)
    claimed_at = f"select r.claimed_at from {_given(table, number, table.key, 'claimed_at timestamptz')} where {asked}"
    return (
        f"{_inserted(table, number)} on conflict ({', '.join(table.key)}) do update set {changed} "
        f"where t.expires_at <= ({claimed_at}) returning 1"
    )


def _replace(table: Table, number: int) -> str:
    plain = tuple(name for name in table.column_names if table.by_name[name].kind is not Kind.POOL)
    given = _given(table, number, plain, *_pools(table, "de"))
    changed = [f"{name} = r.{name}" for name in plain if name not in (*table.key, "version")]
    changed += ["version = t.version + 1"]
    changed += [f"{name} = t.{name} + coalesce(r.d_{name}, 0)" for name in table.pool_columns]
    return (
        f"update {table.name} as t set {', '.join(changed)} from {given} "
        f"where {_met(table)} and t.version = r.version{_exact(table)} returning 1"
    )


def _remove(table: Table, number: int) -> str:
    given = _given(table, number, table.key, "v bigint", *_pools(table, "e"))
    return (
        f"delete from {table.name} as t using {given} where {_met(table)}{_as_read(table)}{_exact(table)} returning 1"
    )


_PARTS: Final = {
    "check": _check,
    "move": _move,
    "begin": _begin,
    "replace": _replace,
    "remove": _remove,
    "claim": _claim,
    "insert": _insert,
}


@cache
def read_rows(tables: tuple[Table, ...], *, locked: bool) -> str:
    """Reads the rows of keys of several tables at one moment, as place of the table and JSON.

    The parameters are, for each table, an array for each part of its key. With `locked`, nobody changes them until the
    transaction ends.
    """
    reads = []
    number = 1
    for place, table in enumerate(tables):
        width = len(table.key)
        arrays = ", ".join(f"${number + offset}::text[]" for offset in range(width))
        number += width
        ending = f" order by {', '.join(f't.{name}' for name in table.key)} for no key update of t" if locked else ""
        reads.append(
            f"select * from (select {place} as place, row_to_json(t)::text as found from unnest({arrays}) "
            f"as r({', '.join(table.key)}) join {table.name} as t on {_met(table)}{ending}) as of_{table.name}"
        )
    return "\nunion all ".join(reads)


@cache
def selection(table: Table) -> str:
    """Selects whole rows, documents as text."""
    columns = ", ".join(
        f"t.{column.name}::text" if column.kind is Kind.JSON else f"t.{column.name}" for column in table.columns
    )
    return f"select {columns} from {table.name} as t"


@cache
def all_rows(table: Table) -> str:
    """Selects every row, in key order."""
    return f"{selection(table)} order by {', '.join(f't.{name}' for name in table.key)}"


@cache
def read_one(table: Table) -> str:
    """Selects the row of one key."""
    return f"{selection(table)} where {' and '.join(f't.{name} = ${n}' for n, name in enumerate(table.key, 1))}"


@cache
def read_many(table: Table) -> str:
    """Selects the rows of keys, given as an array for each part of the key."""
    arrays = ", ".join(f"${n}::text[]" for n in range(1, len(table.key) + 1))
    return f"{selection(table)} join unnest({arrays}) as r({', '.join(table.key)}) on {_met(table)}"
