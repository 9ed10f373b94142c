"""The clock and the dice of the machine."""

import os
import threading
from datetime import UTC, datetime
from typing import Final

POOL_BYTES: Final = 4_096


class SystemClock:
    """Tells the machine's time."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        return datetime.now(UTC)


class SystemEntropy(threading.local):
    """Gives the operating system's random bits, which it asks for a few hundred draws at a time.

    Each thread draws from a pool of its own, and each process makes its own: two that shared one would draw the same.
    """

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def bits(self, count: int) -> int:
        """A uniform integer of `count` bits from a cryptographic source."""
        size = (count + 7) // 8
        start = self._used
        if start + size > len(self._pool):
            self._pool = os.urandom(max(POOL_BYTES, size))
            start = 0
        self._used = start + size
        return int.from_bytes(self._pool[start : start + size], "big") >> (size * 8 - count)
