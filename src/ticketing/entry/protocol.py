"""The HTTP protocol of the server with bounds that uvicorn leaves open: how large headers are, how slow, and how many at once."""

import asyncio
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ticketing.site.shedding import Shedding

HEAD_BYTES_MAX: Final = 32 * 1024
"""Of request line and headers together. Browsers and proxies stay below 16 KiB."""
HEAD_SECONDS_MAX: Final = 20.0
"""From the connection, or the first byte of a later request, to the end of its headers. Who is slower holds places for nothing."""
SHEDDING: Final = "ticketing.shedding"
"""Under what name the lifespan's state has the `Shedding`."""


class BoundedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers are too large or too slow to come, and refuses what is too much at once."""

    _head_bytes = 0
    _in_head = True
    _head_timer: asyncio.TimerHandle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shedding: Shedding | None = app_state.get(SHEDDING)

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
        shedding = self._shedding
        if shedding is not None and shedding.is_full(len(self.tasks)) and self._is_between_requests():
            refusal = shedding.refusal_of(data)
            if refusal is not None:
                self._answer_without_request(refusal)
                self.flow.pause_reading()
                shedding.when_its_turn_comes(self.loop, self._read_on)
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

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()
