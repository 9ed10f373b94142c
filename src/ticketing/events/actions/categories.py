"""Use cases of categories: read, decide, commit, answer."""

from dataclasses import replace
from datetime import datetime

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, demand
from ticketing.base.bounds import CATEGORIES_MAX
from ticketing.base.changes import Change, Insert, Remove, Replace
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once, keep_nothing
from ticketing.base.store import Conflict
from ticketing.events.actions.rounds import in_rounds, refuse_unseen
from ticketing.events.model import Category, folded
from ticketing.events.rules import CategoryExists, CategoryInUse, TooManyCategories
from ticketing.events.store import category_record, page_of_categories, read_category
from ticketing.schema.tables import EVENT_CATEGORIES, UNIQUES


def _name_marker(category_name: str) -> str:
    return f"category#{folded(category_name)}"


async def create_category(
    house: House, who: Principal, category_name: str, *, keep: Keep[Category], now: datetime
) -> Category:
    """A new category is stored. Raises Unauthenticated, NotFound for all but admins, TooManyCategories, CategoryExists."""
    demand(who, Right.MANAGE_CATEGORIES)
    return await _store_new_category(house, category_name, keep=keep, now=now)


async def _store_new_category(house: House, category_name: str, *, keep: Keep[Category], now: datetime) -> Category:
    # The bound is there for the pages that show all categories; two admins who pass it at once do no harm.
    if len((await page_of_categories(house.store, limit=CATEGORIES_MAX, cursor=None)).records) >= CATEGORIES_MAX:
        raise TooManyCategories
    category = Category(house.new_id("cat", now), category_name, use_count=0, created_date_time=now, version=1)
    marker = {"name": _name_marker(category_name), "target_id": category.category_id}
    try:
        await commit_once(
            house, (*keep(category), Insert(UNIQUES, marker), Insert(EVENT_CATEGORIES, category_record(category)))
        )
    except Conflict as conflict:
        raise CategoryExists from conflict
    return category


async def ensure_category(house: House, category_name: str, *, now: datetime) -> Category:
    """The category of this name, made where there is none: for imports, which an operator starts. Raises TooManyCategories."""
    marker = await house.store.get(UNIQUES, (_name_marker(category_name),))
    if marker is None:
        try:
            return await _store_new_category(house, category_name, keep=keep_nothing, now=now)
        except CategoryExists:  # another import was faster
            marker = await house.store.get(UNIQUES, (_name_marker(category_name),))
    category = None if marker is None else await read_category(house.store, marker["target_id"])
    if category is None:  # it was deleted at this moment
        return await _store_new_category(house, category_name, keep=keep_nothing, now=now)
    return category


async def own_category(house: House, who: Principal, category_id: str) -> Category:
    """The category, which this principal may change. Raises Unauthenticated, NotFound."""
    demand(who, Right.MANAGE_CATEGORIES)
    category = await read_category(house.store, category_id)
    if category is None:
        raise NotFound
    return category


async def change_category(
    house: House, who: Principal, category_id: str, category_name: str | None, *, expected: int | None
) -> Category:
    """The category has another name; None leaves it as it is.

    Raises Unauthenticated, NotFound, ChangedMeanwhile, CategoryExists."""

    async def attempt() -> Category:
        category = await own_category(house, who, category_id)
        refuse_unseen(expected, category.version)
        if category_name is None:
            return category
        changed = replace(category, category_name=category_name)
        changes: list[Change] = [Replace(EVENT_CATEGORIES, category_record(changed))]
        before, after = _name_marker(category.category_name), _name_marker(category_name)
        if before != after:
            changes += [Remove(UNIQUES, (before,)), Insert(UNIQUES, {"name": after, "target_id": category_id})]
        try:
            await house.store.commit(changes)
        except Conflict as conflict:
            if isinstance(conflict.change, Insert):
                raise CategoryExists from conflict
            raise
        return replace(changed, version=category.version + 1)

    return await in_rounds(house.store, attempt)


async def delete_category(house: House, who: Principal, category_id: str, *, expected: int | None) -> None:
    """The category is gone. Raises Unauthenticated, NotFound, ChangedMeanwhile, CategoryInUse.

    It holds only if no event is counted as having it, so that an event that takes it at the same time either comes first and
    stops it, or finds no category.
    """

    async def attempt() -> None:
        category = await own_category(house, who, category_id)
        refuse_unseen(expected, category.version)
        if category.use_count:
            raise CategoryInUse
        await house.store.commit(
            (
                Remove(EVENT_CATEGORIES, (category_id,), category.version, {"use_count": 0}),
                Remove(UNIQUES, (_name_marker(category.category_name),)),
            )
        )

    await in_rounds(house.store, attempt)
