"""What a PostgreSQL tells of itself that a server on it needs to know: its clock, and how many connections it takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ticketing.storage.sql.postgres.connections import closed, connect, connections_max
from ticketing.storage.sql.postgres.opening import told

_ASKED: Final = (
    "select clock_timestamp(), least("
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, "
    "nullif((select rolconnlimit from pg_roles where rolname = current_user), -1))"
)


@dataclass(frozen=True, slots=True)
class Told:
    """The time there, and how many connections this user may have."""

    clock: datetime
    connections: int


async def asked(url: str) -> Told:
    """What the database tells. Raises CannotUse."""

    async def found() -> Told:
        connection = await connect(url)
        try:
            clock, connections = await connection.fetchrow(_ASKED)
            return Told(clock, connections)
        finally:
            await closed(connection)

    return await told(url, found())


def connections_of(processes: int) -> int:
    """How many connections so many processes on this machine may hold: each its own, and one more while it tidies up."""
    return processes * (connections_max() + 1)
