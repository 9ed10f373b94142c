"""Accounts over the JSON API: signing up, logging in and out, the own account."""

import asyncio
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from tests.support.houses import Api, StandingClock, make_house
from tests.support.meanwhile import MeanwhileStore
from tests.support.meeting import MeetingStore
from tests.support.stores import LaggingStore
from ticketing.accounts.passwords import Passwords
from ticketing.accounts.store import read_user_by_email, sessions_of_user
from ticketing.base.bounds import SESSIONS_PER_USER_MAX
from ticketing.base.store import Store
from ticketing.schema.tables import IDEMPOTENCY, SESSIONS, UNIQUES, USERS

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADA = {
    "email": "Ada@example.org",
    "password": "a wet week in Wales",
    "username": "Ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+43 1 2345678",
    "address": "1 St James's Square, London",
}
BOB = ADA | {"email": "bob@example.org", "username": "bob", "first_name": "Bob"}


@pytest.fixture
def api(meanwhile: MeanwhileStore) -> Api:
    return api_over(meanwhile)


@pytest.fixture
def meeting(store: Store) -> MeetingStore:
    return MeetingStore(store)


def api_over(store: Store) -> Api:
    """The API of a house over this store, where hashing is cheap."""
    api = Api(make_house(store))
    api.app.state.passwords = Passwords(CHEAP)
    return api


def shown_of(said: dict[str, Any]) -> dict[str, Any]:
    """What is shown of what someone said."""
    return {name: value for name, value in said.items() if name != "password"}


async def token_of(api: Api, said: dict[str, Any], **other: str) -> str:
    """A session of a user who signed up."""
    begun = await api.post("/v1/sessions", {"email": said["email"], "password": said["password"]} | other)
    assert begun.status_code == 201, begun.text
    return str(begun.json()["token"])


async def signed_up(api: Api, said: dict[str, Any] = ADA) -> str:
    """Signs up; a session of the new user."""
    assert (await api.post("/v1/users", said)).status_code == 201
    return await token_of(api, said)


def clock_of(api: Api) -> StandingClock:
    """The clock of the house, to be moved."""
    clock = api.house.clock
    assert isinstance(clock, StandingClock)
    return clock


# signing up ----------------------------------------------------------------------------------------------------------


async def test_who_signs_up_is_a_regular_user_and_can_log_in(api: Api) -> None:
    created = await api.post("/v1/users", ADA)
    me = await api.get("/v1/users/me", token=await token_of(api, ADA))

    assert created.status_code == 201
    assert shown_of(ADA).items() <= created.json().items()
    assert (created.json()["user_type"], created.json()["organizer_requested"]) == ("regular", False)
    assert me.json() == created.json()


async def test_address_and_password_are_enough_to_sign_up(api: Api) -> None:
    created = await api.post("/v1/users", {"email": "ada@example.org", "password": "a wet week in Wales"})

    assert created.status_code == 201
    assert (created.json()["username"], created.json()["first_name"], created.json()["phone"]) == (None, "", None)


async def test_the_password_is_stored_as_argon2id_and_shown_nowhere(api: Api) -> None:
    created = await api.post("/v1/users", ADA)
    token = await token_of(api, ADA)
    stored = await read_user_by_email(api.house.store, "ada@example.org")

    assert stored is not None
    assert stored.password is not None
    assert stored.password.startswith("$argon2id$")
    for answer in (created, await api.get("/v1/users/me", token=token)):
        assert "password" not in answer.text
        assert "argon2" not in answer.text


async def test_without_injection_the_standard_parameters_are_used(store: Store) -> None:
    api = Api(make_house(store))

    await api.post("/v1/users", ADA)
    stored = await read_user_by_email(api.house.store, "ada@example.org")

    assert stored is not None
    made = extract_parameters(str(stored.password))
    assert (made.memory_cost, made.time_cost, made.parallelism) == (19 * 1024, 2, 1)


async def test_outer_spaces_belong_to_a_password(api: Api) -> None:
    await api.post("/v1/users", ADA | {"password": "  spaces around  "})

    stripped = await api.post("/v1/sessions", {"email": ADA["email"], "password": "spaces around"})

    assert stripped.status_code == 401
    assert await token_of(api, ADA, password="  spaces around  ")


@pytest.mark.parametrize("user_type", ["admin", "organizer", "regular"])
async def test_nobody_signs_up_as_what_they_like(api: Api, user_type: str) -> None:
    refused = await api.post("/v1/users", ADA | {"user_type": user_type})

    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        ("/user_type", "unknown_field")
    ]


@pytest.mark.parametrize(
    "smuggled", ["user_id", "organizer_requested", "created_date_time", "version", "login_generation", "is_admin"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_no_other_field_of_a_user_can_be_smuggled_in(api: Api, method: str, smuggled: str) -> None:
    token = await signed_up(api)
    before = (await api.get("/v1/users/me", token=token)).json()
    path, body = ("/v1/users", BOB) if method == "POST" else ("/v1/users/me", {"first_name": "Eve"})

    refused = await api.call(method, path, body | {smuggled: "1"}, token=token)

    assert [error["code"] for error in refused.json()["errors"]] == ["unknown_field"]
    assert (await api.get("/v1/users/me", token=token)).json() == before


async def test_every_wrong_field_of_a_sign_up_is_named_at_once(api: Api) -> None:
    refused = await api.post("/v1/users", {"email": "ada", "password": "short", "username": "", "first_name": "\n"})

    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/email", "email"),
        ("/password", "string_too_short"),
        ("/username", "string_too_short"),
    }


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * 7, "string_too_short"),
        ("x" * 257, "string_too_long"),
        ("Password123", "password_too_common"),
        ("ADA@example.org", "password_too_common"),
    ],
)
async def test_a_password_that_is_too_short_too_long_or_too_easy_is_refused(api: Api, password: str, code: str) -> None:
    refused = await api.post("/v1/users", ADA | {"password": password})

    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/password", code)]


async def test_an_easy_password_is_named_beside_the_other_wrong_fields(api: Api) -> None:
    refused = await api.post("/v1/users", {"email": "ada", "password": "Password123"})

    assert {error["code"] for error in refused.json()["errors"]} == {"email", "password_too_common"}


@pytest.mark.parametrize("email", ["Ada@example.org", "ADA@EXAMPLE.ORG"])
async def test_an_address_signs_up_once_whatever_its_case(api: Api, email: str) -> None:
    await api.post("/v1/users", ADA)

    refused = await api.post("/v1/users", BOB | {"email": email})

    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize("username", ["Ada", "aDA", "Ａｄａ"])
async def test_a_username_is_given_once_whatever_its_case(api: Api, username: str) -> None:
    await api.post("/v1/users", ADA)

    refused = await api.post("/v1/users", BOB | {"username": username})

    assert (refused.status_code, refused.json()["code"]) == (409, "username_taken")


async def test_what_is_taken_already_is_refused_without_the_work_of_hashing(api: Api) -> None:
    await api.post("/v1/users", ADA)
    api.app.state.passwords = Passwords(CHEAP, waiting_max=0)

    refused = await api.post("/v1/users", ADA)

    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    ("others", "code"),
    [({"username": "bob"}, "email_taken"), ({"email": "bob@example.org"}, "username_taken")],
)
async def test_of_two_who_sign_up_with_the_same_at_once_one_wins(
    meeting: MeetingStore, others: dict[str, str], code: str
) -> None:
    api = api_over(meeting)
    meeting.await_all(2, USERS)

    answers = await asyncio.gather(api.post("/v1/users", ADA), api.post("/v1/users", ADA | others))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert [answer.json()["code"] for answer in answers if answer.status_code == 409] == [code]
    assert len([user async for user in api.house.store.scan(USERS)]) == 1
    assert len([marker async for marker in api.house.store.scan(UNIQUES)]) == 2


async def test_a_sign_up_that_is_repeated_under_its_key_finds_the_first_answer(api: Api) -> None:
    first = await api.post("/v1/users", ADA, key="k1")
    second = await api.post("/v1/users", ADA, key="k1")

    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotent-replayed"] == "true"


async def test_what_is_kept_of_a_request_cannot_be_compared_with_guessed_passwords(api: Api) -> None:
    await api.post("/v1/users", ADA, key="k1")
    other = Api(make_house())
    object.__setattr__(other.house.keys, "master", b"another master secret of 32 bytes or more")
    other.app.state.passwords = Passwords(CHEAP)
    await other.post("/v1/users", ADA, key="k1")

    (here,) = [record async for record in api.house.store.scan(IDEMPOTENCY)]
    (there,) = [record async for record in other.house.store.scan(IDEMPOTENCY)]

    assert here["idempotency_key"] == there["idempotency_key"]
    assert here["fingerprint"] != there["fingerprint"]


# logging in and out --------------------------------------------------------------------------------------------------


async def test_a_login_answers_with_a_token_its_end_and_the_user(api: Api) -> None:
    created = await api.post("/v1/users", ADA)

    begun = await api.post("/v1/sessions", {"email": "ADA@example.org", "password": ADA["password"]})

    assert begun.status_code == 201
    assert begun.json()["token"].startswith("ses_")
    assert begun.json()["expires_at"] == "2027-03-15T12:00:00Z"
    assert begun.json()["user"] == created.json()
    assert begun.headers["cache-control"] == "no-store"


async def test_of_a_token_only_a_hash_is_stored(api: Api) -> None:
    token = await signed_up(api)

    (stored,) = [record async for record in api.house.store.scan(SESSIONS)]

    assert token.partition(".")[2] not in str(stored)


async def test_wrong_password_and_unknown_address_are_answered_alike(api: Api) -> None:
    await api.post("/v1/users", ADA)

    wrong = await api.post("/v1/sessions", {"email": ADA["email"], "password": "a dry week in Wales"})
    unknown = await api.post("/v1/sessions", {"email": "eve@example.org", "password": "a dry week in Wales"})

    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_credentials")
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)
    for answer in (wrong, unknown):
        answer.headers.pop("x-request-id", None)  # a number of the request, alike for nobody
    assert unknown.headers == wrong.headers


async def test_wrong_password_and_unknown_address_cost_one_comparison_each(api: Api) -> None:
    compared: list[str] = []

    class CountingHasher(PasswordHasher):
        """Counts comparisons."""

        def verify(self, hash: str | bytes, password: str | bytes) -> Any:
            """Whether they match."""
            compared.append(str(password))
            return super().verify(hash, password)

    api.app.state.passwords = Passwords(CountingHasher(time_cost=1, memory_cost=8, parallelism=1))
    await api.post("/v1/users", ADA)

    await api.post("/v1/sessions", {"email": ADA["email"], "password": "wrong password"})
    await api.post("/v1/sessions", {"email": "eve@example.org", "password": "unknown user"})

    assert compared == ["wrong password", "unknown user"]


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Basic YWRhOnB3", "Bearer ses_x.y", "Bearer tk_x.y", "x"]
)
async def test_a_token_that_is_no_good_is_refused_where_strangers_are_too(api: Api, authorization: str) -> None:
    refused = await api.get("/v1/users/me", headers={"Authorization": authorization})

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_a_session_needs_its_whole_secret(api: Api) -> None:
    token = await signed_up(api)

    refused = await api.get("/v1/users/me", token=token[:-1])

    assert refused.status_code == 401


async def test_a_session_is_over_after_its_time(api: Api) -> None:
    token = await signed_up(api)

    clock_of(api).move(days=14, microseconds=-1)
    before = await api.get("/v1/users/me", token=token)
    clock_of(api).move(microseconds=1)
    after = await api.get("/v1/users/me", token=token)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_who_logs_out_ends_this_session_alone(api: Api) -> None:
    here = await signed_up(api)
    there = await token_of(api, ADA)

    gone = await api.delete("/v1/sessions/current", token=here)

    assert gone.status_code == 204
    assert (await api.get("/v1/users/me", token=here)).status_code == 401
    assert (await api.get("/v1/users/me", token=there)).status_code == 200


async def test_a_stranger_has_no_session_to_end(api: Api) -> None:
    assert (await api.delete("/v1/sessions/current")).status_code == 401


async def test_each_login_is_a_session_of_its_own(api: Api) -> None:
    assert await signed_up(api) != await token_of(api, ADA)


async def test_the_own_sessions_are_listed_the_newest_first_without_their_tokens(api: Api) -> None:
    here = await signed_up(api)
    clock_of(api).move(minutes=1)
    there = await token_of(api, ADA)

    listed = await api.get("/v1/sessions", token=here)

    shown = [(one["session_id"], one["is_current"]) for one in listed.json()["data"]]
    assert shown == [(there.partition(".")[0], False), (here.partition(".")[0], True)]
    assert here.partition(".")[2] not in listed.text


async def test_one_session_can_be_ended_from_another(api: Api) -> None:
    here, there = await signed_up(api), await token_of(api, ADA)

    ended = await api.delete(f"/v1/sessions/{there.partition('.')[0]}", token=here)

    assert ended.status_code == 204
    assert (await api.get("/v1/users/me", token=there)).status_code == 401
    assert (await api.get("/v1/users/me", token=here)).status_code == 200


async def test_logging_out_everywhere_ends_every_session_and_a_new_one_can_begin(api: Api) -> None:
    here, there = await signed_up(api), await token_of(api, ADA)

    ended = await api.delete("/v1/sessions", token=here)

    assert ended.status_code == 204
    for token in (here, there):
        assert (await api.get("/v1/users/me", token=token)).status_code == 401
    again = await token_of(api, ADA)
    assert len((await api.get("/v1/sessions", token=again)).json()["data"]) == 1


async def test_sessions_that_are_over_and_the_oldest_of_too_many_are_deleted_by_a_login(api: Api) -> None:
    await signed_up(api)
    clock_of(api).move(days=15)
    tokens = []
    for _ in range(SESSIONS_PER_USER_MAX + 1):
        clock_of(api).move(seconds=1)
        tokens.append(await token_of(api, ADA))

    user = await read_user_by_email(api.house.store, "ada@example.org")

    assert user is not None
    assert len(await sessions_of_user(api.house.store, user.user_id)) == SESSIONS_PER_USER_MAX
    assert (await api.get("/v1/users/me", token=tokens[0])).status_code == 401
    assert (await api.get("/v1/users/me", token=tokens[1])).status_code == 200


async def test_a_hash_of_old_parameters_is_made_anew_by_a_login_and_the_sessions_stay(api: Api) -> None:
    token = await signed_up(api)
    api.app.state.passwords = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))

    await token_of(api, ADA)
    stored = await read_user_by_email(api.house.store, "ada@example.org")

    assert stored is not None
    assert extract_parameters(str(stored.password)).time_cost == 2
    assert (await api.get("/v1/users/me", token=token)).status_code == 200
    assert await token_of(api, ADA)


async def test_past_the_bound_of_waiting_passwords_a_login_is_told_to_come_again(api: Api) -> None:
    await api.post("/v1/users", ADA)
    api.app.state.passwords = Passwords(CHEAP, waiting_max=0)

    refused = await api.post("/v1/sessions", {"email": ADA["email"], "password": ADA["password"]})

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert refused.headers["retry-after"] == "1"


# the own account -----------------------------------------------------------------------------------------------------


async def test_a_patch_of_the_own_account_changes_only_what_it_names(api: Api) -> None:
    token = await signed_up(api)

    changed = await api.patch("/v1/users/me", {"first_name": "Augusta", "phone": None}, token=token)

    assert changed.status_code == 200
    assert (shown_of(ADA) | {"first_name": "Augusta", "phone": None}).items() <= changed.json().items()
    assert (await api.get("/v1/users/me", token=token)).json() == changed.json()


@pytest.mark.parametrize("field", ["email", "password", "first_name", "last_name"])
async def test_what_an_account_needs_cannot_be_emptied(api: Api, field: str) -> None:
    token = await signed_up(api)

    refused = await api.patch("/v1/users/me", {field: None}, token=token)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "null"


@pytest.mark.parametrize("user_type", ["admin", "organizer"])
async def test_nobody_makes_themselves_more_than_they_are(api: Api, user_type: str) -> None:
    token = await signed_up(api)

    refused = await api.patch("/v1/users/me", {"user_type": user_type}, token=token)

    assert [error["code"] for error in refused.json()["errors"]] == ["unknown_field"]
    assert (await api.get("/v1/users/me", token=token)).json()["user_type"] == "regular"


async def test_another_address_logs_in_and_the_old_one_is_free_again(api: Api) -> None:
    token = await signed_up(api)

    changed = await api.patch("/v1/users/me", {"email": "countess@example.org"}, token=token)
    old = await api.post("/v1/sessions", {"email": ADA["email"], "password": ADA["password"]})

    assert changed.json()["email"] == "countess@example.org"
    assert old.status_code == 401
    assert await token_of(api, ADA, email="countess@example.org")
    assert (await api.post("/v1/users", BOB | {"email": ADA["email"]})).status_code == 201


async def test_another_username_frees_the_old_one(api: Api) -> None:
    token = await signed_up(api)

    await api.patch("/v1/users/me", {"username": "countess"}, token=token)

    assert (await api.post("/v1/users", BOB | {"username": "ADA"})).status_code == 201
    refused = await api.post("/v1/users", BOB | {"email": "eve@example.org", "username": "Countess"})
    assert refused.json()["code"] == "username_taken"


@pytest.mark.parametrize(
    ("wish", "code"),
    [({"email": "ADA@example.org"}, "email_taken"), ({"username": "ADA"}, "username_taken")],
)
async def test_what_another_user_has_cannot_be_taken(api: Api, wish: dict[str, str], code: str) -> None:
    await signed_up(api)
    token = await signed_up(api, BOB)

    refused = await api.patch("/v1/users/me", wish, token=token)

    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert (await api.get("/v1/users/me", token=token)).json()["email"] == "bob@example.org"


async def test_of_two_who_change_to_the_same_address_at_once_one_wins(meeting: MeetingStore) -> None:
    api = api_over(meeting)
    ada, bob = await signed_up(api), await signed_up(api, BOB)
    meeting.await_all(2, USERS)

    answers = await asyncio.gather(
        *(api.patch("/v1/users/me", {"email": "same@example.org"}, token=token) for token in (ada, bob))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    markers = {record["name"] async for record in meeting.scan(UNIQUES)}
    assert "email#same@example.org" in markers
    assert len(markers) == 4


async def test_a_patch_of_an_account_that_was_changed_meanwhile_is_refused(api: Api) -> None:
    token = await signed_up(api)
    seen = (await api.get("/v1/users/me", token=token)).headers["etag"]
    await api.patch("/v1/users/me", {"first_name": "Augusta"}, token=token)

    refused = await api.patch("/v1/users/me", {"last_name": "Byron"}, token=token, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_a_new_password_ends_all_other_sessions_and_the_old_password(api: Api) -> None:
    here = await signed_up(api)
    there = await token_of(api, ADA)

    changed = await api.patch(
        "/v1/users/me", {"password": "a dry week in Wales", "current_password": ADA["password"]}, token=here
    )
    old = await api.post("/v1/sessions", {"email": ADA["email"], "password": ADA["password"]})

    assert changed.status_code == 200
    assert (await api.get("/v1/users/me", token=here)).status_code == 200
    assert (await api.get("/v1/users/me", token=there)).status_code == 401
    assert old.status_code == 401
    assert await token_of(api, ADA, password="a dry week in Wales")


async def test_a_password_can_be_changed_from_the_same_session_again(api: Api) -> None:
    token = await signed_up(api)
    for old, new in ((ADA["password"], "a dry week in Wales"), ("a dry week in Wales", "a fine week in Wales")):
        changed = await api.patch("/v1/users/me", {"password": new, "current_password": old}, token=token)

        assert changed.status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"password": "a dry week in Wales"}, "/current_password", "missing"),
        (
            {"password": "a dry week in Wales", "current_password": "not this"},
            "/current_password",
            "wrong_password",
        ),
        (
            {"password": "Passw0rd123", "current_password": ADA["password"]},
            "/password",
            "password_too_common",
        ),
        (
            {"password": "ada@example.org", "current_password": ADA["password"]},
            "/password",
            "password_too_common",
        ),
        (
            {"password": "x" * 7, "current_password": ADA["password"]},
            "/password",
            "string_too_short",
        ),
    ],
)
async def test_a_change_of_password_that_is_refused_changes_nothing(
    api: Api, body: dict[str, str], pointer: str, code: str
) -> None:
    token = await signed_up(api)
    other = await token_of(api, ADA)

    refused = await api.patch("/v1/users/me", body | {"first_name": "Eve"}, token=token)

    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(pointer, code)]
    assert (await api.get("/v1/users/me", token=other)).json()["first_name"] == "Ada"
    assert await token_of(api, ADA)


async def test_a_login_that_read_the_old_password_does_not_outlive_its_change(
    api: Api, meanwhile: MeanwhileStore
) -> None:
    token = await signed_up(api)

    async def change_password() -> None:
        body = {"password": "a dry week in Wales", "current_password": ADA["password"]}
        assert (await api.patch("/v1/users/me", body, token=token)).status_code == 200

    meanwhile.meanwhile = change_password
    refused = await api.post("/v1/sessions", {"email": ADA["email"], "password": ADA["password"]})

    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_credentials")


async def test_a_login_goes_through_where_only_the_name_was_changed_meanwhile(
    api: Api, meanwhile: MeanwhileStore
) -> None:
    token = await signed_up(api)

    async def change_name() -> None:
        assert (await api.patch("/v1/users/me", {"first_name": "Augusta"}, token=token)).status_code == 200

    meanwhile.meanwhile = change_name
    begun = await api.post("/v1/sessions", {"email": ADA["email"], "password": ADA["password"]})

    assert (begun.status_code, begun.json()["user"]["first_name"]) == (201, "Augusta")


async def test_a_new_password_ends_sessions_that_no_index_shows_yet(store: Store) -> None:
    api = api_over(LaggingStore(store, lag_commits=100))
    here = await signed_up(api)
    there = await token_of(api, ADA)

    await api.patch(
        "/v1/users/me", {"password": "a dry week in Wales", "current_password": ADA["password"]}, token=here
    )

    assert (await api.get("/v1/users/me", token=there)).status_code == 401


# who sees what -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/v1/sessions/current", None),
        ("GET", "/v1/users/me", None),
        ("PATCH", "/v1/users/me", {"first_name": "Eve"}),
        ("POST", "/v1/users/me/organizer", None),
        ("GET", "/v1/users", None),
        ("GET", "/v1/users/usr_0", None),
        ("PATCH", "/v1/users/usr_0", {"user_type": "admin"}),
        ("POST", "/v1/api-keys", {"name": "till", "scopes": ["read"]}),
        ("GET", "/v1/api-keys", None),
        ("DELETE", "/v1/api-keys/tk_0", None),
    ],
)
async def test_a_stranger_is_asked_to_log_in(api: Api, method: str, path: str, body: Any) -> None:
    refused = await api.call(method, path, body)

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_nobody_reads_or_changes_anothers_account(api: Api) -> None:
    ada, bob = await signed_up(api), await signed_up(api, BOB)
    hers = (await api.get("/v1/users/me", token=ada)).json()

    for method, body in (("GET", None), ("PATCH", {"user_type": "admin"})):
        refused = await api.call(method, f"/v1/users/{hers['user_id']}", body, token=bob)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")

    assert (await api.get("/v1/users/me", token=ada)).json() == hers
