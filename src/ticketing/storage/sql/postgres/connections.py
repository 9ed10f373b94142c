"""Connections to PostgreSQL: a few for reads and one for writes, opened when they are needed and again when they were lost."""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import structlog

from ticketing.base.bounds import DATABASE_CONNECTIONS_MAX
from ticketing.base.store import Busy

log = structlog.get_logger()

CONNECT_SECONDS: Final = 3.0
"""A database that does not answer for so long is down."""
DOWN_SECONDS: Final = 0.25
"""After a connection failed, nobody tries again for so long: while the database is down, everyone hears so at once."""
WAIT_SECONDS: Final = 5.0
"""How long a read may wait for a free connection, and a write for a row that another process changes."""
STATEMENT_SECONDS: Final = 15.0
"""A statement takes milliseconds; one that takes so long is stuck, and is ended."""
SILENCE_SECONDS: Final = 4.0
"""A transaction in which nothing is asked for so long has lost whoever began it: it is ended, and lets go of its rows. That is sooner
than whoever looks for its outcome gives up."""
STATEMENTS_KEPT: Final = 500
"""Prepared statements of a connection: as many as there are shapes of batches, and more."""

SESSION: Final = (
    # Planned once, through indexes: these statements take less time than planning them again for every value and size of table.
    "set timezone = 'UTC'; set jit = off; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; "
    f"set lock_timeout = {int(WAIT_SECONDS * 1000)}; set statement_timeout = {int(STATEMENT_SECONDS * 1000)}"
)
_WRITING: Final = (
    # In the order given, so that rows are locked in key order however small a table is.
    "set enable_hashjoin = off; set enable_mergejoin = off; "
    f"set idle_in_transaction_session_timeout = {int(SILENCE_SECONDS * 1000)}; "
    "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
)

NAME: Final = "ticket"
"""Under which whoever looks at the database's activity finds us."""

LOST: Final = (
    OSError,
    EOFError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
)
"""The connection is gone or of no use: whether what was asked was done is not known."""
REFUSING: Final = (
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.ReadOnlySQLTransactionError,  # it has become a standby
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
"""The database says by itself that it cannot do this now."""
AGAIN: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Nothing was done, for the sake of others; it is tried again."""
UNAVAILABLE: Final = (*LOST, *REFUSING, *AGAIN)


def connections_max() -> int:
    """How many connections a process holds at most: two for each core, or fewer."""
    return min(DATABASE_CONNECTIONS_MAX, 2 * (os.cpu_count() or 1))


class Connections:
    """Connections of one kind to one database, at most `size` at a time. They belong to the event loop that opened them."""

    def __init__(self, url: str, size: int, *, writing: bool = False) -> None:
        self._url = url
        self._size = size
        self._setup = f"{SESSION}; {_WRITING}" if writing else SESSION
        self._free: deque[Any] = deque()
        self._places = asyncio.Semaphore(size)
        self._down_until = 0.0
        self._asked: dict[Hashable, asyncio.Future[Sequence[Any] | None]] = {}
        """Reads that wait for a connection."""

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Any]:
        """A connection for oneself. One that was lost is not handed out again. Raises Busy where there is none."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError as error:
            raise Busy from error
        connection = None
        try:
            while self._free and connection is None:
                connection = self._free.pop()
                if connection.is_closed():
                    connection = None
            if connection is None:
                connection = await self._connected()
            yield connection
        except LOST:
            if connection is not None:
                connection.terminate()
            raise
        except BaseException:
            # Whoever asked may have gone in the middle of an answer: the next one is not to read the rest of it.
            if connection is not None and connection.is_in_transaction():
                connection.terminate()
            raise
        finally:
            if connection is not None and not connection.is_closed():
                self._free.append(connection)
            self._places.release()

    async def read(self, statement: str, *parameters: Any) -> Sequence[Any]:
        """The rows of a statement that changes nothing; where the connection was lost, it is asked once more. Raises Busy.

        Who wants the same as another who still waits for a connection shares the answer: when hundreds come at once for one event,
        it is read once and not hundreds of times. Nobody is given what was read before they asked.
        """
        if not self._places.locked():
            return await self._read(statement, parameters, lambda: None)
        question = (statement, *(tuple(part) if type(part) is list else part for part in parameters))
        while (asked := self._asked.get(question)) is not None:
            rows = await asyncio.shield(asked)
            if rows is not None:
                return rows
        asked = self._asked[question] = asyncio.get_running_loop().create_future()
        rows = None
        try:
            rows = await self._read(statement, parameters, lambda: self._no_longer(question, asked))
        except Busy as busy:
            asked.set_exception(busy)
            asked.exception()  # perhaps nobody else is there to hear it
            raise
        finally:
            self._no_longer(question, asked)
            if not asked.done():
                asked.set_result(rows)  # None where this one went away: another asks
        return rows

    def _no_longer(self, question: Hashable, asked: "asyncio.Future[Sequence[Any] | None]") -> None:
        """Who asks from now on may have written what this does not see."""
        if self._asked.get(question) is asked:
            del self._asked[question]

    async def _read(self, statement: str, parameters: Sequence[Any], begins: Callable[[], None]) -> Sequence[Any]:
        try:
            try:
                async with self.taken() as connection:
                    begins()
                    return await connection.fetch(statement, *parameters)  # type: ignore[no-any-return]
            except (*LOST, *AGAIN, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError):
                async with self.taken() as connection:
                    return await connection.fetch(statement, *parameters)  # type: ignore[no-any-return]
        except UNAVAILABLE as error:
            log.error("store.cannot_read", error=said(error))
            raise Busy from error

    async def close(self) -> None:
        """None of them is open."""
        while self._free:
            await closed(self._free.pop())
        self._places = asyncio.Semaphore(self._size)

    async def _connected(self) -> Any:
        if time.monotonic() < self._down_until:
            raise Busy
        try:
            connection = await connect(self._url)
            try:
                await connection.execute(self._setup)
            except BaseException:
                connection.terminate()
                raise
        except UNAVAILABLE as error:
            self._down_until = time.monotonic() + DOWN_SECONDS
            log.error("store.cannot_connect", error=said(error))
            raise Busy from error
        return connection


async def connect(
    url: str, *, seconds: float = CONNECT_SECONDS, statement_seconds: float | None = STATEMENT_SECONDS + WAIT_SECONDS
) -> Any:
    """A connection with nothing set. Raises what the driver raises.

    A statement that takes longer than `statement_seconds` (None: however long) was sent to a database that is gone: one that is there
    ends it before.
    """
    return await asyncpg.connect(
        url,
        timeout=seconds,
        command_timeout=statement_seconds,
        statement_cache_size=STATEMENTS_KEPT,
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
        server_settings={"application_name": NAME},
    )


async def closed(connection: Any) -> None:
    """The connection is not open, whether or not the database still answers."""
    try:
        await connection.close(timeout=CONNECT_SECONDS)
    except LOST:
        connection.terminate()


def said(error: BaseException) -> str:
    """What an error says, without the address that it may name."""
    return f"{type(error).__name__}: {error}".split("\n")[0][:200]
