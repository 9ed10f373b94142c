"""Accounts over the JSON API: organizers, admins, the first admin."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from argon2 import PasswordHasher

from tests.support.houses import Api, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.meeting import MeetingStore
from tests.support.stores import LaggingStore
from ticketing.accounts.actions import ensure_admin
from ticketing.accounts.model import FIRST_ADMIN_MARKER, UserType
from ticketing.accounts.passwords import Passwords
from ticketing.accounts.rules import EmailTaken
from ticketing.accounts.store import read_user, user_record
from ticketing.base.changes import Replace
from ticketing.base.errors import Invalid
from ticketing.base.store import Store
from ticketing.schema.tables import UNIQUES, USERS

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def meeting(store: Store) -> MeetingStore:
    return MeetingStore(store)


async def id_of(api: Api, token: str) -> str:
    """The id of the user of this session."""
    return str((await api.get("/v1/users/me", token=token)).json()["user_id"])


async def type_of(api: Api, token: str) -> str:
    """What the user of this session is."""
    return str((await api.get("/v1/users/me", token=token)).json()["user_type"])


# becoming an organizer -----------------------------------------------------------------------------------------------


async def test_where_anyone_may_a_user_becomes_an_organizer_at_once() -> None:
    api = Api(make_house(organizer_signup="open"))
    token = await sign_up(api.house, "ada")

    answer = await api.post("/v1/users/me/organizer", token=token)

    assert (answer.status_code, answer.json()["user_type"]) == (200, "organizer")
    assert (await api.get("/v1/users/me", token=token)).json() == answer.json()


async def test_where_it_needs_approval_a_user_waits_until_an_admin_agrees() -> None:
    api = Api(make_house(organizer_signup="approval"))
    token, admin = await sign_up(api.house, "ada"), await sign_up(api.house, "root", UserType.ADMIN)

    asked = await api.post("/v1/users/me/organizer", token=token)
    path = f"/v1/users/{asked.json()['user_id']}"
    seen = (await api.get(path, token=admin)).json()
    agreed = await api.patch(path, {"user_type": "organizer"}, token=admin)

    assert asked.status_code == 202
    assert (seen["user_type"], seen["organizer_requested"]) == ("regular", True)
    assert (agreed.json()["user_type"], agreed.json()["organizer_requested"]) == ("organizer", False)
    assert await type_of(api, token) == "organizer"


async def test_where_it_is_closed_a_user_is_refused() -> None:
    api = Api(make_house(organizer_signup="closed"))
    token = await sign_up(api.house, "ada")

    refused = await api.post("/v1/users/me/organizer", token=token)

    assert (refused.status_code, refused.json()["code"]) == (409, "organizer_signup_closed")
    assert await type_of(api, token) == "regular"


@pytest.mark.parametrize("user_type", [UserType.ORGANIZER, UserType.ADMIN])
async def test_who_is_more_already_stays_so(user_type: UserType) -> None:
    api = Api(make_house(organizer_signup="closed"))
    token = await sign_up(api.house, "ada", user_type)

    answer = await api.post("/v1/users/me/organizer", token=token)

    assert (answer.status_code, answer.json()["user_type"]) == (200, user_type.value)


async def test_asking_again_under_the_same_key_finds_the_first_answer(api: Api) -> None:
    token = await sign_up(api.house, "ada")

    first = await api.post("/v1/users/me/organizer", token=token, key="k1")
    second = await api.post("/v1/users/me/organizer", token=token, key="k1")

    assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")


# what admins do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_type", [UserType.REGULAR, UserType.ORGANIZER])
async def test_to_all_but_admins_there_are_no_users(api: Api, user_type: UserType) -> None:
    token, other = await sign_up(api.house, "eve", user_type), await sign_up(api.house, "ada")
    path = f"/v1/users/{await id_of(api, other)}"

    for method, where, body in (
        ("GET", "/v1/users", None),
        ("GET", path, None),
        ("PATCH", path, {"user_type": "admin"}),
        ("PATCH", f"/v1/users/{await id_of(api, token)}", {"user_type": "admin"}),
    ):
        refused = await api.call(method, where, body, token=token)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")

    assert (await type_of(api, token), await type_of(api, other)) == (user_type.value, "regular")


async def test_admins_list_users_with_a_login_in_pages_and_without_passwords(api: Api) -> None:
    admin = await sign_up(api.house, "root", UserType.ADMIN)
    for name in ("ada", "bob"):
        await sign_up(api.house, name)
    guest = await read_user(api.house.store, await id_of(api, await sign_up(api.house, "guest")))
    assert guest is not None
    await api.house.store.commit(
        (Replace(USERS, user_record(replace(guest, user_type=UserType.GUEST, password=None))),)
    )

    first = (await api.get("/v1/users?limit=2", token=admin)).json()
    second = (await api.get(f"/v1/users?limit=2&cursor={first['next_cursor']}", token=admin)).json()

    assert {user["username"] for user in first["data"] + second["data"]} == {"root", "ada", "bob"}
    assert second["next_cursor"] is None
    assert all("password" not in user for user in first["data"])


@pytest.mark.parametrize("user_type", ["regular", "organizer", "admin"])
async def test_an_admin_says_what_a_user_may_and_it_holds_at_once(api: Api, user_type: str) -> None:
    admin, token = await sign_up(api.house, "root", UserType.ADMIN), await sign_up(api.house, "ada")

    changed = await api.patch(f"/v1/users/{await id_of(api, token)}", {"user_type": user_type}, token=admin)

    assert (changed.status_code, changed.json()["user_type"]) == (200, user_type)
    assert (await api.get("/v1/users", token=token)).status_code == (200 if user_type == "admin" else 404)


@pytest.mark.parametrize("body", [{"user_type": "guest"}, {"user_type": "root"}, {"password": "x" * 12}, {}])
async def test_an_admin_sets_the_type_alone_and_none_that_there_is_not(api: Api, body: dict[str, Any]) -> None:
    admin, token = await sign_up(api.house, "root", UserType.ADMIN), await sign_up(api.house, "ada")

    refused = await api.patch(f"/v1/users/{await id_of(api, token)}", body, token=admin)

    assert refused.status_code == 422
    assert await type_of(api, token) == "regular"


async def test_a_user_that_there_is_not_is_not_found(api: Api) -> None:
    admin = await sign_up(api.house, "root", UserType.ADMIN)

    assert (await api.get("/v1/users/usr_0", token=admin)).status_code == 404
    assert (await api.patch("/v1/users/usr_0", {"user_type": "admin"}, token=admin)).status_code == 404


async def test_a_type_is_not_set_over_what_was_changed_meanwhile(api: Api) -> None:
    admin, token = await sign_up(api.house, "root", UserType.ADMIN), await sign_up(api.house, "ada")
    path = f"/v1/users/{await id_of(api, token)}"
    seen = (await api.get(path, token=admin)).headers["etag"]
    await api.patch("/v1/users/me", {"first_name": "Augusta"}, token=token)

    refused = await api.patch(path, {"user_type": "admin"}, token=admin, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


# the last admin ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_type", ["regular", "organizer"])
async def test_the_last_admin_stays_one(api: Api, user_type: str) -> None:
    admin = await sign_up(api.house, "root", UserType.ADMIN)

    refused = await api.patch(f"/v1/users/{await id_of(api, admin)}", {"user_type": user_type}, token=admin)

    assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    assert await type_of(api, admin) == "admin"


async def test_one_of_two_admins_may_step_down_and_then_the_other_may_not(api: Api) -> None:
    first, second = [await sign_up(api.house, name, UserType.ADMIN) for name in ("root", "ada")]

    stepped_down = await api.patch(f"/v1/users/{await id_of(api, first)}", {"user_type": "regular"}, token=first)
    refused = await api.patch(f"/v1/users/{await id_of(api, second)}", {"user_type": "regular"}, token=second)

    assert (stepped_down.status_code, stepped_down.json()["user_type"]) == (200, "regular")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")


@pytest.mark.parametrize("whom", ["themselves", "each other"])
async def test_two_admins_who_demote_at_once_leave_one(meeting: MeetingStore, whom: str) -> None:
    api = Api(make_house(meeting))
    tokens = [await sign_up(api.house, name, UserType.ADMIN) for name in ("root", "ada")]
    targets = [await id_of(api, token) for token in tokens]
    meeting.await_all(2, USERS)

    answers = await asyncio.gather(
        *(
            api.patch(f"/v1/users/{target}", {"user_type": "regular"}, token=token)
            for token, target in zip(tokens, targets if whom == "themselves" else targets[::-1], strict=True)
        )
    )

    assert [answer.status_code for answer in answers].count(200) == 1
    assert sorted([await type_of(api, token) for token in tokens]) == ["admin", "regular"]


async def test_who_was_demoted_meanwhile_makes_no_admins_any_more(api: Api, meanwhile: MeanwhileStore) -> None:
    root, eve = [await sign_up(api.house, name, UserType.ADMIN) for name in ("root", "eve")]
    friend = await sign_up(api.house, "friend")
    path, hers = f"/v1/users/{await id_of(api, friend)}", f"/v1/users/{await id_of(api, eve)}"

    async def demote_eve() -> None:
        assert (await api.patch(hers, {"user_type": "regular"}, token=root)).status_code == 200

    meanwhile.meanwhile = demote_eve
    refused = await api.patch(path, {"user_type": "admin"}, token=eve)

    assert refused.status_code == 404
    assert await type_of(api, friend) == "regular"


async def test_an_index_that_still_shows_a_former_admin_does_not_let_the_last_one_go(store: Store) -> None:
    lagging = LaggingStore(store, lag_commits=1)
    api = Api(make_house(lagging))
    first, second = [await sign_up(api.house, name, UserType.ADMIN) for name in ("root", "ada")]
    await lagging.catch_up()
    await api.patch(f"/v1/users/{await id_of(api, first)}", {"user_type": "regular"}, token=first)

    refused = await api.patch(f"/v1/users/{await id_of(api, second)}", {"user_type": "regular"}, token=second)

    assert refused.json()["code"] == "last_admin"


# the first admin -----------------------------------------------------------------------------------------------------


async def log_in(api: Api, email: str, password: str) -> int:
    """The status of the answer to this login."""
    api.app.state.passwords = Passwords(CHEAP)
    return (await api.post("/v1/sessions", {"email": email, "password": password})).status_code


async def test_the_first_admin_gets_a_password_that_is_told_once(api: Api) -> None:
    now = api.house.clock.now()

    password = await ensure_admin(api.house, email="root@example.org", password=None, now=now, hasher=CHEAP)
    again = await ensure_admin(api.house, email="root@example.org", password=None, now=now, hasher=CHEAP)

    assert password is not None
    assert len(password) >= 22
    assert again is None
    assert await log_in(api, "root@example.org", password) == 201


async def test_the_first_admin_may_bring_a_password(api: Api) -> None:
    now = api.house.clock.now()

    made_up = await ensure_admin(
        api.house, email="root@example.org", password="a wet week in Wales", now=now, hasher=CHEAP
    )

    assert made_up is None
    assert await log_in(api, "root@example.org", "a wet week in Wales") == 201


@pytest.mark.parametrize("password", ["admin", "admin123456", "x" * 257])
async def test_an_easy_password_makes_no_admin(api: Api, password: str) -> None:
    with pytest.raises(Invalid):
        await ensure_admin(
            api.house, email="root@example.org", password=password, now=api.house.clock.now(), hasher=CHEAP
        )

    assert [user async for user in api.house.store.scan(USERS)] == []


async def test_processes_that_start_at_once_make_one_admin_between_them(meeting: MeetingStore) -> None:
    house = make_house(meeting)
    meeting.await_all(3, USERS)

    made = await asyncio.gather(
        *(
            ensure_admin(house, email=f"root{place}@example.org", password=None, now=house.clock.now(), hasher=CHEAP)
            for place in range(3)
        )
    )

    assert sum(password is not None for password in made) == 1
    (admin,) = [user async for user in meeting.scan(USERS)]
    marker = await meeting.get(UNIQUES, (FIRST_ADMIN_MARKER,))
    assert (admin["user_type"], marker) == ("admin", {"name": FIRST_ADMIN_MARKER, "target_id": admin["user_id"]})
    assert len([marker async for marker in meeting.scan(UNIQUES)]) == 2


async def test_an_address_that_a_user_has_already_makes_no_admin_of_that_user(api: Api) -> None:
    api.app.state.passwords = Passwords(CHEAP)
    await api.post("/v1/users", {"email": "root@example.org", "password": "a wet week in Wales"})

    with pytest.raises(EmailTaken):
        await ensure_admin(api.house, email="Root@example.org", password=None, now=api.house.clock.now(), hasher=CHEAP)

    assert await api.house.store.get(UNIQUES, (FIRST_ADMIN_MARKER,)) is None
