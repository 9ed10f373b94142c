"""Rate limits that several processes keep together, over buckets in the store, without a commit for each request.

docs/decisions/0013 has the reasons. Each process lets a twentieth of a large limit through by itself; what goes beyond that it takes out
of the shared bucket, in blocks that grow while they are used up. Small limits are taken one by one, and are exact.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ticketing.base.bounds import LIMIT_BUCKETS_MAX
from ticketing.base.changes import Insert, Replace
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.base.tables import Record
from ticketing.schema.tables import LIMITS as TABLE
from ticketing.web.limits import LIMITS, MICROSECONDS, Limit, Limiter, LimitKind, full_after, wait_microseconds

log = structlog.get_logger()

OWN_SHARE: Final = 20
"""Each process lets one in so many through on its own account, and takes blocks of that many at most."""
LARGE_COUNT_MIN: Final = 200
"""Limits below this are for guessers, whom a twentieth here and there would help; what they guard costs more than a commit."""
REFUSED_SECONDS_MIN: Final = 1.0
"""Who is refused is told to wait a second at least. For so long the store is not asked about that caller again, however often it
comes; and no longer, since somebody else may be forgiven meanwhile."""
ANSWER_SECONDS_MAX: Final = 0.5
"""A store that takes longer for a few bytes is in trouble, and a limit must not add to it."""
ALONE_SECONDS: Final = 1.0
"""After that each process counts for itself for so long, before it asks the store again."""


ROUNDS_MAX: Final = 64
"""How often a bucket that another process changed meanwhile is read again. In each round one of them gets what it wants."""


def own_limits(limits: Mapping[LimitKind, Limit]) -> dict[LimitKind, Limit]:
    """What each process lets through by itself: a twentieth of each large limit."""
    return {
        kind: Limit(limit.count // OWN_SHARE, limit.seconds, limit.reason)
        for kind, limit in limits.items()
        if limit.count >= LARGE_COUNT_MIN
    }


def left_in_bucket(limit: Limit, *, full_at: int, now: int) -> int:
    """How many a bucket that is full at `full_at` has left at `now`. Times in microseconds."""
    period = limit.seconds * MICROSECONDS
    return (period - min(max(full_at - now, 0), period)) // (period // limit.count)


@dataclass(slots=True)
class _Caller:
    """What a process knows of a caller: permits that it took and did not spend; when there will be one where there was none."""

    spare: int = 0
    block: int = 0
    took_at: int = 0
    refused_until: int = 0
    ask_again_at: int = 0
    waiting: int = 0
    taking: asyncio.Task[None] | None = None


class SharedLimiter(Limiter):
    """The buckets of all processes over one store. Where the store cannot be asked, it counts by itself, as every Limiter does."""

    def __init__(
        self,
        house: House,
        *,
        enforced: bool,
        limits: Mapping[LimitKind, Limit] = LIMITS,
        buckets_max: int = LIMIT_BUCKETS_MAX,
    ) -> None:
        super().__init__(house.clock, enforced=enforced, limits=limits, buckets_max=buckets_max)
        self._store = house.store
        self._name_key = house.keys.derive("rate limits")
        own = own_limits(limits)
        self._own = Limiter(house.clock, enforced=enforced, limits=own, buckets_max=buckets_max)
        self._block_max = {kind: own[kind].count if kind in own else 1 for kind in limits}
        self._callers: dict[LimitKind, OrderedDict[str, _Caller]] = {kind: OrderedDict() for kind in limits}
        self._alone_until = 0

    async def admit(self, kind: LimitKind, key: str, now_seconds: float) -> float | None:
        """None, and one is taken; or after how many seconds to come again, and none is. The store is asked where it has to be."""
        if not self.enforced or (self._block_max[kind] > 1 and self._own.allow(kind, key, now_seconds) is None):
            return None
        now = int(now_seconds * MICROSECONDS)
        caller = self._caller(kind, key)
        while not caller.spare:
            if caller.ask_again_at > now:
                return (max(caller.refused_until, caller.ask_again_at) - now) / MICROSECONDS
            if now < self._alone_until:
                return self.allow(kind, key, now_seconds)
            caller.waiting += 1
            try:
                if caller.taking is None:
                    caller.taking = asyncio.create_task(self._take(kind, key, caller, now))
                await asyncio.shield(caller.taking)
            finally:
                caller.waiting -= 1
        caller.spare -= 1
        return None

    async def forgive(self, kind: LimitKind, key: str) -> None:
        """One that was taken does not count after all, in any process."""
        if not self.enforced or self._block_max[kind] > 1:
            return
        limit = self._limits[kind]
        drop = limit.seconds * MICROSECONDS // limit.count
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                for _ in range(ROUNDS_MAX):
                    record = await self._store.get(TABLE, (self._name(kind, key),))
                    if record is None or await self._changed(record, full_at=record["full_at"] - drop):
                        return
        except Exception as error:  # then it counts, which is refilled soon
            self._count_alone(error)

    def _caller(self, kind: LimitKind, key: str) -> _Caller:
        callers = self._callers[kind]
        caller = callers.get(key)
        if caller is None:
            caller = callers[key] = _Caller()
            if len(callers) > self._buckets_max:
                callers.popitem(last=False)
        callers.move_to_end(key)
        return caller

    async def _take(self, kind: LimitKind, key: str, caller: _Caller, now: int) -> None:
        """The caller has permits, or is refused for a while; or this process counts by itself."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._take_from_store(kind, key, caller, now)
        except Exception as error:  # a limit that cannot be looked up is no reason to turn anybody away
            self._count_alone(error)
        finally:
            caller.taking = None

    async def _take_from_store(self, kind: LimitKind, key: str, caller: _Caller, now: int) -> None:
        limit = self._limits[kind]
        wanted = self._block(kind, caller, now)
        name = self._name(kind, key)
        for _ in range(ROUNDS_MAX):
            record = await self._store.get(TABLE, (name,))
            full_at = 0 if record is None else record["full_at"]
            count = min(wanted, left_in_bucket(limit, full_at=full_at, now=now))
            if not count:
                wait = wait_microseconds(limit, full_after=full_after(limit, full_at=full_at, now=now), now=now)
                caller.refused_until = now + wait
                caller.ask_again_at = now + int(REFUSED_SECONDS_MIN * MICROSECONDS)
                return
            after = max(full_at, now) + count * (limit.seconds * MICROSECONDS // limit.count)
            if await self._changed(record or _new(name), full_at=after, is_new=record is None):
                caller.spare += count
                caller.block, caller.took_at = count, now
                return
        # More processes than rounds want the same at this instant. Counting alone now would hand each of them the whole limit.
        caller.refused_until = caller.ask_again_at = now + int(REFUSED_SECONDS_MIN * MICROSECONDS)

    def _block(self, kind: LimitKind, caller: _Caller, now: int) -> int:
        """As many as wait, and twice as many as the last time where those were used up about as fast as they come back."""
        limit, most = self._limits[kind], self._block_max[kind]
        is_steady = now - caller.took_at < most * limit.seconds * MICROSECONDS // limit.count
        return min(most, max(caller.waiting, 2 * caller.block if is_steady else 1))

    async def _changed(self, record: Record, *, full_at: int, is_new: bool = False) -> bool:
        """Whether the bucket is full at this time now; False where another process changed it meanwhile."""
        at = datetime.fromtimestamp(full_at // MICROSECONDS, UTC) + timedelta(minutes=1)
        changed = {**record, "full_at": full_at, "expires_at": at}
        try:
            await self._store.commit((Insert(TABLE, changed) if is_new else Replace(TABLE, changed),))
        except Conflict:
            return False
        return True

    def _count_alone(self, error: Exception) -> None:
        self._alone_until = int((self.now_seconds() + ALONE_SECONDS) * MICROSECONDS)
        log.warning("limits.counted_alone", error=type(error).__name__)

    def _name(self, kind: LimitKind, key: str) -> str:
        """The key of a bucket: no address and no account is stored, nor can be found out by trying."""
        return hashlib.blake2b(f"{kind.value}\0{key}".encode(), digest_size=24, key=self._name_key).hexdigest()


def _new(name: str) -> Record:
    return {"name": name, "full_at": 0, "expires_at": datetime.fromtimestamp(0, UTC), "version": 1}


def limiter_of_house(house: House) -> Limiter:
    """The limits of a house: shared where its store is, else in this process alone."""
    enforced = house.settings.rate_limits
    if house.settings.shared_limits:
        return SharedLimiter(house, enforced=enforced)
    return Limiter(house.clock, enforced=enforced)
