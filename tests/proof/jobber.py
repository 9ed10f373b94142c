"""A process that does a job by turns with others, and notes what it did; it can be killed.

Run as `python -m tests.proof.jobber URL LEDGER HOLDER STEPS [SECONDS_AHEAD]`. A step reads the last line of the ledger and writes the next
one, without any lock: two at once would write the same number twice. With a holder called `hangs`, the first step never ends.
It says when it is ready, and begins when it is sent a line.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.houses import make_house
from ticketing.base.store import Busy
from ticketing.entry.jobs import Job, run_once
from ticketing.gateways.clock import SystemClock
from ticketing.storage.opening import open_any


class Ahead:
    """A clock that is so many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """The time, and so many seconds."""
        return SystemClock().now() + self._ahead


def numbers(ledger: Path) -> list[int]:
    """The steps that were done, in their order."""
    return [int(line.split()[0]) for line in ledger.read_text().splitlines()]


async def main(url: str, ledger: Path, holder: str, steps: int, ahead: float) -> None:
    """Takes turns until all steps are done."""
    opened = open_any(url)
    house = replace(make_house(opened.store), clock=Ahead(ahead))

    async def due(_now: datetime) -> bool:
        return len(numbers(ledger)) < steps

    async def step(_now: datetime) -> int:
        done = len(numbers(ledger))
        if holder == "hangs":
            print("hangs", flush=True)
            await asyncio.sleep(3600)
        await asyncio.sleep(0.005)
        with ledger.open("a") as lines:
            lines.write(f"{done} {holder}\n")
        return 1

    job = Job("ledger", 0.0, 0.0, due, step)
    print("ready", flush=True)
    sys.stdin.readline()
    while len(numbers(ledger)) < steps:
        try:
            if await run_once(house, job, holder=holder) is None:
                print("waits", flush=True)
                await asyncio.sleep(0.002)
        except Busy:
            await asyncio.sleep(0.01)
    await opened.store.close()


if __name__ == "__main__":
    _, url, ledger, holder, steps, *ahead = sys.argv
    asyncio.run(main(url, Path(ledger), holder, int(steps), float(ahead[0]) if ahead else 0.0))
