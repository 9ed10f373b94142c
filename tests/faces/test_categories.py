"""Categories over the JSON API, on every store."""

from typing import Any

import pytest

from tests.support.events import CONCERT, created, id_of, published_concert
from tests.support.houses import Api, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.stores import LaggingStore
from ticketing.accounts.model import UserType
from ticketing.schema.tables import EVENT_CATEGORIES
from ticketing.storage.memory import MemoryStore

JAZZ = {"category_name": "Jazz"}


async def test_an_admin_creates_a_category_that_anyone_may_read(api: Api, root: str) -> None:
    answer = await api.post("/v1/categories", JAZZ, token=root)
    read = await api.get(answer.headers["location"])

    assert answer.status_code == 201
    assert read.json() == answer.json()
    assert set(read.json()) == {"category_id", "category_name", "created_date_time"}
    assert read.json()["category_name"] == "Jazz"


async def test_pages_of_categories_follow_one_another_by_name(api: Api, root: str) -> None:
    for name in ("Jazz", "Ballet", "Opera"):
        await created(api, "/v1/categories", {"category_name": name}, token=root)

    first = (await api.get("/v1/categories?limit=2")).json()
    second = (await api.get(f"/v1/categories?limit=2&cursor={first['next_cursor']}")).json()

    assert [category["category_name"] for category in first["data"] + second["data"]] == ["Ballet", "Jazz", "Opera"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(("method", "body"), [("POST", JAZZ), ("PATCH", {"category_name": "Blues"}), ("DELETE", None)])
async def test_nobody_but_admins_touches_categories(
    api: Api, ada: str, root: str, method: str, body: dict[str, Any] | None
) -> None:
    category = await created(api, "/v1/categories", {"category_name": "Folk"}, token=root)
    bob = await sign_up(api.house, "bob")
    path = "/v1/categories" if method == "POST" else category

    refused = [await api.call(method, path, body, token=token) for token in (None, bob, ada)]

    assert [answer.status_code for answer in refused] == [401, 404, 404]
    listed = (await api.get("/v1/categories")).json()["data"]
    assert [found["category_name"] for found in listed] == ["Folk"]


@pytest.mark.parametrize("name", ["jazz", " JAZZ ", "Jázz"])
async def test_a_name_that_differs_in_case_accents_or_spaces_only_is_taken(api: Api, root: str, name: str) -> None:
    await created(api, "/v1/categories", JAZZ, token=root)
    other = await created(api, "/v1/categories", {"category_name": "Folk"}, token=root)

    of_a_new_one = await api.post("/v1/categories", {"category_name": name}, token=root)
    of_another = await api.patch(other, {"category_name": name}, token=root)

    assert (of_a_new_one.status_code, of_a_new_one.json()["code"]) == (409, "category_exists")
    assert (of_another.status_code, of_another.json()["code"]) == (409, "category_exists")


async def test_a_category_may_be_respelled_and_its_old_name_is_free_once_it_is_renamed(api: Api, root: str) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)

    respelled = await api.patch(path, {"category_name": "JAZZ"}, token=root)
    renamed = await api.patch(path, {"category_name": "Swing"}, token=root)
    again = await api.post("/v1/categories", JAZZ, token=root)

    assert [respelled.json()["category_name"], renamed.json()["category_name"]] == ["JAZZ", "Swing"]
    assert again.status_code == 201


async def test_a_patch_of_nothing_changes_nothing(api: Api, root: str) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)

    answer = await api.patch(path, {}, token=root)

    assert (answer.status_code, answer.json()["category_name"]) == (200, "Jazz")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_of_what_was_changed_meanwhile_is_refused(api: Api, root: str, method: str) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)
    seen = (await api.get(path)).headers["etag"]
    await api.patch(path, {"category_name": "Swing"}, token=root)

    refused = await api.call(
        method, path, {"category_name": "Blues"} if method == "PATCH" else None, token=root, headers={"If-Match": seen}
    )

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_the_same_key_and_body_create_one_category(api: Api, root: str) -> None:
    first = await api.post("/v1/categories", JAZZ, token=root, key="k1")
    second = await api.post("/v1/categories", JAZZ, token=root, key="k1")

    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_category_that_does_not_exist_is_not_found(api: Api, root: str, method: str) -> None:
    body = {"category_name": "Blues"} if method == "PATCH" else None

    refused = await api.call(method, "/v1/categories/cat_gone", body, token=root)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


# deleting ------------------------------------------------------------------------------------------------------------


async def test_a_category_that_no_event_has_is_deleted_and_its_name_is_free(api: Api, root: str) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)

    gone = await api.delete(path, token=root)

    assert gone.status_code == 204
    assert (await api.get(path)).status_code == 404
    assert (await api.post("/v1/categories", JAZZ, token=root)).status_code == 201


async def test_a_category_stays_until_the_last_event_gave_it_up(api: Api, ada: str, root: str) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)
    draft = await created(api, "/v1/events", CONCERT | {"categories": [id_of(path)]}, token=ada)
    concert = await published_concert(api, token=ada, categories=[id_of(path)])

    with_both = await api.delete(path, token=root)
    await api.patch(concert, {"categories": []}, token=ada)
    with_one = await api.delete(path, token=root)
    await api.delete(draft, token=ada)
    with_none = await api.delete(path, token=root)

    assert [answer.status_code for answer in (with_both, with_one, with_none)] == [409, 409, 204]
    assert with_both.json()["code"] == "category_in_use"


@pytest.mark.parametrize("new", [True, False])
async def test_a_category_that_an_event_takes_while_it_is_deleted_stays(
    api: Api, ada: str, root: str, meanwhile: MeanwhileStore, new: bool
) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)
    concert = await published_concert(api, token=ada)
    having = {"categories": [id_of(path)]}

    async def take() -> None:
        await (api.post("/v1/events", CONCERT | having, token=ada) if new else api.patch(concert, having, token=ada))

    meanwhile.meanwhile = take
    refused = await api.delete(path, token=root)

    assert (refused.status_code, refused.json()["code"]) == (409, "category_in_use")


async def test_a_category_that_is_deleted_while_an_event_takes_it_is_unknown(
    api: Api, ada: str, root: str, meanwhile: MeanwhileStore
) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)

    async def delete() -> None:
        assert (await api.delete(path, token=root)).status_code == 204

    meanwhile.meanwhile = delete
    refused = await api.post("/v1/events", CONCERT | {"categories": [id_of(path)]}, token=ada)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_category")


async def test_a_category_in_use_stays_where_indexes_lag() -> None:
    api = Api(make_house(LaggingStore(MemoryStore(), lag_commits=100)))
    ada = await sign_up(api.house, "ada", UserType.ORGANIZER)
    root = await sign_up(api.house, "root", UserType.ADMIN)
    path = await created(api, "/v1/categories", JAZZ, token=root)
    await published_concert(api, token=ada, categories=[id_of(path)])

    refused = await api.delete(path, token=root)

    assert (refused.status_code, refused.json()["code"]) == (409, "category_in_use")


async def test_a_change_of_other_fields_counts_no_category_twice(
    api: Api, ada: str, root: str, meanwhile: MeanwhileStore
) -> None:
    path = await created(api, "/v1/categories", JAZZ, token=root)
    concert = await published_concert(api, token=ada, categories=[id_of(path), id_of(path)])

    await api.patch(concert, {"start_date_time": "2027-05-01T16:00:00Z"}, token=ada)
    await api.post(f"{concert}/postpone", token=ada)

    record = await meanwhile.get(EVENT_CATEGORIES, (id_of(path),))
    assert record is not None
    assert record["use_count"] == 1
