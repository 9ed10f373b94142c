"""What was bought as a guest becomes the account's, once the address is proven, and nothing is counted twice."""

from dataclasses import replace

import httpx
import pytest

from tests.support.houses import Api, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import Till, code, kind, put_on_sale
from ticketing.accounts.model import email_marker
from ticketing.accounts.store import read_user_by_email, user_record
from ticketing.base.changes import Replace
from ticketing.schema.tables import UNIQUES, USERS

ADA = "ada@example.org"


@pytest.fixture
async def till(api: Api) -> Till:
    return Till(api, await put_on_sale(api.house, kind("Free", price=0), tickets_per_customer_max=5))


async def prove(api: Api, email: str = ADA) -> None:
    user = await read_user_by_email(api.house.store, email)
    assert user is not None
    changed = replace(user, email_proven_at=api.house.clock.now())
    await api.house.store.commit((Replace(USERS, user_record(changed)),))


async def claim(api: Api, token: str) -> httpx.Response:
    return await api.post("/v1/users/me/orders/claim", token=token)


async def ids(api: Api, path: str, token: str, name: str) -> set[str]:
    return {one[name] for one in (await api.get(path, token=token)).json()["data"]}


async def test_orders_and_tickets_of_the_guest_become_the_accounts(till: Till) -> None:
    orders = [await till.held(2, email=ADA), await till.held(1, email="Ada@Example.org")]
    other = await till.held(1, email="bob@example.org")
    ada = await sign_up(till.api.house, "ada")
    await prove(till.api)

    claimed = await claim(till.api, ada)

    assert claimed.json() == {"claimed": 2}
    own = await ids(till.api, "/v1/users/me/orders", ada, "order_id")
    assert own == {order["order_id"] for order in orders}
    assert other["order_id"] not in own
    assert await ids(till.api, "/v1/users/me/events", ada, "event_id") == {till.sale.event_id}
    assert (await till.read(orders[0]))["order_id"] == orders[0]["order_id"]  # by the link in the mail, as before
    assert (await claim(till.api, ada)).json() == {"claimed": 0}


async def test_what_a_customer_may_have_is_counted_once(till: Till) -> None:
    await till.held(3, email=ADA)
    ada = await sign_up(till.api.house, "ada")
    await prove(till.api)
    await claim(till.api, ada)

    within, over = await till.order(2, email=ADA, token=ada), await till.order(1, email=ADA, token=ada)

    assert within.status_code == 201
    assert code(over) == (409, "limit_per_customer")


async def test_an_address_that_nobody_proved_claims_nothing(till: Till) -> None:
    await till.held(1, email=ADA)
    eve = await sign_up(till.api.house, "ada")

    assert code(await claim(till.api, eve)) == (409, "email_not_proven")
    assert await ids(till.api, "/v1/users/me/orders", eve, "order_id") == set()


async def test_an_address_that_was_given_up_meanwhile_claims_nothing(till: Till, meanwhile: MeanwhileStore) -> None:
    await till.held(1, email=ADA)
    ada = await sign_up(till.api.house, "ada")
    await prove(till.api)

    async def give_up() -> None:
        changed = await till.api.patch("/v1/users/me", {"email": "countess@example.org"}, token=ada)
        assert changed.status_code == 200
        assert await till.api.house.store.get(UNIQUES, (email_marker(ADA),)) is None

    meanwhile.meanwhile = give_up

    assert code(await claim(till.api, ada)) == (409, "email_not_proven")
    assert await ids(till.api, "/v1/users/me/orders", ada, "order_id") == set()


async def test_two_claims_at_once_count_each_order_once(till: Till, meanwhile: MeanwhileStore) -> None:
    await till.held(1, email=ADA)
    ada = await sign_up(till.api.house, "ada")
    await prove(till.api)
    first: list[httpx.Response] = []

    async def claim_too() -> None:
        first.append(await claim(till.api, ada))

    meanwhile.meanwhile = claim_too
    second = await claim(till.api, ada)

    assert (first[0].json(), second.json()) == ({"claimed": 1}, {"claimed": 0})


async def test_another_address_proven_meanwhile_claims_nothing_of_the_one_before(
    till: Till, meanwhile: MeanwhileStore
) -> None:
    await till.held(1, email=ADA)
    ada = await sign_up(till.api.house, "ada")
    await prove(till.api)

    async def move() -> None:
        changed = await till.api.patch("/v1/users/me", {"email": "countess@example.org"}, token=ada)
        assert changed.status_code == 200
        await prove(till.api, "countess@example.org")

    meanwhile.meanwhile = move

    assert (await claim(till.api, ada)).json() == {"claimed": 0}
    assert await ids(till.api, "/v1/users/me/orders", ada, "order_id") == set()
