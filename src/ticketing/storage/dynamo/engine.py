"""The DynamoDB engine: reads of the storage port, and `apply`, which writes commits in transactions. Knows tables, and no feature."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from heapq import merge
from itertools import chain, islice
from typing import Any, Final, TypeVar
from uuid import uuid4

import structlog

from ticketing.base.changes import Change, Claim, Insert, Replace, Take
from ticketing.base.store import ALL, Busy, Page, Range, Unsettled
from ticketing.base.tables import Index, Key, Record, Table, attribute_name
from ticketing.schema.tables import TABLES
from ticketing.storage.cursors import position_of, read_position, sort_columns, write_cursor
from ticketing.storage.dynamo.changed import change_of
from ticketing.storage.dynamo.driver import (
    CANCELLED,
    CONDITION_FAILED,
    Answer,
    Driver,
    GaveUp,
    Patient,
    Refused,
    Request,
)
from ticketing.storage.dynamo.schema import (
    PARTITION_BYTES_MAX,
    SEARCH_CHANGES,
    SORT_BYTES_MAX,
    index_name,
    is_base,
    is_written_once,
    partition_attribute,
    partition_values,
    sort_attribute,
    table_name,
)
from ticketing.storage.dynamo.transact import ACTIONS_MAX, Action, Alone, Folded, Plan, Waiting, plan
from ticketing.storage.dynamo.values import Item, item_of, key_item, record_of, sort_part, sort_text

log = structlog.get_logger()

Done = TypeVar("Done")

READERS: Final = 32
"""Reads under way at once. Each waits some milliseconds for the network, and DynamoDB does not mind."""
SPREADERS: Final = 16
"""Partitions of spread indexes that are asked at once, for all readers together."""
WRITERS: Final = 8
"""Transactions under way at once, of commits that share no item."""
KEYS_PER_READ_MAX: Final = 100
"""BatchGetItem takes no more."""
SETTLE_SECONDS: Final = 10.0
"""How long a batch of commits is decided anew because others changed what it met. Then whoever waits is told to come again."""
ACTIONS_TOGETHER: Final = 50
"""Commits that share nothing go into one transaction until it has so many actions: fewer calls, and not too much to do again."""
OUR_MISTAKES: Final = frozenset(("ValidationException", CANCELLED))
"""A whole transaction is refused with one of these because of what a single commit in it asks for."""
HIGHEST: Final = "\U0010ffff"


class DynamoEngine:
    """Reads of the storage port, and `apply`, which decides and writes a batch of commits. Safe to use from several threads."""

    def __init__(
        self,
        driver: Driver,
        tables: Sequence[Table] = TABLES,
        *,
        prefix: str = "",
        patient: Callable[[Driver], Patient] = Patient,
    ) -> None:
        self.driver = driver
        self.prefix = prefix
        self._call = patient(driver).call
        self._tables = {table.name: table for table in tables}
        self.listing_commits = 0
        """How many transactions of this process wrote listings."""
        self.beside: list[Callable[[], None]] = []
        """What is closed with the engine."""
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._spreaders = ThreadPoolExecutor(SPREADERS, thread_name_prefix="store-spreader")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="store-transaction")

    def close(self) -> None:
        """No call is under way, and connections are closed."""
        for close in self.beside:
            close()
        self._readers.shutdown()
        self._spreaders.shutdown()
        self._writers.shutdown()
        self.driver.close()

    # Reads -----------------------------------------------------------------------------------------------------------

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key as last committed, or None. Raises Busy."""
        return await self._aside(lambda: self.get_now(table, key))

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """The records of these keys, in their order. Raises Busy."""
        return await self._aside(lambda: self.get_many_now(table, keys))

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
        """Up to `limit` records of one partition in index order. Raises BadCursor, Busy."""
        assert limit >= 1
        table = self._tables[index.table]
        position = None if cursor is None else read_position(index, table, cursor)
        walk = Walk(index, table, value, within=within, position=position, descending=descending)
        return await self._aside(lambda: self._page(walk, limit))

    async def scan(self, table: Table) -> AsyncIterator[Record]:
        """Every record, in no stated order, each as it was when it was read."""
        request: Request = {"TableName": self._name(table), "ConsistentRead": True}
        while True:
            answer = await self._aside(lambda: self._call("Scan", request))
            for item in answer["Items"]:
                yield record_of(table, item)
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def scan_now(self, table: Table) -> Iterator[Record]:
        """As `scan`, in the caller's thread."""
        request: Request = {"TableName": self._name(table), "ConsistentRead": True}
        while True:
            answer = self._call("Scan", request)
            yield from (record_of(table, item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def walk_now(self, index: Index, value: str, *, within: Range, page_size: int) -> Iterator[Record]:
        """Every record of a range of an index in its order, in the caller's thread."""
        table = self._tables[index.table]
        walk = Walk(index, table, value, within=within, position=None, descending=False)
        return self._walked(walk, page_size)

    async def _aside(self, work: Callable[[], Done]) -> Done:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def get_now(self, table: Table, key: Key) -> Record | None:
        """As `get`, in the caller's thread."""
        if not _is_key(key):
            return None
        request = {"TableName": self._name(table), "Key": key_item(table, key), "ConsistentRead": True}
        item = self._call("GetItem", request).get("Item")
        return None if item is None else record_of(table, item)

    def get_many_now(self, table: Table, keys: Sequence[Key]) -> list[Record | None]:
        """As `get_many`, in the caller's thread."""
        wanted = [key for key in dict.fromkeys(keys) if _is_key(key)]
        found: dict[Key, Record] = {}
        for start in range(0, len(wanted), KEYS_PER_READ_MAX):
            for item in self._items(table, wanted[start : start + KEYS_PER_READ_MAX]):
                record = record_of(table, item)
                found[table.key_of(record)] = record
        return [_copied(found.get(key)) for key in keys]

    def _items(self, table: Table, keys: Sequence[Key]) -> Iterator[Item]:
        name = self._name(table)
        asked: dict[str, Any] = {name: {"Keys": [key_item(table, key) for key in keys], "ConsistentRead": True}}
        while asked:
            answer = self._call("BatchGetItem", {"RequestItems": asked})
            yield from answer["Responses"].get(name, ())
            asked = answer.get("UnprocessedKeys") or {}

    def _page(self, walk: "Walk", limit: int) -> Page:
        found: list[Record] = []
        for record in self._walked(walk, limit + 1):
            found.append(record)
            if len(found) > limit:
                last = position_of(found[limit - 1], sort_columns(walk.index, walk.table))
                return Page(found[:limit], write_cursor(walk.index.name, last))
        return Page(found, None)

    def _walked(self, walk: "Walk", wanted: int) -> Iterator[Record]:
        """Records in the order of the index, each as it is now; what has left its place since is left out."""
        for entries in self._entries(walk, wanted):
            if walk.holds_records:
                yield from (record_of(walk.table, item) for item in entries)
            else:
                keys = [tuple(item[name]["S"] for name in walk.key) for item in entries]
                for entry, record in zip(entries, self.get_many_now(walk.table, keys), strict=True):
                    if record is not None and walk.stands(record, entry):
                        yield record

    def _entries(self, walk: "Walk", wanted: int) -> Iterator[list[Item]]:
        """The entries of the walk in order, some at a time."""
        requests = walk.requests(self._name(walk.table), wanted)
        if len(requests) <= 1:
            for request in requests:
                yield from self._pieces(walk, request, self._call("Query", request))
            return
        answers = self._spreaders.map(lambda request: self._call("Query", request), requests)
        parts = [
            chain.from_iterable(self._pieces(walk, request, answer))
            for request, answer in zip(requests, answers, strict=True)
        ]
        merged = merge(*parts, key=walk.place, reverse=walk.descending)
        while entries := list(islice(merged, wanted)):
            yield entries

    def _pieces(self, walk: "Walk", request: Request, answer: Answer) -> Iterator[list[Item]]:
        """The entries of one partition: those that were found, and then those that follow."""
        while True:
            yield [item for item in answer["Items"] if walk.has(item)]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            answer = self._call("Query", request)

    def _name(self, table: Table) -> str:
        return table_name(table, self.prefix)

    # Writes ----------------------------------------------------------------------------------------------------------

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """Every commit that holds is stored; for each commit, None or why it did not happen.

        Commits that share an item are decided in the order given. Those that share none may be written side by side.
        """
        outcomes: list[Exception | None] = [None] * len(commits)
        waiting: list[Waiting] = []
        for place, changes in enumerate(commits):
            try:
                waiting.append(Waiting(place, changes, _size(changes)))
            except (TypeError, ValueError) as error:  # spoiled after it was looked at
                outcomes[place] = error
        groups = _groups(waiting)
        if len(groups) == 1:
            self._settle(groups[0], outcomes)
        else:
            list(self._writers.map(lambda group: self._settle(group, outcomes), groups))
        return outcomes

    def _settle(self, waiting: Sequence[Waiting], outcomes: list[Exception | None]) -> None:
        """Every commit of the group has its outcome."""
        until = time.monotonic() + SETTLE_SECONDS
        left = {commit.place: commit for commit in waiting}
        known: dict[str, Record | None] = {}
        while left:
            made = plan(list(left.values()), known)
            try:
                if time.monotonic() > until:
                    raise Busy
                if made.unseen:
                    known.update(self._seen(made.unseen.values()))
                    continue
                met = self._write(made, left) if made.actions else {}
            except Refused as error:
                self._settle_apart(left, outcomes, error)
                return
            except Exception as error:  # each commit of the transaction shares its fate
                for place in left:
                    outcomes[place] = error
                return
            if met:
                known.update(met)
                continue
            for place in made.accepted:
                del left[place]
            for place, conflict in made.refused.items():
                outcomes[place] = conflict
                del left[place]
            for item in made.actions:
                known.pop(item, None)

    def _settle_apart(self, left: Mapping[int, Waiting], outcomes: list[Exception | None], error: Refused) -> None:
        """One commit among them may be wrong, for which the others must not pay: it is found by halves."""
        places = list(left)
        if error.code not in OUR_MISTAKES:
            outcome: Exception = error
        elif len(places) == 1:
            outcome = AssertionError(f"a commit that DynamoDB does not take: {error}")
        else:
            middle = len(places) // 2
            for half in (places[:middle], places[middle:]):
                self._settle([left[place] for place in half], outcomes)
            return
        for place in places:
            outcomes[place] = outcome

    def _write(self, made: Plan, left: Mapping[int, Waiting]) -> dict[str, Record | None]:
        """Nothing, once the plan's transaction went through; else what those of its actions met that did not hold."""
        folded = list(made.actions.items())
        actions = [action.action(self.prefix) for _, action in folded]
        late: list[Action] = []
        if made.listings:
            now = datetime.now(UTC)
            note = Alone(Insert(SEARCH_CHANGES, change_of(made.listings, now=now))).action(self.prefix)
            (actions if len(actions) < ACTIONS_MAX else late).append(note)
        assert len(actions) <= ACTIONS_MAX
        try:
            self._transact(actions)
            if late:  # there was no room for it: the search hears of it a moment later
                self._transact(late)
        except Refused as error:
            met = _met(error, folded)
            if not met:
                raise
            return met
        except GaveUp as error:
            if error.is_unknown:
                self._find_out([left[place].changes for place in made.accepted])
                return {}
            raise Busy from error
        self.listing_commits += bool(made.listings)
        return {}

    def _transact(self, actions: Sequence[Action]) -> None:
        self._call("TransactWriteItems", {"ClientRequestToken": str(uuid4()), "TransactItems": actions})

    def _find_out(self, commits: Iterable[Sequence[Change]]) -> None:
        """Nothing, where the transaction of these commits happened; raises Busy where it did not, Unsettled where nobody knows.

        A record that was to be inserted tells: it stands there as it was sent, or there is none.
        """
        inserts = [change for changes in commits for change in changes if isinstance(change, Insert)]
        if not inserts:
            raise Unsettled  # the answer was lost, and nothing was inserted that could tell
        change = inserts[0]
        try:
            found = self.get_now(change.table, change.key)
        except Busy as error:
            raise Unsettled from error
        if found is None:
            raise Busy
        sent = record_of(change.table, item_of(change.table, change.record))
        moving = {"version", *change.table.pool_columns}
        if any(found[name] != sent[name] for name in change.table.column_names if name not in moving):
            raise Unsettled  # the answer was lost, and what was inserted was changed since

    def _seen(self, changes: Iterable[Change]) -> dict[str, Record | None]:
        """The items of these changes as they are."""
        by_table: dict[Table, list[Change]] = {}
        for change in changes:
            by_table.setdefault(change.table, []).append(change)
        seen: dict[str, Record | None] = {}
        for table, asked in by_table.items():
            records = self.get_many_now(table, [change.key for change in asked])
            seen.update({change.item: record for change, record in zip(asked, records, strict=True)})
        return seen


def _met(error: Refused, folded: Sequence[tuple[str, Folded]]) -> dict[str, Record | None]:
    """What the actions met whose conditions failed, by item."""
    met: dict[str, Record | None] = {}
    for (name, action), reason in zip(folded, error.reasons, strict=False):
        if reason.get("Code") == CONDITION_FAILED:
            item = reason.get("Item")
            table = action.table
            met[name] = record_of(table, item) if item else None
    return met


def _groups(waiting: Sequence[Waiting]) -> list[list[Waiting]]:
    """The commits in groups that share no item, each in order of arrival; small groups are put together."""
    leader: dict[int, int] = {}
    by_item: dict[str, int] = {}

    def leader_of(place: int) -> int:
        while leader[place] != place:
            leader[place] = place = leader[leader[place]]
        return place

    for commit in waiting:
        leader[commit.place] = commit.place
        for change in commit.changes:
            other = by_item.setdefault(change.item, commit.place)
            first, second = sorted((leader_of(other), leader_of(commit.place)))
            leader[second] = first
    bound: dict[int, list[Waiting]] = {}
    for commit in waiting:
        bound.setdefault(leader_of(commit.place), []).append(commit)
    groups: list[list[Waiting]] = []
    room = 0
    for together in bound.values():
        actions = sum(len(commit.changes) for commit in together)
        if groups and actions <= room:
            groups[-1] += together
            room -= actions
        else:
            groups.append(list(together))
            room = ACTIONS_TOGETHER - actions
    return groups


def _size(changes: Sequence[Change]) -> int:
    """About how many bytes the changes send. Raises TypeError for what cannot be written at all."""
    size = 0
    for change in changes:
        record = (
            change.record
            if isinstance(change, Insert | Claim | Replace)
            else change.initial
            if isinstance(change, Take)
            else None
        )
        if record is not None:
            item = item_of(change.table, record)
            size += sum(len(name) + len(str(held)) for name, held in item.items())
    return size


def _is_key(key: Key) -> bool:
    """Whether an item can have this key; clients send anything."""
    try:
        sizes = [len(part.encode()) for part in key]
    except UnicodeEncodeError:
        return False
    bounds = (PARTITION_BYTES_MAX, SORT_BYTES_MAX)
    return all(0 < size <= bound for size, bound in zip(sizes, bounds, strict=False))


def _copied(record: Record | None) -> Record | None:
    return None if record is None else dict(record)


class Walk:
    """One walk along an index: where it begins, where it ends, and what belongs to it.

    DynamoDB takes one condition on the order, and no text past its bounds; what lies just outside is left out here.
    """

    def __init__(
        self,
        index: Index,
        table: Table,
        value: str,
        *,
        within: Range,
        position: list[Any] | None,
        descending: bool,
    ) -> None:
        self.index = index
        self.table = table
        self.key = tuple(map(attribute_name, table.key))
        self._value = value
        self.descending = descending
        self._sort = sort_attribute(table, index.name)
        self._partition = partition_attribute(index)
        self._is_base = is_base(table, index)
        self.holds_records = self._is_base or is_written_once(table)
        kind = table.by_name[self._sort.columns[0]].kind
        self._start = "" if within.start is None else sort_part(kind, within.start)
        self._end = None if within.end is None else sort_part(kind, within.end)
        self._after = None if position is None else sort_text(table, self._sort.columns, position)

    def requests(self, name: str, wanted: int) -> list[Request]:
        """What DynamoDB is asked, partition by partition; nothing where there can be nothing."""
        if not _is_key((self._value,)):
            return []
        found = [self._request(name, wanted, value) for value in partition_values(self.index, self._value)]
        return [request for request in found if request is not None]

    def _request(self, name: str, wanted: int, value: str) -> Request | None:
        low, high = self._start, self._end
        if self._after is not None:
            if self.descending:
                high = self._after if high is None else min(high, self._after)
            else:
                low = max(low, self._after)
        if high is not None and (high == "" or low > high):
            return None
        condition, values = "#p = :p", {":p": {"S": value}}
        names = {"#p": self._partition}
        if low:
            values[":l"] = {"S": _cut(low)}
        if high is not None:
            values[":h"] = {"S": _cut(high, HIGHEST)}
        if low and high is not None:
            condition += " AND #s BETWEEN :l AND :h"
        elif low:
            condition += " AND #s >= :l"
        elif high is not None:
            condition += " AND #s <= :h"
        if len(values) > 1:
            names["#s"] = self._sort.name
        asked: Request = {
            "TableName": name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not self.descending,
            "Limit": wanted + len(values) - 1,
        }
        if self._is_base:
            asked["ConsistentRead"] = True
        else:
            asked["IndexName"] = index_name(self.index)
        return asked

    def place(self, entry: Item) -> str:
        """Where an entry stands in the order."""
        place: str = entry[self._sort.name]["S"]
        return place

    def has(self, entry: Item) -> bool:
        """Whether an entry that was found lies within."""
        place = self.place(entry)
        if place < self._start or (self._end is not None and place >= self._end):
            return False
        if self._after is None:
            return True
        return bool(place < self._after if self.descending else place > self._after)

    def stands(self, record: Record, entry: Item) -> bool:
        """Whether a record is where the index says that it is."""
        columns = self._sort.columns
        place = sort_text(self.table, columns, [record[name] for name in columns])
        return bool(record[self.index.partition] == self._value and place == entry[self._sort.name]["S"])


def _cut(text: str, end: str = "") -> str:
    """The text as far as DynamoDB takes it as a bound, with `end` after it where it was cut."""
    if len(text) * 4 <= SORT_BYTES_MAX:
        return text
    whole = text.encode()
    if len(whole) <= SORT_BYTES_MAX:
        return text
    return whole[: SORT_BYTES_MAX - 4].decode(errors="ignore") + end
