"""The HTTP handler on AWS Lambda: an event of API Gateway becomes a request to the one application, and its answer what API
Gateway sends. Takes payload 2.0 and 1.0 of HTTP APIs, and REST APIs (docs/aws.md)."""

import asyncio
import os
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote, urlencode

import structlog
from starlette.types import ASGIApp, Message, Scope

from ticketing.entry.aws import RUNTIME_VARIABLE, Context, Invocations, open_environment, seconds_of
from ticketing.entry.mail import mail_of
from ticketing.site.app import build_app
from ticketing.site.errors import broken
from ticketing.web.proxies import BehindProxies, ForwardedHeader
from ticketing.web.replies import PROBLEM_JSON, encoded

log = structlog.get_logger()

Event: TypeAlias = Mapping[str, Any]
"""What API Gateway gives: JSON."""
Reply: TypeAlias = dict[str, Any]
"""What API Gateway takes: JSON."""
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

DEFAULT_STAGE: Final = "$default"
"""The one stage whose name stands in no path."""
PATH_LETTERS: Final = "/:@!$&'()*+,;=~"
"""What stands in a path as it is (RFC 3986), beside letters and digits."""


class HttpHandler:
    """Answers events of API Gateway with the application."""

    def __init__(self, app: ASGIApp, invocations: Invocations, *, root_path: str) -> None:
        self._app = app
        self._invocations = invocations
        self._root_path = root_path

    def __call__(self, event: Event, context: Context) -> Reply:
        """The application's answer, when all that it decided is durable. Raises ValueError for an event of anything else."""
        is_new = event.get("version") == "2.0"
        scope = scope_of(event, root_path=self._root_path)
        exchange = _Exchange(scope, body_of(event))
        try:
            self._invocations.run(exchange.pass_to(self._app), seconds=seconds_of(context))
        except (
            Exception
        ) as error:  # the application answers its own mistakes: it was out of time, or half an answer is out
            log.error("invocation.failed", method=scope["method"], exc_info=error)
            exchange.fail()
        write = reply_of_version_2 if is_new else reply_of_version_1
        return write(exchange.status, exchange.headers, b"".join(exchange.parts))


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._over = asyncio.Event()
        self.status = 0
        self.headers: RawHeaders = []
        self.parts: list[bytes] = []

    async def pass_to(self, app: ASGIApp) -> None:
        """The application has answered."""
        try:
            await app(self._scope, self._receive, self._send)
        finally:
            self._over.set()

    async def _receive(self) -> Message:
        if self._body is None:
            await self._over.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        else:
            self.parts.append(message.get("body", b""))

    def fail(self) -> None:
        """The answer says that something broke here, and how to find out what became of the request."""
        content = encoded(broken(self._scope["path"]))
        self.status = 500
        self.headers = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", str(len(content)).encode()),
            *((name, value) for name, value in self._scope["headers"] if name == b"x-request-id"),
        ]
        self.parts = [content]


# The request ---------------------------------------------------------------------------------------------------------


def scope_of(event: Event, *, root_path: str) -> Scope:
    """The request of an event as ASGI has it. The client is who API Gateway says; no header is believed in this.

    Raises ValueError for an event that is not of API Gateway.
    """
    context = event.get("requestContext")
    if not isinstance(context, Mapping) or not ("http" in context or "httpMethod" in event):
        raise ValueError("This is no event of API Gateway: it has no requestContext, or no method.")
    if event.get("version") == "2.0":
        method, address = context["http"]["method"], context["http"]["sourceIp"]
        path: str = event["rawPath"]
        query = event.get("rawQueryString") or ""
        headers = _headers_of_version_2(event)
    else:
        method, address = event["httpMethod"], context["identity"]["sourceIp"]
        path = event["path"]
        query = urlencode(_all_values(event, "queryStringParameters", "multiValueQueryStringParameters"))
        headers = _headers_of_version_1(event)
    if "version" not in event:  # REST APIs leave a path as it came; HTTP APIs take the percent signs out of it
        path = unquote(path)
    path = root_path + _own_path(path, prefixes=(root_path, _stage_path(context)))
    names = {name for name, _ in headers}
    if b"x-request-id" not in names and context.get("requestId"):
        headers.append(
            (b"x-request-id", str(context["requestId"]).encode())
        )  # the name under which API Gateway logs it
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "https",
        "method": method,
        "root_path": root_path,
        "path": path,
        "raw_path": quote(path, safe=PATH_LETTERS).encode(),
        "query_string": query.encode(),
        "headers": headers,
        "client": (address, 0),
        "server": (context.get("domainName") or "localhost", 443),
        "state": {},
    }


def body_of(event: Event) -> bytes:
    """The body of an event's request, empty where it has none."""
    body: str = event.get("body") or ""
    return b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _own_path(path: str, *, prefixes: Iterable[str]) -> str:
    """The path as the application knows it. Which prefix API Gateway leaves on depends on API, payload and domain."""
    for prefix in prefixes:
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :] or "/"
    return path or "/"


def _stage_path(context: Mapping[str, Any]) -> str:
    stage = context.get("stage") or DEFAULT_STAGE
    return "" if stage == DEFAULT_STAGE else f"/{stage}"


def _headers_of_version_2(event: Event) -> RawHeaders:
    headers = [(name.lower().encode(), value.encode()) for name, value in (event.get("headers") or {}).items()]
    cookies = event.get("cookies")
    if cookies:
        headers.append((b"cookie", "; ".join(cookies).encode()))
    return headers


def _headers_of_version_1(event: Event) -> RawHeaders:
    pairs = _all_values(event, "headers", "multiValueHeaders")
    headers = [(name.lower().encode(), value.encode()) for name, value in pairs if name.lower() != "cookie"]
    cookies = [value for name, value in pairs if name.lower() == "cookie"]
    if cookies:
        headers.append((b"cookie", "; ".join(cookies).encode()))
    return headers


def _all_values(event: Event, single: str, multiple: str) -> list[tuple[str, str]]:
    """Each value of each name, also where a name stands several times."""
    lists = event.get(multiple)
    if lists:
        return [(name, value) for name, values in lists.items() for value in values or ()]
    return list((event.get(single) or {}).items())


# The answer ----------------------------------------------------------------------------------------------------------


def reply_of_version_2(status: int, headers: RawHeaders, body: bytes) -> Reply:
    """The answer in payload 2.0: cookies are a list, other names stand once."""
    told: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in _texts(headers):
        if name == "set-cookie":
            cookies.append(value)
        else:
            told[name] = f"{told[name]}, {value}" if name in told else value
    reply: Reply = {"statusCode": status, "headers": told, **_written(body)}
    return reply | {"cookies": cookies} if cookies else reply


def reply_of_version_1(status: int, headers: RawHeaders, body: bytes) -> Reply:
    """The answer in payload 1.0: each name with all its values."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in _texts(headers):
        told[name].append(value)
    return {"statusCode": status, "multiValueHeaders": dict(told), **_written(body)}


def _texts(headers: RawHeaders) -> Iterable[tuple[str, str]]:
    return ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers)


def _written(body: bytes) -> Reply:
    """The body as JSON can hold it: text where it is UTF-8, whatever its type says, since that comes out as the same bytes."""
    try:
        return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": b64encode(body).decode(), "isBase64Encoded": True}


# What Lambda calls ---------------------------------------------------------------------------------------------------


def handler(event: Event, context: Context) -> Reply:
    """The answer to one event of API Gateway: `ticketing.entry.lambda_http.handler` in the template."""
    return _handler()(event, context)


@cache
def _handler() -> HttpHandler:
    environment = open_environment()
    config = environment.config
    app = build_app(environment.opened.house, hosts=config.hosts, log_requests=config.text("log_level") == "debug")
    proxies = config.proxies
    outer = BehindProxies(app, proxies, ForwardedHeader(config.text("forwarded_header"))) if proxies else app
    app.state.letters = mail_of(environment.opened.house, config).letters
    app.state.watches = None  # an answer cannot stay open here: pages say what was left when they came
    app.state.wallets = environment.opened.wallets
    return HttpHandler(outer, environment.invocations, root_path=config.text("root_path"))


if RUNTIME_VARIABLE in os.environ:
    _handler()
