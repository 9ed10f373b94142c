"""Rate limits: one table of them with reasons, the rule that decides, the buckets in memory, and how requests are held to them."""

import ipaddress
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.base.bounds import LIMIT_BUCKETS_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.base.house import Clock
from ticketing.web.replies import PROBLEM_JSON, REFUSAL, Teller, encoded, problem
from ticketing.web.routing import now_of

MICROSECONDS: Final = 1_000_000


class TooManyRequests(Refusal):
    """More of these requests than the limit allows; `retry_after` says in how many seconds the next one will do."""

    code = "too_many_requests"
    kind = Kind.TOO_MANY
    title = "Too many requests of this kind. Wait as many seconds as Retry-After says."


class LimitKind(StrEnum):
    """What is counted, and for whom."""

    LOGIN_OF_ACCOUNT = "login of account"
    LOGIN_FROM_ADDRESS = "login from address"
    LOGIN_ANYWHERE = "login anywhere"
    SIGN_UP_FROM_ADDRESS = "sign-up from address"
    LINK_FROM_ADDRESS = "link from address"
    LINK_TO_RECIPIENT = "link to recipient"
    RESEND_OF_ORDER = "resend of order"
    OFFER_OF_TICKET = "offer of ticket"
    OFFER_TO_RECIPIENT = "offer to recipient"
    ORDER_FROM_ADDRESS = "order from address"
    WRITE_FROM_ADDRESS = "write from address"
    READ_FROM_ADDRESS = "read from address"


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` at once, and again as many, evenly, in `seconds`."""

    count: int
    seconds: int
    reason: str


LIMITS: Final[Mapping[LimitKind, Limit]] = {
    LimitKind.LOGIN_OF_ACCOUNT: Limit(
        10, 900, "Nobody mistypes a password ten times; a guesser gets a thousand tries a day, whatever the addresses."
    ),
    LimitKind.LOGIN_FROM_ADDRESS: Limit(
        30,
        900,
        "Stops trying one password on many accounts. Log-ins that succeed are not counted: a school may share one.",
    ),
    LimitKind.LOGIN_ANYWHERE: Limit(
        1_200,
        60,
        "Near what the hashing threads can do: a flood from everywhere is told to wait before it fills their queue.",
    ),
    LimitKind.SIGN_UP_FROM_ADDRESS: Limit(
        40,
        3_600,
        "A class of thirty behind one address signs up within a lesson, with some second tries; a robot does not.",
    ),
    LimitKind.LINK_FROM_ADDRESS: Limit(
        40,
        3_600,
        "As sign-ups: a class behind one address asks for its links within a lesson; a robot wants thousands.",
    ),
    LimitKind.LINK_TO_RECIPIENT: Limit(
        6, 3_600, "Nobody needs more links an hour; without it a stranger's mailbox could be filled in our name."
    ),
    LimitKind.RESEND_OF_ORDER: Limit(
        3, 3_600, "Who does not find a mail looks for it once more, and once among the spam."
    ),
    LimitKind.OFFER_OF_TICKET: Limit(
        6, 3_600, "Who mistyped an address withdraws the offer and makes another; each is a mail to somebody."
    ),
    LimitKind.OFFER_TO_RECIPIENT: Limit(
        30, 3_600, "A teacher is given the tickets of a class; nobody's mailbox is filled with offers in our name."
    ),
    LimitKind.ORDER_FROM_ADDRESS: Limit(
        600, 60, "An office or a campus buying at the same minute passes; one machine does not drain a hall."
    ),
    LimitKind.WRITE_FROM_ADDRESS: Limit(
        1_200, 60, "Ten doors behind one address scan 300 a minute; programs of an organizer get the rest."
    ),
    LimitKind.READ_FROM_ADDRESS: Limit(
        6_000, 60, "A hundred a second: a campus that reloads at the start of a sale passes, a crawler slows down."
    ),
}
"""Every rate limit, of one process or of several (`shared_limits.py`). An address is an IPv4 address or an IPv6 network of 64 bits."""


def full_after(limit: Limit, *, full_at: int, now: int) -> int:
    """When a bucket that is full at `full_at` will be full if one is taken `now`. All in microseconds.

    A clock that went back leaves the bucket empty at worst, so that nobody waits longer than for the next drop.
    """
    period = limit.seconds * MICROSECONDS
    return min(max(full_at, now), now + period) + period // limit.count


def wait_microseconds(limit: Limit, *, full_after: int, now: int) -> int:
    """How long until the bucket has what it would take to be full at `full_after`: 0 where it has it now."""
    return max(0, full_after - now - limit.seconds * MICROSECONDS)


class Limiter:
    """The buckets of one process, one for each kind and caller. A bucket is one number: when it will be full again."""

    def __init__(
        self,
        clock: Clock,
        *,
        enforced: bool,
        limits: Mapping[LimitKind, Limit] = LIMITS,
        buckets_max: int = LIMIT_BUCKETS_MAX,
    ) -> None:
        self.enforced = enforced
        self._clock = clock
        self._limits = limits
        self._buckets_max = buckets_max
        self._full_at: dict[LimitKind, OrderedDict[str, int]] = {kind: OrderedDict() for kind in limits}

    def now_seconds(self) -> float:
        """The time as `allow` takes it."""
        return self._clock.now().timestamp()

    def allow(self, kind: LimitKind, key: str, now_seconds: float) -> float | None:
        """None, and one is taken; or after how many seconds to come again, and none is."""
        if not self.enforced:
            return None
        limit = self._limits[kind]
        buckets = self._full_at[kind]
        now = int(now_seconds * MICROSECONDS)
        after = full_after(limit, full_at=buckets.get(key, 0), now=now)
        wait = wait_microseconds(limit, full_after=after, now=now)
        if not wait:
            buckets[key] = after
        buckets.move_to_end(key)
        if len(buckets) > self._buckets_max:
            buckets.popitem(last=False)  # unseen for longest, so most likely full again, which is as good as none
        return wait / MICROSECONDS if wait else None

    async def admit(self, kind: LimitKind, key: str, now_seconds: float) -> float | None:
        """As `allow`; a limiter that shares its buckets may have to ask for them."""
        return self.allow(kind, key, now_seconds)

    async def forgive(self, kind: LimitKind, key: str) -> None:
        """As `give_back`, for such a limiter too."""
        self.give_back(kind, key)

    def give_back(self, kind: LimitKind, key: str) -> None:
        """One that was taken does not count after all."""
        full_at = self._full_at[kind].get(key)
        if full_at is not None:
            limit = self._limits[kind]
            self._full_at[kind][key] = full_at - limit.seconds * MICROSECONDS // limit.count

    def remembered(self, kind: LimitKind) -> int:
        """How many callers have a bucket of this kind."""
        return len(self._full_at[kind])


@lru_cache(maxsize=8192)
def caller_at(host: str) -> str:
    """Who is counted at a client's address: the IPv4 address, or the 64-bit network of an IPv6 one, which one caller has whole."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))


def address_of(scope: Scope) -> str:
    """Who is counted for a request: the peer of the connection, or whom trusted proxies saw (`web/proxies.py`)."""
    client = scope.get("client")
    return "" if client is None else caller_at(client[0])


def limiter_of(request: Request) -> Limiter:
    """The limiter of this application."""
    limiter: Limiter = request.app.state.limiter
    return limiter


async def limited(request: Request, kind: LimitKind, *, key: str | None = None) -> None:
    """Nothing, where the limit allows one more for this key (None: for the client's address). Raises TooManyRequests."""
    caller = address_of(request.scope) if key is None else key
    wait = await limiter_of(request).admit(kind, caller, now_of(request).timestamp())
    if wait is not None:
        raise TooManyRequests(retry_after=whole_seconds(wait))


def whole_seconds(wait: float) -> int:
    """A wait as Retry-After says it: rounded up, at least one."""
    return max(1, -int(-wait // 1))


class LimitRequests:
    """ASGI middleware that holds all reads and writes of an address to their limits. Health checks always pass."""

    def __init__(self, app: ASGIApp, limiter: Limiter, tell: Teller | None = None) -> None:
        self._app = app
        self._limiter = limiter
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 429."""
        limiter = self._limiter
        if scope["type"] == "http" and limiter.enforced and not _is_health(scope):
            reads = scope["method"] in ("GET", "HEAD", "OPTIONS")
            kind = LimitKind.READ_FROM_ADDRESS if reads else LimitKind.WRITE_FROM_ADDRESS
            wait = await limiter.admit(kind, address_of(scope), limiter.now_seconds())
            if wait is not None:
                refusal = TooManyRequests(retry_after=whole_seconds(wait))
                page = None if self._tell is None else self._tell(scope, refusal)
                if page is not None:
                    await page(scope, receive, send)
                else:
                    await _refuse(scope, send, retry_after=whole_seconds(wait))
                return
        await self._app(scope, receive, send)


def _is_health(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")).startswith("/health/")


async def _refuse(scope: Scope, send: Send, *, retry_after: int) -> None:
    scope[REFUSAL] = TooManyRequests.code
    body = encoded(
        problem(TooManyRequests(retry_after=retry_after), instance=scope["path"], root_path=scope.get("root_path", ""))
    )
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(retry_after).encode()),
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body})
