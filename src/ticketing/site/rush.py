"""The short way of the one hot request: `POST /v1/orders` goes straight to sales, past the router.

A route of the framework costs more than the whole order; docs/decisions has the figures. The request means the same either way: the
route that stands in the OpenAPI document calls the same function.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketing.base.errors import Refusal
from ticketing.base.house import House
from ticketing.sales.api.orders import ORDERS_PATH, answer_order
from ticketing.site.errors import refused
from ticketing.web.limits import Limiter, LimitKind, TooManyRequests, address_of, whole_seconds
from ticketing.web.replies import Written


class Rush:
    """ASGI middleware: answers `POST /v1/orders`, passes everything else on."""

    def __init__(self, app: ASGIApp, house: House, limiter: Limiter) -> None:
        self._app = app
        self._house = house
        self._limiter = limiter
        self._path = house.settings.root_path + ORDERS_PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers it."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        answer = await self.answer(scope, receive)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def answer(self, scope: Scope, receive: Receive | bytes) -> Written:
        """The answer to an order, whose body is there or is still to be received."""
        content_type = ""
        key: str | None = None
        authorization: str | None = None
        languages = ""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"idempotency-key":
                key = value.decode("latin-1")
            elif name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"accept-language":
                languages = value.decode("latin-1")
        try:
            limiter = self._limiter
            if limiter.enforced:
                wait = await limiter.admit(LimitKind.ORDER_FROM_ADDRESS, address_of(scope), limiter.now_seconds())
                if wait is not None:
                    raise TooManyRequests(retry_after=whole_seconds(wait))
            return await answer_order(
                self._house,
                body=receive if isinstance(receive, bytes) else await _body(receive),
                content_type=content_type,
                key=key,
                authorization=authorization,
                languages=languages,
            )
        except Refusal as refusal:
            response = refused(Request(scope), refusal)
            return Written(response.status_code, response.raw_headers, bytes(response.body))


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)
