"""Deliveries that are due are handed to the post office.

A delivery is taken before it is tried and noted after, each by a commit that holds only for one process. Between the server's "taken"
and the note a killed process leaves a mail that is sent again: the second has the Message-ID of the first, so that mail programs show
one. No order of the two can do better.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from ticketing.base.bounds import MAILS_PER_TURN_MAX
from ticketing.base.changes import Replace
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.notify.letters import Letters, NotNews
from ticketing.notify.model import Delivery, DeliveryStatus, Post
from ticketing.notify.rules import after_attempt, begun, given_up, is_too_old
from ticketing.notify.store import delivery_record, due_deliveries
from ticketing.schema.tables import DELIVERIES

log = structlog.get_logger()

TURN_SECONDS: Final = 5.0
"""After so long a turn takes up no more mails: the server can stop, and another process can have the next turn."""
_SPREAD_BITS: Final = 16


async def send_due(house: House, post: Post, letters: Letters, *, seconds: Callable[[], float]) -> int:
    """How many mails were handed over by this call. While the post office is closed, nothing is tried and nothing is counted
    against any mail."""
    began = seconds()
    sent = 0
    while seconds() - began < TURN_SECONDS:
        now = house.clock.now()
        due = (await due_deliveries(house.store, now=now, limit=MAILS_PER_TURN_MAX))[:MAILS_PER_TURN_MAX]
        if not due or not await post.is_open():
            break
        taken = await _taken(house, due, now=now)
        plain = len(due) == MAILS_PER_TURN_MAX
        outcomes = await asyncio.gather(*(_send(house, post, letters, delivery, plain=plain) for delivery in taken))
        sent += sum(outcomes)
        if len(due) < MAILS_PER_TURN_MAX:
            break
    return sent


async def _taken(house: House, due: Sequence[Delivery], *, now: datetime) -> list[Delivery]:
    """Those of these deliveries that this process has to itself now, as they are stored."""
    taken = [begun(delivery, now=now) for delivery in due]
    try:
        await house.store.commit([Replace(DELIVERIES, delivery_record(delivery)) for delivery in taken])
    except Conflict:  # another process was at one of them: each by itself
        kept = [await _stored(house, delivery) for delivery in taken]
        return [delivery for delivery in kept if delivery is not None]
    return [_next_version(delivery) for delivery in taken]


async def _send(house: House, post: Post, letters: Letters, delivery: Delivery, *, plain: bool) -> bool:
    """Whether the mail was handed over. What became of it is stored. `plain`: without attachments, since many wait."""
    now = house.clock.now()
    if is_too_old(delivery, now=now):
        await _stored(house, given_up(delivery, "too_old"))
        return False
    try:
        letter = await letters.letter(delivery, plain=plain, now=now)
    except NotNews as why:
        await _stored(house, given_up(delivery, why.code))
        return False
    outcome = await post.send(letter)
    spread = house.entropy.bits(_SPREAD_BITS) / (1 << _SPREAD_BITS)
    after = after_attempt(delivery, outcome, spread=spread, now=house.clock.now())
    await _stored(house, after)
    if after.delivery_status is not DeliveryStatus.SENT:
        log.warning(
            "mail.not_sent",
            delivery=delivery.delivery_id,
            kind=delivery.kind.value,
            status=after.delivery_status.value,
            attempts=after.attempts,
            code=outcome.code,
        )
    return after.delivery_status is DeliveryStatus.SENT


async def _stored(house: House, delivery: Delivery) -> Delivery | None:
    """The delivery as stored; None where another process changed it meanwhile."""
    try:
        await house.store.commit((Replace(DELIVERIES, delivery_record(delivery)),))
    except Conflict:
        return None
    return _next_version(delivery)


def _next_version(delivery: Delivery) -> Delivery:
    return replace(delivery, version=delivery.version + 1)
