"""The shortest way of the one hot request: from the bytes of one piece to the bytes of its answer, past the HTTP server's parser too."""

from collections.abc import Callable
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.types import Scope

from ticketing.base.bounds import BODY_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX
from ticketing.sales.api.orders import ORDERS_PATH
from ticketing.site.errors import broken
from ticketing.site.metrics import Metrics
from ticketing.site.requests import REQUEST_ID, RequestIds, answered_hosts, host_name
from ticketing.site.rush import Rush
from ticketing.web.replies import IS_REPLAY, PROBLEM_JSON, REFUSAL, Written, encoded

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from ticketing.base.quick import dataclass

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HotRequest:
    """A hot request that came whole and in the plainest form: its headers as ASGI has them, and its body."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    request_id: bytes


_HEAD_END: Final = b"\r\n\r\n"
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_PLAIN_HEADERS: Final = frozenset(
    b"accept accept-encoding accept-language authorization content-length content-type cookie forwarded host idempotency-key origin "
    b"priority referer sec-fetch-dest sec-fetch-mode sec-fetch-site traceparent tracestate user-agent x-forwarded-for "
    b"x-forwarded-host x-forwarded-port x-forwarded-proto x-real-ip x-request-id".split()
)
"""Headers that change nothing about how a request is read. One with any other goes the general way."""


class ShortWay:
    """Answers the hot request from its bytes as they came: what `Front` and `Rush` do for it, without what stands between.

    Whatever is not whole, or unusual in any way, is left to them. The HTTP server's parser, its cycle of messages and the front
    cost 40 µs an order (docs/decisions/0005), this costs ten.
    """

    def __init__(
        self,
        rush: Rush,
        *,
        root_path: str,
        metrics: Metrics,
        ids: RequestIds,
        hosts: frozenset[str],
        log_requests: bool,
    ) -> None:
        self._rush = rush
        self._metrics = metrics
        self._ids = ids
        self._hosts = answered_hosts(hosts)
        self._log_requests = log_requests
        self._root_path = root_path
        self._route = root_path + ORDERS_PATH
        self.settle_client: Callable[[Scope], None] | None = None
        """Finds out who asks, where the server stands behind proxies."""
        self._begin = b"POST %b HTTP/1.1\r\n" % ORDERS_PATH.encode()

    def read(self, piece: bytes) -> HotRequest | None:
        """The hot request that this piece is, exactly and in the plainest form; None for anything else."""
        if not piece.startswith(self._begin) or self._metrics.in_flight >= REQUESTS_IN_FLIGHT_MAX:
            return None
        end = piece.find(_HEAD_END)
        if end < 0:
            return None
        head = piece[len(self._begin) : end]
        lines = head.split(b"\r\n")
        if head.translate(None, _PRINTABLE) != b"\r\n" * (len(lines) - 1):
            return None
        headers = []
        length = host = asked_id = None
        seen = set()
        for line in lines:
            name, _, value = line.partition(b": ")
            name = name.lower()
            if name not in _PLAIN_HEADERS or name in seen or value.strip() != value:
                return None
            seen.add(name)
            headers.append((name, value))
            if name == b"content-length":
                length = value
            elif name == b"host":
                host = value
            elif name == b"x-request-id":
                asked_id = value
        if length is None or host is None or not length.isdigit() or len(length) > 9:
            return None
        body = piece[end + 4 :]
        if len(body) != int(length) or len(body) > BODY_BYTES_MAX:
            return None
        if self._hosts and host_name(host) not in self._hosts:
            return None
        return HotRequest(headers, body, self._ids.of(asked_id))

    async def answer(self, hot: HotRequest, *, client: tuple[str, int] | None) -> Written:
        """The answer to a hot request."""
        started = perf_counter()
        REQUEST_ID.set(hot.request_id)
        metrics = self._metrics
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": self._route,
            "root_path": self._root_path,
            "query_string": b"",
            "headers": hot.headers,
            "client": client,
        }
        if self.settle_client is not None:
            self.settle_client(scope)
        metrics.in_flight += 1
        try:
            answer = await self._rush.answer(scope, hot.body)
        except Exception as error:
            log.error("request.failed", method="POST", route=self._route, exc_info=error)
            content = encoded(broken(self._route))
            length = str(len(content)).encode()
            headers = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", length)]
            answer = Written(500, headers, content)
        finally:
            metrics.in_flight -= 1
        seconds = perf_counter() - started
        status = answer.status
        metrics.count("POST", self._route, status, seconds=seconds, refusal=scope.get(REFUSAL))
        if status == 201 and IS_REPLAY not in answer.headers:
            metrics.orders += 1
        if self._log_requests:
            log.debug("request", method="POST", route=self._route, status=status, ms=round(seconds * 1000, 1))
        answer.headers.append((b"x-request-id", hot.request_id))
        return answer


def on_the_wire(answer: Written, *more: tuple[bytes, bytes]) -> bytes:
    """An answer as it goes out, with `more` headers before its own."""
    head = b"".join([b"%b: %b\r\n" % header for header in (*more, *answer.headers)])
    return b"%b%b\r\n%b" % (_STATUS_LINES[answer.status], head, answer.body)
