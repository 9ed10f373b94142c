"""What stands between Ticket and PostgreSQL: a pooler is good as long as a connection through it stays the same one."""

from typing import Any, Final

import asyncpg

from ticketing.storage.sql.postgres.connections import CONNECT_SECONDS, WAIT_SECONDS, closed
from ticketing.storage.sql.postgres.migrate import CannotUse

_BACKEND: Final = "select pg_backend_pid()"


async def refuse_transaction_pooler(url: str) -> None:
    """Nothing, where a connection is one session of the database. Raises CannotUse where others get it between two transactions.

    There what a connection was told would hold for others and not for itself: that a commit is durable before it is answered, in which
    order rows are locked, how long a statement may take, which statements are prepared. A pooler shows itself by telling at login the
    number of a process that is not the one that answers.
    """
    first = await _connect(url)
    try:
        own = await first.fetchval(_BACKEND)
        if own == first.get_server_pid():
            return
        second = await _connect(url)
        try:
            async with second.transaction():
                is_shared = await second.fetchval(_BACKEND) == own or await first.fetchval(_BACKEND) != own
        finally:
            await closed(second)
    finally:
        await closed(first)
    if is_shared:
        raise CannotUse(
            "A pooler stands before it that gives others the connection after each transaction. Let it keep connections together "
            "(PgBouncer: pool_mode = session), or name the database itself."
        )


async def _connect(url: str) -> Any:
    """A connection that prepares nothing, as works through every pooler."""
    return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=WAIT_SECONDS, statement_cache_size=0)
