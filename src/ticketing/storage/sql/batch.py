"""Which commits of a batch hold, decided in order of arrival against what was read, and what is to be written for them.

Pure: the adapter reads the states before and runs the statements after, in one transaction, so that nothing moves in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
from ticketing.base.tables import Key, Record, Table
from ticketing.base.times import written

ItemName: TypeAlias = tuple[str, Key]


class State:
    """What conditions look at, of one item: whether it exists, its version, its expiry (as text) and its pools.

    `record` is what stands there apart from version and pools, where that is known without reading: a commit of this batch stored
    it, or a conflict showed it. Then it says the expiry, too.
    """

    __slots__ = ("exists", "expires_at", "pools", "record", "version")

    def __init__(self) -> None:
        self.exists = False
        self.version: int | None = None
        self.expires_at: str | None = None
        self.pools: dict[str, int] | None = None
        self.record: Record | None = None


@dataclass(slots=True)
class Writes:
    """What is to be written for the commits that hold, by table, in an order in which it can be run."""

    removes: dict[Table, list[Key]] = field(default_factory=dict)
    inserts: dict[Table, list[Record]] = field(default_factory=dict)
    claims: dict[Table, list[Record]] = field(default_factory=dict)
    replaces: dict[Table, list[Record]] = field(default_factory=dict)
    moves: dict[tuple[Table, str], dict[Key, int]] = field(default_factory=dict)
    structural: dict[ItemName, Record | None] = field(default_factory=dict)
    """Items whose row is inserted, replaced or removed, with the row that will stand there. A second change of the row waits
    for the next round of writes."""

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
        for change in changes:
            kind = type(change)
            if kind is Insert:
                if (change.table.name, change.key) in structural:
                    return True
            elif (kind is Claim or kind is Replace or kind is Remove) and (
                (change.table.name, change.key) in structural or self._moves_pending(change)
            ):
                return True
        return False

    def _moves_pending(self, change: Change) -> bool:
        return bool(change.table.pool_columns) and any(
            table is change.table and change.key in differences for (table, _), differences in self.writes.moves.items()
        )

    def failing(self, changes: Sequence[Change]) -> Change | None:
        """The first change that does not hold, or None where all do. What is planned was written if `needs_round`."""
        states = self.states
        for change in changes:
            state = states.get((change.table.name, change.key))
            if type(change) is Insert:
                if state is not None and state.exists:
                    return change
            elif not holds(change, state):
                return change
        return None

    def accept(self, changes: Sequence[Change]) -> None:
        """All of these changes are planned, and later commits of the batch see them."""
        writes = self.writes
        states = self.states
        for change in changes:
            table = change.table
            key = change.key
            name = (table.name, key)
            match change:
                case Insert(record=record):
                    _listed(writes.inserts, table).append(record)
                    writes.structural[name] = None
                    states[name] = state_of(table, record)
                case Claim(record=record):
                    _listed(writes.claims, table).append(record)
                    writes.structural[name] = None
                    states[name] = state_of(table, record)
                case Take(pool=pool, count=count, initial=initial):
                    state = states[name]
                    if not state.exists:
                        assert initial is not None
                        record = dict(initial)
                        _listed(writes.inserts, table).append(record)
                        writes.structural[name] = record
                        states[name] = state = state_of(table, record)
                    self._move(table, pool.column, name, -count)
                    assert state.pools is not None
                    state.pools[pool.column] -= count
                case Give(pool=pool, count=count):
                    self._move(table, pool.column, name, count)
                    pools = states[name].pools
                    assert pools is not None
                    pools[pool.column] += count
                case Replace(record=record, pools=differences):
                    _listed(writes.replaces, table).append(record)
                    writes.structural[name] = None
                    pools = states[name].pools
                    states[name] = state = state_of(table, record)
                    state.version = record["version"] + 1
                    state.pools = pools
                    for column, difference in (differences or {}).items():
                        self._move(table, column, name, difference)
                        assert pools is not None
                        pools[column] += difference
                case Remove():
                    _listed(writes.removes, table).append(key)
                    writes.structural[name] = None
                    states[name] = State()
                case Check():
                    pass

    def _move(self, table: Table, column: str, name: ItemName, difference: int) -> None:
        waiting = self.writes.structural.get(name)
        if waiting is not None:  # begun in this batch: the row is inserted with what is left
            waiting[column] += difference
            return
        differences = self.writes.moves.get((table, column))
        if differences is None:
            differences = self.writes.moves[table, column] = {}
        differences[name[1]] = differences.get(name[1], 0) + difference


def _listed(parts: dict[Table, list[Any]], table: Table) -> list[Any]:
    found = parts.get(table)
    if found is None:
        found = parts[table] = []
    return found


def holds(change: Change, state: State | None) -> bool:
    """Whether a change holds on an item in this state (None: it was not read, hence does not exist)."""
    exists = state is not None and state.exists
    match change:
        case Take(pool=pool, count=count, down_to=down_to, version=version, initial=initial):
            if not exists:
                return initial is not None and version is None and initial[pool.column] - count >= down_to
            assert state is not None
            return (version is None or state.version == version) and _pool(state, pool.column) - count >= down_to
        case Claim(now=now):
            if not exists:
                return True
            assert state is not None
            ends = _end(state)
            return ends is not None and ends <= written(now)
        case Insert():
            return not exists
        case Check(version=version):
            return exists and state is not None and state.version == version
        case Replace(record=record, only_at=only_at):
            if not exists or state is None or state.version != record["version"]:
                return False
            return all(_pool(state, name) == count for name, count in (only_at or {}).items())
        case Remove(version=version, pools=pools):
            if not exists or state is None or (version is not None and state.version != version):
                return False
            return all(_pool(state, name) == count for name, count in (pools or {}).items())
        case Give():
            return exists


def _end(state: State) -> str | None:
    if state.record is None:
        return state.expires_at
    moment: datetime | None = state.record["expires_at"]
    return None if moment is None else written(moment)


def _pool(state: State, column: str) -> int:
    assert state.pools is not None
    return state.pools[column]


def state_of(table: Table, record: Record) -> State:
    """The state of an item that holds this record."""
    state = State()
    state.exists = True
    state.record = record
    if table.versioned:
        state.version = record["version"]
    columns = table.pool_columns
    if columns:
        state.pools = {column: record[column] for column in columns}
    return state
