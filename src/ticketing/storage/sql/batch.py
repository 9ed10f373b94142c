"""Which commits of a batch hold, decided in order of arrival against what was read, and what is to be written for them.

Pure: the adapter reads the states before and runs the statements after, in one transaction, so that nothing moves in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
from ticketing.base.tables import Key, Kind, Record, Table
from ticketing.base.times import written

ItemName: TypeAlias = tuple[str, Key]


class State:
    """What conditions look at, of one item: whether it exists, its version, its expiry (as text) and its pools.

    `record` is what a commit of this batch stored there, if one did.
    """

    __slots__ = ("exists", "expires_at", "pools", "record", "version")

    def __init__(self) -> None:
        self.exists = False
        self.version: int | None = None
        self.expires_at: str | None = None
        self.pools: dict[str, int] = {}
        self.record: Record | None = None


@dataclass(slots=True)
class Writes:
    """What is to be written for the commits that hold, by table, in an order in which it can be run."""

    removes: dict[Table, list[Key]] = field(default_factory=dict)
    inserts: dict[Table, list[Record]] = field(default_factory=dict)
    claims: dict[Table, list[Record]] = field(default_factory=dict)
    replaces: dict[Table, list[Record]] = field(default_factory=dict)
    moves: dict[tuple[Table, str], dict[Key, int]] = field(default_factory=dict)
    structural: set[ItemName] = field(default_factory=set)
    """Items whose row is inserted, replaced or removed: a second time in one batch waits for the next round of writes."""

    def clear(self) -> None:
        """Forget everything: it was written."""
        for part in (self.removes, self.inserts, self.claims, self.replaces, self.moves, self.structural):
            part.clear()


class Batch:
    """Decides commits one after another. `states` are those read for every item with a condition on what exists.

    Inserts of items that are not in `states` are taken to be free: the adapter sees from the count of rows when one was not.
    """

    def __init__(self, states: dict[ItemName, State]) -> None:
        self.states = states
        self.writes = Writes()

    def needs_round(self, changes: Sequence[Change]) -> bool:
        """Whether what is planned must be written before this commit can be planned: it changes the same rows again."""
        structural = self.writes.structural
        moves = self.writes.moves
        for change in changes:
            kind = type(change)
            if kind is Take or kind is Give or kind is Check:
                continue
            if (change.table.name, change.key) in structural:
                return True
            if kind is not Insert and any(
                table is change.table and change.key in differences for (table, _), differences in moves.items()
            ):
                return True
        return False

    def failing(self, changes: Sequence[Change]) -> Change | None:
        """The first change that does not hold, or None where all do."""
        states = self.states
        for change in changes:
            kind = type(change)
            state = states.get((change.table.name, change.key))
            if kind is Insert:
                if state is not None and state.exists:
                    return change
            elif not holds(change, state):
                return change
        return None

    def accept(self, changes: Sequence[Change]) -> None:
        """All of these changes are planned, and later commits of the batch see them."""
        for change in changes:
            self._accept(change)

    def _accept(self, change: Change) -> None:
        table = change.table
        key = change.key
        name = (table.name, key)
        writes = self.writes
        match change:
            case Insert(record=record):
                writes.inserts.setdefault(table, []).append(record)
                writes.structural.add(name)
                self.states[name] = state_of(table, record)
            case Claim(record=record):
                writes.claims.setdefault(table, []).append(record)
                writes.structural.add(name)
                self.states[name] = state_of(table, record)
            case Replace(record=record, pools=pools):
                writes.replaces.setdefault(table, []).append(record)
                writes.structural.add(name)
                state = self.states[name]
                now_stored = state_of(table, record)
                now_stored.version = record["version"] + 1
                now_stored.pools = state.pools
                self.states[name] = now_stored
                for column, difference in (pools or {}).items():
                    self._move(table, column, key, difference)
                    state.pools[column] += difference
            case Remove():
                writes.removes.setdefault(table, []).append(key)
                writes.structural.add(name)
                self.states[name] = State()
            case Take(pool=pool, count=count, initial=initial):
                state = self.states[name]
                if not state.exists:
                    assert initial is not None
                    writes.inserts.setdefault(table, []).append(initial)
                    writes.structural.add(name)
                    state = self.states[name] = state_of(table, initial)
                self._move(table, pool.column, key, -count)
                state.pools[pool.column] -= count
            case Give(pool=pool, count=count):
                self._move(table, pool.column, key, count)
                self.states[name].pools[pool.column] += count
            case Check():
                pass

    def _move(self, table: Table, column: str, key: Key, difference: int) -> None:
        differences = self.writes.moves.get((table, column))
        if differences is None:
            differences = self.writes.moves[table, column] = {}
        differences[key] = differences.get(key, 0) + difference


def holds(change: Change, state: State | None) -> bool:
    """Whether a change holds on an item in this state (None: it was not read, hence does not exist)."""
    exists = state is not None and state.exists
    match change:
        case Take(pool=pool, count=count, down_to=down_to, version=version, initial=initial):
            if not exists:
                return initial is not None and version is None and initial[pool.column] - count >= down_to
            assert state is not None
            return (version is None or state.version == version) and state.pools[pool.column] - count >= down_to
        case Claim(now=now):
            if not exists:
                return True
            assert state is not None
            assert state.expires_at is not None
            return state.expires_at <= written(now)
        case Insert():
            return not exists
        case Check(version=version):
            return exists and state is not None and state.version == version
        case Replace(record=record):
            return exists and state is not None and state.version == record["version"]
        case Remove(version=version, pools=pools):
            if not exists or state is None or (version is not None and state.version != version):
                return False
            return all(state.pools[name] == count for name, count in (pools or {}).items())
        case Give():
            return exists


def state_of(table: Table, record: Record) -> State:
    """The state of an item that holds this record."""
    state = State()
    state.exists = True
    state.version = record.get("version")
    moment: Any = record.get("expires_at")
    state.expires_at = None if moment is None else written(moment)
    state.pools = {column: record[column] for column in pool_columns(table)}
    state.record = record
    return state


_POOL_COLUMNS: dict[str, tuple[str, ...]] = {}


def pool_columns(table: Table) -> tuple[str, ...]:
    """The pools of a table's records."""
    found = _POOL_COLUMNS.get(table.name)
    if found is None:
        found = _POOL_COLUMNS[table.name] = tuple(c.name for c in table.columns if c.kind is Kind.POOL)
    return found
