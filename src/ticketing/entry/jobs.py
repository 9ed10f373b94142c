"""What the server does by itself: holds that ran out give their places back, mails are sent, and rows whose time ran out are deleted.

Each job may run in several processes at once without harm; a lease spares them the double work.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from ticketing.base.changes import Claim, Remove
from ticketing.base.house import House
from ticketing.base.store import Busy, Conflict
from ticketing.entry.mail import Mail
from ticketing.sales.expiry import expire_holds
from ticketing.sales.store import run_out_holds
from ticketing.schema.tables import LEASES

log = structlog.get_logger()

SWEEP_SECONDS: Final = 1.0
"""A hold that ran out is given back within so long after; a sale that finds nothing left looks by itself before that."""
MAIL_SECONDS: Final = 0.2
"""What happened is told and sent so soon after, by whichever process is free. To look costs a few reads of indexes that are nearly
empty, less than to be woken by every commit would cost the sale."""
PURGE_SECONDS: Final = 3600.0
FIRST_PURGE_SECONDS: Final = 60.0
LEASE_LASTS: Final = timedelta(seconds=60)
"""A process that dies while it works holds the others up for so long."""
RUN_SECONDS_MAX: Final = 45.0
"""A job is cut short before its lease ends, with some seconds for clocks that differ; what is left is done at the next turn."""

Purge = Callable[[datetime], Awaitable[int]]
"""Deletes what ran out by then; how many rows it was."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done every so many seconds, the first time after `first`. `due` tells cheaply whether there is anything."""

    name: str
    seconds: float
    first: float
    due: Callable[[datetime], Awaitable[bool]]
    run: Callable[[datetime], Awaitable[int]]


def jobs_of(house: House, purge: Purge | None, mail: Mail | None = None) -> tuple[Job, ...]:
    """All jobs of a house, whether a server or a timer runs them; without `mail`, facts wait to be told."""

    async def holds_ran_out(now: datetime) -> bool:
        return bool(await run_out_holds(house.store, now=now, limit=1))

    async def sweep(now: datetime) -> int:
        return await expire_holds(house, now=now)

    async def always(_now: datetime) -> bool:
        return True

    jobs = [Job("holds", SWEEP_SECONDS, SWEEP_SECONDS, holds_ran_out, sweep)]
    if mail is not None:
        jobs.append(Job("mail", MAIL_SECONDS, MAIL_SECONDS, mail.is_due, mail.turn))
    if purge is not None:
        jobs.append(Job("purge", PURGE_SECONDS, FIRST_PURGE_SECONDS, always, purge))
    return tuple(jobs)


async def run_once(house: House, job: Job, *, holder: str) -> int | None:
    """How much the job did, or None where there was nothing to do or another process is at it. Raises Busy.

    TimeoutError says that it was cut short, having taken longer than a lease may last.
    """
    now = house.clock.now()
    if not await job.due(now):
        return None
    name = f"job {job.name}"
    ends_at = now + LEASE_LASTS
    lease = {"name": name, "holder": holder, "expires_at": ends_at}
    try:
        await house.store.commit((Claim(LEASES, lease, now),))
    except Conflict:
        return None
    try:
        async with asyncio.timeout(RUN_SECONDS_MAX):
            return await job.run(now)
    finally:
        if house.clock.now() < ends_at:  # else it may be another's by now
            with contextlib.suppress(Conflict, Busy):  # then it ends by itself
                await house.store.commit((Remove(LEASES, (name,)),))


class Jobs:
    """Runs jobs beside the server until it is stopped."""

    def __init__(self, house: House, jobs: tuple[Job, ...]) -> None:
        self._house = house
        self._jobs = jobs
        self._holder = house.new_secret()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The jobs run from now on."""
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"job {job.name}") for job in self._jobs]

    async def stop(self) -> None:
        """What runs is finished, and nothing begins any more."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _repeat(self, job: Job) -> None:
        pause = job.first
        while not await self._stops_within(pause):
            pause = job.seconds
            try:
                done = await run_once(self._house, job, holder=self._holder)
                if done:
                    log.debug("job.done", job=job.name, count=done)
            except Busy:
                continue  # the next turn comes
            except Exception as error:
                log.error("job.failed", job=job.name, exc_info=error)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
