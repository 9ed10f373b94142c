"""Repeating a request under its key when there is nothing left to do: the first answer, whatever has changed since."""

import pytest

from tests.support.houses import Api, StandingClock, make_house
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import Till, kind, put_on_sale
from ticketing.storage.memory import MemoryStore


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def meanwhile() -> MeanwhileStore:
    return MeanwhileStore(MemoryStore())


@pytest.fixture
async def till(meanwhile: MeanwhileStore, clock: StandingClock) -> Till:
    api = Api(make_house(meanwhile, clock=clock))
    return Till(api, await put_on_sale(api.house, kind()))


async def test_a_cancellation_asked_again_finds_its_first_answer_though_money_came_since(till: Till) -> None:
    order = await till.held(2)
    payment = await till.promised(order)
    first = await till.cancel(order, key="cancel")
    assert (await till.confirm(payment)).status_code == 200

    again = await till.cancel(order, key="cancel")

    assert (await till.read(order))["amount_paid"]["amount"] > 0
    assert (again.content, again.headers.get("idempotent-replayed")) == (first.content, "true")


async def test_a_cancellation_that_was_done_already_is_told_as_it_stands_under_a_new_key(till: Till) -> None:
    order = await till.held(1)
    await till.cancel(order, key="first")

    again = await till.cancel(order, key="second")

    assert (again.status_code, again.json()["payment_status"]) == (200, "cancelled")
    assert "idempotent-replayed" not in again.headers


async def test_the_key_of_another_request_is_refused_though_there_is_nothing_left_to_do(till: Till) -> None:
    order = await till.held(1)
    await till.api.post(f"/v1/orders/{order['order_id']}/extend", token=order["access_token"], key="extend")
    await till.cancel(order, key="cancel")

    refused = await till.cancel(order, key="extend")

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_what_somebody_else_did_at_this_moment_is_told_as_they_did_it(
    till: Till, meanwhile: MeanwhileStore, clock: StandingClock
) -> None:
    payment = await till.promised(await till.held(1))

    async def confirmed_by_a_colleague() -> None:
        clock.move(minutes=1)
        assert (await till.confirm(payment, key="a colleague's")).status_code == 200

    meanwhile.meanwhile = confirmed_by_a_colleague
    told = await till.confirm(payment, key="mine")

    assert told.status_code == 200
    assert told.json()["completed_date_time"] == "2027-03-01T12:01:00Z"
