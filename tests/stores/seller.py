"""A process that sells from a file: it waits for a line on its input, tells each acknowledged commit on its output, and can be killed.

Run as `python -m tests.stores.seller FILE NAME TASKS [BYTES_MAX]`. It ends when everything is sold, or the
disk takes no more: no file of this process may grow past BYTES_MAX.
"""

import asyncio
import os
import resource
import sys
from pathlib import Path

from tests.support.stores import CONTRACT_TABLES, THINGS, VALUES, value
from ticketing.base.changes import Insert, Pool, Take
from ticketing.base.store import Busy, Conflict
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.sql import sqlite
from ticketing.storage.sql.sqlite import SqliteEngine

SEATS = Pool(THINGS, ("chair",), "seats")


async def sell(store: CoalescedStore, name: str, *, tasks: int) -> None:
    """Everything is sold, or nothing can be written."""

    async def client(place: int) -> None:
        number = 0
        while True:
            order = f"{name}-{place}-{number}"
            number += 1
            try:
                await store.commit((Insert(VALUES, value(order, text="z" * 200)), Take(SEATS, 1)))
            except Conflict:
                return
            except Busy:
                tell(f"busy {order}")
                return
            else:
                tell(f"sold {order}")

    await asyncio.gather(*(client(place) for place in range(tasks)))


def tell(line: str) -> None:
    """The line is out of this process, which may be killed now."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


async def main(path: Path, name: str, tasks: int) -> None:
    """Opens the file and sells, once a line came in."""
    tell("ready")
    sys.stdin.readline()
    store = CoalescedStore(SqliteEngine(path, CONTRACT_TABLES))
    await sell(store, name, tasks=tasks)
    await store.close()
    tell("done")


if __name__ == "__main__":
    sqlite.WAL_PAGES_BEFORE_CHECKPOINT = 50  # type: ignore[misc]  # so that a short run has checkpoints too
    if len(sys.argv) > 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
