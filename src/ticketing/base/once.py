"""One effect for each idempotency key: the record of the first answer is one of the changes of the commit."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from ticketing.base.changes import Change
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.base.tables import Record

Done = TypeVar("Done")

Keep: TypeAlias = Callable[[Done], tuple[Change, ...]]
"""Given what the action will have done, the changes that remember its answer. They go first in the commit."""


def keep_nothing(_done: object) -> tuple[Change, ...]:
    """For callers that need no memory of the answer."""
    return ()


class AlreadyAnswered(Exception):
    """This idempotency key has its answer already; `record` is the row of `idempotency` that holds it."""

    def __init__(self, record: Record) -> None:
        super().__init__("already answered")
        self.record = record


async def commit_once(house: House, changes: Sequence[Change]) -> None:
    """Commits, and tells a repeated request apart from every other conflict. Raises AlreadyAnswered, Conflict, Busy."""
    try:
        await house.store.commit(changes)
    except Conflict as conflict:
        if conflict.change.table.name == "idempotency" and conflict.found is not None:
            raise AlreadyAnswered(conflict.found) from conflict
        raise
