"""Documentation that the server itself shows: the API reference, and a page of every refusal, to which `type` URLs lead."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.errors import Refusal, every_refusal
from ticketing.web.render import page
from ticketing.web.replies import STATUS_OF_KIND
from ticketing.web.routing import TheHouse

routes = APIRouter(include_in_schema=False)

PUBLIC_SECONDS: Final = 300
SWAGGER_UI: Final = "vendor/swagger-ui-dist-5.35.0"


@dataclass(frozen=True, slots=True)
class RefusalShown:
    """A refusal as the page describes it."""

    code: str
    status: int
    title: str
    meaning: str


@cache
def described_refusals() -> tuple[RefusalShown, ...]:
    """Every refusal of ours that the running application can give, by code."""
    ours = [each for each in every_refusal() if each.__module__.startswith("ticketing.")]
    return tuple(RefusalShown(each.code, STATUS_OF_KIND[each.kind], each.title, _meaning(each)) for each in ours)


def _meaning(refusal: type[Refusal]) -> str:
    return " ".join((refusal.__doc__ or "").split("\n\n")[0].split())


@routes.get("/docs")
async def get_reference(request: Request, house: TheHouse) -> Response:
    """The API reference, drawn by the vendored Swagger UI from /openapi.json."""
    return page(
        request, "site/reference.html", settings=house.settings, public_seconds=PUBLIC_SECONDS, swagger_ui=SWAGGER_UI
    )


@routes.get("/docs/refusals")
async def get_refusals(request: Request, house: TheHouse) -> Response:
    """Every "no" with its code, so that the `type` of a problem document leads somewhere."""
    return page(
        request,
        "site/refusals.html",
        settings=house.settings,
        public_seconds=PUBLIC_SECONDS,
        refusals=described_refusals(),
    )
