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

ItemName: TypeAlias = str
"""What `base/changes.py:item_name` makes of a table and a key."""


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
        self._stored: dict[ItemName, Change] = {}
        """Inserts and claims that were accepted: their states are made when somebody asks, which is seldom."""

    def state(self, name: ItemName) -> State | None:
        """The state of an item as the batch has it by now; None where it was not read and is taken not to exist."""
        stored = self._stored.pop(name, None) if self._stored else None
        if stored is not None:
            assert isinstance(stored, Insert | Claim)
            self.states[name] = state_of(stored.table, stored.record)
        return self.states.get(name)

    def needs_round(self, changes: Sequence[Change]) -> bool:
        """Whether what is planned must be written before this commit can be planned: it changes the same rows again.

        An insert never needs it: where it holds, the row is not there or is planned to be removed, and removals are run first.
        """
        structural = self.writes.structural
        for change in changes:
            kind = type(change)
            if (kind is Claim or kind is Replace or kind is Remove) and (
                change.item in structural or self._moves_pending(change)
            ):
                return True
        return False

    def _moves_pending(self, change: Change) -> bool:
        return bool(change.table.pool_columns) and any(
            table is change.table and change.key in differences for (table, _), differences in self.writes.moves.items()
        )

    def failing(self, changes: Sequence[Change]) -> Change | None:
        """The first change that does not hold, or None where all do. What is planned was written if `needs_round`."""
        for change in changes:
            if not holds(change, self.state(change.item)):
                return change
        return None

    def accept(self, changes: Sequence[Change]) -> None:
        """All of these changes are planned, and later commits of the batch see them."""
        writes = self.writes
        states = self.states
        for change in changes:
            table = change.table
            key = change.key
            name = change.item
            if isinstance(change, Insert):
                _listed(writes.inserts, table).append(change.record)
                writes.structural[name] = None
                self._stored[name] = change
            elif isinstance(change, Take):
                state = states[name]
                column = change.pool.column
                if not state.exists:
                    assert change.initial is not None
                    record = dict(change.initial)
                    _listed(writes.inserts, table).append(record)
                    writes.structural[name] = record
                    states[name] = state = state_of(table, record)
                self._move(change, table, column, -change.count)
                assert state.pools is not None
                state.pools[column] -= change.count
            elif isinstance(change, Claim):
                _listed(writes.claims, table).append(change.record)
                writes.structural[name] = None
                self._stored[name] = change
            elif isinstance(change, Give):
                self._move(change, table, change.pool.column, change.count)
                pools = states[name].pools
                assert pools is not None
                pools[change.pool.column] += change.count
            elif isinstance(change, Replace):
                record = change.record
                _listed(writes.replaces, table).append(record)
                writes.structural[name] = None
                pools = states[name].pools
                states[name] = state = state_of(table, record)
                state.version = record["version"] + 1
                state.pools = pools
                for column, difference in (change.pools or {}).items():
                    self._move(change, table, column, difference)
                    assert pools is not None
                    pools[column] += difference
            elif isinstance(change, Remove):
                _listed(writes.removes, table).append(key)
                writes.structural[name] = None
                states[name] = State()

    def _move(self, change: Change, table: Table, column: str, difference: int) -> None:
        waiting = self.writes.structural.get(change.item)
        if waiting is not None:  # begun in this batch: the row is inserted with what is left
            waiting[column] += difference
            return
        differences = self.writes.moves.get((table, column))
        if differences is None:
            differences = self.writes.moves[table, column] = {}
        differences[change.key] = differences.get(change.key, 0) + difference


def _listed(parts: dict[Table, list[Any]], table: Table) -> list[Any]:
    found = parts.get(table)
    if found is None:
        found = parts[table] = []
    return found


def holds(change: Change, state: State | None) -> bool:
    """Whether a change holds on an item in this state (None: it was not read, hence does not exist)."""
    # Told apart by isinstance, the most frequent first: a match on classes costs three times as much here.
    if isinstance(change, Insert):
        return state is None or not state.exists
    if state is None or not state.exists:
        if isinstance(change, Claim):
            return True
        if isinstance(change, Take) and change.initial is not None and change.version is None:
            return bool(change.initial[change.pool.column] - change.count >= change.down_to)
        return False
    if isinstance(change, Take):
        if change.version is not None and state.version != change.version:
            return False
        return _pool(state, change.pool.column) - change.count >= change.down_to
    if isinstance(change, Claim):
        ends = _end(state)
        return ends is not None and ends <= written(change.now)
    if isinstance(change, Check):
        return state.version == change.version
    if isinstance(change, Replace):
        if state.version != change.record["version"]:
            return False
        return all(_pool(state, name) == count for name, count in (change.only_at or {}).items())
    if isinstance(change, Remove):
        if change.version is not None and state.version != change.version:
            return False
        return all(_pool(state, name) == count for name, count in (change.pools or {}).items())
    return change.version is None or state.version == change.version  # Give, of a pool that exists


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
