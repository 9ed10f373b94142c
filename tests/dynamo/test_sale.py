"""A sale by the house's own actions on DynamoDB, late indexes included: the books balance, and many orders are one transaction."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.dynamo.disturbed import WRITE, Handled
from tests.support.dynamo import dynamo_engine
from tests.support.houses import make_house
from tests.support.sales import assert_books_balance, guest_buyer, kind, put_on_sale
from tests.support.stores import LaggingStore
from ticketing.base.house import House
from ticketing.base.once import keep_nothing
from ticketing.base.store import Busy
from ticketing.sales import actions
from ticketing.sales.model import HoldWish
from ticketing.sales.rules import SoldOut
from ticketing.schema.tables import TABLES
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.dynamo.driver import Answer, Request
from ticketing.storage.dynamo.engine import DynamoEngine


class Counting(Handled):
    """A driver that notes how many actions each transaction had."""

    def __init__(self, engine: DynamoEngine) -> None:
        super().__init__(engine.driver)
        self.sizes: list[int] = []
        self.handle = self._count

    def _count(self, action: str, request: Request) -> Answer:
        if action == WRITE:
            self.sizes.append(len(request["TransactItems"]))
        return self.within.call(action, request)


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[tuple[CoalescedStore, Counting]]:
    engine = await asyncio.to_thread(dynamo_engine, tmp_path, TABLES)
    counting = Counting(engine)
    store = CoalescedStore(DynamoEngine(counting, TABLES, prefix=engine.prefix))
    yield store, counting
    await store.close()


async def buy(house: House, wish: HoldWish, name: str) -> str | None:
    """The order of this buyer; None where there was nothing left."""
    while True:
        try:
            order = await actions.place_hold(
                house, wish, guest_buyer(house, f"{name}@example.org"), keep=keep_nothing, now=house.clock.now()
            )
        except Busy:
            continue
        except SoldOut:
            return None
        return order.order_id


@pytest.mark.parametrize(("lag_commits", "spread"), [(0, False), (5, False), (5, True)])
async def test_of_a_crowd_as_many_buy_as_there_are_places(
    counted: tuple[CoalescedStore, Counting], lag_commits: int, *, spread: bool
) -> None:
    store, _ = counted
    house = make_house(LaggingStore(store, lag_commits=lag_commits) if lag_commits else store)
    sale = await put_on_sale(house, kind(quantity=60), capacity=50, spread_sale=spread)

    orders = await asyncio.gather(*(buy(house, sale.wish(1), f"guest{n}") for n in range(80)))

    assert len([order for order in orders if order is not None]) == 50
    await assert_books_balance(house, sale)


async def test_a_crowd_of_orders_is_few_transactions(counted: tuple[CoalescedStore, Counting]) -> None:
    store, counting = counted
    house = make_house(store)
    sale = await put_on_sale(house, kind(quantity=1000))
    counting.sizes.clear()

    orders = await asyncio.gather(*(buy(house, sale.wish(1), f"guest{n}") for n in range(128)))

    assert None not in orders
    assert max(counting.sizes) == 98, "24 orders of four rows each, and the two pools that they share"
    assert len(counting.sizes) <= 8
