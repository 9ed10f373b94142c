"""What is left of an event as it changes: one read a second for all who watch it, told to each over a stream of server-sent events."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ticketing.base.bounds import WATCH_SECONDS_MAX, WATCHES_MAX, WATCHES_PER_CLIENT_MAX
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import Busy
from ticketing.catalog.model import EventShown
from ticketing.catalog.rules import event_shown
from ticketing.events.blocks import counted
from ticketing.events.store import read_offer
from ticketing.web.limits import TooManyRequests

log = structlog.get_logger()

EVERY_SECONDS: Final = 1.0
"""Between two reads of a watched event, however many watch it. So long a page may be behind a sale."""
HEARTBEAT_SECONDS: Final = 15.0
"""Proxies close connections on which nothing comes for a minute or half of one."""
RETRY_SECONDS: Final = 30
"""After how long who finds no room may come again."""
HEARTBEAT: Final = b":\n\n"


def left_of(shown: EventShown) -> dict[str, Any]:
    """What a page that is open has to know anew: how the event stands, and of each type whether and how many can be chosen."""
    return {
        "status": shown.status.value,
        "types": {
            each.ticket_type.ticket_type_id: {"status": each.status.value, "most": each.most, "left": each.left}
            for each in shown.types
        },
    }


class _Watched:
    """An event that somebody watches: what was last told of it, and a signal for the next."""

    def __init__(self) -> None:
        self.listeners = 0
        self.message = b""
        self.is_over = False
        self._changed = asyncio.Event()

    def tell(self, message: bytes) -> None:
        """All who watch are told this, where it is news."""
        if message != self.message:
            self.message = message
            self._wake()

    def end(self) -> None:
        """All who watch are told that there is nothing more to come."""
        self.is_over = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def messages(self) -> AsyncIterator[bytes]:
        """What is left now, and again whenever that changes, with heartbeats between; it ends when there is nothing more to come."""
        clock = asyncio.get_running_loop().time
        ends = clock() + WATCH_SECONDS_MAX
        told = b""
        while not self.is_over and clock() < ends:
            try:
                await asyncio.wait_for(self._news(told), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield HEARTBEAT
                continue
            if self.message not in (b"", told):
                told = self.message
                yield told

    async def _news(self, told: bytes) -> None:
        """There is something else than what was told, or nothing more to come."""
        while self.message in (b"", told) and not self.is_over:
            await self._changed.wait()


class Watches:
    """Who watches which event in this process, bounded as a whole and for each client."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._watched: dict[str, _Watched] = {}
        self._clients: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_closed = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._clients.total()

    @property
    def events(self) -> int:
        """How many events are watched."""
        return len(self._watched)

    def close(self) -> None:
        """Every stream ends, and none begins any more: the process is about to stop."""
        self.is_closed = True
        for watched in self._watched.values():
            watched.end()

    async def open(self, event_id: str, *, client: str) -> "Stream":
        """A stream for this client. Raises NotFound for what is not public, Busy and TooManyRequests past the bounds."""
        message = await self._message(event_id)
        if message is None:
            raise NotFound
        if self.is_closed or self.count >= WATCHES_MAX:
            raise Busy(retry_after=RETRY_SECONDS)
        if self._clients.get(client, 0) >= WATCHES_PER_CLIENT_MAX:
            raise TooManyRequests(retry_after=RETRY_SECONDS)
        watched = self._begin(event_id, client)
        return Stream(watched, when_over=lambda: self._end(event_id, watched, client))

    def _begin(self, event_id: str, client: str) -> _Watched:
        self._clients[client] += 1
        watched = self._watched.get(event_id)
        if watched is None:
            watched = self._watched[event_id] = _Watched()
            watched.is_over = self.is_closed
            task = asyncio.create_task(self._follow(event_id, watched), name="watch")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        watched.listeners += 1
        return watched

    def _end(self, event_id: str, watched: _Watched, client: str) -> None:
        watched.listeners -= 1
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
        if not watched.listeners and self._watched.get(event_id) is watched:
            del self._watched[event_id]
            watched.end()

    async def _follow(self, event_id: str, watched: _Watched) -> None:
        while not watched.is_over:
            try:
                message = await self._message(event_id)
            except Exception as error:  # a store that does not answer for a moment: what was told stands
                log.warning("watch.not_read", event=event_id, error=str(error))
            else:
                if message is None:
                    watched.end()
                    return
                watched.tell(message)
            await asyncio.sleep(EVERY_SECONDS)

    async def _message(self, event_id: str) -> bytes | None:
        """What is left of a public event, as a message of a stream."""
        offer = await read_offer(self._house.store, event_id)
        if offer is None or not offer.event.is_public:
            return None
        event, ticket_types = await counted(self._house.store, offer.event, offer.ticket_types)
        shown = event_shown(event, venue=None, ticket_types=ticket_types, now=self._house.clock.now())
        return b"data: " + orjson.dumps(left_of(shown)) + b"\n\n"


class Stream(Response):
    """The answer that stays open. It ends with the client, with the process, or after a while: browsers come again by themselves."""

    media_type = "text/event-stream"

    def __init__(self, watched: _Watched, *, when_over: Callable[[], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._watched = watched
        self._when_over = when_over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends each message as it comes. Waiting for the client to leave all the while, it takes no place among requests."""
        telling = asyncio.create_task(self._tell(send), name="stream")
        leaving = asyncio.create_task(_left(receive), name="stream")
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._when_over()
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for message in self._watched.messages():
            await send({"type": "http.response.body", "body": message, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
