"""The HTTP handler on Lambda: behind every shape of API Gateway it answers what the server answers, to the byte."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import apsw
import httpx
import pytest
import structlog
import uvicorn
from starlette.types import Receive, Scope, Send

from bench.serve import free_port
from tests.aws.shapes import CLIENT, DOMAIN, SHAPES, Context, Shape, http_2, http_2_default_stage, response_of, rest
from tests.support.houses import make_house, sign_up
from ticketing.accounts.model import UserType
from ticketing.base.bounds import BODY_BYTES_MAX
from ticketing.base.house import House
from ticketing.entry import aws
from ticketing.entry.aws import Invocations
from ticketing.entry.lambda_http import HttpHandler, reply_of_version_1, reply_of_version_2, scope_of
from ticketing.entry.protocol import BoundedProtocol
from ticketing.site.app import build_app
from ticketing.storage.sql.opening import open_store
from ticketing.web.limits import address_of

PREFIX = "/dev"
ADDRESS = f"https://{DOMAIN}"
EVENT = {
    "event_name": "Night of strings",
    "start_date_time": "2027-05-01T17:30:00Z",
    "end_date_time": "2027-05-01T20:00:00Z",
    "external_links": ["https://example.org"],
    "timezone": "Europe/Vienna",
    "currency": "EUR",
    "capacity": 100,
}
BALCONY = {"ticket_type": "Balcony", "price": {"amount": 2500, "currency": "EUR"}, "quantity": 50}
OWN = ("date", "x-request-id")
"""What every answer has for itself."""

Say = Callable[[str, str, Any, dict[str, str]], httpx.Response]


def new_house() -> House:
    """Two of these make the same ids at the same time."""
    return make_house(root_path=PREFIX, base_url=ADDRESS)


def behind(house: House, shape: Shape, invocations: Invocations) -> Callable[[httpx.Request], httpx.Response]:
    """What answers a request behind API Gateway."""
    handler = HttpHandler(build_app(house), invocations, root_path=house.settings.root_path)
    # JSON between the two: nothing else passes there.
    return lambda request: response_of(
        json.loads(json.dumps(handler(json.loads(json.dumps(shape(request))), Context()))), request
    )


@pytest.fixture
def invocations() -> Iterator[Invocations]:
    runner = Invocations()
    yield runner
    runner.close()


@asynccontextmanager
async def served(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server in which the house works."""
    port = free_port()
    settings = uvicorn.Config(
        build_app(house),
        port=port,
        root_path=house.settings.root_path,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(settings)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it by nothing but this flag
            await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await serving


async def talk() -> list[tuple[httpx.Request, httpx.Response]]:
    """A whole purchase and much else with a real server: each request with its answer."""
    house = new_house()
    olga = {"Authorization": f"Bearer {await sign_up(house, 'olga', UserType.ORGANIZER)}"}
    talked: list[tuple[httpx.Request, httpx.Response]] = []
    async with served(house) as client:

        async def say(method: str, path: str, body: Any = None, headers: Any = None, **more: Any) -> httpx.Response:
            request = client.build_request(method, path, json=body, headers=headers, **more)
            response = await client.send(request)
            talked.append((request, response))
            return response

        made = await say("POST", "/v1/events", EVENT, olga)
        event_id = made.json()["event_id"]
        path = f"/v1/events/{event_id}"
        await say("POST", f"{path}/ticket-types", BALCONY, olga)
        await say("POST", f"{path}/publish", None, olga)
        await say("GET", "/v1/events?q=strings&limit=5")
        types = (await say("GET", f"{path}/ticket-types")).json()["data"]
        wish = {
            "event_id": event_id,
            "lines": [{"ticket_type_id": types[0]["ticket_type_id"], "quantity": 2}],
            "customer": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Łukasiewicz"},
        }
        await say("POST", "/v1/orders", wish)  # no key: refused
        placed = await say("POST", "/v1/orders", wish, {"Idempotency-Key": "purchase-1"})
        await say("POST", "/v1/orders", wish, {"Idempotency-Key": "purchase-1"})  # replayed
        order, access = placed.json()["order_id"], {"Authorization": f"Bearer {placed.json()['access_token']}"}
        await say("GET", f"/v1/orders/{order}", None, access)
        await say("GET", f"/v1/orders/{order}")  # not the owner
        payment = {"payment_method": "test"}
        await say("POST", f"/v1/orders/{order}/payments", payment, access | {"Idempotency-Key": "payment-1"})
        admissions = (await say("GET", f"/v1/orders/{order}/admissions", None, access)).json()["data"]
        for scan_id in ("scan-1", "scan-2"):
            scan = {"code": admissions[0]["code"], "scan_id": scan_id, "direction": "entry"}
            await say("POST", f"{path}/check-ins", scan, olga)
        for plain in (
            "/",
            f"/events/{event_id}",
            "/docs",
            "/docs/",
            "/openapi.json",
            "/health/live",
            "/nowhere",
            "/v1",
        ):
            await say("GET", plain)
        await say("GET", "/v1/events/")  # a slash too many
        await say("HEAD", f"{path}")
        await say("OPTIONS", "/v1/events")
        await say("DELETE", "/v1/events")
        await say("GET", "/v1/events/not%20an%20id%2525/ticket-types")
        await say("GET", "/v1/events/%C5%81%C3%B3d%C5%BA")
        await say("GET", "/v1/events?q=caf%C3%A9+noir&q=second&limit=0")
        await say("GET", "/v1/events?q=%25&cursor=%20")
        await say("POST", "/v1/venues", None, olga | {"Content-Type": "application/json"}, content=b"{not json")
        await say("POST", "/v1/venues", None, olga | {"Content-Type": "text/plain"}, content="Łódź".encode())
        await say("POST", "/v1/orders", None, {"Idempotency-Key": "1", "Content-Type": "text/plain"}, content=b"two")
        await say("POST", "/v1/venues", None, olga, content=b"\x00\xff\xfe binary")
        await say("POST", "/v1/venues", None, olga, content=b"x" * (BODY_BYTES_MAX + 1))
        cookies = [("Cookie", "session=one"), ("Cookie", "theme=dark; size=2")]
        await say("GET", "/", None, cookies)
        tag = {"If-None-Match": (await say("GET", path)).headers.get("etag", '"none"')}
        await say("GET", path, None, tag)
        await say("GET", f"/v1/admissions/{admissions[0]['admission_id']}/qr.svg", None, access)
    return talked


@pytest.fixture(scope="session")
def talked() -> list[tuple[httpx.Request, httpx.Response]]:
    return asyncio.run(talk())


def told(response: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without what every answer has for itself, and without the address at which it was asked for."""
    headers = [(name.lower(), value) for name, value in response.headers.multi_items() if name.lower() not in OWN]
    headers = [(name, re.sub("^https?://[^/]+", "", value) if name == "location" else value) for name, value in headers]
    return response.status_code, sorted(headers), response.content


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answers_are_those_of_the_server_to_the_byte(
    talked: list[tuple[httpx.Request, httpx.Response]], shape: str, invocations: Invocations
) -> None:
    house = new_house()
    invocations.run(sign_up(house, "olga", UserType.ORGANIZER), seconds=5)
    answer = behind(house, SHAPES[shape], invocations)

    for request, response in talked:
        assert told(answer(request)) == told(response), request


def test_the_talk_goes_through_every_kind_of_answer(talked: list[tuple[httpx.Request, httpx.Response]]) -> None:
    statuses = {response.status_code for _, response in talked}

    assert statuses >= {200, 201, 304, 307, 400, 401, 404, 405, 409, 413, 415, 422}
    assert any(response.headers.get("content-type", "").startswith("image/") for _, response in talked)
    assert [
        response.json()["code"] for request, response in talked if "scan-2" in request.content.decode("latin-1")
    ] == ["already_in"]


# the prefix ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_every_link_of_a_page_has_the_prefix(shape: str, invocations: Invocations) -> None:
    house = new_house()
    answer = behind(house, SHAPES[shape], invocations)

    page = answer(httpx.Request("GET", f"{ADDRESS}/"))
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)

    assert page.status_code == 200
    assert links
    assert [link for link in links if not link.startswith(f"{PREFIX}/")] == []
    assets = [link.removeprefix(PREFIX) for link in links if "/static/" in link or "/assets/" in link]
    assert assets
    assert {answer(httpx.Request("GET", ADDRESS + asset)).status_code for asset in assets} == {200}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_made_is_located_under_the_prefix(shape: str, invocations: Invocations) -> None:
    house = new_house()
    token = invocations.run(sign_up(house, "olga", UserType.ORGANIZER), seconds=5)
    headers = {"Authorization": f"Bearer {token}"}

    made = behind(house, SHAPES[shape], invocations)(
        httpx.Request("POST", f"{ADDRESS}/v1/events", json=EVENT, headers=headers)
    )

    assert made.headers["location"] == f"{PREFIX}/v1/events/{made.json()['event_id']}"


@pytest.mark.parametrize(
    ("root_path", "raw_path", "path"),
    [
        ("/dev", "/dev/events/42", "/dev/events/42"),
        ("/dev", "/events/42", "/dev/events/42"),
        ("/dev", "/dev", "/dev/"),
        ("/dev", "/dev/", "/dev/"),
        ("/dev", "", "/dev/"),
        ("/dev", "/devices/42", "/dev/devices/42"),
        ("/dev", "/dev/dev/events", "/dev/dev/events"),
        ("", "/dev/events/42", "/events/42"),
        ("/box/office", "/box/office/events/42", "/box/office/events/42"),
        ("/box/office", "/dev/events/42", "/box/office/events/42"),
    ],
)
def test_one_prefix_is_taken_off_and_the_public_one_is_put_on(root_path: str, raw_path: str, path: str) -> None:
    event = http_2(httpx.Request("GET", ADDRESS)) | {"rawPath": raw_path}

    scope = scope_of(event, root_path=root_path)

    assert (scope["path"], scope["root_path"]) == (path, root_path)


def test_a_stage_without_a_name_takes_nothing_off() -> None:
    event = http_2_default_stage(httpx.Request("GET", f"{ADDRESS}/$default/events"))

    assert scope_of(event, root_path="")["path"] == "/$default/events"


# what API Gateway says of a request ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_the_client_is_who_api_gateway_says_and_not_who_a_header_says(shape: str) -> None:
    forged = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}

    scope = scope_of(SHAPES[shape](httpx.Request("GET", ADDRESS, headers=forged)), root_path=PREFIX)

    assert address_of(scope) == CLIENT


@pytest.mark.parametrize("shape", SHAPES)
def test_cookies_arrive_in_one_header(shape: str) -> None:
    request = httpx.Request("GET", ADDRESS, headers=[("Cookie", "session=one"), ("Cookie", "theme=dark; size=2")])

    headers = scope_of(SHAPES[shape](request), root_path=PREFIX)["headers"]

    assert [value for name, value in headers if name == b"cookie"] == [b"session=one; theme=dark; size=2"]


@pytest.mark.parametrize("shape", [rest, http_2])
def test_an_answer_without_an_id_of_its_client_has_that_of_api_gateway(shape: Shape, invocations: Invocations) -> None:
    answer = behind(new_house(), shape, invocations)

    given = answer(httpx.Request("GET", f"{ADDRESS}/health/live", headers={"X-Request-Id": "mine-1"}))
    missing = answer(httpx.Request("GET", f"{ADDRESS}/health/live"))

    assert given.headers["x-request-id"] == "mine-1"
    assert missing.headers["x-request-id"] == shape(missing.request)["requestContext"]["requestId"]


@pytest.mark.parametrize("event", [{}, {"source": "aws.events"}, {"Records": []}, {"requestContext": {}}])
def test_an_event_of_anything_else_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no event of API Gateway"):
        scope_of(event, root_path="")


def test_several_cookies_are_set_in_both_payloads() -> None:
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"vary", b"Cookie"), (b"vary", b"Accept")]

    new, old = reply_of_version_2(200, headers, b""), reply_of_version_1(200, headers, b"")

    assert (new["cookies"], new["headers"]) == (["a=1", "b=2"], {"vary": "Cookie, Accept"})
    assert old["multiValueHeaders"] == {"set-cookie": ["a=1", "b=2"], "vary": ["Cookie", "Accept"]}


# between invocations -------------------------------------------------------------------------------------------------


class Watched:
    """An application that does `work` for each request, and remembers its loops and tasks."""

    def __init__(self, work: Callable[["Watched"], Any]) -> None:
        self.work = work
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.ended = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.loops.append(asyncio.get_running_loop())
        await self.work(self)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def call(app: Any, invocations: Invocations, *, seconds: float = 29.0) -> dict[str, Any]:
    return HttpHandler(app, invocations, root_path="")(http_2(httpx.Request("GET", ADDRESS)), Context(seconds))


def test_all_invocations_run_on_one_loop(invocations: Invocations) -> None:
    async def nothing(_app: Watched) -> None: ...

    app = Watched(nothing)
    for _ in range(3):
        call(app, invocations)

    assert len(app.loops) == 3
    assert len(set(app.loops)) == 1


def test_an_invocation_ends_when_all_that_it_began_has_ended(invocations: Invocations) -> None:
    async def begin(app: Watched) -> None:
        async def later() -> None:
            await asyncio.sleep(0.05)
            app.tasks.append(asyncio.create_task(last()))

        async def last() -> None:
            await asyncio.sleep(0.05)
            app.ended += 1

        app.tasks.append(asyncio.create_task(later()))

    app = Watched(begin)
    reply = call(app, invocations)

    assert (reply["statusCode"], app.ended) == (204, 1)
    assert all(task.done() for task in app.tasks)


def test_what_does_not_end_is_cut_off_and_told(invocations: Invocations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "REST_SECONDS", 0.05)

    async def begin(app: Watched) -> None:
        app.tasks.append(asyncio.create_task(asyncio.Event().wait(), name="endless"))

    app = Watched(begin)
    with structlog.testing.capture_logs() as lines:
        reply = call(app, invocations)

    assert reply["statusCode"] == 204
    assert app.tasks[0].cancelled()
    assert [(line["event"], line["tasks"]) for line in lines] == [("invocation.cut_off", ["endless"])]


def test_a_request_that_is_out_of_time_is_told_so_and_the_next_one_is_answered(invocations: Invocations) -> None:
    async def hang(app: Watched) -> None:
        if len(app.loops) == 1:
            await asyncio.Event().wait()

    app = Watched(hang)
    late = call(app, invocations, seconds=2 * aws.REST_SECONDS + 0.05)
    next_one = call(app, invocations)

    assert (late["statusCode"], json.loads(late["body"])["code"]) == (500, "internal")
    assert "Idempotency-Key" in json.loads(late["body"])["detail"]
    assert next_one["statusCode"] == 204


def test_an_order_is_durable_when_it_is_answered(tmp_path: Any, invocations: Invocations) -> None:
    path = tmp_path / "ticket.db"
    store = open_store(path)
    house = make_house(store, root_path=PREFIX, base_url=ADDRESS)
    olga = {"Authorization": f"Bearer {invocations.run(sign_up(house, 'olga', UserType.ORGANIZER), seconds=5)}"}
    answer = behind(house, http_2, invocations)

    def post(where: str, body: Any = None, headers: Any = None) -> Any:
        response = answer(httpx.Request("POST", ADDRESS + where, json=body, headers=headers))
        assert response.is_success, response.text
        return response.json()

    event_id = post("/v1/events", EVENT, olga)["event_id"]
    type_id = post(f"/v1/events/{event_id}/ticket-types", BALCONY, olga)["ticket_type_id"]
    post(f"/v1/events/{event_id}/publish", None, olga)
    lines = [{"ticket_type_id": type_id, "quantity": 1}]
    wish = {"event_id": event_id, "lines": lines, "customer": {"email": "ada@example.org"}}
    for number in range(3):
        order = post("/v1/orders", wish, {"Idempotency-Key": f"order-{number}"})
        with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as reader:
            rows = list(reader.execute("select payment_status from orders where order_id = ?", (order["order_id"],)))
        assert rows == [("pending",)]
    invocations.run(store.close(), seconds=5)
