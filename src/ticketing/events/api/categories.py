"""JSON routes of categories: parse, act, render."""

from typing import Annotated, Any

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.base.errors import NotFound
from ticketing.base.times import shown
from ticketing.events.actions import categories as actions
from ticketing.events.api.common import Cursor, Limit
from ticketing.events.model import Category
from ticketing.events.store import category_of, page_of_categories, read_category
from ticketing.web.bodies import Body, Name, Shown, refuse_null
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer, expected_version, limit_of, listed, reply, respond
from ticketing.web.routing import Now, TheHouse, router

routes = router("categories")


class CategoryShown(Shown):
    """A category as everyone sees it."""

    category_id: str
    category_name: str
    created_date_time: str


class CategoryBody(Body):
    """A category as an admin names it."""

    category_name: Annotated[Name, Field(examples=["Chamber music"])]


class CategoryPatch(Body):
    """The name of a category, where it changes."""

    category_name: Annotated[Name | None, Field(examples=["Early music"])] = None

    @model_validator(mode="after")
    def _required_stay(self) -> "CategoryPatch":
        return refuse_null(self, "category_name")


class CategoryList(Shown):
    """A page of categories."""

    data: list[CategoryShown]
    next_cursor: str | None


def rendered(category: Category) -> dict[str, Any]:
    """A category as JSON."""
    return {
        "category_id": category.category_id,
        "category_name": category.category_name,
        "created_date_time": shown(category.created_date_time),
    }


@routes.post("/categories", status_code=201, response_model=CategoryShown, summary="Create a category")
async def post_category(request: Request, body: CategoryBody, who: Who, house: TheHouse, now: Now) -> Response:
    """Admins only. Its name is unique; case, accents and spaces make no difference."""
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_category(house, who, body.category_name, keep=keep, now=now),
        render=lambda category: Answer(
            201, rendered(category), {"Location": f"{house.settings.root_path}/v1/categories/{category.category_id}"}
        ),
        now=now,
    )


@routes.get("/categories", response_model=CategoryList, summary="List categories by name")
async def get_categories(house: TheHouse, limit: Limit = None, cursor: Cursor = None) -> Response:
    """For anyone."""
    page = await page_of_categories(house.store, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered(category_of(record)))))


@routes.get("/categories/{category_id}", response_model=CategoryShown, summary="Read a category")
async def get_category(request: Request, category_id: str, house: TheHouse) -> Response:
    """For anyone."""
    category = await read_category(house.store, category_id)
    if category is None:
        raise NotFound
    return reply(request, rendered(category), version=category.version)


@routes.patch("/categories/{category_id}", response_model=CategoryShown, summary="Rename a category")
async def patch_category(
    request: Request, category_id: str, body: CategoryPatch, who: Who, house: TheHouse
) -> Response:
    """Admins only; `If-Match` refuses a change to what you have not seen."""
    category = await actions.change_category(
        house, who, category_id, body.category_name, expected=expected_version(request)
    )
    return reply(request, rendered(category), version=category.version)


@routes.delete("/categories/{category_id}", status_code=204, summary="Delete a category")
async def delete_category(request: Request, category_id: str, who: Who, house: TheHouse) -> Response:
    """Admins only, and only while no event has it."""
    await actions.delete_category(house, who, category_id, expected=expected_version(request))
    return Response(status_code=204)
