"""The timer handler on AWS Lambda: runs what a server would run beside its requests, each time the schedule calls."""

import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

import structlog

from ticketing.base.changes import Claim
from ticketing.base.house import House
from ticketing.base.store import Busy, Conflict
from ticketing.entry.aws import REST_SECONDS, RUNTIME_VARIABLE, Context, Invocations, open_environment, seconds_of
from ticketing.entry.jobs import Job, jobs_of, run_once
from ticketing.entry.mail import mail_of
from ticketing.schema.tables import LEASES

log = structlog.get_logger()

SCHEDULE_SECONDS: Final = 60
"""The shortest schedule that AWS has. A hold that ran out gives its places back within so long; a sale that finds nothing left looks
by itself before that."""


class JobsFailed(RuntimeError):
    """Some jobs did not end well: each is in the log, and the invocation counts as failed, so that an alarm can hear of it."""


class TimerHandler:
    """Runs all jobs of a house that are due, one after the other."""

    def __init__(
        self,
        house: House,
        jobs: tuple[Job, ...],
        invocations: Invocations,
        *,
        rest: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`rest` ends what jobs keep between their turns and what would not outlive the pause, such as connections."""
        self._house = house
        self._jobs = jobs
        self._rest = rest
        self._invocations = invocations
        self._holder = house.new_secret()

    def __call__(self, _event: Mapping[str, Any], context: Context) -> dict[str, int]:
        """How much each job did. Whatever becomes of one, the others have their turn. Raises JobsFailed."""
        done: dict[str, int] = {}
        failed: list[str] = []
        for jobs_left, job in zip(range(len(self._jobs), 0, -1), self._jobs, strict=True):
            seconds = seconds_of(context) / jobs_left
            try:
                done[job.name] = self._invocations.run(self._all_of(job), seconds=seconds)
            except (Busy, TimeoutError) as error:
                log.info("job.not_finished", job=job.name, reason=repr(error))  # the next call goes on
            except Exception as error:
                log.error("job.failed", job=job.name, exc_info=error)
                failed.append(job.name)
        if self._rest is not None:
            self._invocations.run(self._at_rest(self._rest), seconds=REST_SECONDS)
        if failed:
            raise JobsFailed(", ".join(failed))
        return done

    async def _at_rest(self, rest: Callable[[], Awaitable[None]]) -> None:
        await rest()

    async def _all_of(self, job: Job) -> int:
        """The job is done until there is nothing left to do for it; how much that was."""
        if not await self._is_its_turn(job):
            return 0
        total = 0
        while count := await run_once(self._house, job, holder=self._holder):
            total += count
            if job.seconds > SCHEDULE_SECONDS:
                break
        return total

    async def _is_its_turn(self, job: Job) -> bool:
        """Whether a job that is rarer than the schedule has waited long enough: a lease that nobody gives back tells."""
        if job.seconds <= SCHEDULE_SECONDS:
            return True
        now = self._house.clock.now()
        pause = timedelta(seconds=job.seconds - SCHEDULE_SECONDS / 2)  # schedules are some seconds early or late
        turn = {"name": f"turn {job.name}", "holder": self._holder, "expires_at": now + pause}
        try:
            await self._house.store.commit((Claim(LEASES, turn, now),))
        except Conflict:
            return False
        return True


def handler(event: Mapping[str, Any], context: Context) -> dict[str, int]:
    """How much each job did: `ticketing.entry.lambda_timer.handler` in the template."""
    return _handler()(event, context)


@cache
def _handler() -> TimerHandler:
    environment = open_environment()
    opened = environment.opened
    mail = mail_of(opened.house, environment.config)
    jobs = jobs_of(opened.house, opened.opened.purge, mail)
    return TimerHandler(opened.house, jobs, environment.invocations, rest=mail.close)


if RUNTIME_VARIABLE in os.environ:
    _handler()
