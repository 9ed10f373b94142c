"""Rows whose time ran out are deleted: remembered answers, sessions, buckets of rate limits. DynamoDB does this by itself."""

from datetime import datetime
from pathlib import Path
from typing import Final

from ticketing.base.tables import Table
from ticketing.base.times import written
from ticketing.schema.tables import IDEMPOTENCY, LIMITS, SESSIONS
from ticketing.storage.sql.sqlite import connect

ROWS_PER_STEP: Final = 500
"""Deleted in one transaction, some milliseconds during which other writers wait."""
PURGED: Final = (IDEMPOTENCY, SESSIONS, LIMITS)


def purge(path: Path, *, now: datetime) -> int:
    """Remembered answers, sessions and buckets that ran out by `now` are gone; how many they were.

    Answers and sessions lie in the order in which they were made and last equally long, so that this walks from the oldest and stops at the
    first stretch of which nothing ran out: no index is needed, and the whole table is never read. Buckets are renewed, and few:
    all of them are looked at.
    """
    connection = connect(path)
    try:
        count = 0
        for table in PURGED:
            statement = _statement(table)
            while True:
                connection.execute(statement, (written(now), ROWS_PER_STEP))
                if not connection.changes():
                    break
                count += connection.changes()
        return count
    finally:
        connection.close()


def _statement(table: Table) -> str:
    key = table.key[0]
    order = "expires_at" if table is LIMITS else key if table.sorted_keys else "rowid"
    oldest = f"select {key}, expires_at from {table.name} order by {order} limit ?2"
    return f"delete from {table.name} where {key} in (select {key} from ({oldest}) where expires_at <= ?1)"
