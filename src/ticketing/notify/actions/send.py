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
from ticketing.base.store import Busy, Conflict
from ticketing.notify.letters import Letters, NotNews
from ticketing.notify.model import Delivery, DeliveryStatus, Fate, Letter, Outcome, Post
from ticketing.notify.rules import after_attempt, begun, given_up, is_too_old
from ticketing.notify.store import delivery_record, due_deliveries
from ticketing.schema.tables import DELIVERIES

log = structlog.get_logger()

TURN_SECONDS: Final = 5.0
"""After so long a turn takes up no more mails: the server can stop, and another process can have the next turn."""
PAUSE_SECONDS_MAX: Final = 0.01
"""For as long as a mail took to write, others have the process to themselves before the next: mails never take more than half of it.
Where it took longer than this, others had their turns meanwhile already."""
WAITING_FOR_ATTACHMENTS: Final = 3
ATTACHMENTS_SECONDS: Final = 0.1
"""Tickets on paper take ten times as long as the mail that they are attached to. Where more mails wait, and once a turn has spent so long,
they are left out, and who wants them finds them behind the mail's link: at the beginning of a sale the mail itself matters."""
NOTE_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
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
        plain = len(due) > WAITING_FOR_ATTACHMENTS
        sent += sum(await _sent(house, post, letters, taken, plain=plain, seconds=seconds))
        if len(due) < MAILS_PER_TURN_MAX:
            break
    return sent


async def _sent(
    house: House, post: Post, letters: Letters, taken: Sequence[Delivery], *, plain: bool, seconds: Callable[[], float]
) -> list[bool]:
    """Which of these mails were handed over. They are written one after another, with pauses, and are on their way together."""
    under_way: list[asyncio.Task[bool]] = []
    turn_began = seconds()
    for delivery in taken:
        began = seconds()
        hurries = plain or began - turn_began > ATTACHMENTS_SECONDS
        letter = await _written(house, letters, delivery, plain=hurries)
        if letter is not None:
            under_way.append(asyncio.create_task(_hand_over(house, post, delivery, letter)))
        await asyncio.sleep(min(seconds() - began, PAUSE_SECONDS_MAX))
    return await asyncio.gather(*under_way)


async def _taken(house: House, due: Sequence[Delivery], *, now: datetime) -> list[Delivery]:
    """Those of these deliveries that this process has to itself now, as they are stored."""
    taken = [begun(delivery, now=now) for delivery in due]
    try:
        await house.store.commit([Replace(DELIVERIES, delivery_record(delivery)) for delivery in taken])
    except Conflict:  # another process was at one of them: each by itself
        kept = [await _stored(house, delivery) for delivery in taken]
        return [delivery for delivery in kept if delivery is not None]
    return [_next_version(delivery) for delivery in taken]


async def _written(house: House, letters: Letters, delivery: Delivery, *, plain: bool) -> Letter | None:
    """The letter; None where there is nothing to say any more, which is stored. `plain`: without attachments, since many wait."""
    now = house.clock.now()
    if is_too_old(delivery, now=now):
        await _stored(house, given_up(delivery, "too_old"))
        return None
    try:
        return await letters.letter(delivery, plain=plain, now=now)
    except NotNews as why:
        await _stored(house, given_up(delivery, why.code))
    except Exception as error:  # a mistake of ours in one mail keeps no other back
        log.error("mail.broken", delivery=delivery.delivery_id, kind=delivery.kind.value, exc_info=error)
        await _stored(house, after_attempt(delivery, Outcome(Fate.LATER, "broken"), spread=0, now=now))
    return None


async def _hand_over(house: House, post: Post, delivery: Delivery, letter: Letter) -> bool:
    """Whether the mail was handed over. What became of it is stored."""
    outcome = await post.send(letter)
    spread = house.entropy.bits(_SPREAD_BITS) / (1 << _SPREAD_BITS)
    after = after_attempt(delivery, outcome, spread=spread, now=house.clock.now())
    await _noted(house, after)
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


async def _noted(house: House, delivery: Delivery) -> None:
    """What became of a mail is stored, however busy the store is: a mail that is not noted is sent twice."""
    for pause in NOTE_PAUSES:
        try:
            await _stored(house, delivery)
            return
        except Busy:
            await asyncio.sleep(pause)
    log.warning("mail.not_noted", delivery=delivery.delivery_id)


async def _stored(house: House, delivery: Delivery) -> Delivery | None:
    """The delivery as stored; None where another process changed it meanwhile."""
    try:
        await house.store.commit((Replace(DELIVERIES, delivery_record(delivery)),))
    except Conflict:
        return None
    return _next_version(delivery)


def _next_version(delivery: Delivery) -> Delivery:
    return replace(delivery, version=delivery.version + 1)
