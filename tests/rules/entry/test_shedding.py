"""What is too much at once is refused before it is parsed, and nothing else is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from bench.serve import free_port
from ticketing.entry.protocol import SHEDDING, BoundedProtocol
from ticketing.site import shedding
from ticketing.site.front import Front
from ticketing.site.metrics import Metrics
from ticketing.site.requests import RequestIds
from ticketing.site.shedding import Shedding

PLACES = 2
ORDER = b"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
READ = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Sale:
    """An application that answers nobody until it is told to, and the port at which it is served."""

    metrics: Metrics = field(default_factory=lambda: Metrics(None))
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"][SHEDDING] = Shedding(self.metrics, path="/v1/orders", root_path="", places=PLACES)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await Front(
            self._sell,
            metrics=self.metrics,
            ids=RequestIds(),
            hosts=frozenset(),
            shortcuts=frozenset(),
            log_requests=False,
        )(scope, receive, send)

    async def _sell(self, _scope: Any, receive: Any, send: Any) -> None:
        self.under_way += 1
        while (await receive()).get("more_body"):
            pass
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        self.under_way -= 1


@asynccontextmanager
async def on_sale() -> AsyncIterator[Sale]:
    sale = Sale()
    config = uvicorn.Config(
        sale,
        port=sale.port,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield sale
    finally:
        sale.may_answer.set()
        for writer in sale.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        server.should_exit = True
        await serving


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a condition of another task, which tells nobody
            await asyncio.sleep(0.005)


class Caller:
    """A client on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, sale: Sale) -> "Caller":
        reader, writer = await asyncio.open_connection("127.0.0.1", sale.port)
        sale.writers.append(writer)
        return cls(reader, writer)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers["content-length"]))
        return int(status_line.split()[1]), headers, body


async def full_house(sale: Sale) -> list[Caller]:
    """As many callers as there are places, whose orders are under way."""
    callers = [await Caller.of(sale) for _ in range(PLACES)]
    for caller in callers:
        caller.writer.write(ORDER)
    await until(lambda: sale.under_way == PLACES)
    return callers


async def test_an_order_too_many_is_refused_at_once_and_told_when_to_come_again() -> None:
    async with on_sale() as sale:
        await full_house(sale)
        late = await Caller.of(sale)
        late.writer.write(ORDER)

        status, headers, body = await late.answer()

        assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "1", "busy")
        assert sale.under_way == PLACES
        assert b'ticket_refusals_total{code="busy"} 1.0' in sale.metrics.written()


async def test_the_refusal_reads_as_the_front_would_have_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.site.front.REQUESTS_IN_FLIGHT_MAX", PLACES)
    async with on_sale() as sale:
        await full_house(sale)
        early, late = await Caller.of(sale), await Caller.of(sale)
        early.writer.write(ORDER)
        late.writer.write(ORDER.replace(b"Host:", b"Connection: keep-alive\r\nHost:"))

        status, headers, body = await early.answer()
        status_of_front, headers_of_front, body_of_front = await late.answer()

    assert (status, body) == (status_of_front, body_of_front)
    assert headers.keys() | {"date"} == headers_of_front.keys()
    own = {"x-request-id", "date"}
    assert [headers[name] for name in headers.keys() - own] == [headers_of_front[name] for name in headers.keys() - own]
    assert headers["x-request-id"] != headers_of_front["x-request-id"]


@pytest.mark.parametrize(
    "pieces",
    [
        (READ,),
        (ORDER[:40], ORDER[40:]),
        (ORDER[:-1], ORDER[-1:]),
        (ORDER.replace(b"Host:", b"X-Request-ID: mine\r\nHost:"),),
        (ORDER.replace(b"Host:", b"Connection: close\r\nHost:"),),
        (ORDER.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked").replace(b"{}", b"2\r\n{}\r\n0\r\n\r\n"),),
        (ORDER.replace(b"/v1/orders", b"/v1/orders/ord_1/cancel"),),
        (ORDER + ORDER,),
    ],
    ids=[
        "another path",
        "in pieces",
        "a byte short",
        "with an id",
        "closing",
        "chunked",
        "a longer path",
        "two at once",
    ],
)
async def test_whatever_is_not_exactly_one_plain_order_goes_the_long_way(pieces: tuple[bytes, ...]) -> None:
    async with on_sale() as sale:
        await full_house(sale)
        caller = await Caller.of(sale)

        for piece in pieces:
            caller.writer.write(piece)
            await asyncio.sleep(0.02)

        await until(lambda: sale.under_way == PLACES + 1)


async def test_a_refused_connection_is_served_once_there_is_room() -> None:
    async with on_sale() as sale:
        first = await full_house(sale)
        late = await Caller.of(sale)
        late.writer.write(ORDER)
        assert (await late.answer())[0] == 503

        sale.may_answer.set()
        for caller in first:
            assert (await caller.answer())[0] == 201
        late.writer.write(ORDER)

        assert (await late.answer())[0] == 201


async def test_an_order_that_comes_while_its_connection_waits_for_an_answer_is_not_refused_before_it() -> None:
    async with on_sale() as sale:
        first, _second = await full_house(sale)
        first.writer.write(ORDER)
        await asyncio.sleep(0.05)

        sale.may_answer.set()

        assert [(await first.answer())[0], (await first.answer())[0]] == [201, 201]


async def test_whoever_is_slow_to_send_a_body_takes_no_place() -> None:
    async with on_sale() as sale:
        for _ in range(PLACES):
            slow = await Caller.of(sale)
            slow.writer.write(ORDER[:-1])
        await until(lambda: sale.under_way == PLACES)
        caller = await Caller.of(sale)
        caller.writer.write(ORDER)

        await until(lambda: sale.under_way == PLACES + 1)


async def test_whoever_does_not_wait_is_read_more_slowly_and_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shedding, "PAUSE_SECONDS_MIN", 0.1)
    async with on_sale() as sale:
        await full_house(sale)
        late = await Caller.of(sale)
        began = asyncio.get_running_loop().time()

        for _ in range(3):
            late.writer.write(ORDER)
            assert (await late.answer())[0] == 503

        assert asyncio.get_running_loop().time() - began >= 0.2


@pytest.mark.parametrize(("flood", "seconds"), [(10, 4 / 20), (2, 2 / 20 + 2 / 10)])
async def test_refusals_to_those_who_do_not_wait_are_spread_over_time_more_so_in_a_flood(
    monkeypatch: pytest.MonkeyPatch, flood: int, seconds: float
) -> None:
    monkeypatch.setattr(shedding, "PAUSE_SECONDS_MIN", 0.01)
    monkeypatch.setattr(shedding, "REFUSALS_PER_SECOND_MAX", 20)
    monkeypatch.setattr(shedding, "REFUSALS_PER_SECOND_IN_FLOOD", 10)
    monkeypatch.setattr(shedding, "FLOOD", flood)
    turns: list[float] = []
    loop = asyncio.get_running_loop()
    crowd = Shedding(Metrics(None), path="/v1/orders", root_path="", places=PLACES)
    began = loop.time()

    for _ in range(5):
        crowd.when_its_turn_comes(loop, lambda: turns.append(loop.time() - began))
    await until(lambda: len(turns) == 5)

    assert turns[-1] >= seconds
