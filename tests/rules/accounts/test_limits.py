"""Rate limits: what the rule decides, what the buckets remember, and whom they count."""

from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.houses import NOON, StandingClock
from ticketing.web.limits import (
    LIMITS,
    MICROSECONDS,
    Limit,
    Limiter,
    LimitKind,
    caller_at,
    full_after,
    wait_microseconds,
    whole_seconds,
)

LOGIN = LimitKind.LOGIN_OF_ACCOUNT
TEN_IN_A_QUARTER = Limit(10, 900, "for tests")


@dataclass
class Bucket:
    """One bucket, driven by the pure rule alone."""

    limit: Limit
    full_at: int = 0
    passed: list[int] = field(default_factory=list)

    def ask(self, now: int) -> int:
        after = full_after(self.limit, full_at=self.full_at, now=now)
        wait = wait_microseconds(self.limit, full_after=after, now=now)
        if wait == 0:
            self.full_at = after
            self.passed.append(now)
        return wait


@pytest.mark.parametrize("kind", LimitKind)
def test_as_many_pass_at_once_as_the_limit_says_and_no_more(kind: LimitKind) -> None:
    limiter = Limiter(StandingClock(), enforced=True)
    now = limiter.now_seconds()

    answers = [limiter.allow(kind, "somebody", now) for _ in range(LIMITS[kind].count + 1)]

    assert answers[:-1] == [None] * LIMITS[kind].count
    assert answers[-1] is not None


@pytest.mark.parametrize("kind", LimitKind)
def test_who_waits_as_long_as_told_passes_and_not_before(kind: LimitKind) -> None:
    limiter = Limiter(StandingClock(), enforced=True)
    now = 1_800_000_000.0
    wait = None
    while wait is None:
        wait = limiter.allow(kind, "somebody", now)

    assert limiter.allow(kind, "somebody", now + wait - 0.001) is not None
    assert limiter.allow(kind, "somebody", now + wait + 0.000_001) is None


@given(
    count=st.integers(1, 50),
    seconds=st.integers(1, 3600),
    pauses=st.lists(st.integers(0, 10 * MICROSECONDS), max_size=200),
)
def test_in_any_stretch_of_time_no_more_pass_than_the_burst_and_the_refill(
    count: int, seconds: int, pauses: list[int]
) -> None:
    bucket, now = Bucket(Limit(count, seconds, "for tests")), MICROSECONDS
    for pause in pauses:
        now += pause
        bucket.ask(now)

    drop = seconds * MICROSECONDS // count
    for first in range(len(bucket.passed)):
        for last in range(first, len(bucket.passed)):
            stretch = bucket.passed[last] - bucket.passed[first]
            assert last - first + 1 <= count + stretch // drop + 1


@given(st.lists(st.integers(-3600, 3600), max_size=60))
def test_however_the_clock_jumps_nobody_waits_longer_than_for_one_drop(jumps: list[int]) -> None:
    bucket, now = Bucket(TEN_IN_A_QUARTER), 10**6 * MICROSECONDS
    for jump in jumps:
        now += jump * MICROSECONDS

        assert bucket.ask(now) <= 90 * MICROSECONDS


def test_callers_and_kinds_do_not_use_up_each_others_limit() -> None:
    limiter = Limiter(StandingClock(), enforced=True)
    while limiter.allow(LOGIN, "ada@example.org", 1_800_000_000.0) is None:
        pass

    assert limiter.allow(LOGIN, "bob@example.org", 1_800_000_000.0) is None
    assert limiter.allow(LimitKind.SIGN_UP_FROM_ADDRESS, "ada@example.org", 1_800_000_000.0) is None


def test_what_is_given_back_can_be_taken_again() -> None:
    limiter = Limiter(StandingClock(), enforced=True)

    for _ in range(100):
        assert limiter.allow(LOGIN, "ada@example.org", 1_800_000_000.0) is None
        limiter.give_back(LOGIN, "ada@example.org")


def test_a_refused_request_takes_nothing() -> None:
    limiter = Limiter(StandingClock(), enforced=True)
    waits = [limiter.allow(LOGIN, "ada@example.org", 1_800_000_000.0) for _ in range(50)]

    assert set(waits[10:]) == {90.0}


def test_limits_that_are_off_refuse_nothing() -> None:
    limiter = Limiter(StandingClock(), enforced=False)

    assert {limiter.allow(LOGIN, "ada@example.org", 1_800_000_000.0) for _ in range(1000)} == {None}


def test_the_callers_that_are_remembered_are_bounded_and_the_longest_unseen_goes_first() -> None:
    limiter = Limiter(StandingClock(), enforced=True, buckets_max=3)
    now = 1_800_000_000.0
    for caller in ("ada", "bob", "eve"):
        while limiter.allow(LOGIN, caller, now) is None:
            pass
    limiter.allow(LOGIN, "ada", now)
    limiter.allow(LOGIN, "zoe", now)

    assert limiter.remembered(LOGIN) == 3
    assert limiter.allow(LOGIN, "ada", now) is not None
    assert limiter.allow(LOGIN, "eve", now) is not None
    assert limiter.allow(LOGIN, "bob", now) is None


def test_the_time_is_the_clocks_of_the_house() -> None:
    clock = StandingClock()
    limiter = Limiter(clock, enforced=True)
    clock.move(seconds=30)

    assert datetime.fromtimestamp(limiter.now_seconds(), NOON.tzinfo) == clock.now()


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_of_64_bits_counts_as_one_caller(host: str, caller: str) -> None:
    assert caller_at(host) == caller


@pytest.mark.parametrize(("wait", "told"), [(0.000_001, 1), (1.0, 1), (1.2, 2), (90.0, 90)])
def test_the_wait_is_told_in_whole_seconds_rounded_up(wait: float, told: int) -> None:
    assert whole_seconds(wait) == told


@pytest.mark.parametrize("limit", LIMITS.values())
def test_every_limit_has_its_reason_and_drops_of_whole_microseconds(limit: Limit) -> None:
    assert limit.reason.endswith(".")
    assert limit.seconds * MICROSECONDS % limit.count == 0
