"""The conditional changes that a commit is made of. Each says by itself when it holds."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from ticketing.base.tables import Key, Record, Table

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from ticketing.base.quick import dataclass


def item_name(table_name: str, key: Key) -> str:
    """One text that names one item of one table; no part of a key holds NUL. A text keeps its hash, a tuple does not."""
    if len(key) == 1:
        return f"{table_name}\0{key[0]}"
    return "\0".join((table_name, *map(str, key)))


@dataclass(slots=True)
class Insert:
    """Stores a new record; holds only if its key is free."""

    table: Table
    record: Record
    key: Key = field(init=False, compare=False)
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.key = self.table.key_of(self.record)
        self.item = item_name(self.table.name, self.key)


@dataclass(slots=True)
class Replace:
    """Stores the record in place of the one that was read; holds only if that one's version still stands.

    `record` carries the version that was read; it is stored with the next. Pools keep what they have, or change by the deltas in
    `pools` (a capacity that was changed), without a bound: what is sold stays sold, and then nothing more is.
    With `only_at`, it holds only if these pools are exactly so, before the deltas.
    """

    table: Table
    record: Record
    pools: Mapping[str, int] | None = None
    only_at: Mapping[str, int] | None = None
    key: Key = field(init=False, compare=False)
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.key = self.table.key_of(self.record)
        self.item = item_name(self.table.name, self.key)


@dataclass(slots=True)
class Remove:
    """Deletes a record; holds only if it stands as it was read (`version`), or at all where the table has no versions.

    With `pools`, it holds only if these pools are exactly so: a ticket type of which nothing was taken.
    """

    table: Table
    key: Key
    version: int | None = None
    pools: Mapping[str, int] | None = None
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.item = item_name(self.table.name, self.key)


@dataclass(slots=True)
class Check:
    """Changes nothing; holds only if the record still has the version that was read."""

    table: Table
    key: Key
    version: int
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.item = item_name(self.table.name, self.key)


@dataclass(frozen=True, slots=True)
class Pool:
    """A count in one column of one record, of places that can be taken and given back."""

    table: Table
    key: Key
    column: str


@dataclass(slots=True)
class Take:
    """Takes `count` out of a pool; holds only if at least `down_to` remain afterwards.

    With `version`, it holds only if the record still has the version that was read: a Check of the same item. With `initial`, a
    pool whose record does not exist begins as that record, whose pool column says what it starts with.
    """

    pool: Pool
    count: int
    down_to: int = 0
    version: int | None = None
    initial: Record | None = field(default=None, compare=False)
    table: Table = field(init=False, compare=False)
    key: Key = field(init=False, compare=False)
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.table = self.pool.table
        self.key = self.pool.key
        self.item = item_name(self.table.name, self.key)


@dataclass(slots=True)
class Give:
    """Puts `count` back into a pool; holds only if the pool exists.

    With `version`, it holds only if the record still has the version that was read: a Check of the same item.
    """

    pool: Pool
    count: int
    version: int | None = None
    table: Table = field(init=False, compare=False)
    key: Key = field(init=False, compare=False)
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.table = self.pool.table
        self.key = self.pool.key
        self.item = item_name(self.table.name, self.key)


@dataclass(slots=True)
class Claim:
    """Stores a record that has `expires_at`; holds only if its key is free or its holder's time ran out by `now`."""

    table: Table
    record: Record
    now: datetime
    key: Key = field(init=False, compare=False)
    item: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self.key = self.table.key_of(self.record)
        self.item = item_name(self.table.name, self.key)


Change: TypeAlias = Insert | Replace | Remove | Check | Take | Give | Claim
