"""How JSON routes read requests: the house, strict JSON, and FastAPI's router with both."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.house import House
from ticketing.web.bodies import TWICE, has_name_twice


class StrictJsonRequest(Request):
    """A request whose JSON has no NaN, no bottomless nesting, and no name twice."""

    async def json(self) -> Any:
        """The body as JSON. Raises ValueError, which FastAPI reports as a wrong body."""
        if not hasattr(self, "_json"):
            import json

            body = await self.body()
            try:
                self._json = from_json(body, allow_inf_nan=False)
            except ValueError as error:
                raise json.JSONDecodeError(str(error), "", 0) from error
            if has_name_twice(body):
                raise json.JSONDecodeError(TWICE.code, "", 0)
        return self._json


class StrictJsonRoute(APIRoute):
    """A FastAPI route that reads its body by `StrictJsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of this route."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(StrictJsonRequest(request.scope, request.receive))

        return handle_strictly


def router(tag: str) -> APIRouter:
    """A router for one slice, under `/v1`. `tag` groups its routes in the documentation."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=StrictJsonRoute)


def house_of(request: Request) -> House:
    """The house that this application works in."""
    house: House = request.app.state.house
    return house


async def _house(
    request: Request,
) -> House:  # a dependency that is no coroutine is called in a thread, which costs more than a page
    return house_of(request)


TheHouse = Annotated[House, Depends(_house)]


def own_path(request: Request, house: House) -> str:
    """The path of this request below the root path."""
    return request.url.path.removeprefix(house.settings.root_path) or "/"


def now_of(request: Request) -> datetime:
    """The moment of this request, the same however often it is asked."""
    moment: datetime | None = getattr(request.state, "now", None)
    if moment is None:
        moment = house_of(request).clock.now()
        request.state.now = moment
    return moment


async def _now(request: Request) -> datetime:
    return now_of(request)


Now = Annotated[datetime, Depends(_now)]
