"""The echo through a route layer: the same answers as `echo.py`, to show what routing, parsing and rendering add.

The models are an order's request and answer as far as speed is concerned, nothing of the product.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.echo import BODY, ORDER


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Customer(_Model):
    """Who buys."""

    email: str = Field(max_length=254)
    first_name: str = Field(max_length=100)
    last_name: str = Field(max_length=100)


class RequestedLine(_Model):
    """So many of one ticket type."""

    ticket_type_id: str = Field(max_length=40)
    quantity: int = Field(ge=1, le=100)


class OrderRequest(_Model):
    """The body of `POST /v1/orders`."""

    event_id: str = Field(max_length=40)
    lines: list[RequestedLine] = Field(min_length=1, max_length=20)
    customer: Customer


class Money(_Model):
    """Minor units and their currency."""

    amount: int
    currency: str


class HeldLine(_Model):
    """One line of the answer."""

    ticket_type_id: str
    ticket_type: str
    quantity: int
    subtotal_amount: Money


class HeldOrder(_Model):
    """The body of the answer."""

    order_id: str
    order_code: str
    event_id: str
    user_id: str
    payment_status: str
    total_amount: Money
    lines: list[HeldLine]
    order_date_time: str
    expires_at: str
    hold_extensions_left: int
    paid_amount: Money
    customer: Customer
    access_token: str


HELD = HeldOrder.model_validate(ORDER)


def starlette_app() -> Starlette:
    """A Starlette route that reads the bytes and answers bytes."""

    async def post_order(request: Request) -> Response:
        await request.body()
        return Response(BODY, status_code=201, media_type="application/json")

    return _starlette(post_order)


def starlette_pydantic_app() -> Starlette:
    """A Starlette route that parses the request with one pydantic model and renders the answer with another."""

    async def post_order(request: Request) -> Response:
        OrderRequest.model_validate_json(await request.body())
        return Response(HELD.model_dump_json(), status_code=201, media_type="application/json")

    return _starlette(post_order)


def fastapi_app() -> FastAPI:
    """A FastAPI route that declares both models."""
    api = FastAPI()

    @api.post("/v1/orders", status_code=201)
    async def post_order(order: OrderRequest) -> HeldOrder:
        return HELD

    @api.get("/health/ready")
    async def ready() -> Response:
        return Response(status_code=200)

    return api


def _starlette(post_order: Callable[[Request], Awaitable[Response]]) -> Starlette:
    async def ready(_request: Request) -> Response:
        return Response(status_code=200)

    return Starlette(routes=[Route("/v1/orders", post_order, methods=["POST"]), Route("/health/ready", ready)])
