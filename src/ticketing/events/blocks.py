"""Blocks: places that were taken out of the pool of an event or ticket type, so that many processes sell at once
(docs/decisions/0018).

Each process sells from a block of its own, and takes no part in what the others contend for. Places go from the pool to a block and
back in commits that leave nothing out, and go back to the pool alone when an order ends: what is in the pool, in blocks, held and sold
is always the whole. Two rules make it safe:

- A block is opened by a commit that insists on the version of its event or type, and these change only while no block is out
  (`NO_BLOCKS`). So whoever sells from an open block relies on an event and a type that stand.
- "Sold out" is told of a pool of which no block is out, from one read of it. So no place is overlooked on its way from one to another.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from weakref import WeakKeyDictionary

from ticketing.base.bounds import BLOCKS_PER_POOL_MAX, BLOCKS_REST_SECONDS, DECISION_ROUNDS_MAX
from ticketing.base.changes import Change, Check, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.store import Busy, Conflict, Store
from ticketing.base.tables import Record
from ticketing.events.model import Event, TicketType
from ticketing.events.rules import block_places
from ticketing.schema.tables import BLOCKS, EVENTS, TICKETS

OPEN: Final = 1
CLOSED: Final = 2
"""Versions of a block: while it is sold from, and afterwards until its places are back. Then it is gone."""

NO_BLOCKS: Final = {"blocks_left": BLOCKS_PER_POOL_MAX}
"""What the pools of an event or type must be for it to be changed: every block that it may have is with it."""

ORIGINS_KEPT_MAX: Final = 1_000
SEEN_SECONDS: Final = 1.0
"""For so long a page shows the places in blocks as they were counted: a rush of visitors reads them once a second."""


def capacity_pool(event_id: str) -> Pool:
    """What is left of an event's capacity."""
    return Pool(EVENTS, (event_id,), "capacity_available")


def ticket_pool(ticket_type_id: str) -> Pool:
    """What is left of a ticket type."""
    return Pool(TICKETS, (ticket_type_id,), "quantity_available")


def _blocks_left(pool: Pool) -> Pool:
    return Pool(pool.table, pool.key, "blocks_left")


def _name(pool: Pool, version: int, number: int) -> str:
    return f"{pool.key[0]}.{version}.{number}"


def _places(block_id: str) -> Pool:
    return Pool(BLOCKS, (block_id,), "places")


class Blocks:
    """The blocks of one store that this process sells from: of each pool the one that has the process's number."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._open: dict[str, None] = {}
        self._rests: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._seen: dict[str, tuple[float, int]] = {}

    def take(self, pool: Pool, count: int, *, version: int) -> Take:
        """The change that takes so many of a pool: out of this process's block where that is open, else out of the pool.

        Either way it holds only while the event or type has this version.
        """
        block_id = _name(pool, version, self._number)
        if block_id in self._open:
            return Take(_places(block_id), count, version=OPEN)
        return Take(pool, count, version=version)

    def check(self, pool: Pool, *, version: int) -> Check:
        """The change that holds only while the event or type has this version: by this process's block where that is open."""
        block_id = _name(pool, version, self._number)
        if block_id in self._open:
            return Check(BLOCKS, (block_id,), OPEN)
        return Check(pool.table, pool.key, version)

    async def prepare(self, store: Store, pool: Pool, count: int, *, version: int) -> None:
        """This process's block is open and has `count` places, if there is a point in it. Raises Busy."""
        block_id = _name(pool, version, self._number)
        if block_id not in self._open and not self._is_resting(pool):
            await self._once(block_id, lambda: self._fill(store, pool, block_id, count, version=version))

    def missed(self, conflict: Conflict) -> bool:
        """Whether the block that a take or check did not find as it needs it was closed meanwhile, and not only used up."""
        block_id, found = conflict.change.key[0], conflict.found
        self._open.pop(block_id, None)
        closed = found is None or found["version"] != OPEN
        if closed:
            self._rest(block_id.rsplit(".", 2)[0])
        return closed

    async def _fill(self, store: Store, pool: Pool, block_id: str, count: int, *, version: int) -> None:
        origin = await store.get(pool.table, pool.key)
        block = await store.get(BLOCKS, (block_id,))
        if origin is None or origin["version"] != version:
            return
        if block is not None and block["version"] == OPEN and block["places"] >= count:
            self._opened(block_id)
            return
        places = block_places(origin[pool.column], blocks_out=BLOCKS_PER_POOL_MAX - origin["blocks_left"])
        may_open = origin["blocks_left"] > 0 if block is None else block["version"] == OPEN
        if places < count or not may_open:
            self._rest(pool.key[0])
            return
        try:
            if block is None:
                opened = Insert(BLOCKS, _record(block_id, pool))
                await store.commit((Take(_blocks_left(pool), 1, version=version), opened))
            await store.commit((Take(pool, places, version=version), Give(_places(block_id), places)))
        except Conflict:
            return  # somebody was faster, or the event was changed: this order goes to the pool itself
        self._opened(block_id)

    def _opened(self, block_id: str) -> None:
        if len(self._open) >= ORIGINS_KEPT_MAX:
            self._open.clear()
        self._open[block_id] = None

    def _is_resting(self, pool: Pool) -> bool:
        return asyncio.get_running_loop().time() < self._rests.get(pool.key[0], 0.0)

    def _rest(self, origin_id: str) -> None:
        if len(self._rests) >= ORIGINS_KEPT_MAX:
            self._rests.clear()
        self._rests[origin_id] = asyncio.get_running_loop().time() + BLOCKS_REST_SECONDS

    async def bring_back(self, store: Store, pool: Pool) -> None:
        """All blocks of a pool that were out are closed, and their places back in it. Raises Busy."""
        await self._once(pool.key[0], lambda: self._bring_back(store, pool))

    async def _bring_back(self, store: Store, pool: Pool) -> None:
        self._rest(pool.key[0])
        origin = await store.get(pool.table, pool.key)
        if origin is not None and origin["blocks_left"] != BLOCKS_PER_POOL_MAX:
            found = await _read(store, pool, version=origin["version"])
            await asyncio.gather(*(_end(store, pool, block) for block in found))

    async def _once(self, name: str, do: Callable[[], Awaitable[None]]) -> None:
        """`do` is done, once for all who ask for it while it is under way."""
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.ensure_future(do())
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._done(name, done))
        await asyncio.shield(task)  # who goes away does not take it from the others

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # each who waited was told; nobody may be left

    async def places_seen(self, store: Store, pool: Pool, *, version: int) -> int:
        """How many places of a pool are in blocks, as counted within the last second."""
        now = asyncio.get_running_loop().time()
        counted_at, places = self._seen.get(pool.key[0], (now - SEEN_SECONDS, 0))
        if counted_at + SEEN_SECONDS > now:
            return places
        if len(self._seen) >= ORIGINS_KEPT_MAX:
            self._seen.clear()
        places = sum(block["places"] for block in await _read(store, pool, version=version))
        self._seen[pool.key[0]] = (now, places)
        return places


def _record(block_id: str, pool: Pool) -> Record:
    return {"block_id": block_id, "origin_id": pool.key[0], "places": 0, "version": OPEN}


async def _read(store: Store, pool: Pool, *, version: int) -> Sequence[Record]:
    """The blocks of a pool that are out: those of its present version, since it was not changed while one was."""
    keys = [(_name(pool, version, number),) for number in range(BLOCKS_PER_POOL_MAX)]
    return [block for block in await store.get_many(BLOCKS, keys) if block is not None]


async def _end(store: Store, pool: Pool, found: Record) -> None:
    """The block is closed, its places are back and it is gone, by whomever: each step holds only once. Raises Busy."""
    block: Record | None = found
    for _ in range(DECISION_ROUNDS_MAX):
        if block is None:
            return
        with suppress(Conflict):  # a sale, or somebody who brings it back as well, was faster
            await store.commit(_next_step(pool, block))
        block = await store.get(BLOCKS, (found["block_id"],))
    raise Busy


def _next_step(pool: Pool, block: Record) -> tuple[Change, ...]:
    block_id, places = block["block_id"], block["places"]
    if block["version"] == OPEN:
        return (Replace(BLOCKS, block),)  # by its new version nothing is sold from it any more
    if places > 0:
        return (Take(_places(block_id), places, version=CLOSED), Give(pool, places))
    return (Remove(BLOCKS, (block_id,), CLOSED, {"places": 0}), Give(_blocks_left(pool), 1))


_BLOCKS: WeakKeyDictionary[Store, Blocks] = WeakKeyDictionary()


def blocks_of(store: Store) -> Blocks:
    """The blocks that this process sells from in this store. Processes draw their numbers: few share one."""
    blocks = _BLOCKS.get(store)
    if blocks is None:
        blocks = _BLOCKS[store] = Blocks(secrets.randbelow(BLOCKS_PER_POOL_MAX))
    return blocks


async def came_back(store: Store, conflict: Conflict) -> bool:
    """Whether blocks were out of the event or ticket type that a change did not hold on. They are back now. Raises Busy."""
    found, table = conflict.found, conflict.change.table
    if found is None or table not in (EVENTS, TICKETS) or found["blocks_left"] == BLOCKS_PER_POOL_MAX:
        return False
    pool = capacity_pool(found["event_id"]) if table is EVENTS else ticket_pool(found["ticket_id"])
    await blocks_of(store).bring_back(store, pool)
    return True


async def counted(
    store: Store, event: Event, ticket_types: Iterable[TicketType]
) -> tuple[Event, tuple[TicketType, ...]]:
    """The event and these types to be shown, with what is in blocks among what is left.

    While a block is out at least one place is shown: whether none is left is told once all are back.
    """
    blocks = blocks_of(store)
    if event.blocks_out:
        seen = await blocks.places_seen(store, capacity_pool(event.event_id), version=event.version)
        event = replace(event, capacity_available=max(1, event.capacity_available + seen))
    shown = []
    for ticket_type in ticket_types:
        if ticket_type.blocks_out:
            pool = ticket_pool(ticket_type.ticket_type_id)
            seen = await blocks.places_seen(store, pool, version=ticket_type.version)
            ticket_type = replace(ticket_type, quantity_available=max(1, ticket_type.quantity_available + seen))
        shown.append(ticket_type)
    return event, tuple(shown)
