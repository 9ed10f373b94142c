"""Rate limits that several processes keep together: exact where they guard against guessing, near enough where they spare the store."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.houses import StandingClock, make_house
from ticketing.base.changes import Change
from ticketing.base.store import Busy
from ticketing.base.tables import Key, Record, Table
from ticketing.schema.tables import LIMITS as TABLE
from ticketing.storage.memory import MemoryStore
from ticketing.web.limits import LIMITS, Limit, Limiter, LimitKind
from ticketing.web.shared_limits import (
    ALONE_SECONDS,
    ANSWER_SECONDS_MAX,
    OWN_SHARE,
    SharedLimiter,
    left_in_bucket,
    limiter_of_house,
)

ORDER = LimitKind.ORDER_FROM_ADDRESS
ACCOUNT = LimitKind.LOGIN_OF_ACCOUNT
ADA = "203.0.113.7"
FEWER = {
    kind: Limit(400, limit.seconds, "the same with fewer requests") if limit.count > 400 else limit
    for kind, limit in LIMITS.items()
}


class Counting(MemoryStore):
    """Counts commits, and lets others on between a read and a commit, as a network would."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.gets = 0
        self.trouble: Exception | None = None
        self.hangs = False

    async def get(self, table: Table, key: Key) -> Record | None:
        self.gets += 1
        found = await super().get(table, key)
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.sleep(3600)
        if self.trouble is not None:
            raise self.trouble
        return found

    async def commit(self, changes: Sequence[Change]) -> None:
        self.commits += 1
        await asyncio.sleep(0)
        await super().commit(changes)


class Processes:
    """Several processes over one store, and the clock of all of them."""

    def __init__(self, count: int, store: Counting | None = None) -> None:
        self.clock = StandingClock()
        self.store = store or Counting()
        self.limiters = [
            SharedLimiter(make_house(self.store, clock=self.clock), enforced=True, limits=FEWER) for _ in range(count)
        ]

    async def admit(self, process: int, kind: LimitKind = ORDER, key: str = ADA) -> float | None:
        limiter = self.limiters[process % len(self.limiters)]
        return await limiter.admit(kind, key, limiter.now_seconds())

    async def passed(self, kind: LimitKind, processes: Sequence[int]) -> int:
        """How many of these requests, each to its process and all at once, pass."""
        waits = await asyncio.gather(*(self.admit(process, kind) for process in processes))
        return sum(wait is None for wait in waits)


@pytest.mark.parametrize("processes", [1, 2, 4, 9])
@pytest.mark.parametrize("kind", LimitKind)
async def test_over_all_processes_the_limit_passes_at_once_and_little_more(
    kind: LimitKind, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.web.shared_limits.ANSWER_SECONDS_MAX", 60.0)  # thousands ask at once, on any machine
    count = FEWER[kind].count
    several = Processes(processes)

    passed = await several.passed(kind, range(2 * count * processes))

    # Each process may let a twentieth of a large limit through on its own account.
    own = count // OWN_SHARE if count >= 200 else 0
    assert passed == count + processes * own


@pytest.mark.parametrize("kind", LimitKind)
@given(data=st.data())
def test_as_many_as_the_limit_says_are_never_refused_wherever_they_go(kind: LimitKind, data: st.DataObject) -> None:
    """However they are spread: what one process took and did not spend is never missed, since it spent its own share before."""
    processes = data.draw(st.integers(1, 6))
    several = Processes(processes)
    weights = data.draw(st.lists(st.integers(0, 50), min_size=processes, max_size=processes))
    count = FEWER[kind].count
    chosen = [number for number, weight in enumerate(weights) for _ in range(weight)] or [0]

    async def ask_in_turn() -> list[float | None]:
        stride = data.draw(st.integers(1, len(chosen)))
        return [await several.admit(chosen[turn * stride % len(chosen)], kind) for turn in range(count)]

    assert set(asyncio.run(ask_in_turn())) == {None}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000)), max_size=300))
def test_in_any_stretch_no_more_pass_than_the_burst_the_refill_and_the_share_of_each_process(
    asked: list[tuple[int, int]],
) -> None:
    several = Processes(4)
    limit = FEWER[ORDER]
    own = limit.count // OWN_SHARE
    passed: list[float] = []

    async def ask() -> None:
        for process, pause_ms in asked:
            several.clock.move(milliseconds=pause_ms)
            waits = [await several.admit(process) for _ in range(20)]
            passed.extend([several.limiters[0].now_seconds()] * waits.count(None))

    asyncio.run(ask())
    for first in range(0, len(passed), 50):
        stretch = passed[-1] - passed[first] if passed else 0.0
        refill = stretch * limit.count / limit.seconds
        shares = 4 * (2 * own + stretch * own / limit.seconds)
        assert len(passed) - first <= limit.count + refill + shares + 5


async def test_who_asks_little_costs_no_commit_and_who_asks_much_one_for_a_block() -> None:
    several = Processes(2)

    for number in range(40):
        assert await several.admit(number) is None
    few = several.store.commits
    for number in range(360):
        assert await several.admit(number) is None

    assert few == 0
    assert several.store.commits < 360 / 10


async def test_who_is_over_the_limit_costs_nothing_until_he_may_come_again() -> None:
    several = Processes(1)
    await several.passed(ORDER, [0] * 1_000)
    asked = several.store.gets

    waits = [await several.admit(0) for _ in range(1_000)]

    assert several.store.gets == asked
    assert None not in waits


@pytest.mark.parametrize("kind", LimitKind)
async def test_who_waits_as_told_passes_at_every_process(kind: LimitKind) -> None:
    several = Processes(3)
    await several.passed(kind, range(1_000))
    wait = await several.admit(1, kind)
    assert wait is not None

    several.clock.move(seconds=wait)

    assert await several.admit(1, kind) is None


async def test_guesses_at_an_account_are_counted_one_by_one_over_all_processes() -> None:
    several = Processes(8)

    assert await several.passed(ACCOUNT, [*range(8)] * 50) == 10


async def test_what_is_forgiven_in_one_process_is_there_for_all() -> None:
    several = Processes(2)

    for number in range(50):
        assert await several.admit(number, ACCOUNT) is None
        await several.limiters[number % 2].forgive(ACCOUNT, ADA)
    full = await several.passed(ACCOUNT, [0] * 11)
    refused = await several.admit(1, ACCOUNT)
    await several.limiters[0].forgive(ACCOUNT, ADA)
    several.clock.move(seconds=1)

    assert (full, refused is None) == (10, False)
    assert await several.admit(1, ACCOUNT) is None


@pytest.mark.parametrize("trouble", [Busy(), ConnectionError("the store is gone"), "hangs"])
async def test_without_the_store_each_process_counts_by_itself_and_nobody_sees_an_error(
    trouble: Exception | str,
) -> None:
    several = Processes(2)
    if isinstance(trouble, Exception):
        several.store.trouble = trouble
    else:
        several.store.hangs = True

    alone = [await several.passed(ACCOUNT, [process] * 15) for process in (0, 1)]
    asked = several.store.gets
    several.store.trouble, several.store.hangs = None, False
    several.clock.move(seconds=ALONE_SECONDS)
    again = await several.passed(ACCOUNT, [0] * 15)

    assert alone == [10, 10]
    assert asked <= 4
    assert (again, several.store.gets > asked) == (10, True)


async def test_a_store_that_hangs_holds_a_request_up_for_a_moment_only() -> None:
    several = Processes(1)
    several.store.hangs = True

    async with asyncio.timeout(ANSWER_SECONDS_MAX * 4):
        assert await several.admit(0, ACCOUNT) is None


async def test_nothing_that_is_stored_tells_whom_it_counts() -> None:
    several = Processes(1)
    await several.admit(0, ACCOUNT, "ada@example.org")

    (record,) = [record async for record in several.store.scan(TABLE)]

    assert "ada" not in str(record)
    assert record["expires_at"] > several.clock.now()


async def test_limits_that_are_off_ask_nobody() -> None:
    store = Counting()
    limiter = SharedLimiter(make_house(store), enforced=False)

    assert {await limiter.admit(ACCOUNT, ADA, 0.0) for _ in range(100)} == {None}
    await limiter.forgive(ACCOUNT, ADA)
    assert store.gets == 0


async def test_callers_that_are_remembered_are_bounded() -> None:
    store = Counting()
    few = SharedLimiter(make_house(store), enforced=True, buckets_max=3)
    for number in range(10):
        await few.admit(ACCOUNT, f"user{number}", few.now_seconds())

    assert len(few._callers[ACCOUNT]) == 3


@pytest.mark.parametrize(("shared", "expected"), [(True, SharedLimiter), (False, Limiter)])
def test_only_a_house_that_shares_its_store_shares_its_limits(shared: bool, expected: type[Limiter]) -> None:
    assert type(limiter_of_house(make_house(shared_limits=shared, rate_limits=True))) is expected


@pytest.mark.parametrize(
    ("full_at", "left"), [(0, 10), (90_000_000, 9), (899_999_999, 0), (900_000_000, 0), (10**9, 0)]
)
def test_what_is_left_in_a_bucket_follows_from_when_it_is_full(full_at: int, left: int) -> None:
    assert left_in_bucket(Limit(10, 900, "for tests"), full_at=full_at, now=0) == left
