"""What no local engine shows by itself: conflicts between transactions, throttling, lost answers, late indexes, half-answered reads."""

import random
import threading
from collections.abc import Callable
from typing import Any, Final

from ticketing.storage.dynamo.driver import CANCELLED, Answer, Driver, Lost, Patient, Refused, Request

WRITE: Final = "TransactWriteItems"


def conflict(request: Request) -> Refused:
    """What DynamoDB answers where another transaction is writing one of the items."""
    reasons: tuple[dict[str, Any], ...] = ({"Code": "TransactionConflict"},)
    return Refused(CANCELLED, "cancelled", reasons=reasons + ({"Code": "None"},) * (len(request["TransactItems"]) - 1))


class Disturbed:
    """A driver some of whose writes meet a conflict, are throttled, or lose their answer, before or after they were done."""

    def __init__(self, within: Driver, *, seed: int, conflicts: float = 0.0, throttled: float = 0.0, lost: float = 0.0):
        self.within = within
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._bounds = (conflicts, conflicts + throttled, conflicts + throttled + lost)
        self.disturbed = 0

    def call(self, action: str, request: Request) -> Answer:
        """As the driver, unless disturbed."""
        with self._lock:
            drawn, done_first = self._chance.random(), self._chance.random() < 0.5
            self.disturbed += drawn < self._bounds[2]
        if action == WRITE and drawn < self._bounds[0]:
            raise conflict(request)
        if drawn < self._bounds[1]:
            raise Refused("ThrottlingException", "too fast")
        if action == WRITE and drawn < self._bounds[2]:
            if done_first:
                self.within.call(action, request)
            raise Lost("no answer")
        return self.within.call(action, request)

    def close(self) -> None:
        """The driver within is closed."""
        self.within.close()


class Handled:
    """A driver whose calls a test handles: `handle` is given the action, its request and the driver's own way to do it."""

    def __init__(self, within: Driver) -> None:
        self.within = within
        self.handle: Callable[[str, Request], Answer] = within.call

    def call(self, action: str, request: Request) -> Answer:
        """As the test says."""
        return self.handle(action, request)

    def close(self) -> None:
        """The driver within is closed."""
        self.within.close()


def hurried(driver: Driver) -> Patient:
    """Retries with hardly any pause, for some seconds."""
    return Patient(driver, pause=lambda _seconds: None, give_up_seconds=20.0)


def impatient(driver: Driver) -> Patient:
    """Retries that give up at once."""
    return Patient(driver, pause=lambda _seconds: None, give_up_seconds=0.05)
