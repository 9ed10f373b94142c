"""Repeating a request under its key when there is nothing left to do: the first answer, whatever has changed since."""

import pytest

from tests.support.houses import Api, make_house
from tests.support.sales import Till, kind, put_on_sale


@pytest.fixture
async def till() -> Till:
    api = Api(make_house())
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
