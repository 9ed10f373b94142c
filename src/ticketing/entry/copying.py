"""Copies a whole store into another of any kind, over the storage port alone: streamed, compared, and able to go on where it stopped.

What is promised: once `copy_store` returned, the target holds every record that it met in the source, equal in every field, and
nothing else. A store that is written meanwhile has no one moment of which that could be a copy, unless what is scanned is a snapshot:
its servers are to be stopped first. What was added, changed or removed meanwhile ends the copy with an error, as far as the comparison
meets it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

import orjson

from ticketing.base.bounds import CHANGES_PER_COMMIT_MAX, COMMIT_BYTES_MAX
from ticketing.base.changes import Insert, Remove
from ticketing.base.store import Busy, Conflict, Store
from ticketing.base.tables import Key, Record, Table
from ticketing.schema.tables import LEASES, TABLES, UNIQUES
from ticketing.storage.snapshots import Scanned

COMMITS_AT_ONCE: Final = 32
"""So many commits wait together, which makes them durable together. With a megabyte each, they bound the memory that a copy takes."""
COMMIT_BYTES_WANTED: Final = COMMIT_BYTES_MAX // 4
"""Records are measured roughly, as JSON: engines that count otherwise still find them within what a commit may have."""
BUSY_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds between attempts at a target that has too much to do."""
TOLD_EVERY: Final = 1_000

BEGUN: Final = "copy#begun"
"""The row of `uniques` in a target that is being filled: it names the source."""
COMPLETE: Final = "copy#complete"
"""The row in its place once all is there: a later run compares and adds nothing."""
MARKERS: Final = ((BEGUN,), (COMPLETE,))

COPIED: Final = tuple(table for table in TABLES if table is not LEASES)
"""Leases say who is at work on the source at this moment; nobody is at work on the target."""


class CopyFailed(RuntimeError):
    """The copy is not complete. The message says why, and what to do."""


class Outcome(Enum):
    """What a run did: copied into an empty target, went on with what an earlier one began, or found all of it there."""

    COPIED = "copied"
    WENT_ON = "went on"
    WAS_THERE = "was there"


@dataclass(frozen=True, slots=True)
class Copied:
    """A complete copy: how many records each table has."""

    outcome: Outcome
    counts: dict[str, int]


class Phase(Enum):
    """What is being done to a table."""

    COPYING = "copying"
    COMPARING = "comparing"


Tell: TypeAlias = Callable[[Phase, Table, int, bool], None]
"""Told what is done to which table, how many records so far, and whether the table is through."""


def source_name(url: str, fingerprint: str) -> str:
    """What names a source in its target: nothing of the URL can be read from it."""
    return hashlib.sha256(f"{fingerprint}\0{url}".encode()).hexdigest()


async def copy_store(source: Scanned, target: Store, *, name: str, tell: Tell, compare: bool = True) -> Copied:
    """`target` holds what `source` holds, compared record by record.

    `name` is the source's (`source_name`). A target that an earlier run from the same source began is filled up, and nothing that it
    has is changed; one that is complete is compared only. Raises CopyFailed for a target that has other data, and naming the record
    for one that differs. Without `compare`, what was written is not read again: for a copy that is only looked at.
    """
    outcome = await _begin(target, name)
    counts: dict[str, int] = {}
    if outcome is not Outcome.WAS_THERE:
        for table in COPIED:
            counts[table.name] = await _copy_table(source, target, table, is_new=outcome is Outcome.COPIED, tell=tell)
    if compare or not counts:
        found = {table.name: await _compare_table(source, target, table, tell=tell) for table in COPIED}
        _refuse_moving_source(counts, found)
        counts = found
    if outcome is not Outcome.WAS_THERE:
        await _end(target, name)
    return Copied(outcome, counts)


def _refuse_moving_source(copied: Mapping[str, int], compared: Mapping[str, int]) -> None:
    for name, count in copied.items():
        if count != compared[name]:
            raise CopyFailed(
                f"{name}: the source had {count} records when they were copied and {compared[name]} when they were compared, so "
                "somebody writes to it. Stop its servers and run this again."
            )


async def _begin(target: Store, name: str) -> Outcome:
    """What this run has to do. From now on the target says from where it is filled. Raises CopyFailed for other data."""
    complete, begun = await target.get_many(UNIQUES, ((COMPLETE,), (BEGUN,)))
    marker = complete or begun
    if marker is not None:
        if marker["target_id"] != name:
            raise CopyFailed("The target is a copy of another source. Give an empty one.")
        return Outcome.WENT_ON if complete is None else Outcome.WAS_THERE
    for table in COPIED:
        async for record in target.scan(table):
            raise CopyFailed(
                f"The target has data of its own ({table.name} {' '.join(table.key_of(record))}), and nothing is mixed. Give an empty one."
            )
    try:
        await _committed(target, (Insert(UNIQUES, {"name": BEGUN, "target_id": name}),))
    except Conflict as conflict:
        raise CopyFailed("Another copy into this target began at this moment.") from conflict
    return Outcome.COPIED


async def _end(target: Store, name: str) -> None:
    """The target says that it is complete. Raises Conflict where somebody else marked it meanwhile."""
    done = {"name": COMPLETE, "target_id": name}
    try:
        await _committed(target, (Remove(UNIQUES, (BEGUN,)), Insert(UNIQUES, done)))
    except Conflict:
        if await target.get(UNIQUES, (COMPLETE,)) != done:  # else it was done by a commit whose answer was lost
            raise


async def _copy_table(source: Scanned, target: Store, table: Table, *, is_new: bool, tell: Tell) -> int:
    """Every record of a table is in the target; how many there are. Those that are there already are compared."""

    async def put(records: list[Record]) -> None:
        if is_new:
            try:
                await _committed(target, [Insert(table, record) for record in records])
                return
            except Conflict:
                pass  # one of them is there, from a commit whose answer was lost: look which
        await _put_missing(target, table, records)

    return await _each_chunk(source, table, put, lambda count, through: tell(Phase.COPYING, table, count, through))


async def _put_missing(target: Store, table: Table, records: list[Record]) -> None:
    found = await target.get_many(table, [table.key_of(record) for record in records])
    missing: list[Record] = []
    for record, there in zip(records, found, strict=True):
        if there is None:
            missing.append(record)
        else:
            _refuse_other(table, record, there)
    if missing:
        try:
            await _committed(target, [Insert(table, record) for record in missing])
        except Conflict as conflict:
            raise CopyFailed(f"{_named(table, conflict.change.key)} was just written by somebody else.") from conflict


async def _compare_table(source: Scanned, target: Store, table: Table, *, tell: Tell) -> int:
    """How many records a table has, here as there, all of them equal. Raises CopyFailed otherwise."""

    async def compare(records: list[Record]) -> None:
        found = await target.get_many(table, [table.key_of(record) for record in records])
        for record, there in zip(records, found, strict=True):
            if there is None:
                raise CopyFailed(
                    f"{_named(table, table.key_of(record))} is missing in the target. If somebody writes to the source or uses the "
                    "target, stop that; then fill a new target."
                )
            _refuse_other(table, record, there)

    def told(done: int, through: bool) -> None:
        if not through:  # the target's records are still to be counted
            tell(Phase.COMPARING, table, done, False)

    count = await _each_chunk(source, table, compare, told)
    there = 0
    async for record in target.scan(table):
        there += not _is_marker(table, record)
    tell(Phase.COMPARING, table, count, True)
    if there != count:
        raise CopyFailed(
            f"{table.name}: the source has {count} records and the target {there}. If somebody uses the target or writes to the source, "
            "stop that; then fill a new target."
        )
    return count


async def _each_chunk(
    source: Scanned, table: Table, work: Callable[[list[Record]], Awaitable[None]], told: Callable[[int, bool], None]
) -> int:
    """All records of a table went through `work`, several chunks at once; how many they were. The first failure ends it."""
    room = asyncio.Semaphore(COMMITS_AT_ONCE)
    count = 0

    async def done(records: list[Record]) -> None:
        nonlocal count
        try:
            await work(records)
        finally:
            room.release()
        before, count = count, count + len(records)
        if count // TOLD_EVERY > before // TOLD_EVERY:
            told(count, False)

    try:
        async with asyncio.TaskGroup() as group:
            async for records in _chunks(source, table):
                await room.acquire()
                group.create_task(done(records))
    except ExceptionGroup as several:
        raise _first(several) from several
    told(count, True)
    return count


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


async def _chunks(source: Scanned, table: Table) -> AsyncIterator[list[Record]]:
    """The records of a table, as many at a time as one commit takes."""
    records: list[Record] = []
    size = 0
    async for record in source.scan(table):
        if _is_marker(table, record):
            continue
        length = len(orjson.dumps(record))
        if records and (len(records) == CHANGES_PER_COMMIT_MAX or size + length > COMMIT_BYTES_WANTED):
            yield records
            records, size = [], 0
        records.append(record)
        size += length
    if records:
        yield records


def _is_marker(table: Table, record: Record) -> bool:
    return table is UNIQUES and table.key_of(record) in MARKERS


async def _committed(target: Store, changes: Sequence[Insert | Remove]) -> None:
    """The changes are in the target, however busy that was for a while. Raises Conflict, and CopyFailed for what it cannot take."""
    for pause in (*BUSY_PAUSES, None):
        try:
            await target.commit(changes)
        except Busy as busy:
            if pause is None:
                raise CopyFailed("The target takes nothing any more. Run this again to go on.") from busy
            await asyncio.sleep(pause)
        except AssertionError as error:
            # A row that names another one which is not there, as a source has them that is written while it is copied.
            raise CopyFailed(
                f"The target does not take {_named(changes[0].table, changes[0].key)} or one of those after it: {error}. "
                "If a server writes to the source, stop it and fill a new target; `ticket doctor` looks the source over."
            ) from error
        else:
            return


def _refuse_other(table: Table, record: Record, there: Record) -> None:
    if record != there:
        fields = sorted(name for name in table.column_names if record[name] != there.get(name))
        raise CopyFailed(
            f"{_named(table, table.key_of(record))} is not the same here and there ({', '.join(fields)} differ), and neither was changed. "
            "If somebody writes to the source or uses the target, stop that; then fill a new target."
        )


def _named(table: Table, key: Key) -> str:
    return f"{table.name} {' '.join(key)}"
