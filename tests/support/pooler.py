"""A pooler between clients and a PostgreSQL of the tests, as PgBouncer is one: it lends connections for a session, or for a transaction."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

READY = b"Z"
IDLE = b"I"
LOGGED_IN = b"R\0\0\0\x08\0\0\0\0"
"""AuthenticationOk: the pooler asks nobody for a password."""
OWN_PROCESS = b"K\0\0\0\x0c" + (4_000_000).to_bytes(4) + bytes(4)
"""BackendKeyData with a number of the pooler's own, since it does not know yet which process will answer."""
STARTED = b"Z\0\0\0\x05I"


@dataclass(slots=True)
class _Lent:
    """One connection to the database, which one client has at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes
    """What it told of itself at login (ParameterStatus), to be told to every client."""
    held: asyncio.Lock = field(default_factory=asyncio.Lock)


@asynccontextmanager
async def pooled(url: str, *, is_shared: bool) -> AsyncIterator[str]:
    """The URL of the database through a pooler. Where `is_shared`, all clients take turns at one connection, a transaction each."""
    parts = urlsplit(url)
    shared: list[_Lent] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            startup = await _startup(reader, writer)
            if not shared or not is_shared:
                shared.append(await _lend(parts.hostname or "", parts.port or 5432, startup))
            lent = shared[0] if is_shared else shared[-1]
            writer.write(LOGGED_IN + lent.greeting + OWN_PROCESS + STARTED)
            while message := await _message(reader):
                if message[:1] == b"X":
                    break
                async with lent.held:
                    await _transaction(lent, message, reader, writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    finally:
        server.close()
        for lent in shared:
            lent.writer.close()


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The client's first message, once it was told that there is no TLS here."""
    while True:
        length = await reader.readexactly(4)
        rest = await reader.readexactly(int.from_bytes(length) - 4)
        if rest[:4] != (80877103).to_bytes(4):  # SSLRequest
            return length + rest
        writer.write(b"N")


async def _lend(host: str, port: int, startup: bytes) -> _Lent:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(startup)
    told = b""
    while (message := await _message(reader))[:1] != READY:
        if message[:1] == b"S":
            told += message
    return _Lent(reader, writer, told)


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


async def _transaction(lent: _Lent, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that this client says is passed on, and all answers, until the database says that no transaction is open."""

    async def pass_on() -> None:
        while True:
            lent.writer.write(await _message(reader))

    lent.writer.write(first)
    passing = asyncio.create_task(pass_on())
    try:
        while True:
            answer = await _message(lent.reader)
            if answer[:1] == READY and answer[5:] == IDLE:
                passing.cancel()  # before the client can say more
                writer.write(answer)
                return
            writer.write(answer)
    finally:
        passing.cancel()
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            await passing
