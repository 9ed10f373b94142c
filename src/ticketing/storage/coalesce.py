"""Many commits into one transaction: one writer takes all that wait, and makes it durable once.

No timer: a batch is what arrived while the last one was being written. No rule of any feature knows that this exists.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from ticketing.base.bounds import COMMITS_PER_BATCH_MAX, COMMITS_WAITING_MAX
from ticketing.base.changes import Change
from ticketing.base.store import ALL, Busy, Page, Range, assert_lawful
from ticketing.base.tables import Index, Key, Record, Table


class Reads(Protocol):
    """The reads of the port, which no engine does otherwise."""

    async def get(self, table: Table, key: Key) -> Record | None: ...

    async def get_many(self, table: Table, keys: Sequence[Key]) -> list[Record | None]: ...

    async def query(
        self,
        index: Index,
        value: str,
        *,
        within: Range = ALL,
        limit: int = 20,
        cursor: str | None = None,
        descending: bool = False,
    ) -> Page: ...

    def scan(self, table: Table) -> AsyncIterator[Record]: ...


class Engine(Reads, Protocol):
    """What coalescing stands on: the reads of the port, and a batch applied in one transaction."""

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]: ...

    def close(self) -> None: ...


@runtime_checkable
class StagingEngine(Engine, Protocol):
    """An engine that can do a batch in three steps, of which only the first and the last may wait for others or for the disk.

    Planning a batch and handing its rows over is work for Python. Done in a second thread it would fight for Python's lock with the
    requests, a dozen times in each batch; done between two turns of the event loop it fights with nobody.
    """

    def begin(self) -> bool: ...

    def stage(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]: ...

    def finish(self) -> bool: ...

    def abandon(self) -> None: ...


@runtime_checkable
class AwaitedEngine(Reads, Protocol):
    """An engine that waits for a server and not for a disk: it needs no thread."""

    async def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]: ...

    async def leave_loop(self) -> None: ...

    async def close(self) -> None: ...


class CoalescedStore:
    """The storage port over an engine whose commits are written in batches; what may wait for the disk has a thread."""

    def __init__(
        self,
        engine: Engine | AwaitedEngine,
        *,
        waiting_max: int = COMMITS_WAITING_MAX,
        batch_max: int = COMMITS_PER_BATCH_MAX,
    ) -> None:
        self.engine = engine
        self.get = engine.get
        self.get_many = engine.get_many
        self.query = engine.query
        self.scan = engine.scan
        self._waiting_max = waiting_max
        self._batch_max = batch_max
        self._waiting: deque[tuple[Sequence[Change], asyncio.Future[None]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        if isinstance(engine, AwaitedEngine):
            self._written = engine.apply  # type: ignore[method-assign]
        self._writing: asyncio.Task[None] | None = None
        self.batch_sizes: dict[int, int] = {}
        """How many batches of each size were written."""

    @property
    def waiting(self) -> int:
        """How many commits wait for the writer."""
        return len(self._waiting)

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes, durable, or none. Raises Conflict; Busy where too many wait already."""
        assert_lawful(changes)
        if len(self._waiting) >= self._waiting_max:
            raise Busy
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((changes, future))
        if self._writing is None:
            self._writing = loop.create_task(self._write_all())
        await future

    async def _write_all(self) -> None:
        waiting = self._waiting
        try:
            while waiting:
                batch = [waiting.popleft() for _ in range(min(len(waiting), self._batch_max))]
                self.batch_sizes[len(batch)] = self.batch_sizes.get(len(batch), 0) + 1
                try:
                    outcomes = await self._written([changes for changes, _ in batch])
                except Exception as error:
                    outcomes = [error] * len(batch)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue  # whoever asked has gone; the commit stands all the same
                    if outcome is None:
                        future.set_result(None)
                    else:
                        future.set_exception(outcome)
        finally:
            self._writing = None

    async def _written(self, commits: Sequence[Sequence[Change]]) -> Sequence[Exception | None]:
        engine = self.engine
        assert not isinstance(engine, AwaitedEngine)
        run = asyncio.get_running_loop().run_in_executor
        if not isinstance(engine, StagingEngine):
            return await run(self._thread, engine.apply, commits)
        if not await run(self._thread, engine.begin):
            return [Busy() for _ in commits]
        try:
            outcomes = engine.stage(commits)
        except Exception:  # one of them is at fault, or met a taken key: `apply` finds out which
            await run(self._thread, engine.abandon)
            return await run(self._thread, engine.apply, commits)
        return outcomes if await run(self._thread, engine.finish) else [Busy() for _ in commits]

    async def between_batches(self, work: Callable[[Engine], None]) -> None:
        """`work` is done by the writer's thread, when no batch is being written: what only the writer may do to the file."""
        assert not isinstance(self.engine, AwaitedEngine)
        await asyncio.get_running_loop().run_in_executor(self._thread, work, self.engine)

    async def leave_loop(self) -> None:
        """What waits is written, and nothing hangs on the running event loop."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        if isinstance(self.engine, AwaitedEngine):
            await self.engine.leave_loop()

    async def close(self) -> None:
        """What waits is written, and the engine is closed."""
        while self._writing is not None:
            await asyncio.wait({self._writing})
        self._thread.shutdown()
        if isinstance(self.engine, AwaitedEngine):
            await self.engine.close()
        else:
            self.engine.close()
