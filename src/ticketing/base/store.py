"""The storage port: the only way from the features to stored records, the same for every engine."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ticketing.base.bounds import CHANGES_PER_COMMIT_MAX, COMMIT_BYTES_MAX, PAGE_LIMIT, POOL_MAX
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
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

    At most 100 changes and 4 MB, one change for each item, no floats, no empty text in a key or index partition, and a
    version, expiry or pool where the change needs it.
    """
    if not 1 <= len(changes) <= CHANGES_PER_COMMIT_MAX:
        raise BadCommit(f"a commit has 1 to {CHANGES_PER_COMMIT_MAX} changes, not {len(changes)}")
    touched: set[tuple[str, Key]] = set()
    size = 0
    for change in changes:
        table = change.table
        key = change.key
        touched.add((table.name, key))
        if "" in key or None in key:
            raise BadCommit(f"an empty key on {table.name}")
        kind = type(change)
        if kind is Insert or kind is Replace or kind is Claim:
            assert isinstance(change, Insert | Replace | Claim)
            size += _checked_size(table, change.record)
            if isinstance(change, Replace):
                if not table.versioned:
                    raise BadCommit(f"{table.name} has no versions")
                _check_pools(table, change.pools)
                _check_pools(table, change.only_at)
            if kind is Claim and change.record.get("expires_at") is None:
                raise BadCommit("a claim needs its end")
        elif kind is Take or kind is Give:
            assert isinstance(change, Take | Give)
            if table.by_name[change.pool.column].kind is not Kind.POOL or not 0 < change.count <= POOL_MAX:
                raise BadCommit(f"not a pool or not a count: {change.pool.column} {change.count}")
            if isinstance(change, Take):
                if change.version is not None and not table.versioned:
                    raise BadCommit(f"{table.name} has no versions")
                if change.initial is not None:
                    size += _checked_size(table, change.initial)
        elif kind is Check:
            if not table.versioned:
                raise BadCommit(f"{table.name} has no versions")
        elif isinstance(change, Remove):
            if table.versioned is (change.version is None):
                raise BadCommit(f"a removal from {table.name} names the version where there is one")
            _check_pools(table, change.pools)
    if len(touched) != len(changes):
        raise BadCommit(f"two changes on one item: {[(change.table.name, change.key) for change in changes]}")
    if size > COMMIT_BYTES_MAX:
        raise BadCommit(f"a commit of {size} bytes")


def _check_pools(table: Table, pools: Mapping[str, int] | None) -> None:
    for name, count in (pools or {}).items():
        if table.by_name[name].kind is not Kind.POOL or not -POOL_MAX <= count <= POOL_MAX:
            raise BadCommit(f"not a pool or not a count: {table.name}.{name} {count}")


_NESTED: Final = frozenset((list, dict, tuple))


def _checked_size(table: Table, record: Record) -> int:
    if record.keys() != table.column_set:
        raise BadCommit(f"{table.name}: fields {sorted(record.keys() ^ table.column_set)} are missing or unknown")
    kinds = set(map(type, record.values()))
    if float in kinds:
        raise BadCommit(f"{table.name} holds a float")
    size = sum([len(value) for value in record.values() if value.__class__ is str])
    if not kinds.isdisjoint(_NESTED):
        for value in record.values():
            if type(value) in _NESTED and value:
                size += len(repr(value))
                if "float" in _kinds_within(value):
                    raise BadCommit(f"{table.name} holds a float")
    for index in table.indexes:
        if record[index.partition] == "":
            raise BadCommit(f"{table.name}.{index.partition} is an empty index key")
    return size


def _kinds_within(value: object) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_kinds_within(inner) for inner in value.values()), set())
    if isinstance(value, list | tuple):
        return set().union(*(_kinds_within(inner) for inner in value), set())
    return {type(value).__name__}
