"""Holds that ran out give their places back, exactly once, whoever notices first."""

import asyncio
from datetime import datetime
from typing import Final

from ticketing.base.changes import Change, Give, Replace
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.sales.model import Order
from ticketing.sales.rules import expired, ran_out
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    capacity_pool,
    order_record,
    read_order,
    run_out_holds,
    ticket_pool,
)
from ticketing.schema.tables import ORDERS

HOLDS_PER_SWEEP_MAX: Final = 100
"""Of each shard at a time: a sweep goes on until none is left, in steps that leave room for sales between them."""


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
        await house.store.commit(release(house, order, expired(order)))
    except Conflict:
        return False
    return True


async def expire_holds(house: House, *, now: datetime, at_once: int = HOLDS_PER_SWEEP_MAX) -> int:
    """How many holds this call ended: all that ran out by `now`. Run by a job, and by a sale before it says "sold out"."""
    ended = 0
    while True:
        order_ids = await run_out_holds(house.store, now=now, limit=at_once)
        if not order_ids:
            return ended
        done = sum(await asyncio.gather(*(expire_hold(house, order_id, now=now) for order_id in order_ids)))
        ended += done
        if done == 0:
            return ended  # others were faster with all of these, or the index lags behind them
