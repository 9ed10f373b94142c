"""Opens the store of a PostgreSQL URL: its tables are made or brought to this version first, and what is no store is refused."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import structlog

from ticketing.base.search import SearchIndex
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.sql.postgres.connections import UNAVAILABLE
from ticketing.storage.sql.postgres.engine import PostgresEngine
from ticketing.storage.sql.postgres.migrate import CannotUse, Migrated, migrate, refuse_other, upgrade_script
from ticketing.storage.sql.postgres.pooler import refuse_transaction_pooler
from ticketing.storage.sql.postgres.search import PostgresSearch

log = structlog.get_logger()

Found = TypeVar("Found")

_TOLD: dict[type[Exception], str] = {
    asyncpg.InvalidCatalogNameError: "there is no such database; make it: createdb {database}",
    asyncpg.InvalidPasswordError: "the user or the password is wrong",
    asyncpg.InvalidAuthorizationSpecificationError: "the user may not connect",
    asyncpg.InsufficientPrivilegeError: "the user may not make tables; let it own the database: alter database {database} owner to {user}",
    TimeoutError: "it does not answer",
}
"""What is said of errors whose own words do not say what to do."""


def open_store(url: str) -> tuple[CoalescedStore, SearchIndex]:
    """The store of this URL and its search, of the latest revision. Raises CannotUse.

    It may be called inside and outside an event loop, and belongs to none before it is used.
    """
    migrated = migrate_now(url)
    if migrated.before != migrated.after:
        log.info("store.migrated", before=migrated.before, after=migrated.after)
    engine = PostgresEngine(url)
    return CoalescedStore(engine), search_of(engine)


def open_to_read(url: str) -> tuple[CoalescedStore, SearchIndex]:
    """The store of this URL and its search, of the latest revision already; nothing is changed. Raises CannotUse."""
    in_loop_of_its_own(lambda: told(url, refuse_other(url)))
    engine = PostgresEngine(url)
    return CoalescedStore(engine), search_of(engine)


def migrate_now(url: str, *, only_try: bool = False) -> Migrated:
    """The database has the latest revision, or would have it with `only_try`. Raises CannotUse."""

    async def migrated() -> Migrated:
        await refuse_transaction_pooler(url)
        return await migrate(url, only_try=only_try)

    return in_loop_of_its_own(lambda: told(url, migrated()))


def script_of(url: str) -> list[str]:
    """The statements that `migrate_now` would run. Raises CannotUse."""
    return in_loop_of_its_own(lambda: told(url, upgrade_script(url)))


def search_of(engine: PostgresEngine) -> SearchIndex:
    """The search of a store on this engine."""
    return PostgresSearch(engine.readers)


async def told(url: str, work: Coroutine[Any, Any, Found]) -> Found:
    """What `work` returns. Raises CannotUse where the database does not do it."""
    try:
        return await work
    except CannotUse as error:
        raise CannotUse(f"PostgreSQL at {place_of(url)} cannot be used: {error}") from error
    except (*UNAVAILABLE, asyncpg.PostgresError, ValueError) as error:
        raise CannotUse(f"PostgreSQL at {place_of(url)} cannot be used: {_reason(url, error)}.") from None


def place_of(url: str) -> str:
    """Where a URL leads, for the eye: host, port and database."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(url: str, error: Exception) -> str:
    parts = urlsplit(url)
    for kind, words in _TOLD.items():
        if isinstance(error, kind):
            return words.format(database=parts.path.strip("/"), user=parts.username or "USER")
    said = f"{error}".split("\n")[0][:200].rstrip(".") or type(error).__name__
    for password in {parts.password, unquote(parts.password or ""), *parse_qs(parts.query).get("password", [])}:
        if password:
            said = said.replace(password, "***")
    return f"it is out of reach ({said})" if isinstance(error, OSError) else said


def in_loop_of_its_own(work: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    """What a coroutine comes to, in an event loop of its own: whether or not one runs here."""
    found: list[Found] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work()))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="opens PostgreSQL")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
