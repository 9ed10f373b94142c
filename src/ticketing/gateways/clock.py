"""The clock and the dice of the machine."""

import secrets
from datetime import UTC, datetime


class SystemClock:
    """Tells the machine's time."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        return datetime.now(UTC)


class SystemEntropy:
    """Gives the operating system's random bits."""

    def bits(self, count: int) -> int:
        """A uniform integer of `count` bits from a cryptographic source."""
        return secrets.randbits(count)
