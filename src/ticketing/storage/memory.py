"""A store in memory: the plainest reading of the port's laws, for tests of what stands above it."""

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, assert_never

import orjson

from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
from ticketing.base.store import ALL, Conflict, Page, Range, assert_lawful
from ticketing.base.tables import Index, Key, Kind, Record, Table
from ticketing.base.times import written
from ticketing.schema.tables import TABLES
from ticketing.storage.cursors import position_of, read_position, sort_columns, write_cursor


class MemoryStore:
    """Keeps everything in dictionaries. One event loop at a time; nothing survives the process."""

    def __init__(self, tables: Sequence[Table] = TABLES) -> None:
        self._rows: dict[str, dict[Key, Record]] = {table.name: {} for table in tables}
        self._tables = {table.name: table for table in tables}

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key, or None."""
        return deepcopy(self._rows[table.name].get(key))

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order."""
        return [await self.get(table, key) for key in keys]

    async def query(
        self,
        index: Index,
        value: str,
        *,
        within: Range = ALL,
        limit: int = 20,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page:
        """Up to `limit` records of one partition in index order. Raises BadCursor."""
        assert limit >= 1
        table = self._tables[index.table]
        columns = sort_columns(index, table)
        found = [row for row in self._rows[table.name].values() if row[index.partition] == value]
        first = columns[0]
        if within.start is not None:
            found = [row for row in found if row[first] is not None and row[first] >= within.start]
        if within.end is not None:
            found = [row for row in found if row[first] is not None and row[first] < within.end]
        found.sort(key=lambda row: _place(row, columns), reverse=descending)
        if cursor is not None:
            after = [_comparable(part) for part in read_position(index, table, cursor)]
            found = [
                row for row in found if (_place(row, columns) < after if descending else _place(row, columns) > after)
            ]
        more = len(found) > limit
        found = found[:limit]
        return Page(deepcopy(found), write_cursor(index.name, position_of(found[-1], columns)) if more else None)

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none. Raises Conflict."""
        assert_lawful(changes)
        for change in changes:
            rows = self._rows[change.table.name]
            found = rows.get(change.key)
            if not _holds(change, found):
                raise Conflict(change, deepcopy(found))
        for change in changes:
            self._apply(change)

    def _apply(self, change: Change) -> None:
        rows = self._rows[change.table.name]
        match change:
            case Insert(record=record) | Claim(record=record):
                rows[change.key] = _kept(change.table, record)
            case Replace(table=table, record=record, pools=pools):
                stored = _kept(table, record)
                stored["version"] += 1
                for column in table.columns:
                    if column.kind is Kind.POOL:
                        stored[column.name] = rows[change.key][column.name] + (pools or {}).get(column.name, 0)
                rows[change.key] = stored
            case Remove():
                del rows[change.key]
            case Take(pool=pool, count=count):
                if change.key not in rows:
                    assert change.initial is not None
                    rows[change.key] = _kept(change.table, change.initial)
                rows[change.key][pool.column] -= count
            case Give(pool=pool, count=count):
                rows[change.key][pool.column] += count
            case Check():
                pass
            case _:
                assert_never(change)

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record of a table."""
        for row in list(self._rows[table.name].values()):
            yield deepcopy(row)


def _holds(change: Change, found: Record | None) -> bool:
    match change:
        case Insert():
            return found is None
        case Replace(record=record, only_at=only_at):
            if found is None or found["version"] != record["version"]:
                return False
            return all(found[name] == count for name, count in (only_at or {}).items())
        case Remove(version=version, pools=pools):
            if found is None or (version is not None and found["version"] != version):
                return False
            return all(found[name] == count for name, count in (pools or {}).items())
        case Check(version=version):
            return found is not None and found["version"] == version
        case Take(pool=pool, count=count, down_to=down_to, version=version, initial=initial):
            if version is not None and (found is None or found["version"] != version):
                return False
            start = found if found is not None else initial
            if start is None:
                return False
            return bool(start[pool.column] - count >= down_to)
        case Give(version=version):
            return found is not None and version in (None, found.get("version"))
        case Claim(now=now):
            return found is None or (found["expires_at"] is not None and found["expires_at"] <= now)
        case _:
            assert_never(change)


def _kept(table: Table, record: Record) -> Record:
    """A copy of the record as every engine gives it back: times in UTC, and in documents lists for tuples."""
    kept = dict(record)
    for column in table.columns:
        value = kept[column.name]
        if column.kind is Kind.JSON:
            kept[column.name] = orjson.loads(orjson.dumps(value))
        elif column.kind is Kind.TIME and value is not None:
            kept[column.name] = value.astimezone(UTC)
    return kept


def _comparable(part: Any) -> Any:
    if isinstance(part, datetime):
        return written(part).encode()
    return part.encode() if isinstance(part, str) else part


def _place(row: Record, columns: tuple[str, ...]) -> list[Any]:
    return [_comparable(row[name]) for name in columns]
