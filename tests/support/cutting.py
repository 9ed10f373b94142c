"""A way to a server that loses what it is told to lose: connections are cut before, after, or long before what was sent on them arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit, urlunsplit


class Loss(Enum):
    """What becomes of the next message that has the mark in it. The connection on which it was sent is cut in any case."""

    REQUEST = "it never arrives"
    ANSWER = "it arrives and is answered, and the answer is lost"
    LATE = "it arrives long after the connection was cut"
    FOR_GOOD = "it never arrives, and from then on nobody gets through"


class Way:
    """Passes on what client and server send each other, on any number of connections, until something is to be lost."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._armed: tuple[Loss, bytes] | None = None
        self._is_closed = False
        self.lost = asyncio.Event()
        """Something was lost, and its connection is cut."""
        self.deliver = asyncio.Event()
        """What is late may arrive."""
        self.delivered = asyncio.Event()
        """What was late arrived, and the server answered or closed."""

    def lose(self, loss: Loss, mark: str) -> None:
        """The next message with the mark in it is lost so."""
        self._armed = (loss, mark.encode())
        for event in (self.lost, self.deliver, self.delivered):
            event.clear()

    async def pass_on(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Lives one connection."""
        if self._is_closed:
            back.transport.abort()
            return
        server, forth = await asyncio.open_connection(self._host, self._port)
        answers = asyncio.create_task(_pumped(server, back))
        try:
            while sent := await client.read(65536):
                if self._armed is not None and self._armed[1] in sent:
                    loss, self._armed = self._armed[0], None
                    await self._lose(loss, sent, answers, server, back, forth)
                    return
                forth.write(sent)
                await forth.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            answers.cancel()
            back.close()
            forth.close()

    async def _lose(
        self,
        loss: Loss,
        sent: bytes,
        answers: asyncio.Task[None],
        server: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        forth: asyncio.StreamWriter,
    ) -> None:
        answers.cancel()
        with suppress(asyncio.CancelledError):
            await answers
        if loss is Loss.ANSWER:
            forth.write(sent)
            await server.read(65536)
        self._is_closed = loss is Loss.FOR_GOOD
        back.transport.abort()
        self.lost.set()
        if loss is Loss.LATE:
            await self.deliver.wait()
            forth.write(sent)
            await server.read(65536)
            self.delivered.set()


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while got := await reader.read(65536):
            writer.write(got)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def way_to(url: str) -> AsyncIterator[tuple[Way, str]]:
    """A way to the server of a URL, and the URL that leads over it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    way = Way(parts.hostname, parts.port)
    listening = await asyncio.start_server(way.pass_on, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield way, urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    finally:
        listening.close()
