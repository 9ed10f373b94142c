"""Folds commits into one statement's worth of guarded writes: at most one write for each row, each with the condition under which it holds.

Pure. What is folded together holds together or not at all; why it did not is for whoever reads to find out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
from ticketing.base.tables import Key, Record, Table

ItemName: TypeAlias = str


@dataclass(slots=True)
class Move:
    """What several Takes, Gives and Checks of one row come to.

    `deltas` are what each pool changes by; `needs` what it must hold before, so that each Take in turn finds enough; `exact` what
    it must hold before and nothing else. A row that does not exist begins as `initial`, with the deltas applied.
    """

    table: Table
    key: Key
    version: int | None = None
    deltas: dict[str, int] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)
    exact: dict[str, int] = field(default_factory=dict)
    initial: Record | None = None

    def takes(self, change: Take | Give) -> bool:
        """Whether a Take or Give can join what is here."""
        if self.initial is not None and change.version is not None:
            return False
        return change.version is None or self.version is None or self.version == change.version

    def add(self, change: Take | Give | Check) -> None:
        """The change joins."""
        if isinstance(change, Check):
            self.version = change.version
            return
        column = change.pool.column
        before = self.deltas.get(column, 0)
        if change.version is not None:
            self.version = change.version
        if isinstance(change, Give):
            self.deltas[column] = before + change.count
            return
        self.deltas[column] = before - change.count
        need = change.down_to + change.count - before
        self.needs[column] = max(need, self.needs.get(column, need))

    def begun(self) -> Record | None:
        """The row as it begins, or None where it must exist or could not begin so."""
        if self.initial is None or any(self.initial[column] < need for column, need in self.needs.items()):
            return None
        return self.initial | {column: self.initial[column] + delta for column, delta in self.deltas.items()}


_WHOLE: Final = object()
"""Stands for a row that is inserted, replaced or removed: nothing joins that."""


@dataclass(slots=True)
class Fold:
    """Commits that were folded together, by what is to be done to which table."""

    inserts: dict[Table, list[Record]] = field(default_factory=dict)
    claims: dict[Table, list[Claim]] = field(default_factory=dict)
    replaces: dict[Table, list[Replace]] = field(default_factory=dict)
    removes: dict[Table, list[Remove]] = field(default_factory=dict)
    moves: dict[Table, list[Move]] = field(default_factory=dict)
    items: dict[ItemName, Any] = field(default_factory=dict)

    def take_in(self, changes: Sequence[Change]) -> bool:
        """The commit is folded in, or, where it changes a row again that another changed, nothing is done and it is False."""
        items = self.items
        for change in changes:
            found = items.get(change.item)
            if found is not None and not _joins(change, found):
                return False
        for change in changes:
            table = change.table
            if isinstance(change, Insert):
                items[change.item] = _WHOLE
                self.inserts.setdefault(table, []).append(change.record)
            elif isinstance(change, Take | Give | Check):
                move = items.get(change.item)
                if move is None:
                    move = items[change.item] = Move(table, change.key)
                    self.moves.setdefault(table, []).append(move)
                    if isinstance(change, Take) and change.version is None:
                        move.initial = change.initial
                move.add(change)
            elif isinstance(change, Claim):
                items[change.item] = _WHOLE
                self.claims.setdefault(table, []).append(change)
            elif isinstance(change, Replace):
                items[change.item] = _WHOLE
                self.replaces.setdefault(table, []).append(change)
            else:
                items[change.item] = _WHOLE
                self.removes.setdefault(table, []).append(change)
        return True

    def pin(self, item: ItemName, pools: dict[str, int] | None) -> None:
        """What is folded holds only if the pools of this row are now, with all of it applied, exactly so (None: it began here)."""
        move = self.items.get(item)
        if not isinstance(move, Move) or not move.deltas:
            return
        for column, count in (pools or {}).items():
            move.exact[column] = count - move.deltas.get(column, 0)


def _joins(change: Change, found: object) -> bool:
    if not isinstance(found, Move):
        return False
    if isinstance(change, Take | Give):
        return found.takes(change)
    return isinstance(change, Check) and found.initial is None and found.version in (None, change.version)
