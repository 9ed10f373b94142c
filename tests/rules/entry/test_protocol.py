"""The two bounds on what comes before a request's body, how large it is and how slow; and how connections end with the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from bench.serve import free_port
from ticketing.entry import protocol
from ticketing.entry.protocol import HEAD_BYTES_MAX, BoundedProtocol


async def hello(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def server_at(port: int) -> uvicorn.Server:
    """A server with the bounded protocol."""
    settings = uvicorn.Config(
        hello, port=port, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    return uvicorn.Server(settings)


async def until_started(server: uvicorn.Server) -> None:
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by nothing but this flag
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server with the bounded protocol."""
    port = free_port()
    server = server_at(port)
    serving = asyncio.create_task(server.serve())
    await until_started(server)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def answer_to(port: int, *pieces: bytes, seconds: float = 0.0) -> bytes:
    """All that the server answers to these pieces, sent one after another, until it closes or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(seconds)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


async def test_a_head_within_the_bounds_is_answered() -> None:
    padding = b"X-Padding: " + b"a" * (HEAD_BYTES_MAX // 2) + b"\r\n"
    async with served() as port:
        answer = await answer_to(port, HEAD + padding, b"Content-Length: 2\r\n\r\nhi", seconds=0.05)

    assert answer.endswith(b"hello")


async def test_a_head_that_does_not_end_is_cut_off() -> None:
    async with served() as port:
        answer = await answer_to(port, HEAD, *[b"X-Padding: " + b"a" * 4000 + b"\r\n"] * 12, seconds=0.005)

    assert b"200" not in answer


@pytest.mark.parametrize("pieces", [(), (b"POST / HT",)], ids=["silent", "in the middle"])
async def test_a_connection_that_never_comes_to_a_request_is_closed(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS_MAX", 0.2)
    async with served() as port:
        assert await answer_to(port, *pieces) == b""


async def test_a_second_request_on_a_connection_is_not_waited_for_forever_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS_MAX", 0.2)
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served() as port:
        answer = await answer_to(port, whole, b"GET / HTTP/1.1\r\nHos", seconds=0.05)

    assert answer.count(b"hello") == 1


async def test_a_large_body_is_no_large_head() -> None:
    body = b"a" * (8 * HEAD_BYTES_MAX)
    async with served() as port:
        answer = await answer_to(port, HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body)

    assert answer.endswith(b"hello")


async def test_a_piece_that_ends_a_large_body_and_begins_the_next_request_is_no_large_head() -> None:
    body = b"a" * (2 * HEAD_BYTES_MAX)
    first = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with served() as port:
        answer = await answer_to(port, first, body + HEAD, b"Content-Length: 0\r\n\r\n", seconds=0.1)

    assert answer.count(b"hello") == 2


async def test_a_slow_body_is_no_slow_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS_MAX", 0.1)
    async with served() as port:
        answer = await answer_to(port, HEAD + b"Content-Length: 2\r\n\r\n", b"a", b"a", seconds=0.2)

    assert answer.endswith(b"hello")


async def test_who_asks_again_as_the_server_stops_is_answered_and_told_that_it_was_the_last_time() -> None:
    """A proxy keeps connections, and sees too late that one is gone: it cannot repeat an order by itself."""
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    port = free_port()
    server = server_at(port)
    serving = asyncio.create_task(server.serve())
    await until_started(server)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    first = await reader.readuntil(b"hello")

    server.should_exit = True
    while server.servers[0].is_serving():  # noqa: ASYNC110 - nothing else tells
        await asyncio.sleep(0.01)
    writer.write(request)
    async with asyncio.timeout(5):
        last = await reader.read()
        await serving
    writer.close()

    assert (b"connection: close" in first, b"connection: close" in last) == (False, True)
    assert last.endswith(b"hello")


async def test_a_connection_on_which_nothing_comes_does_not_keep_the_server_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "LEAVING_SECONDS", 0.2)
    async with asyncio.timeout(5):
        async with served() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"hello")
        rest = await reader.read()
    writer.close()

    assert rest == b""
