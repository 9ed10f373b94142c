"""The storage port: the only way from the features to stored records, the same for every engine."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Protocol

from ticketing.base.bounds import (
    CHANGES_PER_COMMIT_MAX,
    COMMIT_BYTES_MAX,
    INTEGER_MAX,
    ITEM_BYTES_MAX,
    PAGE_LIMIT,
    POOL_MAX,
)
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Replace, Take
from ticketing.base.errors import Kind as RefusalKind
from ticketing.base.errors import Refusal
from ticketing.base.tables import Index, Key, Kind, Record, Table, Value


class Conflict(Exception):
    """A change of the commit did not hold, so nothing of it happened.

    `change` is the first in the order given that failed; `found` the item as it was then (None: there was none).
    """

    def __init__(self, change: Change, found: Record | None) -> None:
        super().__init__(f"{type(change).__name__} on {change.table.name} {change.key}")
        self.change = change
        self.found = found


class Busy(Refusal):
    """Nothing was decided: too much is waiting. A busy sale never looks sold out."""

    code = "busy"
    kind = RefusalKind.BUSY
    title = "Too much at once. Nothing was changed; try again in a moment."


class Unsettled(Busy):
    """The store was lost in the middle of a commit and did not come back in time: it was done, or it never will be."""

    code = "unsettled"
    title = "Whether this was done is not known yet. Send the same once more: it is done only once."


class BadCommit(AssertionError):
    """The commit breaks a law of the port: our own mistake, found before any I/O."""


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open range of an index's first sort column: `start` <= value < `end`; None is unbounded."""

    start: Value = None
    end: Value = None


ALL = Range()


@dataclass(frozen=True, slots=True)
class Page:
    """Some records in index order, and where to go on (None: that was all)."""

    records: list[Record]
    next_cursor: str | None


class BadCursor(Refusal):
    """The cursor is not one that this list gave out."""

    code = "bad_cursor"
    kind = RefusalKind.BAD_REQUEST
    title = "This cursor is not one that this list gave out. Start again without it."


class Store(Protocol):
    """What every engine gives. Nothing is locked or open between calls."""

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key as last committed, or None."""
        ...

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order."""
        ...

    async def query(
        self,
        index: Index,
        value: str,
        *,
        within: Range = ALL,
        limit: int = PAGE_LIMIT,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page:
        """Up to `limit` records whose partition has `value`, in index order from `cursor` on. Raises BadCursor."""
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes, durable, or none. Raises Conflict or Busy."""
        ...

    def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in no stated order. For export, copy and rebuild only."""
        ...


def assert_lawful(changes: Sequence[Change]) -> None:
    """Nothing, where the commit keeps the laws of the port; raises BadCommit where it breaks one.

    At most 100 changes and 3 MB, one change for each item and 392 KB in it; every field of the kind that its column says, hence
    no floats, times with their offset, integers that survive JSON; no empty text in a key or index partition, and a version,
    expiry or pool where the change needs it.
    """
    if not 1 <= len(changes) <= CHANGES_PER_COMMIT_MAX:
        raise BadCommit(f"a commit has 1 to {CHANGES_PER_COMMIT_MAX} changes, not {len(changes)}")
    touched: set[str] = set()
    size = 0
    for change in changes:
        table = change.table
        key = change.key
        touched.add(change.item)
        if "" in key or None in key or len(key) != len(table.key) or change.item.count("\0") != len(key):
            raise BadCommit(f"an empty or partial key on {table.name}, or one with a NUL")
        # Told apart by isinstance, the most frequent first: a match on classes costs three times as much here.
        if isinstance(change, Insert):
            size += _checked_size(table, change.record)
        elif isinstance(change, Take):
            _check_count(table, change)
            if change.version is not None and not table.versioned:
                raise BadCommit(f"{table.name} has no versions")
            initial = change.initial
            if initial is not None:
                size += _checked_size(table, initial)
                if table.key_of(initial) != key:
                    raise BadCommit(f"a pool of {table.name} {key} cannot begin as {table.key_of(initial)}")
        elif isinstance(change, Claim):
            size += _checked_size(table, change.record)
            if change.record.get("expires_at") is None or change.now.tzinfo is None:
                raise BadCommit("a claim needs its end, and the time in UTC")
        elif isinstance(change, Replace):
            size += _checked_size(table, change.record)
            if not table.versioned:
                raise BadCommit(f"{table.name} has no versions")
            _check_pools(table, change.pools)
            _check_pools(table, change.only_at)
        elif isinstance(change, Give):
            _check_count(table, change)
            if change.version is not None and not table.versioned:
                raise BadCommit(f"{table.name} has no versions")
        elif isinstance(change, Check):
            if not table.versioned:
                raise BadCommit(f"{table.name} has no versions")
        else:
            if table.versioned is (change.version is None):
                raise BadCommit(f"a removal from {table.name} names the version where there is one")
            _check_pools(table, change.pools)
    if len(touched) != len(changes):
        raise BadCommit(f"two changes on one item: {[(change.table.name, change.key) for change in changes]}")
    if size > COMMIT_BYTES_MAX:
        raise BadCommit(f"a commit of {size} bytes")


def _check_count(table: Table, change: Take | Give) -> None:
    count = change.count
    if change.pool.column not in table.pool_columns or type(count) is not int or not 0 < count <= POOL_MAX:
        raise BadCommit(f"not a pool or not a count: {change.pool.column} {count}")


def _check_pools(table: Table, pools: Mapping[str, int] | None) -> None:
    for name, count in (pools or {}).items():
        if name not in table.pool_columns or type(count) is not int or not -POOL_MAX <= count <= POOL_MAX:
            raise BadCommit(f"not a pool or not a count: {table.name}.{name} {count}")


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which fields of a record hold what, for records of one table with the same fields and types in the same order."""

    table: Table
    texts: Callable[[Record], Iterable[str]]
    integers: tuple[str, ...]
    times: tuple[str, ...]
    documents: tuple[str, ...]
    partitions: tuple[str, ...]


_ALLOWED: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.POOL: (int,),
    Kind.BOOLEAN: (bool,),
    Kind.TIME: (datetime,),
    Kind.JSON: (list, dict, tuple, str, int, bool),
}


_SHAPES: Final[dict[str, dict[tuple[tuple[str, ...], tuple[type, ...]], _Shape]]] = {}
"""Shapes seen, by table: as many as there are combinations of nulls in the code."""
SHAPES_PER_TABLE_MAX: Final = 500


def _shape(table: Table, names: tuple[str, ...], types: tuple[type, ...]) -> _Shape:
    """The shape of records with these fields of these types. Raises BadCommit where the table does not say so."""
    if set(names) != table.column_set:
        raise BadCommit(
            f"{table.name}: fields {sorted(table.column_set.symmetric_difference(names))} are missing or unknown"
        )
    found: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for name, held in zip(names, types, strict=True):
        column = table.by_name[name]
        if held is type(None) and column.nullable:
            continue
        wrong = held is bool and column.kind in (Kind.INTEGER, Kind.POOL)
        if wrong or not issubclass(held, _ALLOWED[column.kind]):
            raise BadCommit(f"{table.name}.{name} holds {held.__name__}, not {column.kind.value}")
        found[column.kind].append(name)
    partitions = {index.partition for index in table.indexes}.intersection(found[Kind.TEXT])
    return _Shape(
        table=table,
        texts=itemgetter(*found[Kind.TEXT]),  # of a single text, its characters
        integers=tuple(found[Kind.INTEGER] + found[Kind.POOL]),
        times=tuple(found[Kind.TIME]),
        documents=tuple(found[Kind.JSON]),
        partitions=tuple(sorted(partitions)),
    )


def _checked_size(table: Table, record: Record) -> int:
    kind = (tuple(record), tuple(map(type, record.values())))
    shapes = _SHAPES.get(table.name)
    if shapes is None:
        shapes = _SHAPES[table.name] = {}
    shape = shapes.get(kind)
    if shape is None or shape.table is not table:
        if len(shapes) >= SHAPES_PER_TABLE_MAX:
            shapes.clear()
        shape = shapes[kind] = _shape(table, *kind)
    text = "".join(shape.texts(record))
    size = len(text) if text.isascii() and "\0" not in text else _text_size(text)
    for name in shape.integers:
        if not -INTEGER_MAX <= record[name] <= INTEGER_MAX:
            raise BadCommit(f"{table.name}.{name} is too large: {record[name]}")
    for name in shape.times:
        if record[name].tzinfo is None:
            raise BadCommit(f"{table.name}.{name} is a time without its offset from UTC")
    for name in shape.documents:
        document = record[name]
        size += _document_size(document) if document else 2
    for name in shape.partitions:
        if record[name] == "":
            raise BadCommit(f"{table.name}.{name} is an empty index key")
    if size > ITEM_BYTES_MAX:
        raise BadCommit(f"an item of {size} bytes in {table.name}")
    return size


def _text_size(text: str) -> int:
    """Its bytes in UTF-8. Raises BadCommit for what not every engine can keep: NUL, and half of a surrogate pair."""
    if "\0" in text:
        raise BadCommit("a text with a NUL")
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise BadCommit("a text with half of a surrogate pair") from error


def _document_size(document: Any) -> int:
    """About as many bytes as it has written as JSON. Raises BadCommit for what would not come back from JSON as it was."""
    match document:
        case str():
            return _text_size(document) + 2
        case bool() | None:
            return 4
        case int():
            if not -INTEGER_MAX <= document <= INTEGER_MAX:
                raise BadCommit(f"a number that is too large: {document}")
            return len(str(document))
        case list() | tuple():
            return 2 + len(document) + sum(map(_document_size, document))
        case dict():
            if not all(isinstance(name, str) for name in document):
                raise BadCommit("a document whose names are not texts")
            return 2 + sum(_text_size(name) + 4 + _document_size(inner) for name, inner in document.items())
        case _:
            raise BadCommit(f"a document that holds {type(document).__name__}")
