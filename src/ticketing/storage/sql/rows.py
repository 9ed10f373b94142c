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
    to_columns: Callable[[Sequence[Record]], list[Sequence[Any]]]
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

    def to_columns(records: Sequence[Record]) -> list[Sequence[Any]]:
        """The rows of many records, column by column: conversions cost less in a row of their kind."""
        values: list[Sequence[Any]] = list(zip(*map(pick, records), strict=True))
        for place in times:
            values[place] = [None if moment is None else written(moment) for moment in values[place]]
        for place in documents:
            values[place] = [
                "[]" if document == [] else None if document is None else orjson.dumps(document).decode()
                for document in values[place]
            ]
        return values

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
        to_columns=to_columns,
        to_record=to_record,
        selection=f"select {', '.join(columns)} from {table.name}",
        key_condition=" and ".join(f"{name} = ?" for name in table.key),
    )
