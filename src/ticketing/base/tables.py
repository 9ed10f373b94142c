"""What a declared table, column and index are; the declarations themselves stand in `schema/tables.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

Value: TypeAlias = str | int | bool | datetime | list[Any] | dict[str, Any] | None
Record: TypeAlias = dict[str, Any]
"""Column name to value, each of the type its column's kind says (see `Value`)."""
Key: TypeAlias = tuple[str, ...]


class Kind(Enum):
    """What a column holds. There are no floats anywhere."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"
    JSON = "json"
    POOL = "pool"
    """An integer that only Take and Give write: Insert sets it, Replace leaves it alone."""


@dataclass(frozen=True, slots=True)
class Column:
    """One typed column. `check` is an SQL condition on it, `references` a table whose key it must name.

    `default` is what rows have that were stored before there was such a column.
    """

    name: str
    kind: Kind = Kind.TEXT
    nullable: bool = False
    references: str | None = None
    check: str | None = None
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """A way to find records of one table: those with one value of `partition`, in order of `sort`.

    Records whose partition is null are not in the index. The table's key is appended to `sort`, so that positions are unique.
    `lags` says that on DynamoDB the answer may be older than the last write: it nominates, and a condition decides. There the
    entries of one value are written to `spread` partitions, which share what one takes; an index that is not `asked` stands for a
    database alone that looks at references when something is deleted.
    """

    name: str
    table: str
    partition: str
    sort: tuple[str, ...]
    answers: str
    lags: bool = True
    spread: int = 1
    asked: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table: its SQL name, its name in the founding document's DynamoDB schema, its key of one or two columns.

    A table is declared once and compared by identity.
    `sql_only` columns are computed by SQL for whoever knows the founding schema, and are not part of a record.
    """

    name: str
    dynamo_name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    sql_only: tuple[str, ...] = ()
    sorted_keys: bool = True
    """Keys grow with time, so that SQLite keeps the rows in key order; off where keys are hashes."""
    column_names: tuple[str, ...] = field(init=False)
    column_set: frozenset[str] = field(init=False)
    by_name: Mapping[str, Column] = field(init=False)
    pool_columns: tuple[str, ...] = field(init=False)
    versioned: bool = field(init=False)
    """Whether records carry a version, which Replace and Check need."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "column_names", tuple(column.name for column in self.columns))
        object.__setattr__(self, "column_set", frozenset(self.column_names))
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})
        pools = tuple(column.name for column in self.columns if column.kind is Kind.POOL)
        object.__setattr__(self, "pool_columns", pools)
        object.__setattr__(self, "versioned", "version" in self.by_name)
        assert 1 <= len(self.key) <= 2
        assert all(self.by_name[name].kind is Kind.TEXT and not self.by_name[name].nullable for name in self.key)
        for index in self.indexes:
            assert self.by_name[index.partition].kind is Kind.TEXT
            for column in map(self.by_name.__getitem__, index.sort):
                assert column.kind in (Kind.TEXT, Kind.INTEGER, Kind.TIME)
                assert not column.nullable, "a null has no place in an order: engines would put it in different ones"

    def key_of(self, record: Mapping[str, Any]) -> Key:
        """The key of a record of this table."""
        key = self.key
        if len(key) == 1:
            return (record[key[0]],)
        return (record[key[0]], record[key[1]])

    def index(self, name: str) -> Index:
        """The index of this name. The table must have it."""
        return next(index for index in self.indexes if index.name == name)


def attribute_name(column_name: str) -> str:
    """The founding document's spelling of a column: `venue_id` is `VenueID`, `image_url` is `ImageURL`."""
    return "".join({"id": "ID", "url": "URL"}.get(word, word.capitalize()) for word in column_name.split("_"))
