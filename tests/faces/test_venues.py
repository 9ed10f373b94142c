"""Venues over the JSON API."""

import pytest

from tests.support.houses import Api, make_house, sign_up
from ticketing.accounts.model import UserType

KONZERTHAUS = {
    "venue_name": "Konzerthaus",
    "city": "Vienna",
    "country": "AT",
    "capacity": 1800,
    "amenities": ["parking", "WiFi"],
    "timezone": "Europe/Vienna",
    "latitude": 48.2007,
    "longitude": 16.3772,
}


@pytest.fixture
def api() -> Api:
    return Api(make_house())


async def test_an_organizer_creates_a_venue_that_anyone_may_read(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)

    created = await api.post("/v1/venues", KONZERTHAUS, token=token)
    read = await api.get(created.headers["location"])

    assert created.status_code == 201
    assert KONZERTHAUS.items() <= read.json().items()


async def test_a_stranger_must_log_in_to_create_a_venue(api: Api) -> None:
    refused = await api.post("/v1/venues", KONZERTHAUS)

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_to_a_regular_user_creating_venues_does_not_exist(api: Api) -> None:
    token = await sign_up(api.house, "bob")

    refused = await api.post("/v1/venues", KONZERTHAUS, token=token)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_another_organizer_cannot_touch_the_venue(api: Api, method: str) -> None:
    owner = await sign_up(api.house, "ada", UserType.ORGANIZER)
    other = await sign_up(api.house, "eve", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", KONZERTHAUS, token=owner)).headers["location"]

    refused = await api.call(method, path, {"city": "Graz"} if method == "PATCH" else None, token=other)

    assert refused.status_code == 404
    assert (await api.get(path)).json()["city"] == "Vienna"


async def test_every_wrong_field_is_named_at_once(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)

    refused = await api.post(
        "/v1/venues", {"venue_name": "", "timezone": "Mars/Olympus", "capacity": -1, "owner": "me"}, token=token
    )

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/venue_name", "string_too_short"),
        ("/timezone", "timezone"),
        ("/capacity", "greater_than_equal"),
        ("/owner", "unknown_field"),
    }


async def test_the_same_key_and_body_find_the_first_answer_byte_for_byte(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)

    first = await api.post("/v1/venues", KONZERTHAUS, token=token, key="k1")
    second = await api.post("/v1/venues", KONZERTHAUS, token=token, key="k1")

    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await api.get("/v1/venues")).json()["data"]) == 1


async def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    await api.post("/v1/venues", KONZERTHAUS, token=token, key="k1")

    refused = await api.post("/v1/venues", KONZERTHAUS | {"city": "Graz"}, token=token, key="k1")

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_patch_changes_only_what_it_names(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", KONZERTHAUS, token=token)).headers["location"]

    changed = await api.patch(path, {"capacity": 900, "latitude": None}, token=token)

    assert changed.status_code == 200
    assert (KONZERTHAUS | {"capacity": 900, "latitude": None}).items() <= changed.json().items()


async def test_a_patch_of_what_was_changed_meanwhile_is_refused(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", KONZERTHAUS, token=token)).headers["location"]
    seen = (await api.get(path)).headers["etag"]
    await api.patch(path, {"capacity": 900}, token=token)

    refused = await api.patch(path, {"capacity": 1000}, token=token, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_what_was_not_changed_is_not_sent_again(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", KONZERTHAUS, token=token)).headers["location"]
    seen = (await api.get(path)).headers["etag"]

    again = await api.get(path, headers={"If-None-Match": seen})

    assert (again.status_code, again.content) == (304, b"")


async def test_pages_of_venues_follow_one_another_by_name(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    for name in ("Cella", "Arena", "Burg"):
        await api.post("/v1/venues", KONZERTHAUS | {"venue_name": name}, token=token)

    first = (await api.get("/v1/venues?limit=2")).json()
    second = (await api.get(f"/v1/venues?limit=2&cursor={first['next_cursor']}")).json()

    assert [venue["venue_name"] for venue in first["data"] + second["data"]] == ["Arena", "Burg", "Cella"]
    assert second["next_cursor"] is None


async def test_a_venue_without_events_can_be_deleted(api: Api) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    path = (await api.post("/v1/venues", KONZERTHAUS, token=token)).headers["location"]

    gone = await api.delete(path, token=token)

    assert gone.status_code == 204
    assert (await api.get(path)).status_code == 404
