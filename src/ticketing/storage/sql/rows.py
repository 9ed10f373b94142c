"""Records to rows and back: how SQLite keeps times, truth and JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

import orjson

from ticketing.base.tables import Kind, Record, Table
from ticketing.base.times import written


@dataclass(frozen=True, slots=True)
class RowShape:
    """How the records of one table are laid out as rows, and the statements over them."""

    columns: tuple[str, ...]
    to_row: Callable[[Record], list[Any]]
    to_record: Callable[[Sequence[Any]], Record]
    selection: str
    key_condition: str


@cache
def shape_of(table: Table) -> RowShape:
    """The row shape of a table."""
    columns = table.column_names
    times = [place for place, column in enumerate(table.columns) if column.kind is Kind.TIME]
    documents = [place for place, column in enumerate(table.columns) if column.kind is Kind.JSON]
    truths = [place for place, column in enumerate(table.columns) if column.kind is Kind.BOOLEAN]
    pick = itemgetter(*columns)

    def to_row(record: Record) -> list[Any]:
        row = list(pick(record))
        for place in times:
            if row[place] is not None:
                row[place] = written(row[place])
        for place in documents:
            if row[place] is not None:
                row[place] = orjson.dumps(row[place]).decode() if row[place] != [] else "[]"
        return row

    def to_record(row: Sequence[Any]) -> Record:
        record: Record = dict(zip(columns, row, strict=True))
        for place in times:
            if row[place] is not None:
                record[columns[place]] = datetime.fromisoformat(row[place])
        for place in documents:
            if row[place] is not None:
                record[columns[place]] = orjson.loads(row[place])
        for place in truths:
            if row[place] is not None:
                record[columns[place]] = bool(row[place])
        return record

    return RowShape(
        columns=columns,
        to_row=to_row,
        to_record=to_record,
        selection=f"select {', '.join(columns)} from {table.name}",
        key_condition=" and ".join(f"{name} = ?" for name in table.key),
    )
