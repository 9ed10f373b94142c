"""Public pages that are kept for a moment: who shares them, who does not, and that nobody sees an old one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.houses import StandingClock, make_house
from tests.support.sales import kind, put_on_sale
from ticketing.base.bounds import PAGE_KEPT_BYTES_MAX, PAGES_KEPT_MAX
from ticketing.site.app import build_app
from ticketing.site.kept import FRESH_SECONDS, STALE_SECONDS, Kept

PUBLIC = {"Cache-Control": "public, max-age=5", "ETag": '"one"'}


@dataclass
class Shop:
    """An application that counts how often it was asked, behind what keeps its pages, and the clock of that."""

    headers: dict[str, str] = field(default_factory=lambda: dict(PUBLIC))
    status: int = 200
    content: str = "page"
    time: float = 1_000.0
    asked: int = 0
    gate: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    is_broken: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        self.began.set()
        if self.is_broken:
            raise RuntimeError("broken")
        if self.gate is not None:
            await self.gate.wait()
        response = Response(f"{self.content} {self.asked}", status_code=self.status, headers=self.headers)
        await response(scope, receive, send)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=Kept(self, root_path="", clock=lambda: self.time))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            yield client


async def test_a_crowd_is_answered_by_one_page_and_in_half_a_second_by_the_next() -> None:
    shop = Shop()
    async with shop.open() as client:
        first = [(await client.get("/events/1")).text for _ in range(3)]
        shop.time += FRESH_SECONDS
        later = (await client.get("/events/1")).text

    assert (first, later) == (["page 1"] * 3, "page 2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"url": "/events/1"}, {"url": "/events/2"}),
        ({"url": "/?q=a"}, {"url": "/?q=b"}),
        ({"headers": {"Accept-Language": "en"}}, {"headers": {"Accept-Language": "de"}}),
        ({"headers": {"Accept-Language": "en-GB"}}, {"headers": {"Accept-Language": "en-US"}}),
        ({"headers": {"Cookie": "language=de"}}, {"headers": {"Cookie": "language=en"}}),
        ({"headers": {"Accept-Encoding": "gzip"}}, {"headers": {"Accept-Encoding": "identity"}}),
    ],
    ids=["path", "query", "language", "region", "chosen language", "coding"],
)
async def test_who_asks_for_something_else_gets_it(one: dict[str, object], other: dict[str, object]) -> None:
    shop = Shop()
    async with shop.open() as client:
        answers = [(await client.request("GET", **{"url": "/"} | each)).text for each in (one, other, one)]  # type: ignore[arg-type]

    assert answers == ["page 1", "page 2", "page 1"]


@pytest.mark.parametrize("cookie", ["session=ses_1", "__Host-session=ses_1", "notice=saved", "a=b; session=ses_1"])
async def test_whoever_is_logged_in_or_is_to_be_told_something_gets_a_page_of_their_own(cookie: str) -> None:
    shop = Shop()
    async with shop.open() as client:
        await client.get("/")
        own = (await client.get("/", headers={"Cookie": cookie})).text
        others = (await client.get("/", headers={"Cookie": "browser=x"})).text

    assert (own, others) == ("page 2", "page 1")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Cache-Control": "private, no-store"}, 200),
        ({"Cache-Control": "private, no-cache"}, 200),
        ({}, 200),
        (PUBLIC | {"Set-Cookie": "a=b"}, 200),
        (PUBLIC, 404),
        (PUBLIC, 303),
    ],
)
async def test_what_is_not_for_everyone_is_not_kept(headers: dict[str, str], status: int) -> None:
    shop = Shop(headers=headers, status=status)
    async with shop.open() as client:
        answers = [await client.get("/") for _ in range(2)]

    assert [answer.text for answer in answers] == ["page 1", "page 2"]
    assert {answer.status_code for answer in answers} == {status}


async def test_what_is_very_large_is_not_kept() -> None:
    shop = Shop(content="x" * PAGE_KEPT_BYTES_MAX)
    async with shop.open() as client:
        for _ in range(2):
            assert (await client.get("/")).status_code == 200

    assert shop.asked == 2


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/events"), ("POST", "/events/1"), ("PUT", "/")])
async def test_programs_and_forms_are_never_answered_from_memory(method: str, path: str) -> None:
    shop = Shop()
    async with shop.open() as client:
        for _ in range(2):
            await client.request(method, path)

    assert shop.asked == 2


@pytest.mark.parametrize("named", ['"one"', 'W/"one"', '"two", "one"'])
@pytest.mark.parametrize("headers", [PUBLIC, PUBLIC | {"Cache-Control": "private, no-cache"}], ids=["kept", "not kept"])
async def test_a_browser_that_has_the_page_is_told_so(headers: dict[str, str], named: str) -> None:
    shop = Shop(headers=headers)
    async with shop.open() as client:
        answers = [await client.get("/", headers={"If-None-Match": named}) for _ in range(2)]
        other = await client.get("/", headers={"If-None-Match": '"three"'})

    assert [(answer.status_code, answer.content, answer.headers["etag"]) for answer in answers] == [
        (304, b"", '"one"')
    ] * 2
    assert other.status_code == 200


async def test_while_one_reads_it_anew_the_others_get_the_page_of_a_moment_ago_and_none_that_is_older() -> None:
    shop = Shop()
    async with shop.open() as client:
        await client.get("/")
        shop.time += FRESH_SECONDS
        shop.gate = asyncio.Event()
        reader = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0)
        assert [(await client.get("/")).text for _ in range(2)] == ["page 1"] * 2
        shop.time += STALE_SECONDS - FRESH_SECONDS
        waiting = [asyncio.create_task(client.get("/")) for _ in range(3)]
        await asyncio.sleep(0)
        shop.time -= STALE_SECONDS - FRESH_SECONDS  # what was being read is not older than its reading
        shop.gate.set()

        assert (await reader).text == "page 2"
        assert {(await each).text for each in waiting} == {"page 2"}
        assert shop.asked == 2


async def test_a_page_is_as_old_as_the_moment_when_its_reading_began() -> None:
    shop = Shop(gate=asyncio.Event())
    async with shop.open() as client:
        slow = asyncio.create_task(client.get("/"))
        await shop.began.wait()
        shop.time += FRESH_SECONDS
        assert shop.gate is not None
        shop.gate.set()
        await slow

        assert (await client.get("/")).text == "page 2"


async def test_a_reader_that_fails_lets_the_next_one_read() -> None:
    shop = Shop()
    async with shop.open() as client:
        await client.get("/")
        shop.time += STALE_SECONDS
        shop.is_broken = True
        with pytest.raises(RuntimeError):
            await client.get("/")
        shop.is_broken = False

        assert (await client.get("/")).text == "page 3"


async def test_no_more_pages_are_kept_than_there_is_room_for() -> None:
    shop = Shop()
    async with shop.open() as client:
        for number in range(PAGES_KEPT_MAX + 1):
            await client.get(f"/?q={number}")
        await client.get(f"/?q={PAGES_KEPT_MAX}")
        assert shop.asked == PAGES_KEPT_MAX + 1
        await client.get("/?q=0")

    assert shop.asked == PAGES_KEPT_MAX + 2


async def test_a_sale_shows_on_the_events_page_within_a_second() -> None:
    house = make_house(clock=StandingClock())
    sale = await put_on_sale(house, kind(quantity=5))
    transport = httpx.ASGITransport(app=build_app(house, keep_pages=True))
    async with httpx.AsyncClient(transport=transport, base_url=house.settings.base_url) as client:
        path = f"/events/{sale.event_id}"
        assert "5 left" in (await client.get(path)).text
        order = {
            "event_id": sale.event_id,
            "lines": sale.lines(1),
            "customer": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"},
        }
        answer = await client.post("/v1/orders", json=order, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 201, answer.text
        sold_at = time.monotonic()
        asked_after, text = 0.0, ""
        while "4 left" not in text:
            assert asked_after < STALE_SECONDS, "asked a second after the sale, and still as before"
            asked_after = time.monotonic() - sold_at
            text = (await client.get(path)).text
            await asyncio.sleep(0.01)
