"""Opens any store by its URL: the one place that knows which kinds there are. Imports no driver but the one that is asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from ticketing.base.search import SearchIndex
from ticketing.base.store import Store
from ticketing.storage.drivers import install_command

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
    return _open(url, only_read=False)


def open_to_read(url: str) -> Opened:
    """The store of this URL as it stands: nothing is made or upgraded, and it is to be read only. Raises CannotOpen.

    One that has another revision than the latest is refused. It may be called inside and outside an event loop.
    """
    return _open(url, only_read=True)


def _open(url: str, *, only_read: bool) -> Opened:
    kind = kind_of(url)
    if kind == POSTGRESQL:
        return _open_postgres(url, only_read=only_read)
    if kind == DYNAMODB:
        return _open_dynamo(url, only_read=only_read)
    return _open_sqlite(Path(url.removeprefix("sqlite:///")), only_read=only_read)


def _open_sqlite(path: Path, *, only_read: bool) -> Opened:
    from ticketing.storage.sql import opening
    from ticketing.storage.sql.purge import purge

    try:
        store = opening.open_to_read(path) if only_read else opening.open_store(path)
    except opening.CANNOT_OPEN as error:
        raise CannotOpen(str(error)) from error

    async def purge_aside(now: datetime) -> int:
        return await asyncio.to_thread(purge, path, now=now)

    return Opened(SQLITE, store, opening.search_of(store), purge_aside, lambda: opening.tidy_search(store))


def _open_postgres(url: str, *, only_read: bool) -> Opened:
    try:
        from ticketing.storage.sql.postgres import opening
        from ticketing.storage.sql.postgres.purge import purge
    except ImportError as error:
        command = install_command("postgres", "asyncpg")
        raise CannotOpen(f"PostgreSQL needs asyncpg, which is not installed where Ticket is: {command}") from error

    store, search = opening.open_to_read(url) if only_read else opening.open_store(url)

    async def purge_there(now: datetime) -> int:
        return await purge(url, now=now)

    async def leave_as_it_is() -> None:
        """The database keeps the index of the search in order by itself."""

    return Opened(POSTGRESQL, store, search, purge_there, leave_as_it_is)


def _open_dynamo(url: str, *, only_read: bool) -> Opened:
    from ticketing.storage.dynamo import opening

    try:
        store, search = opening.open_to_read(url) if only_read else opening.open_store(url)
    except opening.CannotReach as error:
        raise CannotOpen(str(error)) from error

    async def leave_as_it_is() -> None:
        """The index of the search is each process's own, and always in one piece."""

    return Opened(DYNAMODB, store, search, None, leave_as_it_is)
