"""API keys over the JSON API: made, listed, deleted, and what they may be used for."""

import asyncio
from typing import Any

import pytest

from tests.support.houses import Api, StandingClock, sign_up
from ticketing.accounts.model import Scope, UserType
from ticketing.base.bounds import API_KEYS_PER_USER_MAX
from ticketing.schema.tables import API_KEYS

TILL = {"name": "box office till 2", "scopes": ["read", "orders"], "expires_at": "2027-04-01T00:00:00Z"}


async def test_a_key_is_made_with_its_name_scopes_and_end_and_its_token_is_shown_once(api: Api) -> None:
    token = await sign_up(api.house, "ada")

    made = await api.post("/v1/api-keys", TILL, token=token)
    (listed,) = (await api.get("/v1/api-keys", token=token)).json()["data"]

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    assert made.json()["token"].startswith("tk_")
    assert {**TILL, "scopes": ["orders", "read"]}.items() <= listed.items()
    assert listed == {name: value for name, value in made.json().items() if name != "token"}


async def test_of_a_token_only_a_hash_is_stored(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    made = await api.post("/v1/api-keys", TILL, token=token, key="k1")

    secret = made.json()["token"].partition(".")[2]

    (stored,) = [record async for record in api.house.store.scan(API_KEYS)]
    assert len(secret) == 43
    assert secret not in str(stored)


async def test_a_key_acts_for_its_user(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    made = await api.post("/v1/api-keys", TILL, token=token)

    me = await api.get("/v1/users/me", token=made.json()["token"])

    assert (me.status_code, me.json()["email"]) == (200, "ada@example.org")


async def test_a_key_needs_its_whole_secret(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    key = (await api.post("/v1/api-keys", TILL, token=token)).json()["token"]

    for wrong in (key[:-1], key.partition(".")[0], key.partition(".")[0] + "." + token.partition(".")[2]):
        assert (await api.get("/v1/users/me", token=wrong)).status_code == 401


async def test_a_key_that_is_asked_for_again_under_the_same_key_is_the_same(api: Api) -> None:
    token = await sign_up(api.house, "ada")

    first = await api.post("/v1/api-keys", TILL, token=token, key="k1")
    second = await api.post("/v1/api-keys", TILL, token=token, key="k1")

    assert second.content == first.content
    assert len((await api.get("/v1/api-keys", token=token)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["everything"]}, "/scopes/0"),
        ({"scopes": ["read"] * 5}, "/scopes"),
        ({"expires_at": "2027-03-01T12:00:00Z"}, "/expires_at"),
        ({"user_id": "usr_0"}, "/user_id"),
        ({"token": "tk_mine.mine"}, "/token"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(api: Api, wrong: dict[str, Any], pointer: str) -> None:
    token = await sign_up(api.house, "ada")

    refused = await api.post("/v1/api-keys", TILL | wrong, token=token)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert (await api.get("/v1/api-keys", token=token)).json()["data"] == []


async def test_a_key_is_over_at_its_end(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    key = (await api.post("/v1/api-keys", TILL | {"expires_at": "2027-03-01T13:00:00Z"}, token=token)).json()["token"]
    clock = api.house.clock
    assert isinstance(clock, StandingClock)

    clock.move(hours=1, microseconds=-1)
    before = await api.get("/v1/users/me", token=key)
    clock.move(microseconds=1)
    after = await api.get("/v1/users/me", token=key)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_key_without_an_end_is_good_until_it_is_deleted(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    made = (await api.post("/v1/api-keys", {"name": "till", "scopes": ["read"]}, token=token)).json()
    clock = api.house.clock
    assert isinstance(clock, StandingClock)

    clock.move(days=364)
    before = await api.get("/v1/users/me", token=made["token"])
    gone = await api.delete(f"/v1/api-keys/{made['api_key_id']}", token=token)
    after = await api.get("/v1/users/me", token=made["token"])

    assert (before.status_code, gone.status_code, after.status_code) == (200, 204, 401)


async def test_a_key_that_is_gone_cannot_be_deleted_again(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    path = (await api.post("/v1/api-keys", TILL, token=token)).headers["location"]

    first, second = await asyncio.gather(api.delete(path, token=token), api.delete(path, token=token))

    assert sorted([first.status_code, second.status_code]) == [204, 404]


@pytest.mark.parametrize("other_type", [UserType.REGULAR, UserType.ORGANIZER])
async def test_nobody_sees_or_deletes_anothers_keys(api: Api, other_type: UserType) -> None:
    ada, eve = await sign_up(api.house, "ada"), await sign_up(api.house, "eve", other_type)
    path = (await api.post("/v1/api-keys", TILL, token=ada)).headers["location"]

    seen = (await api.get("/v1/api-keys", token=eve)).json()["data"]
    refused = await api.delete(path, token=eve)

    assert seen == []
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert len((await api.get("/v1/api-keys", token=ada)).json()["data"]) == 1


async def test_an_admin_may_delete_a_users_key_that_leaked(api: Api) -> None:
    ada, admin = await sign_up(api.house, "ada"), await sign_up(api.house, "root", UserType.ADMIN)
    made = await api.post("/v1/api-keys", TILL, token=ada)

    gone = await api.delete(made.headers["location"], token=admin)

    assert gone.status_code == 204
    assert (await api.get("/v1/users/me", token=made.json()["token"])).status_code == 401


async def test_keys_are_listed_in_pages(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    for name in ("one", "two", "three"):
        clock = api.house.clock
        assert isinstance(clock, StandingClock)
        clock.move(seconds=1)
        await api.post("/v1/api-keys", TILL | {"name": name}, token=token)

    first = (await api.get("/v1/api-keys?limit=2", token=token)).json()
    second = (await api.get(f"/v1/api-keys?limit=2&cursor={first['next_cursor']}", token=token)).json()

    assert [key["name"] for key in first["data"] + second["data"]] == ["one", "two", "three"]


# how many ------------------------------------------------------------------------------------------------------------


async def test_a_user_has_at_most_so_many_keys_even_when_all_are_asked_for_at_once(api: Api) -> None:
    token = await sign_up(api.house, "ada")

    answers = await asyncio.gather(
        *(api.post("/v1/api-keys", TILL, token=token) for _ in range(API_KEYS_PER_USER_MAX + 5))
    )

    assert [answer.status_code for answer in answers].count(201) == API_KEYS_PER_USER_MAX
    assert {answer.json()["code"] for answer in answers if answer.status_code != 201} == {"too_many_api_keys"}
    assert {answer.status_code for answer in answers} == {201, 409}


async def test_a_deleted_key_makes_room_for_one_more(api: Api) -> None:
    token = await sign_up(api.house, "ada")
    paths = [
        (await api.post("/v1/api-keys", TILL, token=token)).headers["location"] for _ in range(API_KEYS_PER_USER_MAX)
    ]
    await api.patch("/v1/users/me", {"first_name": "Augusta"}, token=token)
    full = await api.post("/v1/api-keys", TILL, token=token)

    await api.delete(paths[7], token=token)

    assert full.status_code == 409
    assert (await api.post("/v1/api-keys", TILL, token=token)).status_code == 201
    assert (await api.post("/v1/api-keys", TILL, token=token)).status_code == 409


# what a key may be used for ------------------------------------------------------------------------------------------

VENUE = {"venue_name": "Konzerthaus", "timezone": "Europe/Vienna"}
EVERYTHING = [scope.value for scope in Scope]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/v1/sessions/current", None),
        ("PATCH", "/v1/users/me", {"email": "eve@example.org"}),
        ("PATCH", "/v1/users/me", {"password": "a wet week in Wales", "current_password": "not a hash"}),
        ("POST", "/v1/users/me/organizer", None),
        ("GET", "/v1/users", None),
        ("GET", "/v1/users/{me}", None),
        ("PATCH", "/v1/users/{me}", {"user_type": "regular"}),
        ("POST", "/v1/api-keys", {"name": "another", "scopes": ["read"]}),
        ("GET", "/v1/api-keys", None),
        ("DELETE", "/v1/api-keys/{key}", None),
    ],
)
async def test_not_even_an_admins_key_of_all_scopes_touches_accounts_or_keys(
    api: Api, method: str, path: str, body: Any
) -> None:
    admin = await sign_up(api.house, "root", UserType.ADMIN)
    await sign_up(api.house, "second", UserType.ADMIN)
    me = (await api.get("/v1/users/me", token=admin)).json()
    made = (await api.post("/v1/api-keys", {"name": "all", "scopes": EVERYTHING}, token=admin)).json()

    refused = await api.call(method, path.format(me=me["user_id"], key=made["api_key_id"]), body, token=made["token"])

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await api.get("/v1/users/me", token=admin)).json() == me
    assert len((await api.get("/v1/api-keys", token=admin)).json()["data"]) == 1


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(
    ("method", "path", "body", "needed", "success"),
    [
        ("GET", "/v1/users/me", None, Scope.READ, 200),
        ("POST", "/v1/venues", VENUE, Scope.EVENTS, 201),
    ],
)
async def test_a_key_does_what_its_scope_says_and_nothing_else(
    api: Api, scope: Scope, method: str, path: str, body: Any, needed: Scope, success: int
) -> None:
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    key = (await api.post("/v1/api-keys", {"name": "till", "scopes": [scope.value]}, token=token)).json()["token"]

    answer = await api.call(method, path, body, token=key)

    assert answer.status_code == (success if scope is needed else 404)


async def test_a_key_loses_what_its_user_loses(api: Api) -> None:
    admin = await sign_up(api.house, "root", UserType.ADMIN)
    token = await sign_up(api.house, "ada", UserType.ORGANIZER)
    key = (await api.post("/v1/api-keys", {"name": "till", "scopes": ["events"]}, token=token)).json()["token"]
    user_id = (await api.get("/v1/users/me", token=token)).json()["user_id"]

    before = await api.post("/v1/venues", VENUE, token=key)
    await api.patch(f"/v1/users/{user_id}", {"user_type": "regular"}, token=admin)
    after = await api.post("/v1/venues", VENUE, token=key)

    assert (before.status_code, after.status_code) == (201, 404)
