"""Rows whose time ran out are deleted: answers, sessions, buckets of limits, mailed links, mails. DynamoDB does this by itself."""

from datetime import datetime
from pathlib import Path
from typing import Final

from ticketing.base.tables import Table
from ticketing.base.times import written
from ticketing.schema.tables import DELIVERIES, IDEMPOTENCY, LIMITS, LINKS, SESSIONS
from ticketing.storage.sql.sqlite import connect

ROWS_PER_STEP: Final = 500
"""Deleted in one transaction, some milliseconds during which other writers wait."""
PURGED: Final = (IDEMPOTENCY, SESSIONS, LIMITS, LINKS, DELIVERIES)
RENEWED: Final = (LIMITS, LINKS)
"""Tables whose rows begin anew in their place, so that the oldest need not be the first to run out."""


def purge(path: Path, *, now: datetime) -> int:
    """What ran out by `now` is gone; how many rows that was.

    Answers, sessions and mails lie in the order in which they were made and last equally long, so that this walks from the oldest and
    stops at the first stretch of which nothing ran out: no index is needed, and the whole table is never read. Buckets and links are
    renewed, and few: all of them are looked at.
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
    order = "expires_at" if table in RENEWED else key if table.sorted_keys else "rowid"
    oldest = f"select {key}, expires_at from {table.name} order by {order} limit ?2"
    return f"delete from {table.name} where {key} in (select {key} from ({oldest}) where expires_at <= ?1)"
