"""Links that are mailed: one log-in each, one new password, one proof of an address, and nothing for anybody else."""

import re
from typing import Any

import httpx
import pytest

from tests.support.houses import Api, StandingClock, make_house
from tests.support.mails import KeepingPost, delivered, mail_over, text_of
from ticketing.accounts.model import email_marker
from ticketing.base.store import Store
from ticketing.schema.tables import DELIVERIES, FACTS, LINKS, UNIQUES, USERS
from ticketing.storage.memory import MemoryStore

PASSWORD = "a wet week in Wales"
NEW_PASSWORD = "a dry week in Rye"


@pytest.fixture
async def ada(api: Api) -> str:
    """Ada's session, as she signed up."""
    answer = await api.post("/v1/users", {"email": "ada@example.org", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return await logged_in(api)


async def logged_in(api: Api, password: str = PASSWORD) -> str:
    answer = await api.post("/v1/sessions", {"email": "ada@example.org", "password": password})
    return str(answer.json()["token"])


async def ask(api: Api, path: str, email: str = "ada@example.org", **more: Any) -> httpx.Response:
    return await api.post(path, {"email": email}, **more)


async def mailed(api: Api) -> list[str]:
    """The tokens in all mails that are due, in the order in which they were asked for."""
    post = KeepingPost()
    await delivered(mail_over(api.house, post))
    found = [re.search(r"\?token=(\S+)", text_of(mail)) for mail in post.mails]
    return [match.group(1) for match in found if match]


async def link(api: Api, path: str = "/v1/sessions/link", **more: Any) -> str:
    assert (await ask(api, path, **more)).status_code == 202
    (token,) = await mailed(api)
    return token


async def use(api: Api, mailed_token: str, path: str = "/v1/sessions/link/use", **more: Any) -> httpx.Response:
    body = {"token": mailed_token} | more.pop("body", {})
    return await api.post(path, body, **more)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""


async def prove(api: Api, session: str) -> None:
    assert (await api.post("/v1/users/me/email-proof", token=session)).status_code == 202
    (token,) = await mailed(api)
    assert (await use(api, token, "/v1/users/me/email-proof/use", token=session)).status_code == 200


async def test_a_link_logs_in_once(api: Api, ada: str) -> None:
    token = await link(api)

    first, second = await use(api, token), await use(api, token)

    assert first.status_code == 201
    assert (await api.get("/v1/users/me", token=first.json()["token"])).json()["email"] == "ada@example.org"
    assert told(second) == (409, "link_over")


async def test_a_link_is_good_for_a_quarter_of_an_hour(api: Api, ada: str, clock: StandingClock) -> None:
    token = await link(api)
    clock.move(minutes=15)

    assert told(await use(api, token)) == (409, "link_over")


@pytest.mark.parametrize("path", ["/v1/sessions/link", "/v1/password-reset"])
async def test_whether_an_address_has_an_account_is_not_told(api: Api, ada: str, path: str) -> None:
    known, unknown = await ask(api, path), await ask(api, path, "nobody@example.org")

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, known.content)
    assert known.headers.keys() == unknown.headers.keys()
    assert len(await mailed(api)) == 1


async def test_what_is_stored_logs_nobody_in(api: Api, ada: str) -> None:
    token = await link(api)
    secret = token.rpartition(".")[2]

    rows = [str(row) async for row in api.house.store.scan(LINKS)]
    rows += [str(row) async for row in api.house.store.scan(FACTS)]
    rows += [str(row) async for row in api.house.store.scan(DELIVERIES)]

    assert rows
    assert all(secret not in row for row in rows)


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.replace(".login.", ".reset."),
        lambda token: token.replace(".0.", ".1."),
        lambda token: token.removeprefix("lnk_"),
        lambda token: "lnk_" + "x" * 100,
        lambda token: "lnk_.",
        lambda token: token.partition(".")[0],
    ],
)
async def test_a_forged_link_is_as_good_as_none(api: Api, ada: str, forge: Any) -> None:
    assert told(await use(api, forge(await link(api)))) == (409, "link_over")


async def test_a_link_for_one_thing_does_no_other(api: Api, ada: str) -> None:
    login = await link(api)
    reset = await link(api, "/v1/password-reset")

    assert told(await use(api, login, "/v1/password-reset/use", body={"password": NEW_PASSWORD})) == (409, "link_over")
    assert told(await use(api, reset)) == (409, "link_over")


async def test_nobody_is_flooded_with_links(api: Api, ada: str, clock: StandingClock) -> None:
    for _ in range(20):
        assert (await ask(api, "/v1/sessions/link")).status_code == 202
    at_once = await mailed(api)
    clock.move(minutes=15)
    await ask(api, "/v1/sessions/link")

    assert (len(at_once), len(set(at_once)), len(await mailed(api))) == (5, 5, 1)


async def test_asking_is_limited_for_an_address_and_for_a_mailbox(clock: StandingClock) -> None:
    api = Api(make_house(MemoryStore(), clock=clock, rate_limits=True))

    to_one = [(await ask(api, "/v1/sessions/link", "eve@example.org")).status_code for _ in range(7)]
    to_many = [(await ask(api, "/v1/password-reset", f"user{n}@example.org")).status_code for n in range(40)]

    assert to_one == [202] * 6 + [429]
    assert set(to_many[:33]) == {202}
    assert to_many[-1] == 429


async def test_a_new_password_ends_every_session_and_every_other_link(api: Api, ada: str) -> None:
    await prove(api, ada)
    login = await link(api)
    token = await link(api, "/v1/password-reset")

    changed = await use(api, token, "/v1/password-reset/use", body={"password": NEW_PASSWORD})

    assert changed.status_code == 204
    assert told(await api.get("/v1/users/me", token=ada)) == (401, "unauthenticated")
    assert told(await use(api, login)) == (409, "link_over")
    assert told(await use(api, token, "/v1/password-reset/use", body={"password": PASSWORD})) == (409, "link_over")
    assert await logged_in(api, NEW_PASSWORD)


async def test_an_easy_password_is_refused_and_the_link_stays_good(api: Api, ada: str) -> None:
    token = await link(api, "/v1/password-reset")

    easy = await use(api, token, "/v1/password-reset/use", body={"password": "ada@example.org"})
    good = await use(api, token, "/v1/password-reset/use", body={"password": NEW_PASSWORD})

    assert (easy.status_code, good.status_code) == (422, 204)


async def test_a_link_to_an_address_that_is_no_longer_the_users_is_over(api: Api, ada: str) -> None:
    token = await link(api)
    await api.patch("/v1/users/me", {"email": "countess@example.org"}, token=ada)

    assert told(await use(api, token)) == (409, "link_over")


# whose address it is -------------------------------------------------------------------------------------------------


async def is_proven(api: Api, session: str) -> bool:
    return bool((await api.get("/v1/users/me", token=session)).json()["email_proven"])


async def test_an_address_is_proven_by_who_has_both_the_account_and_the_mail(api: Api, ada: str) -> None:
    before = await is_proven(api, ada)

    await prove(api, ada)

    assert (before, await is_proven(api, ada)) == (False, True)


async def test_another_address_has_to_be_proven_again(api: Api, ada: str) -> None:
    await prove(api, ada)

    await api.patch("/v1/users/me", {"email": "countess@example.org"}, token=ada)

    assert not await is_proven(api, ada)


async def test_who_follows_a_link_in_a_strangers_mail_proves_nothing(api: Api, ada: str) -> None:
    await api.post("/v1/users", {"email": "eve@example.org", "password": PASSWORD})
    eve = (await api.post("/v1/sessions", {"email": "eve@example.org", "password": PASSWORD})).json()["token"]
    await api.post("/v1/users/me/email-proof", token=ada)
    (token,) = await mailed(api)

    by_eve = await use(api, token, "/v1/users/me/email-proof/use", token=eve)
    by_nobody = await use(api, token, "/v1/users/me/email-proof/use")

    assert (told(by_eve), told(by_nobody)) == ((409, "link_over"), (401, "unauthenticated"))
    assert not await is_proven(api, eve)
    assert not await is_proven(api, ada)


@pytest.mark.parametrize("way", ["log in", "new password"])
async def test_who_signed_up_with_a_strangers_address_is_out_once_the_stranger_shows_up(
    api: Api, ada: str, way: str
) -> None:
    key = await api.post("/v1/api-keys", {"name": "door", "scopes": ["read"]}, token=ada)

    if way == "log in":
        owners = (await use(api, await link(api))).json()["token"]
    else:
        token = await link(api, "/v1/password-reset")
        await use(api, token, "/v1/password-reset/use", body={"password": NEW_PASSWORD})
        owners = await logged_in(api, NEW_PASSWORD)

    old_password = await api.post("/v1/sessions", {"email": "ada@example.org", "password": PASSWORD})
    assert told(await api.get("/v1/users/me", token=ada)) == (401, "unauthenticated")
    assert told(await api.get("/v1/users/me", token=key.json()["token"])) == (401, "unauthenticated")
    assert told(old_password) == (401, "wrong_credentials")
    assert await is_proven(api, owners)
    user = await api.house.store.get(USERS, (await user_id(api.house.store),))
    assert user is not None
    assert user["api_keys_available"] == 50


async def test_who_proved_the_address_before_keeps_password_sessions_and_keys(api: Api, ada: str) -> None:
    await prove(api, ada)
    key = await api.post("/v1/api-keys", {"name": "till", "scopes": ["read"]}, token=ada)

    await use(api, await link(api))

    assert (await api.get("/v1/users/me", token=ada)).status_code == 200
    assert (await api.get("/v1/users/me", token=key.json()["token"])).status_code == 200
    assert await logged_in(api)


async def user_id(store: Store) -> str:
    marker = await store.get(UNIQUES, (email_marker("ada@example.org"),))
    assert marker is not None
    return str(marker["target_id"])
