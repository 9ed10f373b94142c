"""The reference answers the same through every route layer, and as much as an order's route does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bench.echo import BODY, ORDER, app
from bench.echo_routes import fastapi_app, starlette_app, starlette_pydantic_app
from bench.load import order_request

APPS: dict[str, Any] = {
    "bare ASGI": app,
    "Starlette": starlette_app(),
    "Starlette with pydantic": starlette_pydantic_app(),
    "FastAPI": fastapi_app(),
}
REQUEST = order_request(run="sale", event_id="evt_1", ticket_type_id="tty_1")


@pytest.fixture(params=list(APPS))
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=APPS[request.param])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        yield client


async def test_every_echo_answers_an_order_with_the_same_body(client: httpx.AsyncClient) -> None:
    body = REQUEST.body.encode()

    response = await client.post("/v1/orders", content=body, headers=dict(REQUEST.headers))

    assert response.status_code == 201
    assert response.json() == ORDER
    assert len(response.content) == len(BODY)


async def test_every_echo_says_that_it_is_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200


async def test_the_bare_echo_reads_a_body_to_its_end_before_it_answers() -> None:
    arriving = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.request", "body": b"}"}]
    left_when_answered: list[int] = []

    async def receive() -> Any:
        return arriving.pop(0)

    async def send(_message: Any) -> None:
        left_when_answered.append(len(arriving))

    await app({"type": "http", "method": "POST"}, receive, send)

    assert left_when_answered == [0, 0]


def test_an_echo_is_about_as_long_as_an_order() -> None:
    assert 650 <= len(BODY) <= 750
