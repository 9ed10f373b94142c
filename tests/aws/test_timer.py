"""The timer on Lambda: every job of a house, when it is due, within the time that is left."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta

import pytest
import structlog

from tests.aws.shapes import Context
from tests.support.houses import Api, StandingClock, make_house
from tests.support.sales import fresh_key, kind, put_on_sale
from ticketing.base.changes import Claim
from ticketing.base.house import House
from ticketing.base.store import Busy
from ticketing.entry import aws
from ticketing.entry.aws import Invocations
from ticketing.entry.jobs import LEASE_LASTS, Job, jobs_of
from ticketing.entry.lambda_timer import JobsFailed, TimerHandler
from ticketing.schema.tables import LEASES, ORDERS


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def house(clock: StandingClock) -> House:
    return make_house(clock=clock)


@pytest.fixture
def invocations() -> Iterator[Invocations]:
    runner = Invocations()
    yield runner
    runner.close()


async def always(_now: datetime) -> bool:
    return True


def job(name: str, run: Callable[[datetime], Awaitable[int]], *, seconds: float = 1.0) -> Job:
    return Job(name, seconds, seconds, always, run)


class Work:
    """What a job does: `counts` are what it did each time, then nothing is left."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)
        self.runs = 0

    async def __call__(self, _now: datetime) -> int:
        self.runs += 1
        return self.counts.pop(0) if self.counts else 0


async def fail(_now: datetime) -> int:
    raise OSError("no mail server")


async def hang(_now: datetime) -> int:
    await asyncio.Event().wait()
    return 1


async def busy(_now: datetime) -> int:
    raise Busy


def test_a_hold_that_ran_out_gives_its_places_back(
    house: House, clock: StandingClock, invocations: Invocations
) -> None:
    async def hold() -> tuple[str, str]:
        api = Api(house)
        sale = await put_on_sale(house, kind(quantity=5))
        wish = {"event_id": sale.event_id, "lines": sale.lines(2), "customer": {"email": "ada@example.org"}}
        order = (await api.post("/v1/orders", wish, key=fresh_key())).json()
        return order["order_id"], sale.ticket_types[0]

    async def outcome(order_id: str, type_id: str) -> tuple[str, int]:
        order = await house.store.get(ORDERS, (order_id,))
        assert order is not None
        answer = await Api(house).get(f"/v1/ticket-types/{type_id}")
        return order["payment_status"], answer.json()["quantity_available"]

    order_id, type_id = invocations.run(hold(), seconds=10)
    timer = TimerHandler(house, jobs_of(house, None), invocations)
    before = timer({}, Context()), invocations.run(outcome(order_id, type_id), seconds=10)
    clock.move(seconds=house.settings.hold_seconds + 1)
    after = timer({}, Context()), invocations.run(outcome(order_id, type_id), seconds=10)

    assert before == ({"holds": 0}, ("pending", 3))
    assert after == ({"holds": 1}, ("expired", 5))


def test_every_job_is_done_until_nothing_is_left(house: House, invocations: Invocations) -> None:
    mails, notes = Work(100, 100, 3), Work(1)

    done = TimerHandler(house, (job("mails", mails), job("notes", notes)), invocations)({}, Context())

    assert done == {"mails": 203, "notes": 1}
    assert (mails.runs, notes.runs) == (4, 2)


def test_a_job_that_fails_is_told_and_takes_nothing_from_the_others(house: House, invocations: Invocations) -> None:
    notes = Work(1)
    timer = TimerHandler(house, (job("mails", fail), job("notes", notes)), invocations)

    with structlog.testing.capture_logs() as lines, pytest.raises(JobsFailed, match="mails"):
        timer({}, Context())

    assert notes.runs == 2
    assert [(line["event"], line["job"]) for line in lines] == [("job.failed", "mails")]


@pytest.mark.parametrize("hindered", [hang, busy])
def test_a_job_that_is_not_finished_leaves_time_for_the_others_and_is_no_failure(
    house: House, invocations: Invocations, hindered: Callable[[datetime], Awaitable[int]]
) -> None:
    notes = Work(1)
    timer = TimerHandler(house, (job("mails", hindered), job("notes", notes)), invocations)

    done = timer({}, Context(2 * aws.REST_SECONDS + 0.2))

    assert done == {"notes": 1}


def test_a_job_that_was_cut_off_is_free_for_the_next_call(house: House, invocations: Invocations) -> None:
    TimerHandler(house, (job("mails", hang),), invocations)({}, Context(2 * aws.REST_SECONDS + 0.1))
    mails = Work(7)

    done = TimerHandler(house, (job("mails", mails),), invocations)({}, Context())

    assert done == {"mails": 7}


def test_a_job_that_another_environment_is_at_is_left_to_it(
    house: House, clock: StandingClock, invocations: Invocations
) -> None:
    lease = {"name": "job mails", "holder": "another", "expires_at": clock.time + LEASE_LASTS}
    invocations.run(house.store.commit((Claim(LEASES, lease, clock.time),)), seconds=5)
    mails = Work(7)

    done = TimerHandler(house, (job("mails", mails),), invocations)({}, Context())

    assert (done, mails.runs) == ({"mails": 0}, 0)


def test_a_job_that_is_rarer_than_the_schedule_waits_for_its_turn_whoever_asks(
    house: House, clock: StandingClock, invocations: Invocations
) -> None:
    purge = Work(1, 1, 1, 1)
    hourly = (job("purge", purge, seconds=3600),)
    runs = []
    for _minute in range(125):
        # Each call may come to another environment: nothing but the store remembers.
        TimerHandler(house, hourly, invocations)({}, Context())
        runs.append(purge.runs)
        clock.time += timedelta(minutes=1)

    assert [minute for minute, (before, after) in enumerate(zip([0, *runs], runs, strict=False)) if after > before] == [
        0,
        60,
        120,
    ]
