"""Which actions of one transaction some commits come to, in order of arrival, by what is known of the items they meet.

Pure: the engine sends the actions and comes back with what a refused one met. Each action holds by itself exactly where every
change in it would hold one after another, so that nothing has to be read first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, assert_never

from ticketing.base.bounds import CHANGES_PER_COMMIT_MAX
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Remove, Replace, Take
from ticketing.base.store import Conflict
from ticketing.base.tables import Kind, Record, Table, attribute_name
from ticketing.base.times import written
from ticketing.schema.tables import LISTINGS
from ticketing.storage.dynamo.schema import made_indexes, partition_attribute, table_name
from ticketing.storage.dynamo.values import (
    FOREIGN_VERSION,
    Attribute,
    attribute_of,
    helpers_of,
    item_of,
    key_item,
    lacking,
)
from ticketing.storage.sql.batch import State, holds, state_of

Known: TypeAlias = dict[str, Record | None]
"""What was seen of items, by `Change.item`; None: there was none."""
Action: TypeAlias = dict[str, Any]
"""One action as TransactWriteItems takes it."""

TRANSACTION_BYTES_MAX: Final = 3 * 1024 * 1024
"""Several commits are put together up to so much; one by itself may have all that DynamoDB takes."""
ACTIONS_MAX: Final = CHANGES_PER_COMMIT_MAX


class Expression:
    """The names and values that the expressions of one action stand on."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attribute] = {}
        self._placed: dict[str, str] = {}

    def name(self, attribute: str) -> str:
        """The placeholder of an attribute's name."""
        placed = self._placed.get(attribute)
        if placed is None:
            placed = self._placed[attribute] = f"#{len(self.names)}"
            self.names[placed] = attribute
        return placed

    def value(self, value: Attribute) -> str:
        """A placeholder of a value."""
        placed = f":{len(self.values)}"
        self.values[placed] = value
        return placed

    def number(self, value: int) -> str:
        """A placeholder of a number."""
        return self.value({"N": str(value)})

    def exists(self, table: Table) -> str:
        """The condition that there is an item."""
        return f"attribute_exists({self.name(attribute_name(table.key[0]))})"

    def is_free(self, table: Table) -> str:
        """The condition that there is no item."""
        return f"attribute_not_exists({self.name(attribute_name(table.key[0]))})"

    def has_version(self, table: Table, version: int) -> str:
        """The condition that the item has this version; one that Ticket never wrote has none."""
        name = self.name("Version")
        if version == FOREIGN_VERSION:
            return f"{self.exists(table)} AND attribute_not_exists({name})"
        return f"{name} = {self.number(version)}"

    def pool_is(self, table: Table, column: str, count: int) -> str:
        """The condition that a pool is exactly so."""
        return self._pool(table, column, "=", count, lacking_holds=_lacking(table, column) == count)

    def pool_has(self, table: Table, column: str, count: int) -> str:
        """The condition that a pool has at least so much."""
        return self._pool(table, column, ">=", count, lacking_holds=_lacking(table, column) >= count)

    def _pool(self, table: Table, column: str, sign: str, count: int, *, lacking_holds: bool) -> str:
        del table
        name = self.name(attribute_name(column))
        condition = f"{name} {sign} {self.number(count)}"
        return f"({condition} OR attribute_not_exists({name}))" if lacking_holds else condition

    def is_as(self, table: Table, record: Record | None) -> list[str]:
        """The conditions that version and pools are those of this record."""
        if record is None:
            return [self.is_free(table)]
        conditions = [self.pool_is(table, column, record[column]) for column in table.pool_columns]
        if table.versioned:
            conditions.append(self.has_version(table, record["version"]))
        return conditions or [self.exists(table)]

    def added(self, attribute: str, difference: int, begins: int) -> str:
        """The assignment that a number changes by so much; where there is none, it begins at `begins`."""
        name = self.name(attribute)
        return f"{name} = if_not_exists({name}, {self.number(begins)}) + {self.number(difference)}"

    def action(self, kind: str, target: Mapping[str, Any], conditions: Iterable[str], update: str = "") -> Action:
        """The action as DynamoDB takes it, which tells what it met where its conditions do not hold."""
        made = {
            **target,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": self.names,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if update:
            made["UpdateExpression"] = update
        if self.values:
            made["ExpressionAttributeValues"] = self.values
        return {kind: made}


def _lacking(table: Table, column: str) -> int:
    count = lacking(table, table.by_name[column])
    assert isinstance(count, int)
    return count


class Alone:
    """A change that stands for its item by itself: an insert, claim, replacement or removal."""

    def __init__(self, change: Insert | Claim | Replace | Remove) -> None:
        self.change = change
        self.table = change.table
        self.exactly: Record | None = None

    def merge(self, change: Change) -> bool:
        """False: nothing else goes into the same action."""
        del change
        return False

    def expect(self, record: Record | None) -> None:
        """The action is to hold only where the item is as in `record`: somebody was refused because of that."""
        if isinstance(self.change, Replace):
            self.exactly = record

    def action(self, prefix: str) -> Action:
        """The action of the transaction."""
        change = self.change
        table = change.table
        said = Expression()
        where = {"TableName": table_name(table, prefix)}
        match change:
            case Insert(record=record):
                return said.action("Put", {**where, "Item": item_of(table, record)}, [said.is_free(table)])
            case Claim(record=record, now=now):
                ends = f"{said.name('ExpiresAt')} <= {said.value({'S': written(now)})}"
                condition = f"({said.is_free(table)} OR {ends})"
                return said.action("Put", {**where, "Item": item_of(table, record)}, [condition])
            case Remove(version=version, pools=pools):
                conditions = [said.exists(table) if version is None else said.has_version(table, version)]
                conditions += [said.pool_is(table, name, count) for name, count in (pools or {}).items()]
                return said.action("Delete", {**where, "Key": key_item(table, change.key)}, conditions)
            case Replace():
                return self._replacing(change, said, {**where, "Key": key_item(table, change.key)})
            case _:
                assert_never(change)

    def _replacing(self, change: Replace, said: Expression, target: Mapping[str, Any]) -> Action:
        table, record = change.table, change.record
        conditions = [said.has_version(table, record["version"])]
        conditions += [said.pool_is(table, name, count) for name, count in (change.only_at or {}).items()]
        if self.exactly is not None:
            conditions += [said.pool_is(table, column, self.exactly[column]) for column in table.pool_columns]
        assigned: list[str] = []
        dropped: list[str] = []
        for column in table.columns:
            name, value = column.name, record[column.name]
            if name in table.key:
                continue
            attribute = attribute_name(name)
            if column.kind is Kind.POOL:
                difference = (change.pools or {}).get(name, 0)
                if difference or record["version"] == FOREIGN_VERSION:
                    assigned.append(said.added(attribute, difference, _lacking(table, name)))
            elif name == "version":
                assigned.append(f"{said.name(attribute)} = {said.number(value + 1)}")
            elif value is None:
                dropped.append(said.name(attribute))
            else:
                assigned.append(f"{said.name(attribute)} = {said.value(attribute_of(column.kind, value))}")
        helpers = helpers_of(table, record)
        for attribute, helper in helpers.items():
            assigned.append(f"{said.name(attribute)} = {said.value(helper)}")
        spread = {partition_attribute(index) for index in made_indexes(table) if index.spread > 1}
        dropped += [said.name(attribute) for attribute in sorted(spread.difference(helpers))]
        update = f"SET {', '.join(assigned)}" + (f" REMOVE {', '.join(dropped)}" if dropped else "")
        return said.action("Update", target, conditions, update)


class Counted:
    """Takes, gifts and checks of one item, which together are one action that holds where each of them would in its turn."""

    def __init__(self, change: Take | Give | Check) -> None:
        self.table = change.table
        self.key = change.key
        self.version: int | None = None
        self.differences: dict[str, int] = {}
        self.least: dict[str, int] = {}
        """What each pool must have before any of it."""
        self.initial: Record | None = None
        self.begins = False
        """Whether all of it would hold on a pool that begins as `initial`."""
        self.guard: tuple[Record | None] | None = None
        if isinstance(change, Take) and change.version is None and _can_begin(change):
            self.initial = change.initial
            self.begins = True
        self.merge(change)

    def merge(self, change: Change) -> bool:
        """Whether the change is part of the action now; False leaves it as it was."""
        if not isinstance(change, Take | Give | Check):
            return False
        version = change.version
        if version is not None:
            if self.version not in (None, version):
                return False
            self.version = version
            self.begins = self.begins and self.initial is not None and self.initial.get("version") == version
        if isinstance(change, Check):
            return True
        column = change.pool.column
        before = self.differences.get(column, 0)
        if isinstance(change, Give):
            self.differences[column] = before + change.count
            return True
        after = before - change.count
        self.differences[column] = after
        needed = change.down_to - after
        self.least[column] = max(self.least.get(column, needed), needed)
        if self.initial is not None and self.initial[column] < self.least[column]:
            self.begins = False
        return True

    def expect(self, record: Record | None) -> None:
        """The action is to hold only where the item is as in `record`: somebody was refused because of that."""
        self.guard = (record,)

    def action(self, prefix: str) -> Action:
        """The action of the transaction."""
        table = self.table
        said = Expression()
        target = {"TableName": table_name(table, prefix), "Key": key_item(table, self.key)}
        if not self.differences:
            return said.action("ConditionCheck", target, self._stands(said))
        if not self.begins:
            conditions = self._stands(said)
        elif self.guard is None:
            conditions = [f"({said.is_free(table)} OR ({' AND '.join(self._stands(said))}))"]
        else:
            conditions = [said.is_free(table)] if self.guard[0] is None else self._stands(said)
        return said.action("Update", target, conditions, self._update(said))

    def _stands(self, said: Expression) -> list[str]:
        table = self.table
        conditions = [said.exists(table)] if self.version is None else [said.has_version(table, self.version)]
        conditions += [said.pool_has(table, column, count) for column, count in self.least.items()]
        if self.guard is not None:
            conditions += said.is_as(table, self.guard[0])
        return conditions

    def _update(self, said: Expression) -> str:
        table = self.table
        initial = self.initial if self.begins else None
        assigned = []
        for column, difference in self.differences.items():
            begins = _lacking(table, column) if initial is None else initial[column]
            assigned.append(said.added(attribute_name(column), difference, begins))
        if initial is not None:
            whole = item_of(table, initial)
            for attribute in [*map(attribute_name, (*table.key, *self.differences))]:
                del whole[attribute]
            for attribute, value in whole.items():
                name = said.name(attribute)
                assigned.append(f"{name} = if_not_exists({name}, {said.value(value)})")
        return f"SET {', '.join(assigned)}"


def _can_begin(change: Take) -> bool:
    """Whether `if_not_exists` says the same of each attribute as it does of the item: none that an item may lack is set."""
    initial, table = change.initial, change.table
    return initial is not None and all(initial[column.name] is None for column in table.columns if column.nullable)


Folded: TypeAlias = Alone | Counted


@dataclass(slots=True)
class Plan:
    """What goes into the next transaction, and what is told to whom once it went through."""

    actions: dict[str, Folded] = field(default_factory=dict)
    accepted: list[int] = field(default_factory=list)
    refused: dict[int, Conflict] = field(default_factory=dict)
    deferred: list[int] = field(default_factory=list)
    """Commits for a later transaction: there is no room, or they change again what this one changes."""
    listings: set[str] = field(default_factory=set)
    """Events whose listings are written."""
    unseen: dict[str, Change] = field(default_factory=dict)
    """Changes before a refused one, by their items, of which nobody knows whether they hold: the first that fails is to be named."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A commit that waits: its place among those given, its changes, and about how many bytes it writes."""

    place: int
    changes: Sequence[Change]
    size: int


def plan(waiting: Sequence[Waiting], known: Mapping[str, Record | None]) -> Plan:
    """The next transaction for these commits, by what is known of items; of all others every change is taken to hold.

    A commit never overtakes another one that it shares an item with.
    """
    made = Plan()
    seen: Known = dict(known)
    moved: set[str] = set()
    blocked: set[str] = set()
    size = 0
    for commit in waiting:
        items = {change.item for change in commit.changes}
        if blocked and not blocked.isdisjoint(items):
            blocked |= items
            made.deferred.append(commit.place)
            continue
        failed = next((change for change in commit.changes if not _may_hold(change, seen)), None)
        if failed is not None:
            if failed.item in moved:  # refused because of those before it, whose turn is not over
                made.actions[failed.item].expect(known[failed.item])
            for change in commit.changes[: commit.changes.index(failed)]:
                if change.item not in seen:
                    made.unseen[change.item] = change
            made.refused[commit.place] = Conflict(failed, _copy(seen[failed.item]))
            continue
        if not _fits(made, commit, size) or not _merged(made, commit.changes, seen):
            blocked |= items
            made.deferred.append(commit.place)
            continue
        size += commit.size
        made.accepted.append(commit.place)
        for change in commit.changes:
            if change.table is LISTINGS and not isinstance(change, Check):
                made.listings.add(change.key[0])
            if change.item in seen and not isinstance(change, Check):
                seen[change.item] = after(change, seen[change.item])
                moved.add(change.item)
    return made


def _may_hold(change: Change, seen: Known) -> bool:
    if change.item not in seen:
        return True
    record = seen[change.item]
    return holds(change, State() if record is None else state_of(change.table, record))


def _copy(record: Record | None) -> Record | None:
    return None if record is None else dict(record)


def _fits(made: Plan, commit: Waiting, size: int) -> bool:
    if not made.actions:
        return True
    new = sum(change.item not in made.actions for change in commit.changes)
    noted = bool(made.listings) or any(change.table is LISTINGS for change in commit.changes)
    return len(made.actions) + new + noted <= ACTIONS_MAX and size + commit.size <= TRANSACTION_BYTES_MAX


def _merged(made: Plan, changes: Sequence[Change], seen: Known) -> bool:
    """Whether all of these changes are in the plan's actions now; False leaves the plan as it was."""
    met = [change for change in changes if change.item in made.actions]
    if any(not _goes_with(made.actions[change.item], change) for change in met):
        return False
    for change in changes:
        folded = made.actions.get(change.item)
        if folded is None:
            made.actions[change.item] = _begun(change, seen)
        else:
            assert folded.merge(change)
    return True


def _goes_with(folded: Folded, change: Change) -> bool:
    if isinstance(folded, Alone) or not isinstance(change, Take | Give | Check):
        return False
    version = change.version
    return version is None or folded.version is None or folded.version == version


def _begun(change: Change, seen: Known) -> Folded:
    if isinstance(change, Insert | Claim | Replace | Remove):
        return Alone(change)
    if isinstance(change, Take) and change.initial is not None and not _can_begin(change) and _is_absent(change, seen):
        # There is none, as was seen: what it begins with is inserted as it stands.
        begun = dict(change.initial)
        begun[change.pool.column] -= change.count
        return Alone(Insert(change.table, begun))
    return Counted(change)


def _is_absent(change: Change, seen: Known) -> bool:
    return change.item in seen and seen[change.item] is None


def after(change: Change, record: Record | None) -> Record | None:
    """The item after a change that holds on it."""
    match change:
        case Insert(record=stored) | Claim(record=stored):
            return dict(stored)
        case Remove():
            return None
        case Check():
            return record
        case Take(pool=pool, count=count, initial=initial):
            begun = initial if record is None else record
            assert begun is not None
            return begun | {pool.column: begun[pool.column] - count}
        case Give(pool=pool, count=count):
            assert record is not None
            return record | {pool.column: record[pool.column] + count}
        case Replace(table=table, record=stored, pools=pools):
            assert record is not None
            counts = {name: record[name] + (pools or {}).get(name, 0) for name in table.pool_columns}
            return stored | counts | {"version": stored["version"] + 1}
        case _:
            assert_never(change)
