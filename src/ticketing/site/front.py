"""What every request passes first, in one step so that it costs little: its id, its host, its size, its place in the queue,
and afterwards its count. Plain ASGI."""

from time import perf_counter
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing.base.bounds import BODY_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.base.store import Busy
from ticketing.site.errors import RETRY_AFTER_SECONDS, broken
from ticketing.site.metrics import UNKNOWN_ROUTE, Metrics
from ticketing.site.requests import REQUEST_ID, RequestIds, answered_hosts, host_name
from ticketing.web.replies import IS_REPLAY, PROBLEM_JSON, REFUSAL, Teller, encoded, problem

log = structlog.get_logger()

_LENGTH_DIGITS_MAX: Final = 18


class BodyTooLarge(Refusal):
    """The body is larger than any request needs."""

    code = "body_too_large"
    kind = Kind.TOO_LARGE
    title = f"The body has more than {BODY_BYTES_MAX} bytes."


class WrongHost(Refusal):
    """The request names a host that this server is not set up for."""

    code = "wrong_host"
    kind = Kind.WRONG_HOST
    title = "This server does not answer for that host. Its address is set by TICKET_BASE_URL."


MISTAKE: Final = "ticketing.mistake"


class Front:
    """ASGI middleware, the outermost.

    - `X-Request-Id` of the request, where it is sane, or one of ours, goes into the answer and into the logs.
    - With `hosts`, a request for another host is refused (loopback and `/health/` always pass).
    - A body over the bound is refused, whether it says so or not; past the bound on requests in flight all are, at once.
    - HEAD is answered as GET without the body.
    - A mistake of ours is logged with the request's id, and answered as a problem.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        ids: RequestIds,
        hosts: frozenset[str],
        shortcuts: frozenset[str],
        log_requests: bool,
        tell: Teller | None = None,
    ) -> None:
        self._app = app
        self._tell = tell
        self._metrics = metrics
        self._ids = ids
        self._hosts = answered_hosts(hosts)
        self._shortcuts = shortcuts
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = length = host = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"content-length":
                length = value
            elif name == b"x-request-id":
                request_id = value
        request_id = self._ids.of(request_id)
        REQUEST_ID.set(request_id)
        metrics = self._metrics
        exchange = _Exchange(scope, receive, send, metrics, request_id, self._tell)
        refusal: Refusal | None = None
        if metrics.in_flight >= REQUESTS_IN_FLIGHT_MAX and not _is_health(scope):
            refusal = Busy()
        elif length is not None and (
            len(length) > _LENGTH_DIGITS_MAX or not length.isdigit() or int(length) > BODY_BYTES_MAX
        ):
            refusal = BodyTooLarge()
        elif self._hosts and host_name(host) not in self._hosts and not _is_health(scope):
            refusal = WrongHost()
        if refusal is not None:
            await exchange.refuse(refusal)
        else:
            metrics.in_flight += 1
            try:
                await self._pass_on(exchange)
            finally:
                metrics.in_flight -= 1
        self._note(exchange, perf_counter() - started)

    async def _pass_on(self, exchange: "_Exchange") -> None:
        scope = exchange.scope
        method = scope["method"]
        if method == "HEAD":
            exchange.bodiless = True
            scope = exchange.scope = {**scope, "method": "GET"}
        try:
            await self._app(scope, exchange.receive, exchange.send)
            if MISTAKE in scope:
                raise scope[MISTAKE]
        except Exception as error:
            if exchange.answered:
                return  # it was refused meanwhile, and what it did then does not matter
            log.error("request.failed", method=method, route=self._route(scope), exc_info=error)
            if exchange.status is not None:
                raise  # half an answer is out: the server cuts the connection
            await exchange.fail()

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        path: str = scope["path"]
        return path if path in self._shortcuts else UNKNOWN_ROUTE

    def _note(self, exchange: "_Exchange", seconds: float) -> None:
        scope = exchange.scope
        method = "HEAD" if exchange.bodiless else scope["method"]
        status = exchange.status or 0
        route = self._route(scope)
        self._metrics.count(method, route, status, seconds=seconds, refusal=scope.get(REFUSAL))
        if status == 201 and route in self._shortcuts and IS_REPLAY not in exchange.headers:
            self._metrics.orders += 1
        if self._log_requests:
            client = scope.get("client") or ("",)
            log.debug(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), client=client[0]
            )


class HandOver:
    """ASGI middleware behind the framework's own: an exception is left in the scope for the front, before the framework answers it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            scope[MISTAKE] = error


class _Exchange:
    """One request and its answer, with what has become of them."""

    __slots__ = (
        "_inner_receive",
        "_inner_send",
        "_left",
        "_metrics",
        "_request_id",
        "_tell",
        "answered",
        "bodiless",
        "headers",
        "scope",
        "status",
    )

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, metrics: Metrics, request_id: bytes, tell: Teller | None
    ) -> None:
        self.scope = scope
        self._tell = tell
        self._inner_receive = receive
        self._inner_send = send
        self._metrics = metrics
        self._request_id = request_id
        self._left = BODY_BYTES_MAX
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.bodiless = False
        self.answered = False

    async def receive(self) -> Message:
        """The next part of the body. Whoever is slow to send it holds no place in the queue meanwhile."""
        metrics = self._metrics
        metrics.in_flight -= 1
        metrics.reading += 1
        try:
            message = await self._inner_receive()
        finally:
            metrics.in_flight += 1
            metrics.reading -= 1
        self._left -= len(message.get("body", b""))
        if self._left < 0 and self.status is None:
            await self.refuse(BodyTooLarge())
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Passes the answer on, with the request's id; without its body for HEAD."""
        if self.answered:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
        elif self.bodiless:
            message = {"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)}
        await self._inner_send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """The answer is this refusal, whatever else is sent."""
        self.scope[REFUSAL] = refusal.code
        headers = []
        if refusal.kind is Kind.BUSY:
            headers.append((b"retry-after", RETRY_AFTER_SECONDS.encode()))
        if refusal.kind is Kind.TOO_LARGE:
            headers.append((b"connection", b"close"))  # the rest of the body is not waited for
        if not await self._told(refusal, headers):
            await self._answer(
                problem(refusal, instance=self.scope["path"], root_path=self.scope.get("root_path", "")), headers
            )

    async def fail(self) -> None:
        """The answer says that something broke here."""
        if not await self._told(None, []):
            await self._answer(broken(self.scope["path"]), [])

    async def _told(self, refusal: Refusal | None, headers: list[tuple[bytes, bytes]]) -> bool:
        page = None if self._tell is None else self._tell(self.scope, refusal)
        if page is None:
            return False
        there = {name for name, _ in page.raw_headers}
        page.raw_headers = [*page.raw_headers, *(each for each in headers if each[0] not in there)]
        await page(self.scope, self.receive, self.send)
        self.answered = True
        return True

    async def _answer(self, body: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
        content = encoded(body)
        headers += [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", str(len(content)).encode())]
        await self.send({"type": "http.response.start", "status": body["status"], "headers": headers})
        await self.send({"type": "http.response.body", "body": content})
        self.answered = True


def _is_health(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")).startswith("/health/")
