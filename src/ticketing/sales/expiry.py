"""Holds that ran out give their places back, exactly once, whoever notices first."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from ticketing.base.changes import Change, Give, Replace
from ticketing.base.house import House
from ticketing.base.store import Conflict, Store
from ticketing.events.blocks import capacity_pool, ticket_pool
from ticketing.events.store import read_event
from ticketing.sales.model import Order
from ticketing.sales.rules import expired, ran_out
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    order_record,
    page_of_run_out_holds,
    read_order,
)
from ticketing.schema.facts import happened
from ticketing.schema.tables import HOLD_SHARDS, ORDERS

HOLDS_PER_SWEEP_MAX: Final = 100
"""Of each shard at a time: a sweep goes through all of them, in steps that leave room for sales between them."""


def release(house: House, order: Order, after: Order) -> tuple[Change, ...]:
    """The changes that give all places of an order back as it becomes `after`. The order's version lets them happen once."""
    gives: list[Change] = [Give(ticket_pool(line.ticket_type_id), line.quantity) for line in order.lines]
    return (
        Replace(ORDERS, order_record(after)),
        *gives,
        Give(capacity_pool(order.event_id), order.ticket_count),
        Give(allowance_pool(order.event_id, allowance_name(house, order.customer.email)), order.ticket_count),
    )


async def expire_hold(house: House, order_id: str, *, now: datetime) -> bool:
    """Whether this call gave the order's places back: its hold ran out, and nobody was faster."""
    order = await read_order(house.store, order_id)
    if order is None or not ran_out(order, now=now):
        return False
    try:
        await house.store.commit((*release(house, order, expired(order)), *await _told(house, order, now=now)))
    except Conflict:
        return False
    return True


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


async def _told(house: House, order: Order, *, now: datetime) -> tuple[Change, ...]:
    """The fact that the hold ran out, where somebody meant to pay: thousands that were only looked at end in every sale."""
    if not order.payments:
        return ()
    event = await read_event(house.store, order.event_id)
    assert event is not None, "an event that was public is never deleted"
    return happened(
        house,
        "order.expired",
        whose=event.organizer_user_id,
        event_id=order.event_id,
        subject_id=order.order_id,
        now=now,
        order_id=order.order_id,
    )


@dataclass(slots=True)
class _Sweeps:
    """The sweep of one store that is under way, and up to when the next one has to go."""

    task: asyncio.Task[int] | None = None
    task_until: datetime = _LONG_AGO
    wanted: datetime = _LONG_AGO


_SWEEPS: WeakKeyDictionary[Store, _Sweeps] = WeakKeyDictionary()


async def expire_holds(house: House, *, now: datetime) -> int:
    """All holds that ran out by `now` are ended, by whomever; how many this process ended for it. Run by a job, and by a sale
    before it says "sold out".

    Hundreds may ask at once, when a sale is sold out and its holds run out: they share one sweep. One that goes up to `now` or
    later serves, however far it is, since what ran out by then only becomes less.
    """
    sweeps = _SWEEPS.get(house.store)
    if sweeps is None:
        sweeps = _SWEEPS[house.store] = _Sweeps()
    sweeps.wanted = max(sweeps.wanted, now)
    while sweeps.task is not None and sweeps.task_until < now:
        await asyncio.wait({sweeps.task})
    task = sweeps.task
    if task is None:
        task = asyncio.get_running_loop().create_task(_sweep(house, now=sweeps.wanted))
        sweeps.task, sweeps.task_until = task, sweeps.wanted
        task.add_done_callback(partial(_end_sweep, sweeps))
    return await asyncio.shield(task)  # who goes away does not take it from the others


def _end_sweep(sweeps: _Sweeps, task: asyncio.Task[int]) -> None:
    sweeps.task = None
    if not task.cancelled():
        task.exception()  # each who waited was told; nobody may be left


async def _sweep(house: House, *, now: datetime) -> int:
    return sum(await asyncio.gather(*(_sweep_shard(house, shard, now=now) for shard in HOLD_SHARDS)))


async def _sweep_shard(house: House, shard: str, *, now: datetime) -> int:
    """Once through all that the index names: some may be ended already, where others were faster or the index lags."""
    ended = 0
    cursor: str | None = None
    while True:
        page = await page_of_run_out_holds(house.store, shard, now=now, limit=HOLDS_PER_SWEEP_MAX, cursor=cursor)
        named = [expire_hold(house, record["order_id"], now=now) for record in page.records]
        ended += sum(await asyncio.gather(*named))
        cursor = page.next_cursor
        if cursor is None:
            return ended
