"""Rate limits as callers meet them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from tests.support.houses import Api, StandingClock, make_house
from ticketing.accounts.passwords import Passwords
from ticketing.web.limits import LIMITS, Limit, Limiter, LimitKind, LimitRequests

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ADA = {"email": "ada@example.org", "password": "a wet week in Wales"}
WRONG = {"email": "ada@example.org", "password": "a dry week in Wales"}


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api(make_house(rate_limits=True))
    api.app.state.passwords = Passwords(CHEAP)
    yield api
    api.app.state.passwords.close()


def move(api: Api, **by: float) -> None:
    """Moves the clock of the house."""
    clock = api.house.clock
    assert isinstance(clock, StandingClock)
    clock.move(**by)


def refusal_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and how long to wait."""
    return answer.status_code, answer.json()["code"], answer.headers["retry-after"]


async def test_after_ten_wrong_passwords_an_account_takes_no_more_for_a_while(api: Api) -> None:
    await api.post("/v1/users", ADA)
    for _ in range(10):
        assert (await api.post("/v1/sessions", WRONG)).status_code == 401

    refused = await api.post("/v1/sessions", ADA)
    move(api, seconds=90)
    later = await api.post("/v1/sessions", ADA)

    assert refusal_of(refused) == (429, "too_many_requests", "90")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["retry_after"] == 90
    assert later.status_code == 201


async def test_an_account_that_there_is_not_is_limited_alike(api: Api) -> None:
    answers = [await api.post("/v1/sessions", WRONG) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]


async def test_the_same_account_in_other_letters_is_the_same_account(api: Api) -> None:
    for _ in range(10):
        await api.post("/v1/sessions", WRONG)

    refused = await api.post("/v1/sessions", WRONG | {"email": "ADA@Example.org"})

    assert refused.status_code == 429


async def test_an_address_that_tries_many_accounts_is_stopped(api: Api) -> None:
    answers = [await api.post("/v1/sessions", WRONG | {"email": f"user{n}@example.org"}) for n in range(31)]

    assert [answer.status_code for answer in answers] == [401] * 30 + [429]


async def test_logins_that_succeed_do_not_use_up_the_limit(api: Api) -> None:
    await api.post("/v1/users", ADA)

    answers = [await api.post("/v1/sessions", ADA) for _ in range(45)]

    assert {answer.status_code for answer in answers} == {201}


async def test_a_forwarded_address_is_not_believed(api: Api) -> None:
    answers = [
        await api.post(
            "/v1/sessions",
            WRONG | {"email": f"user{n}@example.org"},
            headers={"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for=203.0.113.{n}"},
        )
        for n in range(31)
    ]

    assert answers[-1].status_code == 429


async def test_logins_from_everywhere_together_are_limited(api: Api) -> None:
    few = {**LIMITS, LimitKind.LOGIN_ANYWHERE: Limit(3, 60, "for tests")}
    api.app.state.limiter = Limiter(api.house.clock, enforced=True, limits=few)

    answers = [await api.post("/v1/sessions", WRONG | {"email": f"user{n}@example.org"}) for n in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


async def test_an_address_signs_up_a_class_and_not_an_army(api: Api) -> None:
    answers = [await api.post("/v1/users", ADA | {"email": f"user{n}@example.org"}) for n in range(41)]

    assert [answer.status_code for answer in answers] == [201] * 40 + [429]
    assert answers[-1].headers["retry-after"] == "90"


async def test_guessing_the_current_password_from_a_session_is_limited_too(api: Api) -> None:
    await api.post("/v1/users", ADA)
    token = (await api.post("/v1/sessions", ADA)).json()["token"]
    body = {"password": "a fine week in Wales", "current_password": "a dry week in Wales"}

    answers = [await api.patch("/v1/users/me", body, token=token) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]


async def test_where_limits_are_off_nothing_is_limited() -> None:
    api = Api(make_house(rate_limits=False))
    api.app.state.passwords = Passwords(CHEAP)

    answers = [await api.post("/v1/sessions", WRONG) for _ in range(40)]

    assert {answer.status_code for answer in answers} == {401}


# all requests --------------------------------------------------------------------------------------------------------

FEW = {
    LimitKind.READ_FROM_ADDRESS: Limit(3, 60, "for tests"),
    LimitKind.WRITE_FROM_ADDRESS: Limit(2, 60, "for tests"),
}


def limited_client(
    *, clock: StandingClock, address: str = "203.0.113.7", limiter: Limiter | None = None
) -> httpx.AsyncClient:
    """A client at an address, of an application behind the middleware."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "DELETE"])
    async def answer(path: str) -> dict[str, Any]:
        return {"path": path}

    guarded = LimitRequests(app, limiter or Limiter(clock, enforced=True, limits=FEW))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=guarded, client=(address, 1234)), base_url="http://ticket.test"
    )


async def test_reads_and_writes_of_an_address_are_limited_apart() -> None:
    client = limited_client(clock=StandingClock())

    reads = [(await client.request(method, "/v1/events")).status_code for method in ("GET", "HEAD", "GET", "GET")]
    writes = [(await client.request(method, "/v1/events")).status_code for method in ("POST", "DELETE", "POST")]

    assert reads == [200, 200, 200, 429]
    assert writes == [200, 200, 429]


async def test_the_middleware_refuses_like_every_other_refusal() -> None:
    client = limited_client(clock=StandingClock())
    for _ in range(3):
        await client.get("/v1/events")

    refused = await client.get("/v1/events")

    assert refusal_of(refused) == (429, "too_many_requests", "20")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json() == {
        "type": "/docs/refusals#too_many_requests",
        "title": refused.json()["title"],
        "status": 429,
        "detail": refused.json()["title"],
        "instance": "/v1/events",
        "code": "too_many_requests",
        "retry_after": 20,
    }


async def test_who_waits_as_told_is_served_again() -> None:
    clock = StandingClock()
    client = limited_client(clock=clock)
    for _ in range(3):
        await client.get("/v1/events")
    refused = await client.get("/v1/events")

    clock.move(seconds=int(refused.headers["retry-after"]))

    assert (await client.get("/v1/events")).status_code == 200


async def test_one_address_does_not_use_up_the_limit_of_another() -> None:
    clock = StandingClock()
    limiter = Limiter(clock, enforced=True, limits=FEW)
    greedy = limited_client(clock=clock, limiter=limiter)
    other = limited_client(clock=clock, limiter=limiter, address="203.0.113.8")
    for _ in range(4):
        await greedy.get("/v1/events")

    assert (await other.get("/v1/events")).status_code == 200


async def test_addresses_of_one_ipv6_network_share_a_limit() -> None:
    clock = StandingClock()
    limiter = Limiter(clock, enforced=True, limits=FEW)

    answers = [
        await limited_client(clock=clock, limiter=limiter, address=f"2001:db8::{n}").get("/v1/events")
        for n in range(1, 5)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


async def test_health_is_answered_however_much_was_asked() -> None:
    client = limited_client(clock=StandingClock())
    for _ in range(4):
        await client.get("/v1/events")

    assert (await client.get("/health/live")).status_code == 200
