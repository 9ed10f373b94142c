"""What every request passes first: ids, hosts, sizes, the bound on requests in flight, counts, and health."""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Scope

from tests.support.houses import Api, make_house, sign_up
from ticketing.accounts.model import UserType
from ticketing.base.bounds import BODY_BYTES_MAX, REQUESTS_IN_FLIGHT_MAX
from ticketing.base.changes import Change
from ticketing.base.store import Busy
from ticketing.base.tables import Key, Record, Table
from ticketing.site.app import build_app
from ticketing.site.front import Front
from ticketing.site.metrics import Metrics
from ticketing.site.requests import RequestIds
from ticketing.storage.memory import MemoryStore

VENUE = {"venue_name": "Konzerthaus", "timezone": "Europe/Vienna"}


@pytest.fixture
def api() -> Api:
    return Api(make_house())


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="https://tickets.example"
    )


async def figures(api: Api) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics, by name and sorted label values."""
    text = (await api.get("/metrics")).text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# ids -----------------------------------------------------------------------------------------------------------------


async def test_a_request_id_comes_back(api: Api) -> None:
    answer = await api.get("/health/live", headers={"X-Request-Id": "b3a9:web-17/retry"})

    assert answer.headers["x-request-id"] == "b3a9:web-17/retry"


@pytest.mark.parametrize("given", ["", "a" * 129, "two words", "line\\nbreak", "<script>", 'quote"'])
async def test_a_request_id_that_is_not_sane_is_replaced(api: Api, given: str) -> None:
    answer = await api.get("/health/live", headers={"X-Request-Id": given})

    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])


async def test_every_request_has_an_id_of_its_own(api: Api) -> None:
    ids = {(await api.get(path)).headers["x-request-id"] for path in ("/health/live", "/v1/venues", "/nowhere")}

    assert len(ids) == 3


async def test_a_mistake_of_ours_is_answered_as_a_problem_and_logged_under_the_request_id() -> None:
    class Broken(MemoryStore):
        async def get(self, table: Table, key: Key) -> Record | None:
            raise RuntimeError("the disk is on fire at /srv/secret")

    api = Api(make_house(Broken()))

    with structlog.testing.capture_logs() as logs:
        answer = await api.get("/v1/venues/ven_1", headers={"X-Request-Id": "abc"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "abc"
    assert "fire" not in answer.text
    assert [(line["event"], line["route"]) for line in logs] == [("request.failed", "/v1/venues/{venue_id}")]


async def test_a_request_is_logged_at_debug_only_where_asked_and_without_what_is_personal() -> None:
    client = client_of(build_app(make_house(), log_requests=True))

    with structlog.testing.capture_logs() as logs:
        await client.get("/v1/venues/ven_1?q=ada@example.org", headers={"Authorization": "Bearer oat_secret"})

    (line,) = logs
    assert (line["log_level"], line["route"], line["status"]) == ("debug", "/v1/venues/{venue_id}", 404)
    assert "ada" not in str(line)
    assert "secret" not in str(line)


# hosts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("tickets.example", 200),
        ("Tickets.Example:443", 200),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("tickets.example.evil.example", 421),
        ("", 421),
    ],
)
async def test_only_the_host_that_is_set_and_loopback_are_answered(host: str, status: int) -> None:
    client = client_of(build_app(make_house(), hosts=frozenset({"tickets.example"})))

    answer = await client.get("/v1/venues", headers={"Host": host})

    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "wrong_host"


async def test_health_is_answered_under_any_host() -> None:
    client = client_of(build_app(make_house(), hosts=frozenset({"tickets.example"})))

    assert (await client.get("/health/live", headers={"Host": "10.1.2.3"})).status_code == 200


@pytest.mark.parametrize("hosts", [frozenset[str](), frozenset({"localhost"})])
async def test_without_a_host_of_its_own_every_host_is_answered(hosts: frozenset[str]) -> None:
    client = client_of(build_app(make_house(), hosts=hosts))

    assert (await client.get("/v1/venues", headers={"Host": "box.local"})).status_code == 200


# sizes ---------------------------------------------------------------------------------------------------------------


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65536


@pytest.mark.parametrize("path", ["/v1/venues", "/v1/orders"])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(api: Api, path: str) -> None:
    refused = await api.call("POST", path, headers={"Content-Length": str(BODY_BYTES_MAX + 1)})

    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert refused.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/venues", "/v1/orders"])
async def test_a_body_that_turns_out_too_large_is_refused(api: Api, path: str) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    client = client_of(api.app)

    refused = await client.post(
        path,
        content=chunks(17),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
    )

    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("length", ["-1", "abc", "9" * 30])
async def test_a_length_that_is_none_is_refused(api: Api, length: str) -> None:
    refused = await api.call("POST", "/v1/venues", headers={"Content-Length": length})

    assert refused.status_code == 413


async def test_a_body_of_just_the_bound_is_read(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    client = client_of(api.app)

    read = await client.post(
        "/v1/venues",
        content=chunks(16),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )

    assert read.json()["errors"][0]["code"] == "bad_json"


# methods -------------------------------------------------------------------------------------------------------------


async def test_head_is_get_without_the_body(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", VENUE, token=token)).headers["location"]

    got, head = await api.get(path), await api.call("HEAD", path)

    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["etag"], head.headers["content-length"]) == (
        got.headers["etag"],
        got.headers["content-length"],
    )


# the bound on requests in flight -------------------------------------------------------------------------------------


def scope_of(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}


async def answered(front: Front, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await front(scope, receive, send)
    return sent


async def test_past_the_bound_requests_are_told_at_once_to_come_again() -> None:
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Any, send: Any) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})

    front = Front(
        slow, metrics=Metrics(None), ids=RequestIds(), hosts=frozenset(), shortcuts=frozenset(), log_requests=False
    )
    held = [asyncio.create_task(answered(front, scope_of("GET", "/v1/events"))) for _ in range(REQUESTS_IN_FLIGHT_MAX)]
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        start, body = await answered(front, scope_of("GET", "/v1/events"))
    release.set()
    statuses = {messages[0]["status"] for messages in await asyncio.gather(*held)}
    after, _ = await answered(front, scope_of("GET", "/v1/events"))

    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert b'"busy"' in body["body"]
    assert statuses == {200}
    assert after["status"] == 200


async def test_whoever_is_slow_to_send_a_body_holds_no_place() -> None:
    metrics = Metrics(None)
    release = asyncio.Event()

    async def reads(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        await release.wait()
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None: ...

    front = Front(
        reads, metrics=metrics, ids=RequestIds(), hosts=frozenset(), shortcuts=frozenset(), log_requests=False
    )
    slow = asyncio.create_task(front(scope_of("POST", "/v1/venues"), receive, send))
    await asyncio.sleep(0)

    while_waiting = metrics.in_flight
    release.set()
    await slow

    assert (while_waiting, metrics.in_flight) == (0, 0)


# figures -------------------------------------------------------------------------------------------------------------


async def test_requests_are_counted_by_route_and_status_and_refusals_by_code(api: Api) -> None:
    for number in range(3):
        await api.get(f"/v1/venues/ven_{number}")
    await api.get("/nowhere/1")
    await api.get("/nowhere/2")
    await api.call("BREW", "/v1/venues")

    counted = await figures(api)

    assert counted["ticket_requests_total", "GET", "/v1/venues/{venue_id}", "404"] == 3
    assert counted["ticket_request_seconds_count", "GET", "/v1/venues/{venue_id}"] == 3
    assert counted["ticket_requests_total", "GET", "unknown", "404"] == 2
    assert counted["ticket_requests_total", "other", "/v1/venues", "405"] == 1
    assert counted["ticket_refusals_total", "not_found"] == 5


async def test_a_refused_size_is_counted_too(api: Api) -> None:
    await api.call("POST", "/v1/orders", headers={"Content-Length": str(BODY_BYTES_MAX + 1)})

    counted = await figures(api)

    assert counted["ticket_refusals_total", "body_too_large"] == 1
    assert counted["ticket_requests_total", "POST", "/v1/orders", "413"] == 1
    assert counted["ticket_orders_placed_total",] == 0


# health --------------------------------------------------------------------------------------------------------------


class TakesNoWrites(MemoryStore):
    """A store whose disk is full until `full` is taken back."""

    full = True

    async def commit(self, changes: Sequence[Change]) -> None:
        if self.full:
            raise Busy
        await super().commit(changes)


class Stuck(MemoryStore):
    """A store that never comes back from a commit."""

    async def commit(self, changes: Sequence[Change]) -> None:
        await asyncio.Event().wait()


async def test_a_house_whose_store_takes_writes_is_ready(api: Api) -> None:
    answer = await api.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "wrong": []})


async def test_a_house_whose_disk_is_full_lives_and_is_not_ready() -> None:
    api = Api(make_house(TakesNoWrites()))

    ready, live = await api.get("/health/ready"), await api.get("/health/live")

    assert (ready.status_code, live.status_code) == (503, 200)
    assert ready.json()["wrong"] == ["The store takes no writes. Is the disk full, or read-only?"]
    assert ready.headers["retry-after"] == "1"


async def test_a_house_whose_store_is_stuck_is_not_ready_within_the_bound() -> None:
    house = make_house(Stuck())
    api = Api(house)
    api.app.state.readiness = type(api.app.state.readiness)(house, seconds_max=0.01)

    answer = await api.get("/health/ready")

    assert answer.status_code == 503
    assert "not written within" in answer.json()["wrong"][0]


async def test_however_many_ask_the_store_is_looked_at_once() -> None:
    class Counting(MemoryStore):
        commits = 0

        async def commit(self, changes: Sequence[Change]) -> None:
            self.commits += 1
            await super().commit(changes)

    store = Counting()
    api = Api(make_house(store))

    answers = await asyncio.gather(*(api.get("/health/ready") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert store.commits == 1


def routes_of(routes: Iterable[Any]) -> Iterator[APIRoute]:
    """Every route of the framework, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        yield from routes_of(getattr(getattr(route, "original_router", None), "routes", ()))


def called_for(dependant: Any) -> Iterator[Any]:
    """What is called for a route: itself, and what it depends on."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from called_for(each)


def test_nothing_that_a_route_needs_is_called_in_a_thread() -> None:
    found = list(routes_of(build_app(make_house()).routes))
    calls = {call for route in found for call in called_for(route.dependant) if call is not None}

    assert len(found) > 100
    assert [call for call in calls if not inspect.iscoroutinefunction(call)] == []
