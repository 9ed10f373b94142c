"""How a crowd is told to come again for next to nothing: before a request is parsed, let alone worked on."""

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from os import urandom
from typing import Final

from ticketing.base.bounds import REQUESTS_IN_FLIGHT_MAX
from ticketing.base.store import Busy
from ticketing.site.errors import RETRY_AFTER_SECONDS
from ticketing.site.metrics import Metrics
from ticketing.web.replies import PROBLEM_JSON, encoded, problem

_HEAD_END: Final = b"\r\n\r\n"
_SPECIAL: Final = (b"\r\nx-request-id:", b"\r\nconnection:", b"\r\nexpect:", b"\r\ntransfer-encoding:")
"""What a request may ask for that this short answer does not heed."""

REFUSALS_PER_SECOND_MAX: Final = 8_000
"""Of clients that come again without waiting. A refusal costs 10 to 20 µs, reading and writing included: this is an eighth of a core,
and each of 256 who do not wait hears "no" within 50 ms. Past it, what they send is read later."""
REFUSALS_PER_SECOND_IN_FLOOD: Final = 4_000
FLOOD: Final = 400
"""So many connections that were just refused cannot all hear it again within 50 ms: then the orders of the others go first."""
PAUSE_SECONDS_MIN: Final = 0.03
PAUSE_SECONDS_MAX: Final = 1.0
"""As Retry-After says: whoever heeds it is never kept waiting."""
TICK_SECONDS: Final = 0.005


class Shedding:
    """Refuses the one hot request where too many are under way, as `Front` would, from its bytes as they came.

    A refusal by `Front` costs a third of an order, so that a crowd of ten times what can be served would leave a quarter of it.
    """

    def __init__(self, metrics: Metrics, *, path: str, root_path: str, places: int = REQUESTS_IN_FLIGHT_MAX) -> None:
        self.places = places
        self._metrics = metrics
        self._route = root_path + path
        self._begin = b"POST %b HTTP/1.1\r\n" % path.encode()
        body = encoded(problem(Busy(), instance=self._route, root_path=root_path))
        self._head = b"\r\n".join(
            (
                b"HTTP/1.1 503 Service Unavailable",
                b"retry-after: " + RETRY_AFTER_SECONDS.encode(),
                b"content-type: " + PROBLEM_JSON.encode(),
                b"content-length: %d" % len(body),
                b"x-request-id: ",
            )
        )
        self._tail = _HEAD_END + body
        self._process = urandom(6).hex().encode()
        self._count = 0
        self._paused: deque[tuple[float, Callable[[], None]]] = deque()
        self._next_turn = 0.0

    def is_full(self, requests: int) -> bool:
        """Whether so many requests, begun and not answered, are too many. Those that wait for their own body do not count."""
        return requests - self._metrics.reading >= self.places

    def refusal_of(self, piece: bytes) -> bytes | None:
        """The whole refusal of a piece that is exactly one hot request with nothing special to it, counted. None for any other."""
        if not piece.startswith(self._begin):
            return None
        end = piece.find(_HEAD_END)
        head = piece[: end + 2].lower()
        at = head.find(b"\r\ncontent-length: ") + 18
        length = head[at : head.find(b"\r\n", at)]
        if end < 0 or at < 18 or not length.isdigit() or len(piece) != end + 4 + int(length[:18]):
            return None
        if any(name in head for name in _SPECIAL):
            return None
        self._count += 1
        self._metrics.count("POST", self._route, 503, seconds=0.0, refusal=Busy.code)
        return b"%b%b-s%x%b" % (self._head, self._process, self._count, self._tail)

    def when_its_turn_comes(self, loop: AbstractEventLoop, resume: Callable[[], None]) -> None:
        """`resume` is called once this connection, just refused, may be read again."""
        now = loop.time()
        turn = max(now + PAUSE_SECONDS_MIN, self._next_turn)
        in_flood = len(self._paused) >= FLOOD
        self._next_turn = turn + 1 / (REFUSALS_PER_SECOND_IN_FLOOD if in_flood else REFUSALS_PER_SECOND_MAX)
        if not self._paused:
            loop.call_later(PAUSE_SECONDS_MIN, self._resume, loop)
        self._paused.append((min(turn, now + PAUSE_SECONDS_MAX), resume))

    def _resume(self, loop: AbstractEventLoop) -> None:
        now = loop.time()
        paused = self._paused
        try:
            while paused and paused[0][0] <= now:
                paused.popleft()[1]()
        finally:  # whatever became of one connection, the others are read again
            if paused:
                loop.call_later(TICK_SECONDS, self._resume, loop)
