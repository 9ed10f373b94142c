"""Public pages kept for a moment, so that a crowd in front of one event is answered from memory. Plain ASGI."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketing.base.bounds import PAGE_KEPT_BYTES_MAX, PAGES_KEPT_MAX
from ticketing.web.assets import takes_gzip
from ticketing.web.flash import FLASH
from ticketing.web.i18n import tongue_of
from ticketing.web.session import SESSION

FRESH_SECONDS: Final = 0.5
"""So long a page is answered as it was read."""
STALE_SECONDS: Final = 1.0
"""So long it is answered to the others while one of them reads it anew: nobody waits, and nobody sees it older than that."""
PERSONAL: Final = (f"{SESSION}=".encode(), f"{FLASH}=".encode())
"""Cookies of visitors whose page is their own: who is logged in, and who is to be told something."""

Key = tuple[str, bytes, str, bool]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer as it went out; `read_at` is when its making began, so that it is never older than it says."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    tag: bytes | None
    route: Any
    read_at: float


class Kept:
    """ASGI middleware: keeps what says `Cache-Control: public`, for each language and coding, and answers it again.

    The API is left alone: a program reads what it wrote. What sets a cookie, or comes with the cookie of a person, is never kept.
    """

    def __init__(self, app: ASGIApp, *, root_path: str, clock: Callable[[], float] = monotonic) -> None:
        self._app = app
        self._api = f"{root_path}/v1/"
        self._clock = clock
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._making: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers from memory, or passes the request on and keeps its answer."""
        key = self._key_of(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        page = self._found(key)
        if page is None and (made := self._making.get(key)) is not None:
            await made.wait()
            page = self._found(key)
        if page is not None:
            scope["route"] = page.route
            await _answer(page, scope, send)
        elif key in self._pages:
            self._making[key] = made = asyncio.Event()
            try:
                await self._make(key, scope, receive, send)
            finally:
                del self._making[key]
                made.set()
        else:  # the first of its kind, perhaps one that is never kept: nobody waits for it
            await self._make(key, scope, receive, send)

    def _key_of(self, scope: Scope) -> Key | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].startswith(self._api):
            return None
        for name, value in scope["headers"]:
            if name == b"cookie" and any(each in value for each in PERSONAL):
                return None
        request = Request(scope)
        return scope["path"], scope["query_string"], tongue_of(request).tag, takes_gzip(request)

    def _found(self, key: Key) -> Page | None:
        page = self._pages.get(key)
        if page is None:
            return None
        age = self._clock() - page.read_at
        return page if age < (STALE_SECONDS if key in self._making else FRESH_SECONDS) else None

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer of the application, which is whole before it goes out where it may be kept."""
        read_at = self._clock()
        asked = scope["headers"]
        scope["headers"] = [each for each in asked if each[0] != b"if-none-match"]  # to be kept it must come whole
        start: Message = {}
        parts: list[bytes] = []
        is_kept = is_known = False

        async def take(message: Message) -> None:
            nonlocal start, is_kept, is_known
            if message["type"] == "http.response.start":
                start = message
                is_kept = _may_be_kept(start)
                is_known = not is_kept and start["status"] == 200 and _is_known(asked, _tag_of(start))
                if is_known:
                    await _answer_known(start["headers"], send)
                elif not is_kept:
                    await send(message)
            elif is_kept:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    page = Page(start["headers"], b"".join(parts), _tag_of(start), scope.get("route"), read_at)
                    self._put(key, page)
                    scope["headers"] = asked
                    await _answer(page, scope, send)
            elif not is_known:
                await send(message)

        await self._app(scope, receive, take)

    def _put(self, key: Key, page: Page) -> None:
        self._pages[key] = page
        self._pages.move_to_end(key)
        while len(self._pages) > PAGES_KEPT_MAX:
            self._pages.popitem(last=False)


def _may_be_kept(start: Message) -> bool:
    headers = dict(start["headers"])
    return (
        start["status"] == 200
        and headers.get(b"cache-control", b"").startswith(b"public")
        and b"set-cookie" not in headers
        and int(headers.get(b"content-length", PAGE_KEPT_BYTES_MAX + 1)) <= PAGE_KEPT_BYTES_MAX
    )


def _tag_of(start: Message) -> bytes | None:
    return next((value for name, value in start["headers"] if name == b"etag"), None)


def _is_known(asked: list[tuple[bytes, bytes]], tag: bytes | None) -> bool:
    """Whether the browser says that it has the page of this tag; a proxy may have called it weak."""
    return tag is not None and any(name == b"if-none-match" and tag in value for name, value in asked)


async def _answer(page: Page, scope: Scope, send: Send) -> None:
    if _is_known(scope["headers"], page.tag):
        await _answer_known(page.headers, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": page.headers})
    await send({"type": "http.response.body", "body": page.body})


async def _answer_known(headers: list[tuple[bytes, bytes]], send: Send) -> None:
    left = [each for each in headers if not each[0].startswith(b"content-")]
    await send({"type": "http.response.start", "status": 304, "headers": left})
    await send({"type": "http.response.body", "body": b""})
