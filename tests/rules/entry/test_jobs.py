"""Jobs: run when due, by one process at a time, and on after a failure."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import structlog

from tests.support.houses import StandingClock, make_house
from ticketing.base.changes import Change
from ticketing.base.house import House
from ticketing.base.store import Busy
from ticketing.entry.jobs import LEASE_LASTS, RUN_SECONDS_MAX, Job, Jobs, run_once
from ticketing.storage.memory import MemoryStore


class Task:
    """A job to be watched: how often it ran, and what it meets when it does."""

    def __init__(self, *, is_due: bool = True) -> None:
        self.is_due = is_due
        self.runs = 0
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None
        self.wanted = 0
        self.ran_enough = asyncio.Event()

    async def due(self, now: datetime) -> bool:
        return self.is_due

    async def run(self, now: datetime) -> int:
        self.runs += 1
        if self.runs == self.wanted:
            self.ran_enough.set()
        self.began.set()
        await self.may_end.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return 7

    def job(self, *, seconds: float = 0.001) -> Job:
        return Job("task", seconds, seconds, self.due, self.run)


async def test_a_job_that_is_due_is_run() -> None:
    assert await run_once(make_house(), Task().job(), holder="a") == 7


async def test_a_job_that_is_not_due_writes_nothing() -> None:
    class Reads(MemoryStore):
        async def commit(self, changes: Sequence[Change]) -> None:
            raise AssertionError(changes)

    task = Task(is_due=False)

    assert await run_once(make_house(Reads()), task.job(), holder="a") is None
    assert task.runs == 0


async def test_two_processes_do_not_do_the_same_work() -> None:
    house = make_house()
    task = Task()
    task.may_end.clear()
    first = asyncio.create_task(run_once(house, task.job(), holder="a"))
    await task.began.wait()

    async with asyncio.timeout(5):
        second = await run_once(house, task.job(), holder="b")
    task.may_end.set()

    assert (await first, second, task.runs) == (7, None, 1)


async def test_what_one_process_finished_another_may_do_next() -> None:
    house = make_house()
    task = Task()

    assert [await run_once(house, task.job(), holder=holder) for holder in "abab"] == [7, 7, 7, 7]


async def test_the_lease_of_a_process_that_died_runs_out() -> None:
    clock = StandingClock()
    house = make_house(clock=clock)
    dying, task = Task(), Task()
    dying.may_end.clear()
    died = asyncio.create_task(run_once(house, dying.job(), holder="a"))
    await dying.began.wait()

    before = await run_once(house, task.job(), holder="b")
    clock.time += LEASE_LASTS + timedelta(seconds=1)
    after = await run_once(house, task.job(), holder="b")
    dying.may_end.set()
    await died

    assert (before, after) == (None, 7)


async def test_who_comes_back_late_leaves_the_lease_to_whom_it_is_now() -> None:
    clock = StandingClock()
    house = make_house(clock=clock)
    late, task, third = Task(), Task(), Task()
    late.may_end.clear()
    task.may_end.clear()
    coming_back = asyncio.create_task(run_once(house, late.job(), holder="a"))
    await late.began.wait()
    clock.time += LEASE_LASTS + timedelta(seconds=1)
    working = asyncio.create_task(run_once(house, task.job(), holder="b"))
    await task.began.wait()

    late.may_end.set()
    await coming_back
    meanwhile = await run_once(house, third.job(), holder="c")
    task.may_end.set()

    assert (meanwhile, await working) == (None, 7)


async def test_a_job_that_takes_too_long_is_cut_short_before_its_lease_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.entry.jobs.RUN_SECONDS_MAX", 0.01)
    house = make_house()
    endless, task = Task(), Task()
    endless.may_end.clear()

    with pytest.raises(TimeoutError):
        await run_once(house, endless.job(), holder="a")

    assert LEASE_LASTS.total_seconds() > RUN_SECONDS_MAX
    assert await run_once(house, task.job(), holder="b") == 7


async def run_beside(house: House, task: Task, *, times: int) -> None:
    jobs = Jobs(house, (task.job(),))
    task.wanted = times
    jobs.start()
    async with asyncio.timeout(5):
        await task.ran_enough.wait()
    await jobs.stop()


async def test_a_job_that_failed_is_logged_and_tried_again() -> None:
    task = Task()
    task.error = RuntimeError("no luck")

    with structlog.testing.capture_logs() as logs:
        await run_beside(make_house(), task, times=3)

    assert [line["job"] for line in logs if line["event"] == "job.failed"] == ["task"]


async def test_a_job_that_met_a_busy_store_waits_for_its_next_turn_in_silence() -> None:
    task = Task()
    task.error = Busy()

    with structlog.testing.capture_logs() as logs:
        await run_beside(make_house(), task, times=2)

    assert [line for line in logs if line["event"] == "job.failed"] == []


async def test_stopping_lets_what_runs_come_to_its_end() -> None:
    task = Task()
    task.may_end.clear()
    jobs = Jobs(make_house(), (task.job(),))
    jobs.start()
    await task.began.wait()

    stopping = asyncio.create_task(jobs.stop())
    await asyncio.sleep(0)
    was_stopped_too_soon = stopping.done()
    task.may_end.set()
    await stopping

    assert not was_stopped_too_soon
