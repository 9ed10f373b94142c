"""The HTTP protocol of the server: uvicorn's with bounds that it leaves open (how large headers are, how slow, how many at once), and
with a short way for the one hot request."""

import asyncio
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ticketing.catalog.watching import Watches
from ticketing.site.shedding import Shedding
from ticketing.site.shortway import HotRequest, ShortWay, on_the_wire

HEAD_BYTES_MAX: Final = 32 * 1024
"""Of request line and headers together. Browsers and proxies stay below 16 KiB."""
HEAD_SECONDS_MAX: Final = 20.0
"""From the connection, or the first byte of a later request, to the end of its headers. Who is slower holds places for nothing."""
LEAVING_SECONDS: Final = 1.0
"""When the server stops, a connection that waits for its next request may still bring it for so long. Proxies keep connections open, and
may have sent a request just as we closed: they cannot tell whether it was done, and answer 502."""
SHEDDING: Final = "ticketing.shedding"
"""Under what name the lifespan's state has the `Shedding`."""
WATCHES: Final = "ticketing.watches"
"""Under what name it has the `Watches`."""
SHORT_WAY: Final = "ticketing.short_way"
"""Under what name it has the `ShortWay`."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers are too large or too slow to come, refuses what is too much at once, and
    answers the hot request without parsing more of it than it has to."""

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None
    _held: bytes | None = None
    """What came while a hot request is answered on the short way; None where none is."""
    _closes = False
    """Whether the connection ends with the answer under way, or the next one."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shedding: Shedding | None = app_state.get(SHEDDING)
        self._short_way: ShortWay | None = app_state.get(SHORT_WAY)
        self._watches: Watches | None = app_state.get(WATCHES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The wait for the first request begins."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to an unfinished head. One that came whole in one piece, as nearly all do, costs nothing more."""
        if self._held is not None:
            self._held += data
            if len(self._held) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            return
        shedding = self._shedding
        if shedding is not None and shedding.is_full(len(self.tasks)) and self._is_between_requests():
            refusal = shedding.refusal_of(data)
            if refusal is not None:
                self._answer_without_request(refusal)
                self.flow.pause_reading()
                shedding.when_its_turn_comes(self.loop, self._read_on)
                return
        short_way = self._short_way
        if short_way is not None and self._is_between_requests():
            hot = short_way.read(data)
            if hot is not None:
                self._take(short_way, hot)
                return
        began_before = self._in_head
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if began_before:  # else the piece is mostly of the request before
            self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self.send_400_response("The request line and headers are too large.")
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS_MAX, self._too_slow)

    def shutdown(self) -> None:
        """What is under way is answered, or what comes within a moment, streams end, and the connection ends."""
        if self._watches is not None:
            self._watches.close()
        if self._is_between_requests() and not self._closes:
            self.loop.call_later(LEAVING_SECONDS, self.shutdown)
        elif self._held is None:
            super().shutdown()
        self._closes = True

    def _take(self, short_way: ShortWay, hot: HotRequest) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._held = b""
        task = self.loop.create_task(self._answer(short_way, hot))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, short_way: ShortWay, hot: HotRequest) -> None:
        answer = await short_way.answer(hot, client=self.client)
        self.server_state.total_requests += 1
        transport = self.transport
        if transport.is_closing():
            return
        usual = self.server_state.default_headers
        if self._closes:
            transport.write(on_the_wire(answer, *usual, (b"connection", b"close")))
            transport.close()
            return
        transport.write(on_the_wire(answer, *usual))
        if self.flow.write_paused:  # who does not read what we answer is not read either
            await self.flow.drain()
            if self._ends():
                return
        held, self._held = self._held, None
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self.flow.resume_reading()
        if held:
            self.data_received(held)

    def _ends(self) -> bool:
        """Whether the connection is over, or is to end after this answer: then it does."""
        if self._closes:
            self.transport.close()
        return self.transport.is_closing()

    def _is_between_requests(self) -> bool:
        """Whether the next byte begins a request, and no answer to an earlier one is still to come."""
        if self.transport.is_closing():
            return False
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None:
            return self._head_bytes == 0
        return cycle.response_complete and not cycle.more_body and not self._in_head

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _answer_without_request(self, answer: bytes) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self.transport.write(answer)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()
        if self._closes and self.cycle is not None:
            self.cycle.keep_alive = False

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
