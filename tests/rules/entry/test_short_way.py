"""The hot request on its short way: the same answers as on the long one, in the order of the requests, and nothing else goes there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from bench.serve import free_port
from tests.support.houses import make_house
from tests.support.sales import CUSTOMER, Sale, kind, put_on_sale
from ticketing.base.changes import Change
from ticketing.base.house import House
from ticketing.entry.protocol import SHORT_WAY, BoundedProtocol
from ticketing.site.app import build_app
from ticketing.storage.memory import MemoryStore
from ticketing.web.proxies import BehindProxies, ForwardedHeader, trusted_proxies


class GatedStore(MemoryStore):
    """A store whose commits wait until they may go on; `mistaken` breaks them."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.mistaken = False

    async def commit(self, changes: Any) -> None:
        await self.open.wait()
        if self.mistaken:
            raise ZeroDivisionError("a mistake of ours")
        committed: list[Change] = list(changes)
        await super().commit(committed)


@dataclass
class Shop:
    """A served house with one event on sale, and how many requests went the long way."""

    house: House
    store: GatedStore
    sale: Sale
    server: uvicorn.Server
    port: int
    long_way: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    app: Any = None

    def order(self, key: str, *headers: str, quantity: int = 1) -> bytes:
        """An order for the first ticket type, as bytes."""
        order = {"event_id": self.sale.event_id, "lines": self.sale.lines(quantity), "customer": CUSTOMER}
        body = json.dumps(order).encode()
        lines = [
            "POST /v1/orders HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            f"Idempotency-Key: {key}",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def shop(**settings: Any) -> AsyncIterator[Shop]:
    store = GatedStore()
    house = make_house(store, **settings)
    sale = await put_on_sale(house, kind(quantity=700), tickets_per_customer_max=None)
    app: Any = build_app(house, hosts=frozenset({"tickets.example.org"}))
    port = free_port()

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"][SHORT_WAY] = app.state.short_way
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        there.long_way.append(scope["path"])
        await app(scope, receive, send)

    config = uvicorn.Config(
        served, port=port, http=BoundedProtocol, ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    there = Shop(house, store, sale, server, port, app=app)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield there
    finally:
        store.open.set()
        for writer in there.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        server.should_exit = True
        await serving


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a condition of another task, which tells nobody
            await asyncio.sleep(0.005)


Answered = tuple[int, dict[str, str], bytes]


class Caller:
    """A client on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, there: Shop) -> "Caller":
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        there.writers.append(writer)
        return cls(reader, writer)

    async def ask(self, *pieces: bytes) -> Answered:
        """What these pieces are answered with, each sent after the one before was surely read."""
        for piece in pieces[:-1]:
            self.writer.write(piece)
            await asyncio.sleep(0.02)
        self.writer.write(pieces[-1])
        return await self.answer()

    async def answer(self) -> Answered:
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["content-length"]))
        assert len(headers) == len(lines)
        return int(status_line.split()[1]), headers, body


def without_ids(answered: Answered) -> tuple[int, dict[str, str], dict[str, Any]]:
    """An answer without what differs from order to order."""
    status, headers, body = answered
    own = {"order_id", "order_code", "access_token"}
    return (
        status,
        {name: value for name, value in headers.items() if name not in ("x-request-id", "location", "date")},
        {name: value for name, value in json.loads(body).items() if name not in own},
    )


async def test_an_order_in_one_piece_goes_the_short_way_and_is_answered_as_on_the_long_one() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        short = await caller.ask(there.order("short"))
        assert there.long_way == []
        whole = there.order("long")
        long = await caller.ask(whole[:50], whole[50:])
        assert there.long_way == ["/v1/orders"]

    assert short[0] == 201
    assert without_ids(short) == without_ids(long)
    assert short[1].keys() == long[1].keys()


async def test_a_repeated_order_finds_its_first_answer_whichever_way_each_went() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        whole = there.order("same")
        first = await caller.ask(whole)
        again = await caller.ask(whole)
        again_long = await caller.ask(whole[:50], whole[50:])

    assert first[2] == again[2] == again_long[2]
    assert again[1]["idempotent-replayed"] == again_long[1]["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first[1]


async def test_a_refusal_reads_the_same_on_both_ways() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        whole = there.order("too many", quantity=701)
        long = await caller.ask(whole[:50], whole[50:])
        there.long_way.clear()
        short = await caller.ask(whole)
        assert there.long_way == []

    assert short[0] in (409, 422)
    assert (short[0], short[2]) == (long[0], long[2])
    assert short[1].keys() == long[1].keys()


async def test_requests_that_come_before_the_answer_are_answered_after_it_in_their_order() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        there.store.open.clear()
        caller.writer.write(there.order("one"))
        await until(lambda: there.app.state.metrics.in_flight == 1)
        caller.writer.write(there.order("two", quantity=2))
        await asyncio.sleep(0.02)
        caller.writer.write(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.sleep(0.02)
        assert there.app.state.metrics.in_flight == 1

        there.store.open.set()
        first, second, third = [await caller.answer() for _ in range(3)]

    assert (first[0], second[0], third[0]) == (201, 201, 200)
    assert [json.loads(body)["lines"][0]["quantity"] for _, _, body in (first, second)] == [1, 2]
    assert json.loads(third[2]) == {"status": "live"}


async def test_two_orders_in_one_piece_are_both_answered() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        caller.writer.write(there.order("one") + there.order("two"))

        answers = [await caller.answer(), await caller.answer()]

    assert [status for status, _, _ in answers] == [201, 201]


@pytest.mark.parametrize(
    "unusual",
    [
        (b"Host:", b"Connection: close\r\nHost:"),
        (b"Host:", b"Expect: 100-continue\r\nHost:"),
        (b"Host:", b"Host: 127.0.0.1\r\nHost:"),
        (b"Host:", b"X-Unheard-Of: 1\r\nHost:"),
        (b"Host:", b"Cookie: a\tb\r\nHost:"),
        (b"Host: 127.0.0.1", b"Host: elsewhere.example.org"),
        (b"Host: 127.0.0.1", b"Host:127.0.0.1"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/v1/orders", b"/v1/orders?a=b"),
    ],
    ids=["closing", "expecting", "twice", "unheard of", "tab", "other host", "no space", "old", "query"],
)
async def test_whatever_is_unusual_goes_the_long_way(unusual: tuple[bytes, bytes]) -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        caller.writer.write(there.order("key").replace(*unusual))

        await until(lambda: there.long_way)


async def test_a_mistake_of_ours_is_answered_and_the_connection_goes_on() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        there.store.mistaken = True
        broken = await caller.ask(there.order("key"))
        there.store.mistaken = False
        after = await caller.ask(there.order("key"))
        assert there.long_way == []

    assert (broken[0], json.loads(broken[2])["code"]) == (500, "internal")
    assert after[0] == 201


async def test_a_caller_s_own_request_id_comes_back() -> None:
    async with shop() as there:
        caller = await Caller.of(there)

        _, headers, _ = await caller.ask(there.order("key", "X-Request-Id: mine-7"))

    assert headers["x-request-id"] == "mine-7"


async def test_orders_on_the_short_way_are_counted() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        await caller.ask(there.order("key"))
        await caller.ask(there.order("key"))

        written = there.app.state.metrics.written()

    assert b"ticket_orders_placed_total 1.0" in written
    assert b'ticket_requests_total{method="POST",route="/v1/orders",status="201"} 2.0' in written


async def test_the_limit_of_orders_from_an_address_holds_on_the_short_way() -> None:
    async with shop(rate_limits=True) as there:
        caller = await Caller.of(there)
        statuses = [(await caller.ask(there.order("same")))[0] for _ in range(601)]
        assert there.long_way == []

    assert statuses[:600] == [201] * 600
    assert statuses[600] == 429


async def test_behind_a_proxy_the_limit_counts_whom_the_proxy_saw() -> None:
    async with shop(rate_limits=True) as there:
        behind = BehindProxies(there.app, trusted_proxies("127.0.0.0/8"), ForwardedHeader.X_FORWARDED_FOR)
        there.app.state.short_way.settle_client = behind.settle_client
        caller = await Caller.of(there)
        for _ in range(600):
            await caller.ask(there.order("same", "X-Forwarded-For: 192.0.2.1"))

        statuses = [
            (await caller.ask(there.order("same", f"X-Forwarded-For: {address}")))[0]
            for address in ("192.0.2.1", "192.0.2.2")
        ]
        assert there.long_way == []

    assert statuses == [429, 201]


async def test_a_server_that_stops_answers_what_is_under_way_and_closes() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        there.store.open.clear()
        caller.writer.write(there.order("key"))
        await until(lambda: there.app.state.metrics.in_flight == 1)
        there.server.should_exit = True
        await until(lambda: not there.server.servers[0].is_serving())
        there.store.open.set()

        status, headers, _ = await caller.answer()
        rest = await caller.reader.read()

    assert (status, headers["connection"], rest) == (201, "close", b"")


async def test_who_goes_away_meanwhile_has_the_order_all_the_same() -> None:
    async with shop() as there:
        caller = await Caller.of(there)
        there.store.open.clear()
        caller.writer.write(there.order("key"))
        await until(lambda: there.app.state.metrics.in_flight == 1)
        caller.writer.close()
        await caller.writer.wait_closed()
        there.store.open.set()
        await until(lambda: there.app.state.metrics.in_flight == 0)

        _, headers, _ = await (await Caller.of(there)).ask(there.order("key"))

    assert headers["idempotent-replayed"] == "true"
