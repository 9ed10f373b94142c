"""Opens any store by its URL: the one place that knows which kinds there are. Imports no driver but the one that is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from ticketing.base.search import SearchIndex
from ticketing.base.store import Store

SQLITE: Final = "SQLite"
POSTGRESQL: Final = "PostgreSQL"
DYNAMODB: Final = "DynamoDB"

SCHEMES: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "postgres": POSTGRESQL, "dynamodb": DYNAMODB}
"""What a URL may begin with, and the kind of store that it names."""


class CannotOpen(RuntimeError):
    """The store cannot be opened; the message says what is wrong and what to do, and no password."""


class OpenStore(Store, Protocol):
    """The storage port of a store that somebody opened, and has to close."""

    async def leave_loop(self) -> None:
        """Nothing of the store hangs on the running event loop any more: it may be used in another one, or after a fork."""
        ...

    async def close(self) -> None:
        """What waits is written, and nothing is open any more."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A store and what belongs to it.

    `purge` deletes what ran out by the time given and says how many rows that were (None: the store does it by itself).
    `tidy_search` makes the search fast again after an import of thousands.
    """

    kind: str
    store: OpenStore
    search: SearchIndex
    purge: Callable[[datetime], Awaitable[int]] | None
    tidy_search: Callable[[], Awaitable[None]]


def kind_of(url: str) -> str:
    """Which kind of store a URL names. Raises KeyError for none that there is."""
    return SCHEMES[url.partition(":")[0].lower()]


def file_of(url: str) -> Path | None:
    """The database file of a URL; None where the store is no file."""
    return Path(url.removeprefix("sqlite:///")) if kind_of(url) == SQLITE else None


def open_any(url: str) -> Opened:
    """The store of this URL, of the latest revision; it is made where it is empty or new. Raises CannotOpen.

    It may be called inside and outside an event loop.
    """
    kind = kind_of(url)
    if kind == POSTGRESQL:
        return _open_postgres(url)
    if kind == DYNAMODB:
        return _open_dynamo(url)
    return _open_sqlite(Path(url.removeprefix("sqlite:///")))


def _open_sqlite(path: Path) -> Opened:
    from ticketing.storage.sql.opening import CANNOT_OPEN, open_store, search_of, tidy_search
    from ticketing.storage.sql.purge import purge

    try:
        store = open_store(path)
    except CANNOT_OPEN as error:
        raise CannotOpen(str(error)) from error

    async def purge_aside(now: datetime) -> int:
        return await asyncio.to_thread(purge, path, now=now)

    return Opened(SQLITE, store, search_of(store), purge_aside, lambda: tidy_search(store))


def _open_postgres(url: str) -> Opened:
    try:
        from ticketing.storage.sql.postgres.opening import open_store
        from ticketing.storage.sql.postgres.purge import purge
    except ImportError as error:
        raise CannotOpen("PostgreSQL needs asyncpg: pip install 'ticketing[postgres]'.") from error

    store, search = open_store(url)

    async def purge_there(now: datetime) -> int:
        return await purge(url, now=now)

    async def leave_as_it_is() -> None:
        """The database keeps the index of the search in order by itself."""

    return Opened(POSTGRESQL, store, search, purge_there, leave_as_it_is)


def _open_dynamo(url: str) -> Opened:
    from ticketing.storage.dynamo.opening import CannotReach, open_store

    try:
        store, search = open_store(url)
    except CannotReach as error:
        raise CannotOpen(str(error)) from error

    async def leave_as_it_is() -> None:
        """The index of the search is each process's own, and always in one piece."""

    return Opened(DYNAMODB, store, search, None, leave_as_it_is)
