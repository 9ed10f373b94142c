"""Rows whose time ran out are deleted from PostgreSQL, and those that tell of batches long settled."""

from datetime import datetime
from typing import Any, Final

import structlog

from ticketing.base.store import Busy
from ticketing.storage.sql.postgres.connections import UNAVAILABLE, closed, connect
from ticketing.storage.sql.purge import PURGED

log = structlog.get_logger()

ROWS_PER_STEP: Final = 5_000
"""Deleted in one transaction. Nobody waits for it: rows that somebody else is at are passed over."""
BATCHES_KEPT: Final = "1 hour"
"""A lost batch is settled within seconds; nobody asks for one that is older."""

_BATCHES: Final = f"made_at < now() - interval '{BATCHES_KEPT}'"


async def purge(url: str, *, now: datetime) -> int:
    """What ran out by `now` is gone, and so is what batches left behind; how many rows ran out. Raises Busy."""
    try:
        connection = await connect(url)
        try:
            count = 0
            for table in PURGED:
                count += await _deleted(connection, table.name, table.key, "expires_at <= $1", now)
            await _deleted(connection, "batches", ("batch_id",), _BATCHES)
            return count
        finally:
            await closed(connection)
    except UNAVAILABLE as error:
        log.error("store.cannot_purge", error=type(error).__name__)
        raise Busy from error


async def _deleted(connection: Any, table: str, key: tuple[str, ...], ran_out: str, *parameters: Any) -> int:
    """How many rows of a table were deleted, in steps: those of which `ran_out` holds."""
    # By key and not by place (ctid), which databases that only speak as PostgreSQL does do not have; chosen once and not for each row.
    statement = (
        f"with chosen as materialized (select {', '.join(key)} from {table} where {ran_out} limit {ROWS_PER_STEP} "
        f"for update skip locked) delete from {table} as t using chosen where "
        + " and ".join(f"t.{name} = chosen.{name}" for name in key)
    )
    count = 0
    while True:
        done = await connection.execute(statement, *parameters)
        deleted = int(done.rpartition(" ")[2])
        count += deleted
        if deleted < ROWS_PER_STEP:
            return count
