"""Deciding anew what was changed meanwhile, and refusing a change of what was not seen."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ticketing.base.bounds import DECISION_ROUNDS_MAX
from ticketing.base.errors import ChangedMeanwhile
from ticketing.base.store import Busy, Conflict, Store
from ticketing.events.blocks import came_back

Done = TypeVar("Done")


async def in_rounds(store: Store, attempt: Callable[[], Awaitable[Done]]) -> Done:
    """What `attempt` does; it reads, decides and commits anew where what it had read was changed, or was in blocks. Raises Busy."""
    for _round in range(DECISION_ROUNDS_MAX):
        try:
            return await attempt()
        except Conflict as conflict:
            await came_back(store, conflict)
    raise Busy


def refuse_unseen(expected: int | None, version: int) -> None:
    """Nothing, where the client saw this version or does not care (None). Raises ChangedMeanwhile."""
    if expected is not None and expected != version:
        raise ChangedMeanwhile
