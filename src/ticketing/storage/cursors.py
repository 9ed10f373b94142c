"""Cursors: the position after the last record of a page, opaque to clients and safe to read back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any, Final

import orjson

from ticketing.base.store import BadCursor
from ticketing.base.tables import Index, Kind, Record, Table
from ticketing.base.times import read, written

CURSOR_LENGTH_MAX: Final = 3_000
"""A position is at most two kilobytes of sort value and key, which base64 makes a third longer."""


def sort_columns(index: Index, table: Table) -> tuple[str, ...]:
    """The columns that order this index: its own, then the table's key, so that no two records stand at one place."""
    rest = tuple(name for name in table.key if name != index.partition and name not in index.sort)
    return index.sort + rest


def position_of(record: Record, columns: tuple[str, ...]) -> list[Any]:
    """Where a record stands in an index, in plain JSON values."""
    return [written(value) if isinstance(value, datetime) else value for value in (record[name] for name in columns)]


def write_cursor(index_name: str, position: list[Any]) -> str:
    """The cursor that goes on after `position`."""
    return urlsafe_b64encode(orjson.dumps([index_name, *position])).rstrip(b"=").decode()


def read_cursor(index_name: str, cursor: str, *, length: int) -> list[Any]:
    """The position of a cursor that `write_cursor` made for this index. Raises BadCursor for everything else."""
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise BadCursor
    try:
        content = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise BadCursor from error
    if not isinstance(content, list) or len(content) != length + 1 or content[0] != index_name:
        raise BadCursor
    position = content[1:]
    if not all(type(value) is str or (type(value) is int and -(2**63) <= value < 2**63) for value in position):
        raise BadCursor
    if write_cursor(index_name, position) != cursor:  # one spelling only
        raise BadCursor
    return position


def read_position(index: Index, table: Table, cursor: str) -> list[Any]:
    """The position that `position_of` gave for this index, each value of its column's kind. Raises BadCursor otherwise."""
    columns = sort_columns(index, table)
    position = read_cursor(index.name, cursor, length=len(columns))
    for name, value in zip(columns, position, strict=True):
        kind = table.by_name[name].kind
        if (type(value) is int) is not (kind is Kind.INTEGER) or (kind is Kind.TIME and not _is_written(value)):
            raise BadCursor
    return position


def _is_written(text: str) -> bool:
    try:
        return written(read(text)) == text
    except (ValueError, OverflowError):
        return False
