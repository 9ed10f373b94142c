"""The machine's clock and dice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest

from ticketing.gateways.clock import POOL_BYTES, SystemClock, SystemEntropy


def test_the_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


@pytest.mark.parametrize("count", [1, 7, 8, 80, 256, POOL_BYTES * 8 + 8])
def test_a_draw_has_as_many_bits_as_asked(count: int) -> None:
    entropy = SystemEntropy()

    drawn = [entropy.bits(count) for _ in range(200)]

    assert max(value.bit_length() for value in drawn) <= count
    assert max(value.bit_length() for value in drawn) > count - 8


def test_no_draw_comes_twice_however_many_threads_draw() -> None:
    entropy = SystemEntropy()

    def draw() -> list[int]:
        return [entropy.bits(80) for _ in range(2_000)]

    with ThreadPoolExecutor(8) as threads:
        drawn = [value for values in threads.map(lambda _: draw(), range(8)) for value in values]

    assert len(set(drawn)) == len(drawn)
